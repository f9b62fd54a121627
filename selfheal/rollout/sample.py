"""Judges one look at the cluster. Pure: a snapshot, what is expected, and the look before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from selfheal.clock import Clock
from selfheal.cluster.snapshot import Snapshot
from selfheal.diagnosis.engine import Diagnosis, diagnose
from selfheal.faults.catalogue import CATALOGUE
from selfheal.incidents.record import Analysis, ObjectRef, RenderedChange, Target
from selfheal.rollout.measure import SURE, Measure, about_target, measure, names_of, services, targets
from selfheal.rollout.merged import Arrival, runs_what_was_merged
from selfheal.rollout.status import RolloutStatus, not_ready, rollout_status

Kind = Literal[
    "good", "partial", "not-arrived", "worse", "fault", "failed", "new-fault", "progressing", "unsettled"
]
#: Kinds that, when they stay, say that the fix did not help.
DAMNING = frozenset({"worse", "fault", "failed", "new-fault"})
#: Kinds without which nothing about a target can be proven.
_ALWAYS = ("Pod", "Event", "Service", "EndpointSlice")
_BY_TARGET = {"Deployment": ("ReplicaSet",), "CronJob": ("Job",), "DaemonSet": (), "StatefulSet": ()}


@dataclass(frozen=True)
class Plan:
    """What has to be true. ``fault`` None: nothing has to be gone (a revert); ``changes`` may be empty.

    ``healthy``: nothing was merged, and all of the target has to look well at each look.
    """

    target: Target
    ref: ObjectRef
    expected: Sequence[Mapping[str, Any]]
    changes: tuple[RenderedChange, ...] = ()
    fault: Analysis | None = None
    healthy: bool = False


@dataclass(frozen=True)
class Sample:
    """One look. ``reasons`` say why it is not good; ``findings`` are those about the target."""

    kind: Kind
    reasons: tuple[str, ...]
    counts: Measure
    rollout: RolloutStatus
    findings: tuple[str, ...] = ()
    arrived: bool | None = None

    @property
    def good(self) -> bool:
        """Whether nothing at all is wrong."""
        return self.kind == "good"


def judge(
    snapshot: Snapshot,
    plan: Plan,
    *,
    baseline: Mapping[str, Any],
    before: Measure | None = None,
    clock: Clock | None = None,
) -> Sample:
    """The sample of a snapshot. ``before`` are the counts of the look before it; without them nothing is new."""
    counts = measure(snapshot, plan.ref)
    rollout = rollout_status(snapshot, plan.ref)
    holes = unread(snapshot, plan)
    if holes:
        return Sample("partial", tuple(f"{kind} was not read." for kind in holes), counts, rollout)
    arrival = arrival_of(snapshot, plan)
    if arrival.arrived is None:
        return Sample("partial", arrival.reasons, counts, rollout)
    diagnosis = diagnose(snapshot, target=plan.target, clock=clock)
    found = names_of(about_target(snapshot, plan.ref, diagnosis))
    kind, reasons = _kind(snapshot, plan, arrival, rollout, counts, diagnosis, found, baseline, before)
    return Sample(kind, reasons, counts, rollout, found, arrival.arrived)


def arrival_of(snapshot: Snapshot, plan: Plan) -> Arrival:
    """Whether what is planned runs; where nothing was merged, there is nothing that could be missing."""
    if plan.healthy:
        return Arrival(True, True)
    about = {plan.ref, *(change.object for change in plan.changes)}
    if plan.fault is not None and plan.fault.object is not None:
        about.add(plan.fault.object)
    return runs_what_was_merged(
        [dict(manifest) for manifest in plan.expected],
        snapshot,
        changes=plan.changes,
        about=about,
        namespace=plan.target.namespace,
    )


def _kind(
    snapshot: Snapshot,
    plan: Plan,
    arrival: Arrival,
    rollout: RolloutStatus,
    counts: Measure,
    diagnosis: Diagnosis,
    found: tuple[str, ...],
    baseline: Mapping[str, Any],
    before: Measure | None,
) -> tuple[Kind, tuple[str, ...]]:
    """The weightiest thing that is wrong."""
    if not arrival.arrived:
        return "not-arrived", arrival.reasons
    if plan.healthy and diagnosis.verdict == "fault":
        # Whatever was so before the watch is no excuse here.
        return "new-fault", tuple(f"{name} is there." for name in found) or ("A fault was found.",)
    same = _still_there(plan.fault, diagnosis)
    new = tuple(
        name for name in found if name not in set(baseline.get("findings") or ()) and name not in same
    )
    lost = worse_than(counts, baseline, same=bool(same))
    # While pods are replaced fewer may serve for a moment; it counts once the rollout has ended or is known to be ill.
    under_way = rollout.phase == "progressing" or (rollout.done and not arrival.whole)
    if lost and (same or new or not under_way):
        return "worse", (*lost, *(f"{name} is new." for name in new))
    if same:
        return "fault", tuple(f"{name} is still there." for name in same)
    if rollout.phase in ("failed", "missing"):
        return "failed", (rollout.reason,)
    if new:
        return "new-fault", tuple(f"{name} is new." for name in new)
    if rollout.phase == "unknown":
        return "partial", (rollout.reason,)
    open_ends = [*_unfinished(snapshot, plan, arrival, rollout), *lost]
    if plan.healthy and counts.unavailable:
        open_ends.append(f"{counts.unavailable} of {counts.wanted} replicas are unavailable.")
    if open_ends:
        return "progressing", tuple(open_ends)
    moved = _moved(counts, before)
    if moved:
        return "unsettled", tuple(moved)
    unseen = plan.healthy or (plan.fault is not None and not _in_catalogue(plan.fault))
    if unseen and diagnosis.verdict != "healthy":
        # There is no single signal to be gone, so all of the target has to look well.
        return "unsettled", diagnosis.reasons[:4] or ("The target does not look well yet.",)
    return "good", ()


def unread(snapshot: Snapshot, plan: Plan) -> tuple[str, ...]:
    """Kinds that were not read and without which nothing is proven."""
    namespace = plan.target.namespace
    blamed = (plan.fault.object.kind,) if plan.fault is not None and plan.fault.object is not None else ()
    wanted = dict.fromkeys(
        (
            *_ALWAYS,
            plan.ref.kind,
            *_BY_TARGET.get(plan.ref.kind, ()),
            *blamed,
            *(c.object.kind for c in plan.changes),
        )
    )
    return tuple(kind for kind in wanted if not snapshot.known(kind, namespace))


def worse_than(counts: Measure, baseline: Mapping[str, Any], *, same: bool = False) -> tuple[str, ...]:
    """In what the target is worse off than before the deployment.

    With the ``same`` fault as before only what had served steadily then is missed: a pod that crashes and comes back was
    perhaps just up when the baseline was taken.
    """
    steady = baseline.get("steady")
    if same and isinstance(steady, int):
        kept = min(steady, counts.wanted)
        return (
            (f"{counts.available} replicas serve; before {steady} did, steadily.",)
            if counts.available < kept
            else ()
        )
    found: list[str] = []
    allowed = baseline.get("unavailable")
    if isinstance(allowed, int) and counts.unavailable > allowed:
        found.append(
            f"{counts.unavailable} of {counts.wanted} replicas are unavailable; before there were {allowed}."
        )
    had = baseline.get("endpoints")
    for name, number_before in (had if isinstance(had, dict) else {}).items():
        # Fewer endpoints of a smaller workload are no loss; none where there were some is.
        if isinstance(number_before, int) and number_before > 0 and counts.endpoints.get(name, 0) == 0:
            found.append(f"Service {name} has no ready endpoints; before there were {number_before}.")
    return tuple(found)


def _still_there(fault: Analysis | None, diagnosis: Diagnosis) -> tuple[str, ...]:
    """The incident's own fault, found again on the same object, be it as a consequence of another."""
    if fault is None or fault.object is None:
        return ()
    for item in diagnosis.findings:
        own = item.fault == fault.fault and item.object == fault.object
        if own and item.confidence >= SURE and fault.container in ("", item.container):
            return (f"{item.fault} {item.object} {item.container}".strip(),)
        if any(seen.fault == fault.fault and seen.object == fault.object for seen in item.explains):
            return (f"{fault.fault} {fault.object} (explained by {item.fault})",)
    return ()


