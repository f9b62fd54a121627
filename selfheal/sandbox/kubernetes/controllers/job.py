"""Jobs: pods that are to succeed, a number of times, with as many failures as are allowed."""

from __future__ import annotations

from functools import partial

from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.controllers.base import OwnerController, Retries
from selfheal.sandbox.kubernetes.controllers.pods import pod_from
from selfheal.sandbox.kubernetes.errors import ApiError
from selfheal.sandbox.kubernetes.objects import (
    Key,
    Object,
    condition,
    dig,
    entries,
    finished,
    is_true,
    key_of,
    owned,
    terminating,
)
from selfheal.sandbox.kubernetes.timeline import moment

#: After the nth failure the next pod waits ten seconds times two to the n-1.
BACK_OFF, LONGEST = 10.0, 600.0


class JobController(OwnerController):
    """See the module."""

    name, kind, owns = "job-controller", "Job", ("Pod",)

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._retries = Retries()
        self._not_before: dict[Key, float] = {}

    def reconcile(self, key: Key, obj: Object) -> None:
        obj = self._labelled(key, obj)
        if terminating(obj) or ended(obj):
            return
        spec, status = obj["spec"], dict(obj.get("status") or {})
        pods = owned(self.cluster.store.of("Pod", key.namespace), obj)
        living = [pod for pod in pods if not finished(pod) and not terminating(pod)]
        succeeded = [pod for pod in pods if dig(pod, "status", "phase") == "Succeeded"]
        failed = [pod for pod in pods if dig(pod, "status", "phase") == "Failed"]
        if spec.get("suspend"):
            for pod in living:
                self.cluster.delete(key_of(pod))
            self._report(obj, status, living, succeeded, failed, [])
            return
        status.setdefault("startTime", self.cluster.stamp())
        verdict = self._verdict(key, obj, status, succeeded, failed, living)
        if verdict is not None:
            self._finish(obj, status, succeeded, failed, living, *verdict)
            return
        self._create(key, obj, living, succeeded, failed)
        pods = owned(self.cluster.store.of("Pod", key.namespace), obj)
        living = [pod for pod in pods if not finished(pod) and not terminating(pod)]
        self._report(obj, status, living, succeeded, failed, entries(obj, "status", "conditions"))

    def _labelled(self, key: Key, obj: Object) -> Object:
        """The selector that the API server generates."""
        if dig(obj, "spec", "selector"):
            return obj
        uid = str(obj["metadata"]["uid"])
        labels = {
            "batch.kubernetes.io/controller-uid": uid,
            "batch.kubernetes.io/job-name": key.name,
            "job-name": key.name,
        }
        labels["controller-uid"] = uid
        template = {**obj["spec"]["template"]}
        meta = dict(template.get("metadata") or {})
        meta["labels"] = {**(meta.get("labels") or {}), **labels}
        template["metadata"] = meta
        spec = {
            **obj["spec"], "template": template,
            "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}},
        }  # fmt: skip
        return self.cluster.store.put({**obj, "metadata": dict(obj["metadata"]), "spec": spec})

    def _verdict(
        self,
        key: Key,
        obj: Object,
        status: Object,
        succeeded: list[Object],
        failed: list[Object],
        living: list[Object],
    ) -> tuple[bool, str, str] | None:
        """(succeeded, reason, message) when the job is over."""
        spec = obj["spec"]
        if len(succeeded) >= int(spec.get("completions") or 1):
            return True, "CompletionsReached", "Reached expected number of succeeded pods"
        deadline = spec.get("activeDeadlineSeconds")
        if deadline is not None:
            left = (moment(status["startTime"]) or 0.0) + float(deadline) - self.cluster.now
            if left <= 0:
                return False, "DeadlineExceeded", "Job was active longer than specified deadline"
            self.cluster.look_again(self, key, left)
        restarts = sum(
            int(item.get("restartCount", 0))
            for pod in living
            for item in entries(pod, "status", "containerStatuses")
            if dig(pod, "spec", "restartPolicy") == "OnFailure"
        )
        if len(failed) + restarts > int(spec.get("backoffLimit", 6)):
            return False, "BackoffLimitExceeded", "Job has reached the specified backoff limit"
        return None

    def _create(
        self, key: Key, obj: Object, living: list[Object], succeeded: list[Object], failed: list[Object]
    ) -> None:
        spec = obj["spec"]
        wanted = min(int(spec.get("parallelism") or 0), int(spec.get("completions") or 1) - len(succeeded))
        missing = wanted - len(living)
        if missing <= 0:
            return
        if failed:
            last = max(_ended_at(pod) for pod in failed)
            left = last + min(BACK_OFF * 2 ** (len(failed) - 1), LONGEST) - self.cluster.now
            if left > 0:
                self.cluster.look_again(self, key, left)
                return
        if self._not_before.get(key, 0.0) > self.cluster.now:
            return
        for _ in range(missing):
            try:
                pod = self.cluster.create(pod_from(spec["template"], obj))
            except ApiError as error:
                self.tell(obj, "FailedCreate", f"Error creating: {error.message}", warning=True)
                delay = self._retries.failed(key)
                self._not_before[key] = self.cluster.now + delay
                self.cluster.look_again(self, key, delay)
                return
            self.tell(obj, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")
        self._retries.succeeded(key)

    def _finish(
        self,
        obj: Object,
        status: Object,
        succeeded: list[Object],
        failed: list[Object],
        living: list[Object],
        good: bool,
        reason: str,
        message: str,
    ) -> None:
        for pod in living:
            self.cluster.delete(key_of(pod))
        now = self.cluster.stamp()
        conditions = [
            {
                "type": kind, "status": "True", "lastProbeTime": now, "lastTransitionTime": now, "reason": reason,
                "message": message,
            }
            for kind in (("SuccessCriteriaMet", "Complete") if good else ("FailureTarget", "Failed"))
        ]  # fmt: skip
        if good:
            status["completionTime"] = now
            self.tell(obj, "Completed", "Job completed")
        else:
            self.tell(obj, reason, message, warning=True)
        self._report(obj, status, [], succeeded, failed, conditions)
        lifetime = obj["spec"].get("ttlSecondsAfterFinished")
        if lifetime is not None:
            self.cluster.after(float(lifetime), partial(self._forget, key_of(obj)))

    def _forget(self, key: Key) -> None:
        self.cluster.delete(key)

    def _report(
        self,
        obj: Object,
        status: Object,
        living: list[Object],
        succeeded: list[Object],
        failed: list[Object],
        conditions: list[Object],
    ) -> None:
        written: Object = {"conditions": conditions} if conditions else {}
        for name in ("startTime", "completionTime"):
            if name in status:
                written[name] = status[name]
        for name, value in (("active", len(living)), ("succeeded", len(succeeded)), ("failed", len(failed))):
            if value:
                written[name] = value
        ready = sum(is_true(pod, "Ready") for pod in living)
        self.cluster.set_status(
            obj, written | {"terminating": 0, "uncountedTerminatedPods": {}, "ready": ready}
        )


def ended(obj: Object) -> bool:
    """Whether the job is complete or failed."""
    return any((condition(obj, kind) or {}).get("status") == "True" for kind in ("Complete", "Failed"))


def _ended_at(pod: Object) -> float:
    times = [
        moment(dig(item, "state", "terminated", "finishedAt"))
        for item in entries(pod, "status", "containerStatuses")
    ]
    return max((time for time in times if time is not None), default=0.0)
