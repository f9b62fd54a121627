"""service-protocol-mismatch: UDP before TCP, and Services that speak both rightly."""

from __future__ import annotations

from tests.faults.kit import caller, found, lines, only, remedy, root, served
from tests.support.cluster import Cluster


def shop(protocol: str, **more: object) -> Cluster:
    cluster = Cluster()
    service = served(cluster, "cart", **more)
    service["spec"]["ports"] = [{"port": 8080, "targetPort": 8080, "protocol": protocol}]
    return cluster


def test_udp_before_a_tcp_port() -> None:
    cluster = shop("UDP")
    caller(cluster, "web", {"CART": "http://cart:8080"}, lines("ERROR dial tcp cart:8080: i/o timeout"))
    finding = only("service-protocol-mismatch", cluster)
    assert [edit.value.fallback.value for edit in remedy(finding).edits] == ["TCP"]
    assert root(cluster) == ("service-protocol-mismatch", "Service shop/cart")


def test_probe_tells_where_nothing_is_declared() -> None:
    cluster = shop("UDP", readinessProbe={"httpGet": {"port": 8080, "path": "/"}})
    for obj in cluster.objects:
        if obj["kind"] == "Pod":
            del obj["spec"]["containers"][0]["ports"]
    assert only("service-protocol-mismatch", cluster).facts["wanted"] == "TCP"


def test_lookalike_same_protocol() -> None:
    assert not found("service-protocol-mismatch", shop("TCP"))


def test_lookalike_declared_for_both() -> None:
    cluster = shop("UDP")
    for obj in cluster.objects:
        if obj["kind"] == "Pod":
            obj["spec"]["containers"][0]["ports"].append({"containerPort": 8080, "protocol": "UDP"})
    assert not found("service-protocol-mismatch", cluster)
