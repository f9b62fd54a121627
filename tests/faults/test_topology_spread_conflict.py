"""topology-spread-conflict: labels no node has, imbalance, and soft rules."""

from __future__ import annotations

from typing import Any

from tests.faults.kit import found, node, only, pending, remedy, root
from tests.support.cluster import Cluster, container

TEXT = "0/2 nodes are available: 2 node(s) didn't match pod topology spread constraints."


def spreading(key: str = "zone", when: str = "DoNotSchedule") -> dict[str, Any]:
    rule = {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": when,
        "labelSelector": {"matchLabels": {"app": "api"}},
    }
    return {"containers": [container()], "topologySpreadConstraints": [rule]}


def crowded(spec: dict[str, Any]) -> Cluster:
    cluster = Cluster()
    node(cluster, labels={"zone": "a"})
    node(cluster, "node-2", labels={"zone": "b"}, cordoned=True)
    cluster.deployment("api", spec, replicas=2)
    for obj in cluster.objects:
        if obj["kind"] == "Pod":
            obj["spec"]["nodeName"] = "node-1"
    pod = pending(cluster, "api-new-1", TEXT)
    del pod["spec"]["nodeName"]
    return cluster


def test_label_that_no_node_has() -> None:
    cluster = crowded(spreading("rack"))
    finding = only("topology-spread-conflict", cluster)
    assert finding.variant == "label"
    assert remedy(finding).edits[0].field == "/spec/template/spec/topologySpreadConstraints"
    assert root(cluster)[0] == "topology-spread-conflict"


def test_imbalance() -> None:
    assert any(item.variant == "skew" for item in found("topology-spread-conflict", crowded(spreading())))


def test_lookalike_soft() -> None:
    assert not found("topology-spread-conflict", crowded(spreading("rack", "ScheduleAnyway")))
