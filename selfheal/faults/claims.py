"""Volume claims that are not bound: who waits for them, whose spec makes them, and which volumes come near."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.quantity import quantity
from selfheal.cluster.snapshot import Object, Snapshot, metadata, ref_of
from selfheal.cluster.workloads import Workload, mapping, mappings, strings, workloads
from selfheal.faults.evidence import newest_first, of_event, on_object, text_of
from selfheal.faults.nearness import likeness
from selfheal.faults.scheduling import selects
from selfheal.incidents.record import Evidence, ObjectRef

_DEFAULT = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")


@dataclass(frozen=True)
class Claim:
    """A claim that is Pending or Lost. ``blamed`` is the object whose spec says what it asks for, ``base`` where."""

    object: Object
    ref: ObjectRef
    spec: dict[str, Any]
    users: tuple[Workload, ...]
    blamed: ObjectRef
    base: str
    told: Evidence | None
    text: str

    @property
    def storage_class(self) -> str | None:
        """The class it names; None when it names none, "" when it wants none."""
        found = self.spec.get("storageClassName")
        if found is None:
            found = strings(metadata(self.object).get("annotations")).get(
                "volume.beta.kubernetes.io/storage-class"
            )
        return found if isinstance(found, str) else None

    def evidence(self, field: str, message: str) -> list[Evidence]:
        """The claim's event and the field that is wrong."""
        found = [] if self.told is None else [self.told]
        value = pointer.resolve(self.object, f"/spec/{field}")
        if value is not None:
            found.append(on_object(self.ref, f"/spec/{field}", value, message))
        if not found:
            phase = mapping(self.object.get("status")).get("phase")
            found.append(on_object(self.ref, "/status/phase", phase, "The claim is not bound"))
        return found


def unbound(snapshot: Snapshot) -> list[Claim]:
    """Claims that are not bound and that a pod waits for."""

    def compute() -> list[Claim]:
        users: dict[tuple[str, str], list[Workload]] = {}
        for workload in workloads(snapshot):
            for pod in workload.pods:
                for volume in mappings(mapping(pod.get("spec")).get("volumes")):
                    name = mapping(volume.get("persistentVolumeClaim")).get("claimName")
                    held = users.setdefault((workload.namespace, str(name)), [])
                    if name and workload not in held:
                        held.append(workload)
        found = []
        for claim in snapshot.list("PersistentVolumeClaim"):
            ref = ref_of(claim)
            phase = mapping(claim.get("status")).get("phase")
            waiting = users.get((ref.namespace, ref.name), [])
            if phase in ("Bound", None) or metadata(claim).get("deletionTimestamp"):
                continue
            found.append(_claim(snapshot, claim, waiting))
        return sorted(found, key=lambda item: str(item.ref))

    return snapshot.memo("unbound", compute)


def _claim(snapshot: Snapshot, obj: Object, users: list[Workload]) -> Claim:
    ref, spec = ref_of(obj), mapping(obj.get("spec"))
    blamed, base = ref, "/spec"
    for workload in users:
        if workload.ref.kind != "StatefulSet":
            continue
        for index, template in enumerate(
            mappings(mapping(workload.object.get("spec")).get("volumeClaimTemplates"))
        ):
            name = str(mapping(template.get("metadata")).get("name", ""))
            if re.fullmatch(rf"{re.escape(name)}-{re.escape(workload.ref.name)}-\d+", ref.name):
                blamed, base = workload.ref, f"/spec/volumeClaimTemplates/{index}/spec"
    for event in newest_first(snapshot.events_of(obj)):
        if event.get("reason") in ("FailedBinding", "ProvisioningFailed", "ClaimMisbound"):
            return Claim(obj, ref, spec, tuple(users), blamed, base, of_event(event), text_of(event))
    return Claim(obj, ref, spec, tuple(users), blamed, base, None, "")


def waits_for_consumer(snapshot: Snapshot, claim: Claim) -> bool:
    """Whether the claim is left unbound on purpose until a pod is scheduled."""
    found = snapshot.get("StorageClass", "", claim.storage_class or "")
    return (
        mapping(found).get("volumeBindingMode") == "WaitForFirstConsumer"
        and claim.told is None
        and not claim.spec.get("selector")
    )


def default_class(snapshot: Snapshot) -> str:
    """The cluster's default storage class, "" when there is none."""
    for found in snapshot.list("StorageClass"):
        annotations = strings(metadata(found).get("annotations"))
        if any(annotations.get(key) == "true" for key in _DEFAULT):
            return ref_of(found).name
    return ""


