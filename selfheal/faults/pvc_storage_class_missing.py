"""A volume claim names a storage class that does not exist.

# What it is
Volumes are provisioned by storage classes. A claim that names a class the cluster does not have (or names none
where there is no default) is never bound, and pods that need it stay Pending.

# How it is recognised
A claim is Pending, and its class is neither among the storage classes nor named by any volume. The event
`ProvisioningFailed` with "storageclass … not found" says the same. Without a class name: no default class exists
and no volume is offered without a class.

# How it is told from its neighbours
When the class exists, or a volume names it, look at the volumes: `pvc-binding-mismatch`, `pv-occupied`. A claim
that waits for its first consumer is well.

# What is changed
`storageClassName` of the claim, or of the StatefulSet's claim template: to the class that is plainly meant, the
one it had before, or the default.

# How safe that is
Claims (and claim templates) are immutable: the object has to be made anew, which loses nothing as long as the
claim was never bound.
"""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import override

from selfheal.cluster.snapshot import Snapshot, ref_of
from selfheal.cluster.workloads import declared, mapping
from selfheal.faults.claims import Claim, affected, class_names, default_class, unbound
from selfheal.faults.evidence import on_object
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, NearName, Remedy
from selfheal.faults.nearness import nearest
from selfheal.incidents.record import Target


class PvcStorageClassMissing(Fault):
    """See the page above."""

    id = "pvc-storage-class-missing"
    blames = ("PersistentVolumeClaim", "StatefulSet")
    writes = ("/spec/storageClassName", "/spec/volumeClaimTemplates/*/spec/storageClassName")

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for claim in unbound(snapshot):
            finding = _examine(snapshot, claim)
            if finding is not None:
                yield finding

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Let {finding.object.name} use a storage class that exists"
        names = tuple(facts["classes"])
        if facts["meant"]:
            value = LastGood(Exact(facts["meant"], facts["origin"]))
        else:
            value = LastGood(NearName("StorageClass", facts["name"], names))
        edit = FieldEdit(finding.object, facts["field"], value)
        return Remedy(title, (edit,), finding.summary, requires_recreate=True)


def _bound_by_hand(snapshot: Snapshot, name: str) -> bool:
    """Whether volumes that nobody uses carry the class: such a class needs no object, its volumes are made by people."""
    return any(
        mapping(item.get("spec")).get("storageClassName") == name
        and mapping(item.get("status")).get("phase") != "Bound"
        for item in snapshot.list("PersistentVolume")
    )


def _examine(snapshot: Snapshot, claim: Claim) -> Finding | None:
    name, names = claim.storage_class, class_names(snapshot)
    gone = "not found" in claim.text and "storageclass" in claim.text.lower()
    read = snapshot.known("StorageClass")
    if name:
        if name in names and not (gone and snapshot.get("StorageClass", "", name) is None):
            return None
        if _bound_by_hand(snapshot, name):
            return None
        if not read and not gone:
            return None
    elif name == "" or not read or default_class(snapshot) or snapshot.list("PersistentVolume"):
        return None
    default = default_class(snapshot)
    real = [ref_of(item).name for item in snapshot.list("StorageClass")]
    was = mapping(declared(claim.object).get("spec")).get("storageClassName")
    near = nearest(name or "", real)
    meant, origin = (str(was), "the last applied manifest") if was and was != name else ("", "")
    if not meant and near:
        meant, origin = near, "the storage class of the nearest name"
    elif not meant and (default or len(real) == 1):
        meant, origin = (
            default or real[0],
            "the default storage class" if default else "the only storage class",
        )
    evidence = claim.evidence("storageClassName", "The class that the claim asks for")
    if claim.blamed != claim.ref:
        evidence.append(
            on_object(claim.blamed, f"{claim.base}/storageClassName", name, "Where the claim comes from")
        )
    hint = f"; {meant} exists" if meant else ""
    return Finding(
        fault=PvcStorageClassMissing.id,
        variant="class" if name else "default",
        object=claim.blamed,
        confidence=0.97 if gone or (name and read) else 0.85,
        summary=f"The claim {claim.ref.name} asks for the storage class {name or '(none, and there is no default)'}, which does not exist{hint}.",
        evidence=tuple(evidence),
        facts={
            "field": f"{claim.base}/storageClassName",
            "name": name or "",
            "classes": real[:12],
            "meant": meant,
            "origin": origin,
        },
        affects=affected(claim),
        mitigation=f"kubectl -n {claim.ref.namespace} describe pvc {claim.ref.name}",
    )
