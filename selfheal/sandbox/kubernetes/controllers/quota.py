"""ResourceQuotas: what a namespace uses of what it may."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.objects import Key, Object, dig, entries, finished, key_of
from selfheal.sandbox.kubernetes.quantity import amount, show
from selfheal.sandbox.kubernetes.registry import BY_KIND, RESOURCES
from selfheal.sandbox.kubernetes.store import Change

#: Kinds that quotas count by their plain plural.
_PLAIN = {"Service", "ConfigMap", "Secret", "PersistentVolumeClaim", "ResourceQuota"}


class QuotaController:
    """Keeps ``status.used`` of every quota."""

    name = "resourcequota-controller"

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def wake(self, change: Change) -> Iterable[Key]:
        obj = change.object
        if obj["kind"] == "ResourceQuota":
            yield key_of(obj)
        elif obj["kind"] in _PLAIN or obj["kind"] == "Pod" or change.type != "MODIFIED":
            for quota in self.cluster.store.of("ResourceQuota", str(obj["metadata"].get("namespace") or "-")):
                yield key_of(quota)

    def sync(self, key: Key) -> None:
        quota = self.cluster.store.at(key)
        if quota is None:
            return
        hard = dig(quota, "spec", "hard", default={})
        used = usage(self.cluster, key.namespace, hard)
        shown = {name: show(value, name) for name, value in used.items()}
        self.cluster.set_status(quota, {"hard": dict(hard), "used": shown})


def usage(cluster: Cluster, namespace: str, names: Iterable[str]) -> dict[str, Decimal]:
    """What the namespace uses of each resource named."""
    total = {name: Decimal(0) for name in names}
    for resource in RESOURCES:
        if resource.namespaced:
            for obj in cluster.store.of(resource.kind, namespace):
                for name, value in cost(obj).items():
                    if name in total:
                        total[name] += value
    return total


def cost(obj: Object) -> dict[str, Decimal]:
    """What one object counts for, by the names that quotas use."""
    kind = obj["kind"]
    if kind == "Pod":
        return {} if finished(obj) else pod_cost(obj)
    resource = BY_KIND[kind]
    found = {f"count/{resource.qualified}": Decimal(1)}
    if kind in _PLAIN:
        found[resource.plural] = Decimal(1)
    if kind == "PersistentVolumeClaim":
        found["requests.storage"] = amount(dig(obj, "spec", "resources", "requests", "storage"))
    if kind == "Service" and dig(obj, "spec", "type") in ("LoadBalancer", "NodePort"):
        found[f"services.{obj['spec']['type'].lower()}s"] = Decimal(1)
    return found


def pod_cost(pod: Object) -> dict[str, Decimal]:
    """Pods count by the sum of their containers, or by their largest init container."""
    found = {"pods": Decimal(1), "count/pods": Decimal(1)}
    for word in ("requests", "limits"):
        for name in ("cpu", "memory", "ephemeral-storage"):
            each = [dig(item, "resources", word, name) for item in entries(pod, "spec", "containers")]
            first = [dig(item, "resources", word, name) for item in entries(pod, "spec", "initContainers")]
            if all(value is None for value in (*each, *first)):
                continue
            value = max(
                sum((amount(item) for item in each), Decimal(0)),
                *(amount(item) for item in first),
                Decimal(0),
            )
            found[f"{word}.{name}"] = value
            if word == "requests":
                found[name] = value
    return found
