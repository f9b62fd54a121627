"""Claims and volumes: binding what there is, provisioning what there is not, and why neither works."""

from __future__ import annotations

from collections.abc import Iterable

from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.objects import (
    Key,
    Object,
    copied,
    dig,
    entries,
    key_of,
    labels_of,
    terminating,
)
from selfheal.sandbox.kubernetes.quantity import amount
from selfheal.sandbox.kubernetes.selectors import matches
from selfheal.sandbox.kubernetes.store import Change
from selfheal.sandbox.kubernetes.timeline import moment
from selfheal.sandbox.kubernetes.volumes import SELECTED

NONE = "kubernetes.io/no-provisioner"
#: The volume controller looks at everything again after this many seconds, and says again what it said.
RESYNC = 15.0
PROVISIONING = 1.5


class VolumeController:
    """See the module. A provisioner is there for every class but those without one; it makes volumes on one node."""

    name = "persistentvolume-controller"

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._provisioning: set[str] = set()

    def wake(self, change: Change) -> Iterable[Key]:
        obj = change.object
        if obj["kind"] == "PersistentVolumeClaim":
            yield key_of(obj)
        elif obj["kind"] in ("PersistentVolume", "StorageClass"):
            if obj["kind"] == "PersistentVolume":
                yield key_of(obj)
            yield from self._pending("")
        elif obj["kind"] == "Pod" and change.type == "ADDED":
            yield from self._pending(str(obj["metadata"]["namespace"]))

    def _pending(self, namespace: str) -> list[Key]:
        claims = self.cluster.store.of("PersistentVolumeClaim", namespace)
        return [key_of(claim) for claim in claims if dig(claim, "status", "phase") != "Bound"]

    def sync(self, key: Key) -> None:
        if key.kind == "PersistentVolume":
            self._volume(key)
            return
        claim = self.cluster.store.at(key)
        if claim is None:
            self._released(key)
        elif dig(claim, "status", "phase") != "Bound" and not terminating(claim):
            self._bind(key, claim)

    def _volume(self, key: Key) -> None:
        volume = self.cluster.store.at(key)
        if volume is None:
            return
        reference = dig(volume, "spec", "claimRef", default={})
        claim = self.cluster.store.get(
            "PersistentVolumeClaim", str(reference.get("namespace", "")), str(reference.get("name", ""))
        )
        # One that names a claim without its uid is kept for it; one that names a claim that is gone was released.
        gone = bool(reference.get("uid")) and (
            claim is None or claim["metadata"]["uid"] != reference.get("uid")
        )
        phase = "Released" if gone else "Available" if not reference.get("uid") else ""
        if phase and dig(volume, "status", "phase") != phase:
            self.cluster.set_status(volume, {"phase": phase})

    def _released(self, key: Key) -> None:
        for volume in self.cluster.store.of("PersistentVolume"):
            reference = dig(volume, "spec", "claimRef", default={})
            if (reference.get("namespace"), reference.get("name")) != (key.namespace, key.name):
                continue
            if dig(volume, "spec", "persistentVolumeReclaimPolicy") == "Delete":
                self.cluster.delete(key_of(volume))
            else:
                self.cluster.set_status(volume, {"phase": "Released"})

    def _bind(self, key: Key, claim: Object) -> None:
        wanted = dig(claim, "spec", "volumeName")
        if wanted:
            volume = self.cluster.store.get("PersistentVolume", "", str(wanted))
            if volume is not None and _taken(volume, claim):
                self._tell(
                    claim,
                    "FailedBinding",
                    f'volume "{wanted}" already bound to a different claim.',
                    warning=True,
                )
            elif volume is not None:
                self._join(claim, volume)
                return
            self.cluster.look_again(self, key, RESYNC)
            return
        class_name = dig(claim, "spec", "storageClassName")
        held = self.cluster.store.get("StorageClass", "", str(class_name)) if class_name else None
        waits = dig(held, "volumeBindingMode") == "WaitForFirstConsumer"
        chosen = dig(claim, "metadata", "annotations", SELECTED)
        if not waits or chosen:
            volume = min(
                (item for item in self.cluster.store.of("PersistentVolume") if fits(item, claim)),
                key=_size,
                default=None,
            )
            if volume is not None:
                self._join(claim, volume)
                return
        self._provision(key, claim, str(class_name or ""), held, waits=waits and not chosen)

    def _provision(self, key: Key, claim: Object, name: str, held: Object | None, *, waits: bool) -> None:
        self.cluster.look_again(self, key, RESYNC)
        if not name:
            text = "no persistent volumes available for this claim and no storage class is set"
            self._tell(claim, "FailedBinding", text)
        elif held is None:
            self._tell(
                claim, "ProvisioningFailed", f'storageclass.storage.k8s.io "{name}" not found', warning=True
            )
        elif waits:
            pod = self._consumer(claim)
            # A claim is looked at before the pod that it was made for is there.
            young = self.cluster.now - (moment(claim["metadata"]["creationTimestamp"]) or 0.0) < 1
            if pod is None or young:
                self._tell(
                    claim, "WaitForFirstConsumer", "waiting for first consumer to be created before binding"
                )
            else:
                told = f"waiting for pod {pod['metadata']['name']} to be scheduled"
                self._tell(claim, "WaitForPodScheduled", told)
        elif held.get("provisioner") == NONE:
            self._tell(
                claim,
                "FailedBinding",
                "no persistent volumes available for this claim and no storage class is set",
            )
        else:
            self._ask(key, claim, held)

    def _consumer(self, claim: Object) -> Object | None:
        name, place = claim["metadata"]["name"], str(claim["metadata"]["namespace"])
        for pod in self.cluster.store.of("Pod", place):
            if any(
                dig(item, "persistentVolumeClaim", "claimName") == name
                for item in entries(pod, "spec", "volumes")
            ):
                return pod
        return None

    def _ask(self, key: Key, claim: Object, held: Object) -> None:
        provisioner, uid = str(held["provisioner"]), str(claim["metadata"]["uid"])
        self._tell(
            claim,
            "ExternalProvisioning",
            f"Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the "
            "system administrator. If volume creation is delayed, please verify that the provisioner is running and "
            "correctly registered.",
        )
        if uid in self._provisioning:
            return
        place = f"{key.namespace}/{key.name}"
        self._tell(
            claim,
            "Provisioning",
            f'External provisioner is provisioning volume for claim "{place}"',
            by=provisioner,
        )
        why = ""
        if any(mode != "ReadWriteOnce" for mode in claim["spec"]["accessModes"]):
            why = "NodePath only supports ReadWriteOnce and ReadWriteOncePod (1.22+) access modes"
        elif dig(claim, "spec", "selector"):
            why = "claim.Spec.Selector is not supported"
        if why:
            told = f'failed to provision volume with StorageClass "{held["metadata"]["name"]}": {why}'
            self._tell(claim, "ProvisioningFailed", told, by=provisioner, warning=True)
            return
        self._provisioning.add(uid)
        self.cluster.after(PROVISIONING, lambda: self._provisioned(key, uid))

    def _provisioned(self, key: Key, uid: str) -> None:
        self._provisioning.discard(uid)
        claim = self.cluster.store.at(key)
        if claim is None or claim["metadata"]["uid"] != uid:
            return
        held = self.cluster.store.get("StorageClass", "", str(claim["spec"]["storageClassName"]))
        node = dig(claim, "metadata", "annotations", SELECTED)
        name = f"pvc-{uid}"
        expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
        spec: Object = {
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "hostPath": {"path": f"/opt/local-path-provisioner/{name}", "type": "DirectoryOrCreate"},
            "accessModes": list(claim["spec"]["accessModes"]),
            "claimRef": _reference(claim),
            "persistentVolumeReclaimPolicy": dig(held, "reclaimPolicy", default="Delete"),
            "storageClassName": claim["spec"]["storageClassName"],
        }
        if node:
            spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}
        made: Object = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": spec,
        }
        volume = self.cluster.create(made)
        self._tell(
            claim,
            "ProvisioningSucceeded",
            f"Successfully provisioned volume {name}",
            by=str(dig(held, "provisioner")),
        )
        self._join(claim, volume)

    def _join(self, claim: Object, volume: Object) -> None:
        volume = copied(volume)
        volume["spec"]["claimRef"] = _reference(claim)
        volume["status"] = {"phase": "Bound", "lastPhaseTransitionTime": self.cluster.stamp()}
        self.cluster.store.put(volume)
        claim = copied(claim)
        notes = claim["metadata"].setdefault("annotations", {})
        notes |= {"pv.kubernetes.io/bind-completed": "yes", "pv.kubernetes.io/bound-by-controller": "yes"}
        claim["spec"]["volumeName"] = volume["metadata"]["name"]
        claim["status"] = {
            "phase": "Bound",
            "accessModes": list(volume["spec"]["accessModes"]),
            "capacity": dict(volume["spec"]["capacity"]),
        }
        self.cluster.store.put(claim)

    def _tell(self, claim: Object, reason: str, message: str, *, by: str = "", warning: bool = False) -> None:
        kind = "Warning" if warning else "Normal"
        self.cluster.events.record(claim, kind, reason, message, by=by or self.name)


