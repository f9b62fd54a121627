"""node-cordoned: the only node that would do, and cordons that do not matter."""

from __future__ import annotations

from tests.faults.kit import examined, found, node, only, remedy, root, unscheduled
from tests.support.cluster import Cluster, container

TEXT = "0/1 nodes are available: 1 node(s) were unschedulable."


def test_only_node_is_cordoned() -> None:
    cluster = unscheduled("api", {"containers": [container()]}, TEXT)
    node(cluster, cordoned=True)
    finding = only("node-cordoned", cluster)
    assert "uncordon" in remedy(finding).escalate
    assert root(cluster) == ("node-cordoned", "Node node-1")


def test_newest_cordon_is_named() -> None:
    cluster = unscheduled("api", {"containers": [container()]}, TEXT)
    for name, added in (("node-1", "2026-11-20T00:00:00Z"), ("node-2", "2026-11-22T00:00:00Z")):
        taint = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "timeAdded": added}
        node(cluster, name, cordoned=True, taints=[taint])
    assert str(only("node-cordoned", cluster).object) == "Node node-2"


def test_lookalike_cordoned_and_nothing_waits() -> None:
    cluster = Cluster()
    cluster.deployment("api", {"containers": [container()]})
    node(cluster, cordoned=True)
    assert examined(cluster).verdict == "healthy"


def test_lookalike_cordon_beside_a_selector_that_matches_nothing() -> None:
    spec = {"containers": [container()], "nodeSelector": {"disk": "nvme"}}
    cluster = unscheduled("api", spec, TEXT)
    node(cluster, cordoned=True)
    assert not [item for item in found("node-cordoned", cluster) if item.confidence > 0.7]
    assert root(cluster)[0] == "node-selector-mismatch"
