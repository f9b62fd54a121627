"""node-pressure: conditions that are true, and evictions of long ago."""

from __future__ import annotations

import pytest

from tests.faults.kit import event, found, node, only, root
from tests.support.cluster import Cluster, container

READY = {"type": "Ready", "status": "True"}


@pytest.mark.parametrize(
    ("kind", "variant"), [("MemoryPressure", "memory"), ("DiskPressure", "disk"), ("PIDPressure", "pid")]
)
def test_kinds(kind: str, variant: str) -> None:
    cluster = Cluster()
    node(cluster, conditions=[READY, {"type": kind, "status": "True", "message": "kubelet has pressure"}])
    cluster.deployment("api", {"containers": [container()], "nodeName": "node-1"})
    assert only("node-pressure", cluster).variant == variant
    assert root(cluster) == ("node-pressure", "Node node-1")


def test_lookalike_recovered() -> None:
    cluster = Cluster()
    made = node(cluster, conditions=[READY, {"type": "MemoryPressure", "status": "False"}])
    cluster.deployment("api", {"containers": [container()]})
    event(cluster, made, "EvictionThresholdMet", "Attempting to reclaim memory", seconds=3000)
    assert not found("node-pressure", cluster)
    assert root(cluster)[0] == "healthy"
