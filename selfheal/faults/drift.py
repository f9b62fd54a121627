"""The cluster differs from the repository: somebody changed a live object by hand.

# What it is
What runs is not what git says. The repository is right; a synchronisation (or an apply) mends it, and a pull request
would change nothing.

# How it is recognised
Where a repository is given, each field of its manifests is compared with the live object; defaults, order and units
do not count. A difference matters on an object that is not well, and when it is about the very field that is at fault.

# How it is told from its neighbours
The fault on that field (a variable, an image, a probe) says what is wrong; this says that git does not have it. Replicas
under an autoscaler differ by design. What Kustomize makes is rendered first; a chart only where Argo CD or Flux objects say
with which values.

# What is changed
Nothing in the repository. Where the cluster keeps it (`managedFields`), it is said who wrote the field last, and when. An
incident is analysed without the repository: there `fix` compares before it changes anything, and hands over with both
values.

# How safe that is
A synchronisation undoes the change by hand; a person knows whether it was meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.quantity import quantity
from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.workloads import Workload, by_ref, mapping, ready, workloads
from selfheal.faults.absent import lacks_pods
from selfheal.faults.backends import complaining
from selfheal.faults.evidence import on_object, quoted
from selfheal.faults.fields import ANY
from selfheal.faults.interface import Fault, Finding, Remedy
from selfheal.incidents.record import Evidence, ObjectRef, Target
from selfheal.incidents.wording import spoken
from selfheal.redaction import redactor

_KINDS = (
    *ANY,
    "Service",
    "ConfigMap",
    "HorizontalPodAutoscaler",
    "NetworkPolicy",
    "Ingress",
    "ResourceQuota",
    "Role",
    "RoleBinding",
    "PodDisruptionBudget",
    "PersistentVolumeClaim",
)
_PARTS = ("spec", "data", "rules", "subjects", "roleRef")
_AMOUNT = re.compile(r"^\d+(?:\.\d+)?[a-zA-Z]{0,2}$")
DIFFERENCES = 12


class Drift(Fault):
    """See the page above."""

    id = "drift"
    blames = _KINDS
    writes = ()

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        suffering = {item.namespace for item in workloads(snapshot) if _ill(snapshot, item)}
        for kind in _KINDS:
            for obj in snapshot.list(kind):
                # First whether it could matter: manifests are read only when one is asked for.
                held = snapshot.manifest(ref_of(obj)) if _matters(snapshot, obj, suffering) else None
                if held is None:
                    continue
                path, declared = held
                fields = list(_differences(snapshot, obj, declared))[:DIFFERENCES]
                if fields:
                    yield _finding(obj, path, declared, fields)

    @override
    def remedy(self, finding: Finding) -> Remedy:
        return Remedy(
            title=f"Synchronise {finding.object.name} with the repository",
            edits=(),
            reason=finding.summary,
            escalate="The repository is right; synchronise, or find out who changed the cluster by hand.",
        )


def _matters(snapshot: Snapshot, obj: Object, suffering: set[str]) -> bool:
    """Whether the object is not well, or something in its namespace, so that a difference may be why."""
    ref = ref_of(obj)
    workload = by_ref(snapshot).get(ref)
    if workload is not None:
        return _ill(snapshot, workload)
    if ref.kind == "Service" and complaining(snapshot, ref):
        return True
    return ref.namespace in suffering


def _ill(snapshot: Snapshot, workload: Workload) -> bool:
    return lacks_pods(snapshot, workload) or any(not ready(pod) for pod in workload.pods)


def _differences(snapshot: Snapshot, obj: Object, declared: Object) -> Iterator[str]:
    for part in _PARTS:
        if part in declared:
            yield from _compare(declared[part], obj.get(part), f"/{part}", _scaled(snapshot, ref_of(obj)))


def _scaled(snapshot: Snapshot, ref: ObjectRef) -> bool:
    """Whether an autoscaler decides the replicas."""
    return any(
        (aim := mapping(mapping(item.get("spec")).get("scaleTargetRef"))).get("name") == ref.name
        and aim.get("kind") == ref.kind
        for item in snapshot.list("HorizontalPodAutoscaler", ref.namespace)
    )


def _compare(wanted: Any, live: Any, where: str, scaled: bool) -> Iterator[str]:
    """Pointers of declared values that are live with another value."""
    if where == "/spec/replicas" and scaled:
        return
    if isinstance(wanted, dict) and isinstance(live, dict):
        for key, value in wanted.items():
            if key in live:
                yield from _compare(value, live[key], where + pointer.join(str(key)), scaled)
    elif isinstance(wanted, list) and isinstance(live, list):
        yield from _lists(wanted, live, where, scaled)
    elif (
        isinstance(wanted, (str, int, float, bool))
        and not isinstance(live, (dict, list))
        and not _same(wanted, live)
    ):
        yield where


def _lists(wanted: list[Any], live: list[Any], where: str, scaled: bool) -> Iterator[str]:
    named = all(isinstance(item, dict) and isinstance(item.get("name"), str) for item in (*wanted, *live))
    if named and len({item["name"] for item in live}) == len(live):
        for item in wanted:
            step = pointer.join(f"name={item['name']}")
            if pointer.exists(live, step):
                yield from _compare(item, pointer.resolve(live, step), where + step, scaled)
            else:
                yield where
    elif len(wanted) == len(live):
        for index, (first, second) in enumerate(zip(wanted, live, strict=True)):
            yield from _compare(first, second, f"{where}/{index}", scaled)
    elif all(not isinstance(item, (dict, list)) for item in (*wanted, *live)):
        yield where


def _same(wanted: Any, live: Any) -> bool:
    if wanted == live or str(wanted) == str(live):
        return True
    if isinstance(wanted, bool) or isinstance(live, bool):
        return False
    if _AMOUNT.match(str(wanted)) and _AMOUNT.match(str(live)):
        return quantity(wanted) is not None and quantity(wanted) == quantity(live)
    return False


def _finding(obj: Object, path: str, declared: Object, fields: list[str]) -> Finding:
    ref = ref_of(obj)
    evidence: list[Evidence] = []
    for field in fields[:4]:
        wanted = pointer.resolve(declared, field)
        shown = "other"
        if isinstance(wanted, (str, int, float, bool)):
            shown = quoted(str(redactor().cited(field, wanted)))
        evidence.append(on_object(ref, field, pointer.resolve(obj, field), f"{path} says {shown}"))
    names = ", ".join(spoken(field) for field in fields[:3])
    return Finding(
        fault=Drift.id,
        variant="changed",
        object=ref,
        confidence=0.9,
        summary=f"{ref} differs from {path}: {names}.",
        evidence=tuple(evidence),
        facts={"path": path, "fields": fields},
        mitigation="",
    )
