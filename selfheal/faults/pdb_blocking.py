"""A PodDisruptionBudget never allows a pod to be moved.

# What it is
The budget asks for as many available pods as there are (or for no unavailable ones), so node drains and upgrades wait
for ever.

# How it is recognised
The budget allows no disruption although all wanted pods are healthy, computed from `minAvailable`,
`maxUnavailable` and the replicas of the workload it selects; and something waits for it: an eviction was refused, or a
cordoned node cannot be emptied.

# How it is told from its neighbours
While pods are not healthy a budget rightly allows nothing: the pods are the cause. A strict budget that nothing waits
for is somebody's decision.

# What is changed
The budget by one: `minAvailable` to one less than the replicas, or `maxUnavailable` to one, or what it was before.

# How safe that is
One pod at a time may be moved. With a single replica a person decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot, metadata, ref_of
from selfheal.cluster.workloads import Workload, declared, mapping, number, strings, workloads
from selfheal.faults.absent import wanted
from selfheal.faults.evidence import newest_first, of_event, on_object, text_of
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.faults.scheduling import node_name, nodes, selects
from selfheal.incidents.record import Evidence, Target


class PdbBlocking(Fault):
    """See the page above."""

    id = "pdb-blocking"
    blames = ("PodDisruptionBudget",)
    writes = ("/spec/minAvailable", "/spec/maxUnavailable")

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for budget in snapshot.list("PodDisruptionBudget"):
            finding = _examine(snapshot, budget)
            if finding is not None:
                yield finding

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Let {finding.object.name} allow one pod to be moved"
        if facts["wanted"] is None:
            return Remedy(
                title,
                (),
                finding.summary,
                escalate="With a single replica a person decides how it may be moved.",
            )
        value = LastGood(Exact(facts["wanted"], facts["origin"]))
        return Remedy(title, (FieldEdit(finding.object, facts["field"], value),), finding.summary)


def _examine(snapshot: Snapshot, budget: Object) -> Finding | None:
    spec, status, ref = mapping(budget.get("spec")), mapping(budget.get("status")), ref_of(budget)
    loads = [
        item
        for item in workloads(snapshot)
        if item.namespace == ref.namespace
        and item.pods
        and all(selects(spec.get("selector"), strings(metadata(pod).get("labels"))) for pod in item.pods)
    ]
    replicas = sum(wanted(item) for item in loads) or number(status.get("expectedPods"))
    field = "/spec/maxUnavailable" if spec.get("maxUnavailable") is not None else "/spec/minAvailable"
    asked = pointer.resolve(budget, field)
    allows = _allows(asked, replicas, field.endswith("maxUnavailable"))
    healthy = number(status.get("currentHealthy"), replicas)
    if replicas == 0 or asked is None or allows is None or allows > 0:
        return None
    if "disruptionsAllowed" in status and number(status.get("disruptionsAllowed")) > 0:
        return None
    if healthy < replicas:
        return None
    waits = _waits(snapshot, budget, loads)
    if not waits:
        return None
    was = pointer.resolve(declared(budget), field)
    lighter = _lighter(field, replicas)
    value, origin = (
        (was, "the last applied manifest")
        if was is not None and was != asked
        else (lighter, f"{replicas} replicas")
    )
    evidence = [
        *waits[:2],
        on_object(ref, field, asked, f"With {replicas} replicas it allows no pod to go"),
    ]
    if "disruptionsAllowed" in status:
        evidence.append(
            on_object(ref, "/status/disruptionsAllowed", status["disruptionsAllowed"], "Nothing may be moved")
        )
    return Finding(
        fault=PdbBlocking.id,
        variant="budget",
        object=ref,
        confidence=0.9,
        summary=f"{ref} allows none of {replicas} pods to be moved, and something waits for that.",
        evidence=tuple(evidence),
        facts={"field": field, "wanted": value, "origin": origin},
        affects=tuple(item.ref for item in loads),
    )


def _allows(asked: Any, replicas: int, as_maximum: bool) -> int | None:
    """How many of healthy replicas a budget lets go; None for what is no number. Percentages round up."""
    if isinstance(asked, str) and asked.endswith("%") and asked[:-1].isdecimal():
        amount = -(-replicas * int(asked[:-1]) // 100)
    elif isinstance(asked, int) and not isinstance(asked, bool):
        amount = asked
    elif isinstance(asked, str) and asked.isdecimal():
        amount = int(asked)
    else:
        return None
    return amount if as_maximum else replicas - amount


def _lighter(field: str, replicas: int) -> int | None:
    if field.endswith("maxUnavailable"):
        return 1 if replicas > 1 else None
    return replicas - 1 if replicas > 1 else None


def _waits(snapshot: Snapshot, budget: Object, loads: list[Workload]) -> list[Evidence]:
    """Signs that somebody wants to move the pods: refused evictions, or a cordoned node that still holds them."""
    found = []
    for load in loads:
        for pod in load.pods:
            for event in newest_first(snapshot.events_of(pod)):
                if "disruption budget" in text_of(event).lower() or event.get("reason") == "EvictionBlocked":
                    found.append(of_event(event))
                    break
    for node in nodes(snapshot):
        for event in newest_first(snapshot.events(ref_of(node.object))):
            if "disruption budget" in text_of(event).lower():
                found.append(of_event(event))
    cordoned = {node.name: node for node in nodes(snapshot) if node.cordoned}
    for load in loads:
        for pod in load.pods:
            node_held = cordoned.get(node_name(pod))
            if node_held is not None and not found:
                name = node_name(pod)
                found.append(
                    on_object(pod, "/spec/nodeName", name, f"{name} is cordoned and cannot be emptied")
                )
    return found
