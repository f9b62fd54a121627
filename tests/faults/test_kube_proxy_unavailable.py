"""kube-proxy-unavailable: one node from which Services fail, and Services that fail everywhere."""

from __future__ import annotations

from tests.faults.kit import caller, found, get, lines, node, root, served
from tests.support.cluster import Cluster


def spread(second: str = "") -> Cluster:
    cluster = Cluster()
    node(cluster)
    node(cluster, "node-2")
    for name in ("cart", "ads"):
        served(cluster, name)
    calls = [
        lines(f"dial tcp {name}:8080: i/o timeout", 3, start).split("\n")
        for name, start in (("cart", 42), ("ads", 45))
    ]
    log = "\n".join(line for pair in zip(*calls, strict=True) for line in pair)
    env = {"CART": "http://cart:8080", "ADS": "http://ads:8080"}
    caller(cluster, "web", env, log)
    caller(cluster, "admin", env, second)
    for name, where in (("web", "node-1"), ("admin", "node-2"), ("cart", "node-2"), ("ads", "node-2")):
        get(cluster, "Pod", f"{name}-new-0")["spec"]["nodeName"] = where
    return cluster


def test_one_node_fails_to_reach_services() -> None:
    assert root(spread()) == ("kube-proxy-unavailable", "Node node-1")


def test_its_own_pod_is_not_ready() -> None:
    cluster = spread()
    pod = cluster.add(
        "Pod",
        "kube-proxy-x",
        metadata={"namespace": "kube-system"},
        spec={"nodeName": "node-2"},
        status={"phase": "Pending"},
    )
    assert pod["metadata"]["namespace"] == "kube-system"
    assert any(str(item.object) == "Node node-2" for item in found("kube-proxy-unavailable", cluster))


def test_lookalike_fails_from_everywhere() -> None:
    assert not found("kube-proxy-unavailable", spread(lines("dial tcp cart:8080: i/o timeout")))
