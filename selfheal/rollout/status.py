"""How far a rollout is, from what the controllers report, in the order that makes the answer true.

A status may describe an older spec, so the controller must have seen the newest one first; a missed progress deadline is
final; then the pods of the newest template, then the end of the old ones, then availability.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from selfheal.cluster.kinds import BY_KIND
from selfheal.cluster.labels import selector_of
from selfheal.cluster.snapshot import Object, Snapshot, metadata, ref_of
from selfheal.cluster.workloads import (
    condition,
    current_pods,
    job_complete,
    mapping,
    mappings,
    newest_job,
    number,
    ready,
    strings,
)
from selfheal.incidents.record import ObjectRef

Phase = Literal["done", "progressing", "failed", "missing", "unknown"]
_SLICE_OF = "kubernetes.io/service-name"


@dataclass(frozen=True)
class RolloutStatus:
    """``wanted`` and so on count replicas (0 for what has none); ``reason`` says why it is not done."""

    ref: ObjectRef
    phase: Phase
    reason: str = ""
    wanted: int = 0
    updated: int = 0
    available: int = 0

    @property
    def done(self) -> bool:
        """Whether the newest spec is fully rolled out and nothing of an older one is left."""
        return self.phase == "done"


def rollout_status(snapshot: Snapshot, ref: ObjectRef) -> RolloutStatus:
    """The rollout of a Deployment, StatefulSet, DaemonSet, Job, CronJob, ReplicaSet or Pod; for a Service whether it
    has ready endpoints; for any other object whether it exists.
    """
    obj = snapshot.find(ref)
    if obj is None:
        known = ref.kind in BY_KIND and snapshot.known(ref.kind, ref.namespace)
        if not known:
            return RolloutStatus(ref, "unknown", f"{ref.kind} was not read.")
        return RolloutStatus(ref, "missing", f"{ref} does not exist.")
    generation, seen = number(metadata(obj).get("generation")), _observed(obj)
    if seen is not None and seen < generation:
        return RolloutStatus(ref, "progressing", "The controller has not acted upon the newest spec yet.")
    match ref.kind:
        case "Deployment":
            return _deployment(ref, obj)
        case "StatefulSet":
            return _stateful_set(ref, obj)
        case "DaemonSet":
            return _daemon_set(ref, obj)
        case "Job":
            return _job(ref, obj)
        case "CronJob":
            return _cron_job(snapshot, ref, obj)
        case "ReplicaSet":
            return _replica_set(ref, obj)
        case "Pod":
            return _pod(ref, obj)
        case "Service":
            return _service(snapshot, ref, obj)
        case _:
            return RolloutStatus(ref, "done")


def _observed(obj: Object) -> int | None:
    """The generation the controller has seen, None for a kind that does not report it."""
    if obj.get("kind") not in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"):
        return None
    status = mapping(obj.get("status"))
    # A controller that has not come round yet reports nothing at all, which is no agreement.
    return number(status.get("observedGeneration"))


def _deployment(ref: ObjectRef, obj: Object) -> RolloutStatus:
    spec, status = mapping(obj.get("spec")), mapping(obj.get("status"))
    wanted = number(spec.get("replicas"), 1)
    total, updated = number(status.get("replicas")), number(status.get("updatedReplicas"))
    available = number(status.get("availableReplicas"))

    def at(phase: Phase, reason: str = "") -> RolloutStatus:
        return RolloutStatus(ref, phase, reason, wanted, updated, available)

    progress = condition(obj, "Progressing")
    if progress.get("reason") == "ProgressDeadlineExceeded":
        return at("failed", f"{ref} made no progress within its deadline ({updated} of {wanted} updated).")
    if spec.get("paused") is True:
        return at("progressing", f"{ref} is paused.")
    if wanted == 0:
        return at("unknown", f"{ref} is scaled to zero: nothing runs that could be measured.")
    if updated < wanted:
        return at("progressing", f"{updated} of {wanted} replicas have the newest template.")
    if total > updated:
        return at("progressing", f"{total - updated} replicas of an older template are left.")
    if available < wanted:
        return at("progressing", f"{available} of {wanted} replicas are available.")
    return at("done")


def _stateful_set(ref: ObjectRef, obj: Object) -> RolloutStatus:
    spec, status = mapping(obj.get("spec")), mapping(obj.get("status"))
    wanted = number(spec.get("replicas"), 1)
    current, newest = status.get("currentRevision"), status.get("updateRevision")
    whole = current == newest
    # Once all have the newest revision the controller folds updatedReplicas into currentReplicas.
    updated = number(status.get("currentReplicas" if whole else "updatedReplicas"), wanted if whole else 0)
    ready_now = number(status.get("readyReplicas"))
    available = number(status.get("availableReplicas"), ready_now)
    strategy = mapping(spec.get("updateStrategy"))

    def at(phase: Phase, reason: str = "") -> RolloutStatus:
        return RolloutStatus(ref, phase, reason, wanted, updated, available)

    if wanted == 0:
        return at("unknown", f"{ref} is scaled to zero: nothing runs that could be measured.")
    if not whole:
        if strategy.get("type") == "OnDelete":
            return at("progressing", f"{ref} updates a pod only when somebody deletes it (OnDelete).")
        partition = number(mapping(strategy.get("rollingUpdate")).get("partition"))
        if partition:
            return at("progressing", f"{ref} keeps pods below {partition} on the old template (partition).")
        return at("progressing", f"{updated} of {wanted} replicas have the newest template.")
    if available < wanted:
        return at("progressing", f"{available} of {wanted} replicas are available.")
    return at("done")


def _daemon_set(ref: ObjectRef, obj: Object) -> RolloutStatus:
    spec, status = mapping(obj.get("spec")), mapping(obj.get("status"))
    wanted = number(status.get("desiredNumberScheduled"))
    updated = number(status.get("updatedNumberScheduled"))
    available = number(status.get("numberAvailable"))

    def at(phase: Phase, reason: str = "") -> RolloutStatus:
        return RolloutStatus(ref, phase, reason, wanted, updated, available)

    if wanted == 0:
        return at("unknown", f"{ref} is wanted on no node: nothing runs that could be measured.")
    if updated < wanted:
        by_hand = mapping(spec.get("updateStrategy")).get("type") == "OnDelete"
        tail = "; it updates a pod only when somebody deletes it (OnDelete)" if by_hand else ""
        return at("progressing", f"{updated} of {wanted} pods have the newest template{tail}.")
    if available < wanted:
        return at("progressing", f"{available} of {wanted} pods are available.")
    return at("done")


def _job(ref: ObjectRef, obj: Object) -> RolloutStatus:
    wanted = number(mapping(obj.get("spec")).get("completions"), 1)
    succeeded = number(mapping(obj.get("status")).get("succeeded"))
    failed = condition(obj, "Failed")
    if failed.get("status") == "True":
        return RolloutStatus(
            ref, "failed", f"{ref} failed: {failed.get('reason', '')}.", wanted, wanted, succeeded
        )
    if job_complete(obj):
        return RolloutStatus(ref, "done", "", wanted, wanted, succeeded)
    if mapping(obj.get("spec")).get("suspend") is True:
        return RolloutStatus(ref, "progressing", f"{ref} is suspended.", wanted, wanted, succeeded)
    return RolloutStatus(ref, "progressing", f"{ref} has not finished.", wanted, wanted, succeeded)


def _cron_job(snapshot: Snapshot, ref: ObjectRef, obj: Object) -> RolloutStatus:
    if mapping(obj.get("spec")).get("suspend") is True:
        return RolloutStatus(ref, "unknown", f"{ref} is suspended: nothing runs that could be measured.")
    job = newest_job(snapshot, obj)
    if job is None:
        return RolloutStatus(ref, "progressing", f"{ref} has not run yet.")
    of_job = _job(ref_of(job), job)
    return RolloutStatus(ref, of_job.phase, of_job.reason, of_job.wanted, of_job.updated, of_job.available)


def _replica_set(ref: ObjectRef, obj: Object) -> RolloutStatus:
    wanted = number(mapping(obj.get("spec")).get("replicas"), 1)
    status = mapping(obj.get("status"))
    available = number(status.get("availableReplicas"), number(status.get("readyReplicas")))
    if wanted == 0:
        return RolloutStatus(ref, "unknown", f"{ref} is scaled to zero.")
    if available < wanted:
        return RolloutStatus(
            ref, "progressing", f"{available} of {wanted} replicas are available.", wanted, wanted, available
        )
    return RolloutStatus(ref, "done", "", wanted, wanted, available)


def _pod(ref: ObjectRef, obj: Object) -> RolloutStatus:
    phase = mapping(obj.get("status")).get("phase")
    if phase == "Succeeded" or ready(obj):
        return RolloutStatus(ref, "done", "", 1, 1, 1)
    if phase == "Failed":
        return RolloutStatus(ref, "failed", f"{ref} failed.", 1, 1, 0)
    return RolloutStatus(ref, "progressing", f"{ref} is not ready.", 1, 1, 0)


def _service(snapshot: Snapshot, ref: ObjectRef, obj: Object) -> RolloutStatus:
    if not selector_of(obj):
        return RolloutStatus(ref, "done")
    there = ready_endpoints(snapshot, ref)
    if there is None:
        return RolloutStatus(ref, "unknown", "EndpointSlices were not read.")
    if there == 0:
        return RolloutStatus(ref, "progressing", f"{ref} has no ready endpoints.", 1, 1, 0)
    return RolloutStatus(ref, "done", "", 1, 1, there)


def ready_endpoints(snapshot: Snapshot, service: ObjectRef) -> int | None:
    """How many endpoints of a Service are ready; None when that was not read."""
    if not snapshot.known("EndpointSlice", service.namespace):
        return None
    addresses = {
        str(address)
        for found in snapshot.list("EndpointSlice", service.namespace)
        if strings(metadata(found).get("labels")).get(_SLICE_OF) == service.name
        for endpoint in mappings(found.get("endpoints"))
        # An absent condition counts as ready, says the API.
        if mapping(endpoint.get("conditions")).get("ready") is not False
        for address in endpoint.get("addresses") or ()
    }
    return len(addresses)


def not_ready(snapshot: Snapshot, ref: ObjectRef) -> tuple[str, ...]:
    """Current pods of a workload that are not ready. The controller's counts may be older than the pods."""
    obj = snapshot.find(ref)
    if obj is None or ref.kind in ("Job", "CronJob"):
        return ()
    return tuple(ref_of(pod).name for pod in current_pods(snapshot, obj) if not ready(pod))