def _in_catalogue(fault: Analysis) -> bool:
    return any(entry.id == fault.fault for entry in CATALOGUE)


def _unfinished(snapshot: Snapshot, plan: Plan, arrival: Arrival, rollout: RolloutStatus) -> list[str]:
    found = [] if rollout.done else [rollout.reason]
    if not arrival.whole:
        found += list(arrival.reasons)
    loads = targets(snapshot, plan.ref)
    for load in loads:
        found += [f"Pod {name} is not ready." for name in not_ready(snapshot, load.ref)]
        if load.ref != plan.ref:
            behind = rollout_status(snapshot, load.ref)
            found += [] if behind.done else [behind.reason]
    for service in services(snapshot, plan.ref, loads):
        front = rollout_status(snapshot, service)
        found += [] if front.done else [front.reason]
    return list(dict.fromkeys(found))


def _moved(counts: Measure, before: Measure | None) -> list[str]:
    """Restarts, replaced pods and new warnings since the look before: good so far, but the wait starts again."""
    if before is None:
        return []
    found = []
    if any(count > before.restarts.get(name, 0) for name, count in counts.restarts.items()):
        found.append("A container restarted.")
    if counts.pods - before.pods:
        found.append("Pods were replaced.")
    if any(count > before.warnings.get(name, 0) for name, count in counts.warnings.items()):
        found.append("There are new warning events.")
    return found
