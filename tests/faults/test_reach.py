"""reach: NetworkPolicies, evaluated as their specification says."""

from __future__ import annotations

from typing import Any

import pytest

from selfheal.faults.reach import blocked, dns_blocked, policies_of
from tests.faults.kit import cluster_wide
from tests.support.cluster import Cluster, container, running

PORTS = [{"name": "http", "containerPort": 8080}]


def two(policy: dict[str, Any] | None = None, *, name: str = "p", home: str = "shop") -> Cluster:
    """A pod ``web`` that calls a pod ``cart``; a policy on cart unless it says otherwise."""
    cluster = Cluster()
    cluster_wide(cluster, "Namespace", "shop")["metadata"]["labels"] = {"team": "sales"}
    for pod, address in (("web", "10.1.0.7"), ("cart", "10.1.0.8")):
        made = cluster.pod(None, pod, {"containers": [container(ports=PORTS)]}, running(), {"app": pod})
        made["status"]["podIP"] = address
    if policy is not None:
        spec = {"podSelector": {"matchLabels": {"app": "cart"}}, **policy}
        cluster.add("NetworkPolicy", name, metadata={"namespace": home}, spec=spec)
    return cluster


def directions(cluster: Cluster, port: int | None = 8080, protocol: str = "TCP") -> list[str]:
    snapshot = cluster.snapshot()
    web, cart = (snapshot.get("Pod", "shop", name) or {} for name in ("web", "cart"))
    return [item.direction for item in blocked(snapshot, web, cart, port, protocol)]


def test_without_policies_everything_passes() -> None:
    assert not directions(two())


def test_a_policy_that_selects_and_admits_nobody_blocks() -> None:
    assert directions(two({})) == ["Ingress"]


def test_a_policy_of_another_namespace_selects_nothing_here() -> None:
    assert not directions(two({}, home="other"))


@pytest.mark.parametrize(
    ("rule", "passes"),
    [
        ({}, True),  # an empty rule admits everything
        ({"from": [{"podSelector": {}}]}, True),
        ({"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}, True),
        ({"from": [{"podSelector": {"matchLabels": {"app": "other"}}}]}, False),
        ({"from": [{"podSelector": {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}}]}, False),
        ({"from": [{"namespaceSelector": {"matchLabels": {"team": "sales"}}}]}, True),
        ({"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}]}, True),
        ({"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "other"}}}]}, False),
        ({"from": [{"namespaceSelector": {"matchLabels": {"team": "it"}}}, {"podSelector": {}}]}, True),  # either will do
        ({"from": [{"ipBlock": {"cidr": "10.1.0.0/16"}}]}, True),
        ({"from": [{"ipBlock": {"cidr": "10.1.0.0/16", "except": ["10.1.0.7/32"]}}]}, False),
        ({"from": [{"ipBlock": {"cidr": "not a block"}}]}, False),
        ({"ports": [{"port": 8080}]}, True),
        ({"ports": [{"port": "http"}]}, True),
        ({"ports": [{"port": "https"}]}, False),
        ({"ports": [{"port": 8000, "endPort": 8100}]}, True),
        ({"ports": [{"port": 8081, "endPort": 8100}]}, False),
        ({"ports": [{"port": 8080, "protocol": "UDP"}]}, False),
        ({"ports": [{"protocol": "TCP"}]}, True),  # a protocol alone means all its ports
    ],
)  # fmt: skip
def test_rules(rule: dict[str, Any], passes: bool) -> None:
    assert directions(two({"policyTypes": ["Ingress"], "ingress": [rule]})) == ([] if passes else ["Ingress"])


def test_policies_add_up() -> None:
    cluster = two({"ingress": []})
    spec = {"podSelector": {}, "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}]}
    cluster.add("NetworkPolicy", "q", spec=spec)
    assert not directions(cluster)


def test_egress_counts_on_the_caller() -> None:
    spec = {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Egress"]}
    assert directions(two(spec)) == ["Egress"]
    assert not directions(
        two({**spec, "egress": [{"to": [{"podSelector": {"matchLabels": {"app": "cart"}}}]}]})
    )


def test_types_follow_from_rules_where_none_are_given() -> None:
    web = {"podSelector": {"matchLabels": {"app": "web"}}}
    cluster = two({**web, "egress": [{"ports": [{"port": 53}]}]})
    snapshot = cluster.snapshot()
    pod = snapshot.get("Pod", "shop", "web") or {}
    assert policies_of(snapshot, pod, "Egress") and policies_of(snapshot, pod, "Ingress")


def test_a_sidecars_named_port_is_a_port_of_the_pod() -> None:
    cluster = two({"ingress": [{"ports": [{"port": "mesh"}]}]})
    pod = next(obj for obj in cluster.objects if obj["kind"] == "Pod" and obj["metadata"]["name"] == "cart")
    mesh = {"name": "mesh", "restartPolicy": "Always", "ports": [{"name": "mesh", "containerPort": 15001}]}
    pod["spec"]["initContainers"] = [mesh]
    assert not directions(cluster, 15001)


@pytest.mark.parametrize(
    ("egress", "lost"),
    [
        ([], True),
        ([{"ports": [{"port": 443}]}], True),
        ([{"ports": [{"port": 53, "protocol": "UDP"}]}], False),
        ([{"ports": [{"port": 53}]}], False),
        ([{"to": [{"podSelector": {}}]}], False),
    ],
)
def test_dns(egress: list[dict[str, Any]], lost: bool) -> None:
    cluster = two(
        {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Egress"], "egress": egress}
    )
    snapshot = cluster.snapshot()
    found = dns_blocked(snapshot, snapshot.get("Pod", "shop", "web") or {})
    assert (found is not None) == lost
