"""A container gets less processor time than it needs, so it answers too late.

# What it is
The CPU limit is too small: the kernel lets the program run for a part of each period only. It starts slowly,
answers its probes late, and callers time out.

# How it is recognised
The limit was lowered against the last good template, or the measured usage (where metrics are in the snapshot) is at
the limit, or the limit is a small part of one processor; and the program is visibly late: probes or calls time out,
or it does not become ready.

# How it is told from its neighbours
Killed for memory is `oom-killed`. Probes that time out with an unchanged, generous limit are the probe's timing or
the program. A node under pressure slows all its pods.

# What is changed
`resources.limits.cpu` of that container: back to the larger value it had, else a bounded raise.

# How safe that is
The pods restart once. More processor time for one may be less for others on the node.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.labels import selected_by
from selfheal.cluster.quantity import quantity
from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.workloads import (
    Container,
    Workload,
    last_good,
    mapping,
    mappings,
    number,
    statuses,
    workloads,
)
from selfheal.faults.backends import complaining
from selfheal.faults.evidence import of_event, of_log, on_object, text_of
from selfheal.faults.fields import ANY, container_fields
from selfheal.faults.interface import AtLeast, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.faults.probing import failures
from selfheal.incidents.record import Evidence, Target

#: Cores below which a limit is a small part of a processor, and the part of a limit that counts as used up.
SMALL = Decimal("0.1")
USED_UP = Decimal("0.9")
RAISE = 2.0
#: A limit cut to a part of what it was, one to this, may keep a program from ever coming up.
STARVED = 4
_LATE = ("deadline exceeded", "timeout", "timed out", "Timeout")


class CpuThrottled(Fault):
    """See the page above."""

    id = "cpu-throttled"
    blames = ANY
    writes = container_fields("/resources/limits/cpu")

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for workload in workloads(snapshot):
            for container in workload.containers:
                finding = None if container.passing else _examine(snapshot, workload, container)
                if finding is not None:
                    yield finding

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Raise the CPU limit of {finding.container} in {finding.object.name}"
        if not facts["limit"]:
            return Remedy(
                title, (), finding.summary, escalate="There is no limit; the program or its load is to blame."
            )
        value = LastGood(AtLeast(RAISE, str(facts["limit"])))
        return Remedy(title, (FieldEdit(finding.object, facts["field"], value),), finding.summary)


def _examine(snapshot: Snapshot, workload: Workload, container: Container) -> Finding | None:
    relative = container.pointer + "/resources/limits/cpu"
    limit = quantity(pointer.resolve(workload.spec, relative))
    if limit is None:
        return None
    before = last_good(snapshot, workload, relative)
    lowered = before is not None and (quantity(before[0]) or Decimal(0)) > limit
    usage = _usage(snapshot, workload, container)
    full = usage is not None and usage[0] >= limit * USED_UP
    if not (lowered or full or limit <= SMALL):
        return None
    late = _late(snapshot, workload, container)
    if late is None and lowered and before is not None and limit * STARVED <= (quantity(before[0]) or 0):
        late = _not_up(snapshot, workload, container)
    if late is None and not full:
        return None
    evidence = [late] if late is not None else []
    text = pointer.resolve(workload.spec, relative)
    evidence.append(on_object(workload.ref, workload.at(relative), text, f"The limit of {container.name}"))
    if usage is not None and full:
        evidence.append(on_object(usage[1], usage[2], usage[3], "What it uses"))
    sure = 0.95 if (full and late) or (lowered and late) else 0.8 if full else 0.78
    good = (
        [{"field": workload.at(relative), "value": before[0], "origin": before[1]}]
        if before is not None and lowered
        else []
    )
    return Finding(
        fault=CpuThrottled.id,
        variant="cpu",
        object=workload.ref,
        container=container.name,
        confidence=sure,
        summary=f"{container.name} of {workload.ref} answers too late: it may use {text} of a processor only.",
        evidence=tuple(evidence),
        facts={"field": workload.at(relative), "limit": str(text), "last_good": good},
    )


def _not_up(snapshot: Snapshot, workload: Workload, container: Container) -> Evidence | None:
    """A sign that the program does not come up: a probe that is refused although it runs."""
    for pod in workload.pods:
        status = statuses(pod).get(container.name, {})
        if status.get("ready") is True:
            continue
        for section in ("livenessProbe", "readinessProbe", "startupProbe"):
            for event in failures(snapshot, pod, container.name, section)[:1]:
                if "refused" in text_of(event):
                    return of_event(event)
    return None


def _usage(
    snapshot: Snapshot, workload: Workload, container: Container
) -> tuple[Decimal, Object, str, str] | None:
    """The greatest measured usage of the container among its pods, with where it stands."""
    found = []
    for pod in workload.pods:
        ref = ref_of(pod)
        measured = snapshot.get("PodMetrics", ref.namespace, ref.name)
        for item in mappings(mapping(measured).get("containers")):
            amount = quantity(mapping(item.get("usage")).get("cpu"))
            if item.get("name") == container.name and amount is not None and measured is not None:
                where = f"/containers/name={container.name}/usage/cpu"
                found.append((amount, measured, where, str(item["usage"]["cpu"])))
    return max(found, key=lambda item: item[0], default=None)


def _late(snapshot: Snapshot, workload: Workload, container: Container) -> Evidence | None:
    """A sign that the program is late: a probe that times out, or callers that do."""
    for pod in workload.pods:
        status = statuses(pod).get(container.name, {})
        if status.get("ready") is True and not number(status.get("restartCount")):
            continue
        for section in ("livenessProbe", "readinessProbe", "startupProbe"):
            for event in failures(snapshot, pod, container.name, section)[:1]:
                if any(word in text_of(event) for word in _LATE):
                    return of_event(event)
    for service in selected_by(snapshot, workload):
        for _load, signal in complaining(snapshot, ref_of(service), "timeout"):
            return of_log(signal.pod, signal.container, signal.line, previous=signal.previous)
    return None
