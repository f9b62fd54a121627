"""Ingresses: an address from the controller of their class, where that class exists."""

from __future__ import annotations

from collections.abc import Iterable

from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.objects import Key, Object, annotations_of, dig, key_of
from selfheal.sandbox.kubernetes.store import Change

ADDRESS = "10.0.0.240"
_DEFAULT = "ingressclass.kubernetes.io/is-default-class"


class IngressController:
    """See the module."""

    name = "nginx-ingress-controller"

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def wake(self, change: Change) -> Iterable[Key]:
        obj = change.object
        if obj["kind"] == "Ingress":
            yield key_of(obj)
        elif obj["kind"] == "IngressClass":
            for ingress in self.cluster.store.of("Ingress"):
                yield key_of(ingress)

    def sync(self, key: Key) -> None:
        ingress = self.cluster.store.at(key)
        if ingress is None:
            return
        served = self._served(ingress)
        status = {"loadBalancer": {"ingress": [{"ip": ADDRESS}]} if served else {}}
        if served and ingress.get("status") != status:
            self.cluster.events.record(ingress, "Normal", "Sync", "Scheduled for sync", by=self.name)
        self.cluster.set_status(ingress, status)

    def _served(self, ingress: Object) -> bool:
        name = dig(ingress, "spec", "ingressClassName") or annotations_of(ingress).get(
            "kubernetes.io/ingress.class"
        )
        if name:
            return self.cluster.store.get("IngressClass", "", str(name)) is not None
        return any(
            annotations_of(item).get(_DEFAULT) == "true" for item in self.cluster.store.of("IngressClass")
        )
