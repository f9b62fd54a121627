"""Namespaces: the service account and the root certificate that each of them gets."""

from __future__ import annotations

from collections.abc import Iterable

from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.objects import Key, key_of, terminating
from selfheal.sandbox.kubernetes.store import Change


class NamespaceController:
    """See the module."""

    name = "serviceaccount-controller"

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def wake(self, change: Change) -> Iterable[Key]:
        obj = change.object
        if obj["kind"] == "Namespace":
            yield key_of(obj)
        elif change.type == "DELETED" and obj["kind"] in ("ServiceAccount", "ConfigMap"):
            yield Key("Namespace", "", str(obj["metadata"]["namespace"]))

    def sync(self, key: Key) -> None:
        namespace = self.cluster.store.at(key)
        if namespace is None or terminating(namespace):
            return
        place = {"namespace": key.name}
        if self.cluster.store.get("ServiceAccount", key.name, "default") is None:
            account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", **place}}
            self.cluster.create(account)
        if self.cluster.store.get("ConfigMap", key.name, "kube-root-ca.crt") is None:
            self.cluster.create(
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": "kube-root-ca.crt", **place},
                    "data": {"ca.crt": ""},
                }
            )
