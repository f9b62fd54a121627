"""Claims and volumes as the scheduler sees them: what is unbound, and which nodes a volume can be reached from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfheal.sandbox.kubernetes.objects import Object, dig, entries
from selfheal.sandbox.kubernetes.selectors import node_matches

if TYPE_CHECKING:
    from selfheal.sandbox.kubernetes.cluster import Cluster

SELECTED = "volume.kubernetes.io/selected-node"


class Claims:
    """The claims of one pod."""

    def __init__(self, cluster: Cluster, pod: Object) -> None:
        self._cluster = cluster
        namespace = str(pod["metadata"]["namespace"])
        self._names = [
            str(dig(volume, "persistentVolumeClaim", "claimName"))
            for volume in entries(pod, "spec", "volumes")
            if volume.get("persistentVolumeClaim")
        ]
        self._claims = [cluster.store.get("PersistentVolumeClaim", namespace, name) for name in self._names]

    def problem(self) -> str:
        """Why no node will do, "" when it depends on the node."""
        for name, claim in zip(self._names, self._claims, strict=True):
            if claim is None:
                return f'persistentvolumeclaim "{name}" not found. not found'
            if dig(claim, "metadata", "deletionTimestamp"):
                return f'persistentvolumeclaim "{name}" is being deleted. not found'
            bound = dig(claim, "status", "phase") == "Bound"
            if not bound and (dig(claim, "spec", "volumeName") or not self._waits(claim)):
                return "pod has unbound immediate PersistentVolumeClaims. not found"
        return ""

    def _waits(self, claim: Object) -> bool:
        """Whether the claim's class binds only when a pod is placed."""
        held = self._cluster.store.get(
            "StorageClass", "", str(dig(claim, "spec", "storageClassName", default=""))
        )
        return bool(dig(held, "volumeBindingMode") == "WaitForFirstConsumer")

    def unfit(self, node: Object) -> list[str]:
        """The reason why the pod's volumes cannot be reached from the node."""
        for claim in self._claims:
            name = dig(claim, "spec", "volumeName")
            volume = self._cluster.store.get("PersistentVolume", "", str(name)) if name else None
            terms = entries(volume, "spec", "nodeAffinity", "required", "nodeSelectorTerms")
            if terms and not any(node_matches(term, node) for term in terms):
                return ["node(s) didn't match PersistentVolume's node affinity"]
        return []

    def choose(self, node: Object) -> bool:
        """Tell the volume controller where the pod goes; whether there is anything to wait for."""
        waiting = False
        for claim in self._claims:
            if claim is None or dig(claim, "spec", "volumeName"):
                continue
            waiting = True
            held = {**claim, "metadata": {**claim["metadata"]}}
            if dig(held, "metadata", "annotations", SELECTED):
                continue
            notes = {**(held["metadata"].get("annotations") or {}), SELECTED: str(node["metadata"]["name"])}
            held["metadata"]["annotations"] = notes
            self._cluster.store.put(held)
        return waiting
