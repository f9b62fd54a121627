"""Services get an address of the cluster's range."""

from __future__ import annotations

from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.objects import Object, dig


def cluster_address(cluster: Cluster, obj: Object) -> None:
    """Allocate ``clusterIP`` where none is set and one is due."""
    if obj["kind"] != "Service" or dig(obj, "spec", "type") == "ExternalName":
        return
    spec = obj["spec"]
    if not spec.get("clusterIP"):
        held = cluster.store.get("Service", str(obj["metadata"]["namespace"]), str(obj["metadata"]["name"]))
        spec["clusterIP"] = dig(held, "spec", "clusterIP") or _free(cluster)
    spec["clusterIPs"] = [spec["clusterIP"]]


def _free(cluster: Cluster) -> str:
    taken = {dig(service, "spec", "clusterIP") for service in cluster.store.of("Service")}
    while True:
        address = f"10.96.{cluster.random.randrange(1, 255)}.{cluster.random.randrange(1, 255)}"
        if address not in taken:
            return address