def class_names(snapshot: Snapshot) -> list[str]:
    """Storage classes that exist, and those that only volumes name."""
    named = {
        str(mapping(item.get("spec")).get("storageClassName") or "")
        for item in snapshot.list("PersistentVolume")
    }
    return sorted({*(ref_of(item).name for item in snapshot.list("StorageClass")), *named} - {""})


def mismatches(claim: Claim, volume: Object) -> set[str]:
    """Why a volume does not fit a claim: class, access-mode, capacity, selector, mode, occupied."""
    spec, has = claim.spec, mapping(volume.get("spec"))
    found = set()
    if (claim.storage_class or "") != str(has.get("storageClassName") or ""):
        found.add("class")
    wanted, offered = spec.get("accessModes"), has.get("accessModes")
    if isinstance(wanted, list) and not set(map(str, wanted)) <= set(
        map(str, offered if isinstance(offered, list) else [])
    ):
        found.add("access-mode")
    asked = quantity(mapping(mapping(spec.get("resources")).get("requests")).get("storage"))
    size = quantity(mapping(has.get("capacity")).get("storage"))
    if asked is not None and size is not None and asked > size:
        found.add("capacity")
    if isinstance(spec.get("selector"), dict) and not selects(
        spec["selector"], strings(metadata(volume).get("labels"))
    ):
        found.add("selector")
    if str(spec.get("volumeMode") or "Filesystem") != str(has.get("volumeMode") or "Filesystem"):
        found.add("mode")
    held = mapping(has.get("claimRef"))
    phase = mapping(volume.get("status")).get("phase")
    if (held and not _held_for(claim, held)) or (phase in ("Released", "Failed") and held):
        found.add("occupied")
    return found


def _held_for(claim: Claim, held: dict[str, Any]) -> bool:
    uid = metadata(claim.object).get("uid")
    same = (held.get("namespace"), held.get("name")) == (claim.ref.namespace, claim.ref.name)
    return same and held.get("uid") in (None, "", uid)


@dataclass(frozen=True)
class Meant:
    """The volume that comes nearest to a claim, and why it does not fit."""

    volume: Object
    reasons: frozenset[str]


def meant(snapshot: Snapshot, claim: Claim) -> Meant | None:
    """The volume the claim is plainly meant for: named by it, reserved for it, or alike in all but little."""
    ranked = []
    for volume in snapshot.list("PersistentVolume"):
        why = mismatches(claim, volume)
        name = ref_of(volume).name
        held = mapping(mapping(volume.get("spec")).get("claimRef"))
        reserved = (held.get("namespace"), held.get("name")) == (claim.ref.namespace, claim.ref.name)
        named = claim.spec.get("volumeName") == name
        dynamic = "pv.kubernetes.io/provisioned-by" in strings(metadata(volume).get("annotations"))
        if dynamic and not named and not reserved:
            # Made for another claim; it was never meant to be shared.
            continue
        points = 6 * named + 4 * reserved - 2 * len(why - {"occupied"}) - ("occupied" in why)
        ranked.append((points + likeness(name, claim.ref.name), name, volume, why))
    if not ranked:
        return None
    _points, _name, volume, why = max(ranked, key=lambda item: (item[0], item[1]))
    return Meant(volume, frozenset(why))


def affected(claim: Claim) -> tuple[ObjectRef, ...]:
    """Workloads that wait for the claim, and the claim itself where another object is blamed."""
    own = () if claim.blamed == claim.ref else (claim.ref,)
    return (*(workload.ref for workload in claim.users), *own)


def missing_claims(snapshot: Snapshot) -> Iterator[tuple[Workload, str, str]]:
    """(workload, claim, pointer into the pod spec) of claims that do not exist."""
    for workload in workloads(snapshot):
        if not snapshot.known("PersistentVolumeClaim", workload.namespace):
            continue
        for volume in mappings(workload.spec.get("volumes")):
            name = mapping(volume.get("persistentVolumeClaim")).get("claimName")
            if (
                isinstance(name, str)
                and snapshot.get("PersistentVolumeClaim", workload.namespace, name) is None
            ):
                where = pointer.join(
                    "volumes", f"name={volume.get('name')}", "persistentVolumeClaim", "claimName"
                )
                yield workload, name, where
