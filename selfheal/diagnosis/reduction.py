"""From findings to root causes: a finding goes when another one accounts for it.

Accounting follows real relations. On the same workload (or an object that a workload suffers from) the layer a
pod reaches first wins, see :mod:`selfheal.faults.precedence`. Along calls, a surer finding on what stands
behind a Service accounts for callers that fail through it.
"""

from __future__ import annotations

from dataclasses import replace

from selfheal.cluster.labels import selected_by
from selfheal.cluster.snapshot import Snapshot, ref_of
from selfheal.cluster.workloads import Workload, by_ref
from selfheal.faults.calls import called, through
from selfheal.faults.interface import Finding
from selfheal.faults.precedence import layer, stronger
from selfheal.faults.refused import REFUSED
from selfheal.incidents.record import Explained, ObjectRef

#: A finding must be this sure to account for another one …
SURE = 0.5
#: … and no more than this less sure than the other …
LEAD = 0.3
#: … and this sure to account for a caller's trouble.
CALLEE = 0.7
#: A finding on a program's behaviour that is less sure than this may be the consequence of what it calls.
DOUBTED = 0.8
#: Layers from which on trouble may come from what a workload calls.
_OUTWARD = layer("dependency-unreachable")
#: The first layer at which containers of one pod fail each for itself.
_ALONE = layer("oom-killed")


def touched(finding: Finding) -> frozenset[ObjectRef]:
    """The blamed object and everything said to suffer from it."""
    held = finding.facts.get("workload")
    own = [ObjectRef(**held)] if isinstance(held, dict) else []
    return frozenset((finding.object, *finding.affects, *own))


def fields_of(finding: Finding) -> frozenset[str]:
    """Pointers that a finding is about, from its facts and its evidence on the blamed object."""
    facts = finding.facts
    named = [
        facts.get("field"),
        *(facts.get("fields") or ()),
        *(item.get("field") for item in facts.get("last_good") or ()),
    ]
    shown = [
        item.field for item in finding.evidence if item.source == "object" and item.object == finding.object
    ]
    return frozenset(field for field in (*named, *shown) if isinstance(field, str) and field)


def workload_of(snapshot: Snapshot, finding: Finding) -> Workload | None:
    """The workload that is blamed, or that suffers first from the blamed object."""
    known = by_ref(snapshot)
    held = finding.facts.get("workload")
    refs = [finding.object, *([ObjectRef(**held)] if isinstance(held, dict) else []), *finding.affects]
    return next((known[ref] for ref in refs if ref in known), None)


def front(snapshot: Snapshot, finding: Finding) -> frozenset[ObjectRef]:
    """The Services through which others meet what suffers from a finding."""
    known = by_ref(snapshot)
    found = {ref for ref in touched(finding) if ref.kind == "Service"}
    if finding.object.kind == "Service":
        return frozenset(found)
    for ref in touched(finding):
        workload = known.get(ref)
        if workload is not None:
            found.update(ref_of(service) for service in selected_by(snapshot, workload))
    return frozenset(found)


def reduced(snapshot: Snapshot, found: list[Finding]) -> list[Finding]:
    """Roots only, each with what it accounts for."""
    causes = _causes(snapshot, found)
    roots: dict[int, list[Explained]] = {}
    for index, finding in enumerate(found):
        root = _root(index, causes, found)
        if root == index:
            roots.setdefault(index, [])
        else:
            roots.setdefault(root, []).append(Explained(fault=finding.fault, object=finding.object))
    return [
        replace(found[index], explains=tuple(dict.fromkeys((*found[index].explains, *explained))))
        for index, explained in sorted(roots.items())
        # What differs from git on something that does not run itself matters by what it brings about only.
        if explained or found[index].fault != "drift" or found[index].object in by_ref(snapshot)
    ]


def _causes(snapshot: Snapshot, found: list[Finding]) -> list[list[int]]:
    """For each finding those that account for it, the best first."""
    sharing: dict[ObjectRef, list[int]] = {}
    serving: dict[ObjectRef, list[int]] = {}
    for index, finding in enumerate(found):
        for ref in touched(finding):
            sharing.setdefault(ref, []).append(index)
        if finding.confidence >= CALLEE:
            for ref in front(snapshot, finding):
                serving.setdefault(ref, []).append(index)
    causes = []
    for index, weak in enumerate(found):
        candidates = {
            other
            for ref in touched(weak)
            for other in sharing[ref]
            if other != index and _sure_beside(found[other], weak) and _precedes(found[other], weak)
        }
        for ref in _suspects(snapshot, weak):
            candidates.update(
                other
                for other in serving.get(ref, ())
                if other != index
                and found[other].object != weak.object
                and not _same_load(found[other], weak)
            )
        causes.append(sorted(candidates, key=lambda other: _order(found[other])))
    return causes


def _sure_beside(strong: Finding, weak: Finding) -> bool:
    return strong.confidence >= max(SURE, weak.confidence - LEAD)


def _order(finding: Finding) -> tuple[object, ...]:
    return (layer(finding.fault), -finding.confidence, str(finding.object), finding.container, finding.fault)


def _precedes(strong: Finding, weak: Finding) -> bool:
    if REFUSED in (strong.variant, weak.variant):
        # What was never taken brings nothing about; it is only why the live object differs from git.
        return strong.variant == REFUSED and weak.fault == "drift"
    if not stronger(strong.fault, weak.fault):
        return False
    if strong.fault == "drift" and not fields_of(strong) & fields_of(weak):
        # A difference from git accounts for what its own field brings about, and for nothing else.
        return False
    apart = strong.container and weak.container and strong.container != weak.container
    return not (apart and strong.object == weak.object and layer(strong.fault) >= _ALONE)


def _same_load(first: Finding, second: Finding) -> bool:
    return bool({first.object} & set(second.affects)) or first.object == second.object


def _suspects(snapshot: Snapshot, weak: Finding) -> set[ObjectRef]:
    """Services through which the trouble of a finding may come."""
    found = set(weak.through)
    workload = by_ref(snapshot).get(weak.object)
    if workload is None or layer(weak.fault) < _OUTWARD or weak.fault == "rollout-stuck":
        return found
    found.update(through(snapshot, workload))
    if weak.confidence < DOUBTED:
        found.update(ref_of(service) for service in called(snapshot, workload))
    return found


def _root(index: int, causes: list[list[int]], found: list[Finding]) -> int:
    """The end of the chain of causes. In a circle the surest of it is the end."""
    path = [index]
    while True:
        following = next((other for other in causes[path[-1]] if other not in path), None)
        if following is None:
            circle = [other for other in causes[path[-1]] if other in path]
            if circle:
                return min(
                    path[path.index(circle[0]) :],
                    key=lambda other: (-found[other].confidence, _order(found[other])),
                )
            return path[-1]
        path.append(following)


def distance(finding: Finding, near: dict[ObjectRef, int]) -> int | None:
    """The least number of relations between the target and anything that a finding touches."""
    known = [near[ref] for ref in touched(finding) if ref in near]
    return min(known) if known else None