def _reference(claim: Object) -> Object:
    meta = claim["metadata"]
    return {
        "kind": "PersistentVolumeClaim", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"],
        "apiVersion": "v1",
    }  # fmt: skip


def _taken(volume: Object, claim: Object) -> bool:
    """Whether the volume is another claim's."""
    reference = dig(volume, "spec", "claimRef")
    if not reference:
        return False
    meta = claim["metadata"]
    same = (reference.get("namespace"), reference.get("name")) == (meta["namespace"], meta["name"])
    return not same or reference.get("uid") not in (None, "", meta["uid"])


def _size(volume: Object) -> tuple[object, str]:
    return amount(dig(volume, "spec", "capacity", "storage")), str(volume["metadata"]["name"])


def fits(volume: Object, claim: Object) -> bool:
    """Whether the claim can be bound to the volume."""
    spec, wanted = volume["spec"], claim["spec"]
    return (
        not _taken(volume, claim)
        and dig(volume, "status", "phase") in ("Available", "Pending", "Bound")
        and str(spec.get("storageClassName") or "") == str(wanted.get("storageClassName") or "")
        and set(wanted["accessModes"]) <= set(spec.get("accessModes") or ())
        and amount(dig(spec, "capacity", "storage"))
        >= amount(dig(wanted, "resources", "requests", "storage"))
        and spec.get("volumeMode", "Filesystem") == wanted.get("volumeMode", "Filesystem")
        and (not wanted.get("selector") or matches(wanted["selector"], labels_of(volume)))
    )
