"""Pods that should be there and are not, and what the API server said when a controller tried to make them."""

from __future__ import annotations

from collections.abc import Iterator

from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.times import event_time
from selfheal.cluster.workloads import (
    Workload,
    condition,
    job_complete,
    mapping,
    newest_job,
    number,
    workloads,
)
from selfheal.faults.evidence import newest_first, of_event, on_object, quoted, seconds_before, text_of
from selfheal.incidents.record import Evidence

#: Seconds after which a refusal no longer counts while pods are missing (controllers back off for up to 17 min).
OLD = 3600
#: Where a controller says how many pods of the newest template it made.
_COUNTS = {
    "Deployment": "updatedReplicas",
    "DaemonSet": "updatedNumberScheduled",
    "StatefulSet": "replicas",
    "ReplicaSet": "replicas",
}


def wanted(workload: Workload) -> int:
    """How many pods the workload should have."""
    spec, status = mapping(workload.object.get("spec")), mapping(workload.object.get("status"))
    if workload.ref.kind == "DaemonSet":
        return number(status.get("desiredNumberScheduled"))
    if workload.ref.kind in ("Deployment", "StatefulSet", "ReplicaSet"):
        return number(spec.get("replicas"), 1)
    if workload.ref.kind == "Job":
        return 0 if spec.get("suspend") is True else number(spec.get("parallelism"), 1)
    return 1


def makers(snapshot: Snapshot, workload: Workload) -> list[Object]:
    """The objects whose controller makes the pods of the newest template."""
    if workload.ref.kind == "Deployment":
        return list(snapshot.replica_sets(workload.object)[:1]) or [workload.object]
    if workload.ref.kind == "CronJob":
        job = newest_job(snapshot, workload.object)
        return [job, workload.object] if job is not None else [workload.object]
    return [workload.object]


def lacks_pods(snapshot: Snapshot, workload: Workload) -> bool:
    """Whether pods of the newest template are missing."""
    kind = workload.ref.kind
    if kind == "Pod":
        return False
    if kind == "CronJob":
        return not workload.pods
    if kind == "Job":
        failed = condition(workload.object, "Failed").get("status") == "True"
        return not workload.pods and not job_complete(workload.object) and not failed
    return _made(snapshot, workload) < wanted(workload)


def _made(snapshot: Snapshot, workload: Workload) -> int:
    """Pods of the newest template that exist. While there are none, ``pods`` are those of the one before."""
    status = mapping(workload.object.get("status"))
    if not snapshot.known("Pod", workload.namespace) and not workload.pods:
        # Not read is not missing: the controller's own count is what is known.
        return number(status.get(_COUNTS.get(workload.ref.kind, "active")))
    if workload.ref.kind == "Deployment" and "replicas" in status:
        return min(number(status.get("updatedReplicas")), len(workload.pods))
    return len(workload.pods)


def refusals(snapshot: Snapshot, workload: Workload) -> Iterator[tuple[str, Evidence]]:
    """Why pods of a workload are not created, the newest word first; nothing when none are missing."""
    if not lacks_pods(snapshot, workload):
        return
    failure = condition(workload.object, "ReplicaFailure")
    text = str(failure.get("message") or "")
    if failure.get("status") == "True" and text:
        position = [
            index
            for index, item in enumerate(mapping(workload.object.get("status")).get("conditions") or ())
            if item is failure
        ]
        field = f"/status/conditions/{position[0]}/message" if position else "/status"
        value = quoted(text)
        yield text, on_object(workload.ref, field, value, f"No pod can be created: {value}")
    for maker in makers(snapshot, workload):
        for event in newest_first(snapshot.events_of(maker)):
            ago = seconds_before(snapshot, event_time(event))
            if event.get("reason") in ("FailedCreate", "FailedUpdate") and (ago is None or ago < OLD):
                yield text_of(event), of_event(event)


def refused(snapshot: Snapshot) -> list[tuple[Workload, list[tuple[str, Evidence]]]]:
    """All workloads whose pods are refused, with the words."""

    def compute() -> list[tuple[Workload, list[tuple[str, Evidence]]]]:
        found = ((workload, list(refusals(snapshot, workload))) for workload in workloads(snapshot))
        return [(workload, said) for workload, said in found if said]

    return snapshot.memo("refused", compute)


def name_of(workload: Workload) -> str:
    """Kind and name for a sentence."""
    return str(ref_of(workload.object))
