"""node-not-ready: trouble that the kubelet reports, and nodes that only look ill."""

from __future__ import annotations

from typing import Any

from tests.faults.kit import examined, found, node, only, remedy, root
from tests.support.cluster import Cluster, container


def ill(status: str, reason: str, message: str, **more: Any) -> Cluster:
    cluster = Cluster()
    node(
        cluster,
        conditions=[{"type": "Ready", "status": status, "reason": reason, "message": message}],
        **more,
    )
    node(cluster, "node-2")
    cluster.deployment("api", {"containers": [container()]})
    for obj in cluster.objects:
        if obj["kind"] == "Pod":
            obj["spec"]["nodeName"] = "node-1"
            obj["status"]["conditions"][0]["status"] = "False"
        if obj["kind"] == "Deployment":
            obj["status"]["availableReplicas"] = 0
    return cluster


def test_network_plugin() -> None:
    cluster = ill(
        "False", "KubeletNotReady", "container runtime network not ready: cni plugin not initialized"
    )
    finding = only("node-not-ready", cluster)
    assert (finding.variant, [str(ref) for ref in finding.affects]) == ("network", ["Deployment shop/api"])
    assert remedy(finding).escalate
    assert root(cluster) == ("node-not-ready", "Node node-1")


def test_lookalike_silent_kubelet() -> None:
    cluster = ill("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
    assert not found("node-not-ready", cluster)
    assert root(cluster) == ("kubelet-unavailable", "Node node-1")


def test_lookalike_cordoned() -> None:
    cluster = Cluster()
    node(cluster, cordoned=True)
    cluster.deployment("api", {"containers": [container()]})
    assert not found("node-not-ready", cluster)
    assert examined(cluster).verdict == "healthy"
