"""Which of several reasons keeps a pod from every node: computed from specs, confirmed by the scheduler's words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Snapshot
from selfheal.cluster.workloads import earlier, last_good, mapping, mappings
from selfheal.faults.evidence import on_object
from selfheal.faults.fitting import Fit, Stuck, stuck
from selfheal.faults.interface import Finding
from selfheal.faults.scheduling import Node, affine, affinity_terms, anti_terms, requests, selector_misses
from selfheal.incidents.record import Evidence, ObjectRef

#: Reasons that are all a lack of room.
ROOM = frozenset({"cpu", "memory", "ephemeral-storage", "pods", "resource"})
#: What the scheduler calls each reason.
_WORDS = (
    ("cpu", re.compile(r"Insufficient cpu", re.IGNORECASE)),
    ("memory", re.compile(r"Insufficient memory", re.IGNORECASE)),
    ("ephemeral-storage", re.compile(r"Insufficient ephemeral-storage", re.IGNORECASE)),
    ("pods", re.compile(r"Too many pods", re.IGNORECASE)),
    ("resource", re.compile(r"Insufficient \S+/\S+", re.IGNORECASE)),
    ("cordon", re.compile(r"were unschedulable|node\.kubernetes\.io/unschedulable", re.IGNORECASE)),
    ("anti-affinity", re.compile(r"anti-affinity", re.IGNORECASE)),
    ("spread", re.compile(r"topology spread", re.IGNORECASE)),
    ("taint", re.compile(r"untolerated taint|taint", re.IGNORECASE)),
    ("selector", re.compile(r"node affinity/selector|node selector", re.IGNORECASE)),
    ("volume", re.compile(r"volume node affinity", re.IGNORECASE)),
    ("ports", re.compile(r"free ports", re.IGNORECASE)),
)
_MASTERS = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
#: Reasons that may lie in the pod's spec alone, whatever else keeps it from a node.
_BY_SPEC = frozenset({"room", "selector", "affinity", "taint"})
_TAINT_NAMED = re.compile(r"untolerated taint\(?s?\)? \{([^}]*)\}")
_CONDITION_TAINT = re.compile(
    r"node\.kubernetes\.io/(?:not-ready|unreachable|network-unavailable|(?:memory|disk|pid)-pressure)"
)
#: Reasons that labels of nodes decide, and those that bar a pod from a node that has the labels.
_BY_LABEL = frozenset({"selector", "affinity"})
_BARRED = frozenset({"cordon", "taint"})
#: Where each reason stands in a pod spec.
FIELDS = {
    "selector": ("/nodeSelector",),
    "affinity": ("/affinity",),
    "taint": ("/tolerations",),
    "anti-affinity": ("/affinity",),
    "spread": ("/topologySpreadConstraints",),
}


@dataclass(frozen=True)
class Reason:
    """One reason for one workload, how sure it is, and the nodes that would take the pod without it."""

    stuck: Stuck
    name: str
    confidence: float
    nodes: tuple[Node, ...]
    changed: bool


def reasons(snapshot: Snapshot) -> list[Reason]:
    """The reasons that count for each workload with an unscheduled pod."""
    return snapshot.memo(
        "placing", lambda: [found for item in stuck(snapshot) for found in _of(snapshot, item)]
    )


def in_words(text: str) -> set[str]:
    """Reasons that the scheduler's text names."""
    found = {name for name, pattern in _WORDS if pattern.search(text)}
    if "cordon" in found and not re.search(
        r"untolerated taint\(?s?\)?(?! \{node\.kubernetes\.io/unschedulable)", text
    ):
        found.discard("taint")
    named = _TAINT_NAMED.findall(text)
    if named and all(_CONDITION_TAINT.match(taint) for taint in named):
        # Such a taint is what a node's own trouble is called.
        found.discard("taint")
    return found


def _of(snapshot: Snapshot, item: Stuck) -> list[Reason]:
    if "unbound" in item.text or "persistentvolumeclaim" in item.text.lower():
        # Volumes come first: where a claim is not bound the rest is not even looked at.
        return []
    said = in_words(item.text)
    if not item.fits:
        return [Reason(item, name, 0.8, (), False) for name in sorted(_from_words(item, said))]
    fits = _likely(item.fits)
    fits = [Fit(fit.node, fit.reasons or frozenset(said & ROOM)) for fit in fits]
    if any(not fit.reasons for fit in fits):
        # Specs say that it fits: then only the scheduler's own words can tell.
        return [Reason(item, name, 0.72, (), False) for name in sorted(_from_words(item, said))]
    grouped = [
        (fit.node, frozenset("room" if reason in ROOM else reason for reason in fit.reasons)) for fit in fits
    ]
    names = sorted({name for _node, held in grouped for name in held})
    found = []
    for name in names:
        if name in _BY_LABEL and any(name not in held and held <= _BARRED for _node, held in grouped):
            # A node carries what is asked for: what bars the pod from that node is the reason.
            continue
        alone = tuple(node for node, held in grouped if held == {name})
        odd = _odd(item, name, [node for node, _held in grouped])
        changed = _changed(snapshot, item, name)
        if alone:
            sure = 0.95 if odd else 0.88
        elif odd and name in _BY_SPEC:
            sure = 0.86
        else:
            sure = 0.6
        found.append(
            Reason(item, name, round(min(sure + (0.05 if changed else 0.0), 0.98), 2), alone, changed)
        )
    if any(reason.changed for reason in found):
        found = [
            reason
            if reason.changed
            else Reason(item, reason.name, round(reason.confidence - 0.15, 2), reason.nodes, False)
            for reason in found
        ]
    if any(reason.nodes for reason in found):
        found = [reason for reason in found if reason.nodes or reason.changed]
    return found


