"""What can be counted of a target in one snapshot, and the baseline that later counts are compared with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from selfheal.cluster.labels import selected_by, selector_of, workloads_selected
from selfheal.cluster.snapshot import Object, Snapshot, metadata, ref_of
from selfheal.cluster.workloads import Workload, by_ref, current_pods, mapping, number, ready, statuses
from selfheal.diagnosis.engine import Diagnosis
from selfheal.faults.interface import Finding
from selfheal.incidents.record import ObjectRef
from selfheal.rollout.status import ready_endpoints

#: A finding below this is a guess, and neither proves a fault nor a new one.
SURE = 0.5
FINDINGS = 20
SERVICES = 20


@dataclass(frozen=True)
class Measure:
    """Counts of one moment. ``restarts`` by pod uid and container, ``warnings`` by event, ``endpoints`` by Service.

    ``steady`` are available pods that never restarted: a pod that crashes and comes back is available now and then.
    """

    wanted: int
    available: int
    steady: int = 0
    restarts: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)
    endpoints: dict[str, int] = field(default_factory=dict)
    pods: frozenset[str] = frozenset()

    @property
    def unavailable(self) -> int:
        """Wanted replicas that are not available."""
        return max(0, self.wanted - self.available)


def measure(snapshot: Snapshot, ref: ObjectRef) -> Measure:
    """Counts for a workload, or for the workloads behind a Service."""
    loads = targets(snapshot, ref)
    wanted = available = steady = 0
    restarts: dict[str, int] = {}
    warnings: dict[str, int] = {}
    pods: set[str] = set()
    endpoints: dict[str, int] = {}
    for load in loads:
        wanted += wanted_of(load.object)
        # Pods of an older template serve as well; what callers see is all of them.
        serving = [
            pod
            for pod in snapshot.pods_of(load.object)
            if ready(pod) and not metadata(pod).get("deletionTimestamp")
        ]
        available += len(serving)
        steady += sum(
            not any(number(item.get("restartCount")) for item in statuses(pod).values()) for pod in serving
        )
        about: list[Object] = [load.object]
        if load.ref.kind == "Deployment":
            about += snapshot.replica_sets(load.object)[:1]
        for pod in current_pods(snapshot, load.object):
            uid = str(metadata(pod).get("uid") or ref_of(pod).name)
            pods.add(uid)
            about.append(pod)
            for name, status in statuses(pod).items():
                restarts[f"{uid}/{name}"] = number(status.get("restartCount"))
        for obj in about:
            for event in snapshot.events_of(obj):
                if event.get("type") != "Normal":
                    warnings[_event_key(event)] = _times(event)
    for service in services(snapshot, ref, loads)[:SERVICES]:
        there = ready_endpoints(snapshot, service)
        if there is not None:
            endpoints[service.name] = there
    return Measure(wanted, available, steady, restarts, warnings, endpoints, frozenset(pods))


def targets(snapshot: Snapshot, ref: ObjectRef) -> list[Workload]:
    """The workload itself, or those that a Service selects."""
    if ref.kind == "Service":
        service = snapshot.find(ref)
        return (
            workloads_selected(snapshot, ref.namespace, selector_of(service)) if service is not None else []
        )
    obj = snapshot.find(ref)
    found = by_ref(snapshot).get(ref_of(snapshot.workload_of(obj))) if obj is not None else None
    return [found] if found is not None else []


def services(snapshot: Snapshot, ref: ObjectRef, loads: Iterable[Workload]) -> list[ObjectRef]:
    """Services through which the target is met, the target itself when it is one."""
    found = [ref] if ref.kind == "Service" else []
    for load in loads:
        found += [ref_of(service) for service in selected_by(snapshot, load)]
        # A Service of the workload's own name is meant for it, even while its selector picks nothing.
        own = ObjectRef(kind="Service", namespace=load.namespace, name=load.ref.name)
        service = snapshot.find(own)
        if service is not None and selector_of(service):
            found.append(own)
    return sorted(set(found), key=str)


def wanted_of(workload: Object) -> int:
    """How many pods a workload wants at all times; Jobs want none."""
    spec, status = mapping(workload.get("spec")), mapping(workload.get("status"))
    match workload.get("kind"):
        case "DaemonSet":
            return number(status.get("desiredNumberScheduled"))
        case "Job" | "CronJob":
            return 0
        case "Pod":
            return 1
        case _:
            return number(spec.get("replicas"), 1)


def about_target(snapshot: Snapshot, ref: ObjectRef, diagnosis: Diagnosis) -> list[Finding]:
    """Findings that blame the target, what is behind it, or the Services in front of it."""
    loads = targets(snapshot, ref)
    own = {ref, *(load.ref for load in loads), *services(snapshot, ref, loads)}
    return [
        item
        for item in diagnosis.findings
        if item.confidence >= SURE and (item.object in own or _held(item) in own)
    ]


def names_of(findings: Iterable[Finding]) -> tuple[str, ...]:
    """What tells two findings apart over time."""
    return tuple(sorted({f"{item.fault} {item.object} {item.container}".strip() for item in findings}))


def baseline(snapshot: Snapshot, ref: ObjectRef, diagnosis: Diagnosis | None = None) -> dict[str, Any]:
    """What the target was like, as JSON for the record: taken before a deployment, compared with what follows.

    ``diagnosis`` is one of this very snapshot, for this target, with nothing excluded; without it one is made.
    ``{"wanted", "available", "unavailable", "steady", "restarts", "warnings", "endpoints": {Service: ready}, "findings", "taken_at"}``
    """
    from selfheal.diagnosis.engine import diagnose
    from selfheal.incidents.record import Target

    if diagnosis is None:
        target = Target(namespace=ref.namespace, kind=ref.kind, name=ref.name)
        diagnosis = diagnose(snapshot, target=target)
    found = about_target(snapshot, ref, diagnosis)
    return as_baseline(snapshot, measure(snapshot, ref), names_of(found))


def as_baseline(snapshot: Snapshot, counts: Measure, findings: tuple[str, ...]) -> dict[str, Any]:
    """The same from counts that were made already."""
    return {
        "wanted": counts.wanted,
        "available": counts.available,
        "unavailable": counts.unavailable,
        "steady": counts.steady,
        "restarts": sum(counts.restarts.values()),
        "warnings": len(counts.warnings),
        "endpoints": dict(counts.endpoints),
        "findings": list(findings[:FINDINGS]),
        "taken_at": snapshot.taken_at.isoformat(),
    }


def _held(finding: Finding) -> ObjectRef | None:
    """The workload that suffers from a blamed object, where the finding names it."""
    held = finding.facts.get("workload")
    return ObjectRef(**held) if isinstance(held, dict) else None


def _event_key(event: Object) -> str:
    meta = metadata(event)
    return str(meta.get("uid") or f"{meta.get('namespace', '')}/{meta.get('name', '')}")


def _times(event: Object) -> int:
    """How often an event was seen, in either API."""
    series = mapping(event.get("series"))
    return max(
        number(event.get("count")), number(event.get("deprecatedCount")), number(series.get("count")), 1
    )
