"""The rendered objects after a change, diagnosed again: neither the fault nor a new one may be seen in them.

Only what can be seen without running anything. With a snapshot the rendered objects are looked at among the other
objects of their namespaces; without one, among those of their unit and of what lies beside it (`surroundings`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from selfheal.cluster.snapshot import Snapshot, ref_of
from selfheal.faults.catalogue import CATALOGUE
from selfheal.incidents.record import Analysis, ObjectRef, PolicyVerdict
from selfheal.repair.objects import Object, namespaced, ref
from selfheal.repair.relations import Relation, World, relations

RULE = "rediagnosis"
#: What only running things show is left out: it tells of the state before the change.
_RUNNING = frozenset(
    {
        "Pod",
        "Event",
        "ReplicaSet",
        "ControllerRevision",
        "EndpointSlice",
        "Endpoints",
        "Lease",
        "PodMetrics",
        "NodeMetrics",
    }
)
#: Findings less sure than this say what may go wrong some day.
_SURE = 0.7
#: The checks by which a fault would be seen again.
_SEEN_BY: dict[str, tuple[str, ...]] = {
    "config-ref-missing": ("reference",),
    "config-key-missing": ("key", "reference"),
    "service-selector-mismatch": ("selector",),
    "service-port-mismatch": ("port",),
    "service-account-missing": ("service-account",),
    "pvc-binding-mismatch": ("claim",),
    "volume-mount-invalid": ("volume",),
    "hpa-misconfigured": ("scale-target",),
    "ingress-backend-invalid": ("backend", "backend-port"),
    "limit-range-violated": ("limit-range",),
    "quota-exceeded": ("quota",),
}


class Rendered(Protocol):
    """What a unit renders to without and with a change, and the namespace that it goes to where it names none."""

    @property
    def before(self) -> Sequence[Object]:
        """Without the change."""

    @property
    def after(self) -> Sequence[Object]:
        """With it."""

    @property
    def namespace(self) -> str:
        """Where objects without a namespace go."""


@dataclass(frozen=True)
class _Side:
    """One state: all objects in it, and the namespaces that are looked at."""

    objects: dict[ObjectRef, Object]
    namespaces: frozenset[str]
    snapshot: Snapshot | None

    def known(self, kind: str, namespace: str) -> bool:
        return self.snapshot is not None and self.snapshot.known(kind, namespace)

    def relations(self) -> dict[tuple[str, ObjectRef, str], Relation]:
        found = relations(World(self.objects, self.known), self.namespaces)
        return {(item.check, item.object, item.at): item for item in found}

    def findings(self) -> dict[tuple[str, ObjectRef, str], str]:
        coverage: dict[str, frozenset[str] | None] = {}
        for kind in self.snapshot.kinds() - _RUNNING if self.snapshot is not None else ():
            places = frozenset(place for place in self.namespaces if self.known(kind, place))
            coverage[kind] = places if namespaced(kind) else None
        taken = self.snapshot.taken_at if self.snapshot is not None else datetime(1970, 1, 1, tzinfo=UTC)
        static = Snapshot(self.objects.values(), coverage=coverage, taken_at=taken)
        return {
            (finding.fault, finding.object, finding.container): finding.summary
            for fault in CATALOGUE
            for finding in fault.detect(static, None)
            if finding.confidence >= _SURE
        }


def verdict(
    proof: Rendered, analysis: Analysis, snapshot: Snapshot | None = None, beside: Sequence[Object] = ()
) -> PolicyVerdict:
    """Passed unless the change leaves the fault visible or brings a new one; what cannot be judged is not passed.

    ``beside`` are objects of the repository that are deployed along; they count where there is no snapshot.
    """
    try:
        problems = list(_problems(proof, analysis, snapshot, beside))
    except Exception as error:  # noqa: BLE001 - rendered objects hold anything; what a check stumbles over is not passed
        return PolicyVerdict(
            rule=RULE, passed=False, detail=f"it could not be judged ({type(error).__name__})"
        )
    if problems:
        return PolicyVerdict(rule=RULE, passed=False, detail="; ".join(dict.fromkeys(problems))[:400])
    among = "within what is rendered" + (" and lies beside it" if beside else "")
    among = "among the cluster's other objects" if snapshot is not None else among
    return PolicyVerdict(rule=RULE, passed=True, detail=f"neither the fault nor a new one is seen {among}")


def _problems(
    proof: Rendered, analysis: Analysis, snapshot: Snapshot | None, beside: Sequence[Object]
) -> Iterator[str]:
    before, after = _sides(proof, snapshot, beside)
    old, new = before.relations(), after.relations()
    for key, item in new.items():
        was = old.get(key)
        if item.state == "broken" and (was is None or was.state != "broken"):
            yield f"new: {item.text}, which is not there"
        elif item.state == "unknown" and was is not None and was.state == "met":
            yield f"new: {item.text}, which is not rendered, while what was named before is"
        elif item.state == "broken" and was is not None and _is_the_fault(item, analysis):
            yield f"still: {item.text}"
    seen, found = before.findings(), after.findings()
    for (fault, blamed, container), summary in found.items():
        if (fault, blamed, container) not in seen:
            yield f"new: {fault} on {blamed}: {summary}"
        elif (fault, blamed, container) == (analysis.fault, analysis.object, analysis.container):
            yield f"still: {fault} on {blamed}: {summary}"


def _is_the_fault(item: Relation, analysis: Analysis) -> bool:
    """Whether what is asked for in vain is what the analysis blames; where it names a field, at that very place."""
    if item.check not in _SEEN_BY.get(analysis.fault, ()) or analysis.object != item.object:
        return False
    field = analysis.facts.get("field")
    return not isinstance(field, str) or f"{item.at}/".startswith(f"{field}/") or field.startswith(item.at)


def _sides(proof: Rendered, snapshot: Snapshot | None, beside: Sequence[Object]) -> tuple[_Side, _Side]:
    before, after = _by_name(proof.before, proof.namespace), _by_name(proof.after, proof.namespace)
    namespaces = frozenset(key.namespace for key in (*before, *after) if key.namespace)
    around = _around(snapshot, namespaces) if snapshot is not None else _by_name(beside, proof.namespace)
    gone = before.keys() - after.keys()
    others = {key: obj for key, obj in around.items() if key not in gone}
    return (
        _Side({**around, **before}, namespaces, snapshot),
        _Side({**others, **after}, namespaces, snapshot),
    )


def _around(snapshot: Snapshot, namespaces: frozenset[str]) -> dict[ObjectRef, Object]:
    found: dict[ObjectRef, Object] = {}
    for kind in snapshot.kinds() - _RUNNING:
        places: Iterable[str] = namespaces if namespaced(kind) else ("",)
        for place in places:
            for obj in snapshot.list(kind, place):
                found[ref_of(obj)] = obj
    return found


def _by_name(objects: Sequence[Object], namespace: str) -> dict[ObjectRef, Object]:
    """Rendered objects under the namespace in which they are deployed."""
    found: dict[ObjectRef, Object] = {}
    for obj in objects:
        key = ref(obj, namespace)
        meta = {**obj["metadata"], "namespace": key.namespace} if key.namespace else obj["metadata"]
        found[key] = {**obj, "metadata": meta}
    return found
