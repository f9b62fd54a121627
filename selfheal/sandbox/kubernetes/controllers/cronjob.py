"""CronJobs: a job whenever the schedule says so."""

from __future__ import annotations

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from selfheal.sandbox.kubernetes.controllers.base import OwnerController
from selfheal.sandbox.kubernetes.controllers.job import ended
from selfheal.sandbox.kubernetes.controllers.schedule import Schedule
from selfheal.sandbox.kubernetes.errors import ApiError
from selfheal.sandbox.kubernetes.objects import (
    Key,
    Object,
    copied,
    dig,
    is_true,
    key_of,
    owned,
    owner_reference,
)
from selfheal.sandbox.kubernetes.timeline import moment, stamp


class CronJobController(OwnerController):
    """See the module."""

    name, kind, owns = "cronjob-controller", "CronJob", ("Job",)

    def reconcile(self, key: Key, obj: Object) -> None:
        self._account(key, obj)
        obj = self.cluster.store.at(key) or obj
        if obj["spec"].get("suspend"):
            return
        try:
            schedule, zone = Schedule(str(obj["spec"]["schedule"])), self._zone(obj)
        except ValueError as error:
            text = f'unparseable schedule: "{obj["spec"]["schedule"]}" : {error}'
            self.tell(obj, "UnparseableSchedule", text, warning=True)
            return
        if zone is None:
            told = (
                f'invalid timeZone: "{obj["spec"]["timeZone"]}": unknown time zone {obj["spec"]["timeZone"]}'
            )
            self.tell(obj, "UnknownTimeZone", told, warning=True)
            return
        since = (
            moment(dig(obj, "status", "lastScheduleTime"))
            or moment(obj["metadata"]["creationTimestamp"])
            or 0.0
        )
        due = schedule.next(since, zone)
        while due is not None and due <= self.cluster.now:
            following = schedule.next(due, zone)
            if following is None or following > self.cluster.now:
                self._run(key, obj, due)
            due = following
        if due is not None:
            self.cluster.look_again(self, key, due - self.cluster.now + 0.1)

    def _zone(self, obj: Object) -> tzinfo | None:
        name = obj["spec"].get("timeZone")
        if not name:
            return UTC
        try:
            return ZoneInfo(str(name))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return None

    def _run(self, key: Key, obj: Object, due: float) -> None:
        late = obj["spec"].get("startingDeadlineSeconds")
        if late is not None and self.cluster.now - due > float(late):
            told = f"Missed scheduled time to start a job: {stamp(due)}"
            self.tell(obj, "MissSchedule", told, warning=True)
            return
        running = [job for job in self._jobs(obj) if not ended(job)]
        policy = obj["spec"].get("concurrencyPolicy")
        if running and policy == "Forbid":
            self.tell(
                obj,
                "JobAlreadyActive",
                "Not starting job because prior execution is running and concurrency policy is Forbid",
            )
            return
        if running and policy == "Replace":
            for job in running:
                self.cluster.delete(key_of(job))
        template = dig(obj, "spec", "jobTemplate", default={})
        name = f"{key.name}-{int(due // 60)}"
        meta = {**copied(template.get("metadata") or {}), "name": name, "namespace": key.namespace}
        meta["ownerReferences"] = [owner_reference(obj)]
        made: Object = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": meta,
            "spec": copied(template.get("spec") or {}),
        }
        try:
            self.cluster.create(made)
        except ApiError as error:
            self.tell(obj, "FailedCreate", f"Error creating job: {error.message}", warning=True)
            return
        self.tell(obj, "SuccessfulCreate", f"Created job {name}")
        held = self.cluster.store.at(key) or obj
        self.cluster.set_status(held, {**(held.get("status") or {}), "lastScheduleTime": stamp(due)})

    def _jobs(self, obj: Object) -> list[Object]:
        return owned(self.cluster.store.of("Job", str(obj["metadata"]["namespace"])), obj)

    def _account(self, key: Key, obj: Object) -> None:
        """Note which jobs run, greet those that ended, and keep no more of them than wanted."""
        jobs = sorted(self._jobs(obj), key=lambda job: str(job["metadata"]["creationTimestamp"]))
        known = {item["uid"] for item in dig(obj, "status", "active", default=[])}
        status = {name: value for name, value in (obj.get("status") or {}).items() if name != "active"}
        running = [job for job in jobs if not ended(job)]
        for job in jobs:
            if ended(job) and job["metadata"]["uid"] in known:
                outcome = "Complete" if is_true(job, "Complete") else "Failed"
                self.tell(
                    obj,
                    "SawCompletedJob",
                    f"Saw completed job: {job['metadata']['name']}, condition: {outcome}",
                )
                if outcome == "Complete":
                    status["lastSuccessfulTime"] = job["status"].get("completionTime")
        if running:
            status["active"] = [
                {
                    "kind": "Job", "apiVersion": "batch/v1", "name": job["metadata"]["name"], "namespace": key.namespace,
                    "uid": job["metadata"]["uid"],
                }
                for job in running
            ]  # fmt: skip
        self.cluster.set_status(obj, status)
        for kind, field in (("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit")):
            done = [job for job in jobs if is_true(job, kind)]
            for job in done[: max(len(done) - int(obj["spec"].get(field, 1)), 0)]:
                self.cluster.delete(key_of(job))
                self.tell(obj, "SuccessfulDelete", f"Deleted job {job['metadata']['name']}")