def _likely(fits: list[Fit]) -> list[Fit]:
    """Without nodes that hold the control plane, where there are others."""
    others = [
        fit
        for fit in fits
        if not any(taint.get("key") in _MASTERS for taint in fit.node.taints) or not fit.reasons
    ]
    return others or fits


def _from_words(item: Stuck, said: set[str]) -> set[str]:
    found = {"room" if name in ROOM else name for name in said}
    if (
        "selector" in found
        and affinity_terms(item.workload.spec)
        and not item.workload.spec.get("nodeSelector")
    ):
        found = (found - {"selector"}) | {"affinity"}
    spec = item.workload.spec
    possible = {
        "selector": bool(spec.get("nodeSelector")),
        "affinity": bool(affinity_terms(spec)),
        "spread": any(
            rule.get("whenUnsatisfiable", "DoNotSchedule") == "DoNotSchedule"
            for rule in mappings(spec.get("topologySpreadConstraints"))
        ),
    }
    found = {name for name in found if possible.get(name, True)}
    # A control plane's taint stands in nearly every message; another one is named.
    named = re.search(r"untolerated taint\(?s?\)? \{(?!node-role|node\.kubernetes)", item.text)
    return found - ({"cordon"} if named else {"taint"}) if len(found) > 1 else found


def _odd(item: Stuck, name: str, nodes: list[Node]) -> bool:
    """Whether the pod asks for something that no node could ever give."""
    spec = mapping(item.pod.get("spec"))
    if name == "room":
        return all(oversized(item, node) for node in nodes)
    if name == "selector":
        return all(selector_misses(spec, node) for node in nodes)
    if name == "affinity":
        return not any(affine(spec, node) for node in nodes)
    if name == "anti-affinity":
        return bool(anti_terms(spec))
    if name == "taint":
        return all("taint" in fit.reasons for fit in item.fits)
    return name in ("spread", "cordon")


def oversized(item: Stuck, node: Node) -> bool:
    """Whether the pod asks for more than an empty node has."""
    return any(
        amount > node.allocatable[resource]
        for resource, amount in requests(mapping(item.pod.get("spec"))).items()
        if resource in node.allocatable
    )


def _changed(snapshot: Snapshot, item: Stuck, name: str) -> bool:
    """Whether the field behind a reason is other than in an earlier template."""
    older = next(iter(earlier(snapshot, item.workload.object)), None)
    if older is None:
        return False
    if name == "room":
        return requests(older.spec) != requests(item.workload.spec)
    return any(
        (pointer.resolve(older.spec, field) or None) != (pointer.resolve(item.workload.spec, field) or None)
        for field in FIELDS.get(name, ())
    )


def lack(item: Stuck) -> dict[str, Decimal]:
    """By how much each resource is short on the node that comes nearest."""
    wanted = requests(mapping(item.pod.get("spec")))
    short: dict[str, Decimal] = {}
    for resource, amount in wanted.items():
        free = [left for fit in item.fits if (left := fit.node.free(resource)) is not None]
        if free and amount > max(free):
            short[resource] = amount - max(free)
    return short


def place_finding(
    snapshot: Snapshot,
    reason: Reason,
    fault: str,
    *,
    variant: str,
    summary: str,
    fields: list[str],
    marks: list[Evidence],
    more: dict[str, Any] | None = None,
    container: str = "",
    object_: ObjectRef | None = None,
) -> Finding:
    """A finding on a pod that no node takes. ``fields`` are relative to the pod spec."""
    item = reason.stuck
    workload = item.workload
    good, evidence = [], [item.evidence] if item.evidence is not None else []
    for relative in fields:
        field = workload.at(relative)
        now = pointer.resolve(workload.spec, relative)
        if now is not None and object_ is None:
            evidence.append(on_object(workload.ref, field, now, "What the pod template asks for"))
        before = last_good(snapshot, workload, relative)
        if before is not None:
            good.append({"field": field, "value": before[0], "origin": before[1]})
    if not evidence:
        phase = mapping(item.pod.get("status")).get("phase")
        evidence.append(on_object(item.pod, "/status/phase", phase, "The pod has no node"))
    return Finding(
        fault=fault,
        variant=variant,
        object=object_ or workload.ref,
        container=container,
        confidence=reason.confidence,
        summary=summary,
        evidence=(*evidence, *marks),
        facts={"fields": [workload.at(field) for field in fields], "last_good": good, **(more or {})},
        affects=(workload.ref,),
        mitigation=f"kubectl -n {workload.namespace} describe pod {mapping(item.pod.get('metadata')).get('name')}",
    )
