"""Which workload an incident is about, and how near other objects are to it.

Incident text is a hint: only what exists in the snapshot can be named by it, and two equally good names are
none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from selfheal.cluster.kinds import BY_KIND, WORKLOADS
from selfheal.cluster.labels import labels_of, selected_by, selector_of, workloads_selected
from selfheal.cluster.snapshot import Snapshot, metadata, ref_of
from selfheal.cluster.workloads import Workload, by_ref, mapping, workloads
from selfheal.errors import UsageProblem
from selfheal.faults.calls import called
from selfheal.faults.references import references
from selfheal.faults.scheduling import selects
from selfheal.incidents.record import ObjectRef, Target

_WORD = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", re.IGNORECASE)
#: Relations that are followed from a target: a call is two, to the Service and to what stands behind it.
FAR = 16
#: Characters of incident text that are read.
TEXT = 20_000
_SHORT = {
    "deploy": "Deployment",
    "sts": "StatefulSet",
    "ds": "DaemonSet",
    "po": "Pod",
    "svc": "Service",
    "cj": "CronJob",
}


def parse_target(text: str, namespace: str = "") -> Target:
    """``kind/name`` (any case, plural or short form) as a Target. Raises UsageProblem."""
    kind_text, slash, name = text.partition("/")
    folded = kind_text.strip().lower().split(".")[0]
    kind = next(
        (entry.kind for entry in BY_KIND.values() if folded in (entry.kind.lower(), entry.resource)),
        _SHORT.get(folded, ""),
    )
    if not slash or not kind or not name.strip():
        raise UsageProblem(
            f"{text!r} names no workload.", hint="Write it as kind/name, for example deployment/checkout."
        )
    return Target(namespace=namespace, kind=kind, name=name.strip())


def resolve(snapshot: Snapshot, target: Target | None, text: str) -> Target | None:
    """The target completed from the snapshot: its namespace when that is unambiguous, its uid; else from
    ``text``.
    """
    if target is not None and target.name:
        return _complete(snapshot, target)
    scope = target.namespace if target is not None else ""
    found = from_text(snapshot, text[:TEXT], scope) if text else None
    if found is None:
        return target
    base = target or Target()
    uid = str(metadata(found.object).get("uid") or "")
    return base.model_copy(
        update={"namespace": found.namespace, "kind": found.ref.kind, "name": found.ref.name, "uid": uid}
    )


def _complete(snapshot: Snapshot, target: Target) -> Target:
    kinds = (target.kind,) if target.kind else (*WORKLOADS, "Service")
    found = [
        obj
        for kind in kinds
        for obj in snapshot.list(kind, target.namespace or None)
        if ref_of(obj).name == target.name
    ]
    namespaces = {ref_of(obj).namespace for obj in found}
    if len(namespaces) != 1:
        return target
    ref = ref_of(found[0])
    uid = target.uid or str(metadata(found[0]).get("uid") or "")
    return target.model_copy(update={"namespace": ref.namespace, "kind": ref.kind, "uid": uid})


def from_text(snapshot: Snapshot, text: str, namespace: str = "") -> Workload | None:
    """The workload that a text names most plainly; None when it names none or several alike."""
    words = [word.lower() for word in _WORD.findall(text)]
    points: dict[str, tuple[float, int]] = {}
    candidates: dict[str, Workload] = {}
    for workload in workloads(snapshot):
        if namespace and workload.namespace != namespace:
            continue
        score, first = 0.0, len(words)
        names = {workload.ref.name, *(ref_of(service).name for service in selected_by(snapshot, workload))}
        pods = {ref_of(pod).name for pod in workload.pods}
        for position, word in enumerate(words):
            worth = (
                3.0 if word in pods else 2.0 if word == workload.ref.name else 1.5 if word in names else 0.0
            )
            if worth:
                score, first = score + worth, min(first, position)
        if score:
            score += 1.0 if workload.namespace.lower() in words else 0.0
            candidates[str(workload.ref)] = workload
            points[str(workload.ref)] = (score, -first)
    ranked = sorted(points, key=lambda name: points[name], reverse=True)
    if not ranked or (len(ranked) > 1 and points[ranked[0]] == points[ranked[1]]):
        return None
    return candidates[ranked[0]]


def distances(snapshot: Snapshot, target: Target, limit: int = FAR) -> dict[ObjectRef, int]:
    """How many real relations (reference, selection, call) lie between the target and what it depends on.

    Objects that are not in the answer have no way to affect the target that is known.
    """
    start = ObjectRef(kind=target.kind, namespace=target.namespace, name=target.name)
    obj = snapshot.find(start)
    if obj is not None and start.kind != "Service":
        start = ref_of(snapshot.workload_of(obj))
    found = {start: 0}
    frontier = [start]
    for distance in range(1, limit + 1):
        following = []
        for ref in frontier:
            for other in _needs(snapshot, ref, distance == 1):
                if other not in found:
                    found[other] = distance
                    following.append(other)
        frontier = following
    return found


def _needs(snapshot: Snapshot, ref: ObjectRef, first: bool) -> Iterator[ObjectRef]:
    """What an object depends on directly. The target's own Services count as its front door."""
    workload = by_ref(snapshot).get(ref)
    if workload is not None:
        for reference in references(workload.spec):
            yield ObjectRef(kind=reference.kind, namespace=ref.namespace, name=reference.name)
        for service in called(snapshot, workload):
            yield ref_of(service)
        for policy in snapshot.list("NetworkPolicy", ref.namespace):
            if selects(mapping(mapping(policy.get("spec")).get("podSelector")), labels_of(workload)):
                yield ref_of(policy)
        if first:
            for service in selected_by(snapshot, workload):
                yield ref_of(service)
            if snapshot.get("Service", ref.namespace, ref.name) is not None:
                yield ObjectRef(kind="Service", namespace=ref.namespace, name=ref.name)
        return
    obj = snapshot.find(ref) if ref.kind == "Service" else None
    if obj is not None:
        yield from (found.ref for found in workloads_selected(snapshot, ref.namespace, selector_of(obj)))
