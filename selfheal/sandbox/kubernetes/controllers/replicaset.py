"""ReplicaSets: as many pods as wanted, and why there are not."""

from __future__ import annotations

from typing import Any

from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.controllers.base import OwnerController, Retries, set_condition
from selfheal.sandbox.kubernetes.controllers.pods import available, going_order, pod_from
from selfheal.sandbox.kubernetes.errors import ApiError
from selfheal.sandbox.kubernetes.objects import (
    Key,
    Object,
    active,
    dig,
    entries,
    is_true,
    key_of,
    owned,
    terminating,
)


class ReplicaSetController(OwnerController):
    """See the module."""

    name, kind, owns = "replicaset-controller", "ReplicaSet", ("Pod",)

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._retries = Retries()
        self._not_before: dict[Key, float] = {}

    def reconcile(self, key: Key, obj: Object) -> None:
        pods = owned(self.cluster.store.of("Pod", key.namespace), obj)
        living = [pod for pod in pods if active(pod)]
        wanted = int(obj["spec"]["replicas"])
        failure: ApiError | None = None
        waiting = self._not_before.get(key, 0.0) > self.cluster.now
        if len(living) < wanted and not terminating(obj):
            failure = self._create(key, obj, wanted - len(living)) if not waiting else None
            if failure is not None:
                delay = self._retries.failed(key)
                self._not_before[key] = self.cluster.now + delay
                self.cluster.look_again(self, key, delay)
        elif len(living) > wanted:
            for pod in sorted(living, key=going_order)[: len(living) - wanted]:
                self.cluster.delete(key_of(pod))
                self.tell(obj, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")
        if failure is None and not waiting:
            self._retries.succeeded(key)
        held = self.cluster.store.at(key)
        if held is not None:
            self.cluster.set_status(held, self._status(held, failure, keep=waiting))

    def _create(self, key: Key, obj: Object, count: int) -> ApiError | None:
        """Pods in batches of growing size; a batch with a failure is the last."""
        batch, left = 1, count
        while left > 0:
            failure = None
            for _ in range(min(batch, left)):
                try:
                    pod = self.cluster.create(pod_from(obj["spec"]["template"], obj))
                except ApiError as error:
                    failure = error
                    self.tell(obj, "FailedCreate", f"Error creating: {error.message}", warning=True)
                else:
                    self.tell(obj, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")
            if failure is not None:
                return failure
            left -= batch
            batch *= 2
        return None

    def _status(self, obj: Object, failure: ApiError | None, *, keep: bool) -> Object:
        pods = owned(self.cluster.store.of("Pod", str(obj["metadata"]["namespace"])), obj)
        living = [pod for pod in pods if active(pod)]
        min_ready = int(obj["spec"].get("minReadySeconds") or 0)
        ready = [pod for pod in living if is_true(pod, "Ready")]
        good = [pod for pod in ready if available(self.cluster, pod, min_ready)]
        if len(good) < len(ready):
            self.cluster.look_again(self, key_of(obj), 1.0)
        status: dict[str, Any] = {"replicas": len(living)}
        for name, value in (
            ("fullyLabeledReplicas", len(living)), ("readyReplicas", len(ready)), ("availableReplicas", len(good)),
        ):  # fmt: skip
            if value:
                status[name] = value
        status["terminatingReplicas"] = len([pod for pod in pods if terminating(pod)])
        status["observedGeneration"] = obj["metadata"].get("generation", 1)
        conditions = entries(obj, "status", "conditions")
        if failure is not None:
            new = {
                "type": "ReplicaFailure", "status": "True", "lastTransitionTime": self.cluster.stamp(),
                "reason": "FailedCreate", "message": failure.message,
            }  # fmt: skip
            # The first refusal is the one that is shown for as long as it fails.
            if not any(item.get("type") == "ReplicaFailure" for item in conditions):
                conditions = set_condition(conditions, new)
        elif not keep:
            conditions = [item for item in conditions if item.get("type") != "ReplicaFailure"]
        if conditions:
            status["conditions"] = conditions
        return status


def replicas_of(obj: Object, field: str = "replicas") -> int:
    """A count of a ReplicaSet's status."""
    return int(dig(obj, "status", field, default=0))
