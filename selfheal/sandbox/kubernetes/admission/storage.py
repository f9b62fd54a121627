"""DefaultStorageClass admission."""

from __future__ import annotations

from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.objects import Object, annotations_of

_DEFAULT = "storageclass.kubernetes.io/is-default-class"


def default_class(cluster: Cluster, obj: Object) -> None:
    """A new claim that names no class gets the default one; "" asks for none."""
    if obj["kind"] != "PersistentVolumeClaim" or obj["spec"].get("storageClassName") is not None:
        return
    for item in cluster.store.of("StorageClass"):
        if annotations_of(item).get(_DEFAULT) == "true":
            obj["spec"]["storageClassName"] = item["metadata"]["name"]
