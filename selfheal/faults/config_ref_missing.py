"""A pod needs a ConfigMap or Secret that does not exist.

# What it is
A variable, `envFrom`, a volume or a projected volume names an object that is not in the namespace. The
container is never created.

# How it is recognised
The name in the pod template is compared with the objects that exist. A waiting container
(`CreateContainerConfigError`), or a pod whose volumes cannot be mounted, says the same in words. References
marked optional do not count. Where Secrets were not read, the kubelet's own words are the proof.

# How it is told from its neighbours
When the object exists and only a key is missing it is `config-key-missing`. A missing ServiceAccount or claim
has other reasons.

# What is changed
The name in the reference: to the one it had before, or to the existing object that is plainly meant (and has
the keys that are asked for).

# How safe that is
Only a name that exists is written. A Secret or ConfigMap is never invented; without a near name a person is
asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Snapshot
from selfheal.cluster.workloads import Workload, earlier, ready, workloads
from selfheal.faults.evidence import complaints, on_object
from selfheal.faults.interface import Fault, FieldEdit, Finding, LastGood, NearName, Remedy
from selfheal.faults.nearness import nearest
from selfheal.faults.references import Reference, existing, keys_of, references
from selfheal.incidents.record import Evidence, Target


class ConfigRefMissing(Fault):
    """See the page above."""

    id = "config-ref-missing"
    blames = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet", "Pod")
    writes = tuple(
        f"{spec}{reference}"
        for spec in ("/spec/template/spec", "/spec/jobTemplate/spec/template/spec", "/spec")
        for reference in (
            *(
                f"/{section}/*{where}"
                for section in ("containers", "initContainers")
                for where in (
                    "/env/*/valueFrom/configMapKeyRef/name",
                    "/env/*/valueFrom/secretKeyRef/name",
                    "/envFrom/*/configMapRef/name",
                    "/envFrom/*/secretRef/name",
                )
            ),
            "/volumes/*/configMap/name",
            "/volumes/*/secret/secretName",
            "/volumes/*/projected/sources/*/configMap/name",
            "/volumes/*/projected/sources/*/secret/name",
        )
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for workload in workloads(snapshot):
            missing: dict[tuple[str, str], list[Reference]] = {}
            for reference in references(workload.spec):
                if snapshot.get(reference.kind, workload.namespace, reference.name) is None:
                    missing.setdefault((reference.kind, reference.name), []).append(reference)
            for (kind, name), found in sorted(missing.items()):
                finding = _examine(snapshot, workload, kind, name, found)
                if finding is not None:
                    yield finding

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        kind, wanted, candidates = facts["kind"], facts["name"], tuple(facts["candidates"])
        title = f"Refer to the {kind} that exists in {finding.object.name}"
        if not facts["last_good"] and nearest(wanted, candidates) is None:
            return Remedy(
                title,
                (),
                finding.summary,
                escalate=f"No existing {kind} is plainly meant by {wanted}; someone has to create it or name another.",
            )
        query = LastGood(NearName(kind, wanted, candidates))
        edits = tuple(FieldEdit(finding.object, field, query) for field in facts["fields"])
        return Remedy(title, edits, f"{kind} {wanted} does not exist.")


def _examine(
    snapshot: Snapshot, workload: Workload, kind: str, name: str, found: list[Reference]
) -> Finding | None:
    told = _told(snapshot, workload, kind, name)
    known = snapshot.known(kind, workload.namespace)
    if not known and told is None:
        return None
    if told is not None:
        confidence = 0.97 if known else 0.9
    elif any(not ready(pod) for pod in workload.pods):
        confidence = 0.75
    else:
        # Whatever runs still runs; the next pod will not start.
        confidence = 0.6
    needed = {reference.key for reference in found if reference.key}
    candidates = _candidates(snapshot, kind, workload.namespace, needed)
    fields = tuple(dict.fromkeys(workload.at(reference.name_pointer) for reference in found))
    good = _last_good(snapshot, workload, kind, found)
    near = nearest(name, candidates)
    hint = f"; {near} exists" if near else ""
    evidence = [] if told is None else [told]
    evidence += [
        on_object(
            workload.ref, workload.at(reference.name_pointer), name, f"Asked for by {reference.through}"
        )
        for reference in found[:3]
    ]
    return Finding(
        fault=ConfigRefMissing.id,
        variant=kind.lower(),
        object=workload.ref,
        container=found[0].container,
        confidence=confidence,
        summary=f"{workload.ref} needs the {kind} {name}, which does not exist{hint}.",
        evidence=tuple(evidence),
        facts={
            "kind": kind,
            "name": name,
            "fields": list(fields),
            "keys": sorted(needed),
            "candidates": list(candidates[:20]),
            "last_good": good,
        },
        mitigation=f"kubectl -n {workload.namespace} get {kind.lower()}s",
    )


def _told(snapshot: Snapshot, workload: Workload, kind: str, name: str) -> Evidence | None:
    """The kubelet's own words for the missing object."""
    word = kind.lower()
    for _container, text, evidence in complaints(snapshot, workload):
        folded = text.lower()
        if f'{word} "{name}" not found' in folded or f'{word}s "{name}" not found' in folded:
            return evidence
    return None


def _candidates(snapshot: Snapshot, kind: str, namespace: str, needed: set[str]) -> tuple[str, ...]:
    """Existing objects that have the keys asked for."""
    found = []
    for name in existing(snapshot, kind, namespace):
        obj = snapshot.get(kind, namespace, name)
        keys = keys_of(obj) if obj is not None else None
        if keys is None or needed <= keys:
            found.append(name)
    return tuple(found)


def _last_good(
    snapshot: Snapshot, workload: Workload, kind: str, found: list[Reference]
) -> list[dict[str, Any]]:
    """For each reference the name an older template had, where that object exists."""
    good = []
    for where in dict.fromkeys(reference.name_pointer for reference in found):
        for older in earlier(snapshot, workload.object):
            value = pointer.resolve(older.spec, where)
            if isinstance(value, str) and snapshot.get(kind, workload.namespace, value) is not None:
                good.append({"field": workload.at(where), "value": value, "origin": older.origin})
                break
    return good
