"""Nodes that fall silent: their pods count as not ready, and are given up after five minutes."""

from __future__ import annotations

from collections.abc import Iterable

from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.objects import (
    Key,
    Object,
    copied,
    dig,
    finished,
    is_true,
    key_of,
    terminating,
)
from selfheal.sandbox.kubernetes.store import Change

#: Default tolerationSeconds for not-ready and unreachable nodes.
PATIENCE = 300.0


class NodeLifecycleController:
    """See the module."""

    name = "node-controller"

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def wake(self, change: Change) -> Iterable[Key]:
        if change.object["kind"] == "Node":
            yield key_of(change.object)

    def sync(self, key: Key) -> None:
        node = self.cluster.store.at(key)
        if node is None or is_true(node, "Ready"):
            return
        self.cluster.events.record(
            node, "Normal", "NodeNotReady", f"Node {key.name} status is now: NodeNotReady", by=self.name
        )
        for pod in self._pods(key.name):
            if is_true(pod, "Ready"):
                self._unready(pod)
        self.cluster.after(PATIENCE, lambda: self._give_up(key))

    def _pods(self, node: str) -> list[Object]:
        pods = self.cluster.store.of("Pod")
        return [pod for pod in pods if dig(pod, "spec", "nodeName") == node and not finished(pod)]

    def _unready(self, pod: Object) -> None:
        status = copied(pod)["status"]
        for item in status.get("conditions", []):
            if item["type"] == "Ready":
                item |= {"status": "False", "lastTransitionTime": self.cluster.stamp()}
        self.cluster.set_status(pod, status)
        self.cluster.events.record(pod, "Warning", "NodeNotReady", "Node is not ready", by=self.name)

    def _give_up(self, key: Key) -> None:
        node = self.cluster.store.at(key)
        if node is not None and is_true(node, "Ready"):
            return
        for pod in self._pods(key.name):
            if not terminating(pod):
                place = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
                told = f"Marking for deletion Pod {place}"
                self.cluster.events.record(
                    pod, "Normal", "TaintManagerEviction", told, by="taint-eviction-controller"
                )
                self.cluster.delete(key_of(pod))
