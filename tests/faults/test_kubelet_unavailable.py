"""kubelet-unavailable: silence, and pods that wait for something else."""

from __future__ import annotations

from tests.faults.kit import found, get, node, only, root
from tests.faults.test_node_not_ready import ill
from tests.support.cluster import Cluster, ago, container


def test_condition_is_unknown() -> None:
    cluster = ill("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
    assert only("kubelet-unavailable", cluster).confidence > 0.9


def bound(seconds: float) -> Cluster:
    cluster = Cluster()
    node(cluster)
    node(cluster, "node-2")
    cluster.deployment(
        "api", {"containers": [container()], "nodeName": "node-1"}, status={"ready": False, "state": {}}
    )
    scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": ago(seconds)}
    get(cluster, "Pod", "api-new-0")["status"] = {"phase": "Pending", "conditions": [scheduled]}
    return cluster


def test_bound_pod_that_nobody_touches() -> None:
    assert root(bound(300)) == ("kubelet-unavailable", "Node node-1")


def test_lookalike_bound_just_now() -> None:
    assert not found("kubelet-unavailable", bound(5))


def test_lookalike_kubelet_reports_trouble() -> None:
    assert not found("kubelet-unavailable", ill("False", "KubeletNotReady", "PLEG is not healthy"))
