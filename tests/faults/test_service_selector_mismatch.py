"""service-selector-mismatch: what the Service was meant for, and Services that are right without endpoints."""

from __future__ import annotations

from typing import Any

from selfheal.faults.service_selector_mismatch import ServiceSelectorMismatch
from tests.support.cluster import Cluster, container, running

WEB = {"containers": [container(ports=[{"containerPort": 8080}])]}


def found(cluster: Cluster) -> list[Any]:
    return list(ServiceSelectorMismatch().detect(cluster.snapshot(), None))


def edits(finding: Any) -> set[tuple[str, str, Any]]:
    return {
        (edit.op, edit.field, edit.value.value) for edit in ServiceSelectorMismatch().remedy(finding).edits
    }


def test_value_under_another_key() -> None:
    cluster = Cluster()
    cluster.deployment("cart", WEB, labels={"app.kubernetes.io/name": "cart"})
    cluster.service("cart", {"app": "cart"})
    (finding,) = found(cluster)
    assert str(finding.object) == "Service shop/cart"
    assert edits(finding) == {
        ("set", "/spec/selector/app.kubernetes.io~1name", "cart"),
        ("remove", "/spec/selector/app", None),
    }


def test_mistyped_value() -> None:
    cluster = Cluster()
    cluster.deployment("checkout", WEB)
    cluster.deployment("cart", WEB)
    cluster.service("checkout-http", {"app": "chekout"})
    (finding,) = found(cluster)
    assert edits(finding) == {("set", "/spec/selector/app", "checkout")}


def test_pair_no_pod_carries_is_dropped() -> None:
    cluster = Cluster()
    cluster.deployment("tariff", WEB, labels={"name": "tariff", "part": "api"})
    cluster.service("tariff", {"name": "tariff", "part": "api", "version": "4.6"})
    (finding,) = found(cluster)
    assert edits(finding) == {("remove", "/spec/selector/version", None)}


def test_result_selects_one_workload_only() -> None:
    cluster = Cluster()
    cluster.deployment("cart", WEB, labels={"tier": "web", "app": "cart"})
    cluster.deployment("front", WEB, labels={"tier": "web", "app": "front"})
    cluster.service("cart", {"tier": "web", "release": "blue"})
    (finding,) = found(cluster)
    assert finding.facts["wanted"] == {"tier": "web", "app": "cart"}


def test_lookalike_pods_match_and_are_not_ready() -> None:
    cluster = Cluster()
    cluster.deployment("cart", WEB, status=running(ready=False))
    cluster.service("cart", {"app": "cart"})
    assert not found(cluster)


def test_lookalike_meant_pods_are_not_ready_either() -> None:
    cluster = Cluster()
    cluster.deployment("cart", WEB, status=running(ready=False))
    cluster.service("cart", {"app": "carts"})
    assert not found(cluster)


def test_lookalike_nothing_is_meant() -> None:
    cluster = Cluster()
    cluster.deployment("cart", WEB)
    cluster.service("legacy-gateway", {"role": "gateway"}, port=9999)
    assert not found(cluster)


def test_lookalike_two_are_meant_alike() -> None:
    cluster = Cluster()
    cluster.deployment("worker-a", WEB, labels={"team": "x", "app": "a"})
    cluster.deployment("worker-b", WEB, labels={"team": "x", "app": "b"})
    cluster.service("workers", {"team": "x", "app": "c"})
    assert not found(cluster)


def test_lookalike_no_selector_or_external() -> None:
    cluster = Cluster()
    cluster.deployment("cart", WEB)
    cluster.add("Service", "cart", spec={"ports": [{"port": 1}]})
    cluster.add(
        "Service",
        "cart-ext",
        spec={"type": "ExternalName", "externalName": "x", "selector": {"app": "carts"}},
    )
    assert not found(cluster)


def test_lookalike_scaled_to_zero() -> None:
    cluster = Cluster()
    cluster.deployment("cart", WEB, replicas=0)
    cluster.service("cart", {"app": "cart"})
    assert not found(cluster)


def test_selects_the_pods_of_another_workload() -> None:
    cluster = Cluster()
    for name in ("cart", "ads"):
        cluster.deployment(name, {"containers": [container(ports=[{"containerPort": 8080}])]})
    cluster.service("ads", {"app": "ads"})
    cluster.service("cart", {"app": "ads"})
    (finding,) = ServiceSelectorMismatch().detect(cluster.snapshot(), None)
    assert (str(finding.object), finding.facts["wanted"]) == ("Service shop/cart", {"app": "cart"})


def test_lookalike_a_second_service_for_the_same_workload() -> None:
    cluster = Cluster()
    cluster.deployment("ads", {"containers": [container()]})
    cluster.service("ads", {"app": "ads"})
    cluster.service("ads-admin", {"app": "ads"})
    assert not list(ServiceSelectorMismatch().detect(cluster.snapshot(), None))
