"""network-policy-blocking: selectors, ports and DNS, and policies that admit."""

from __future__ import annotations

from typing import Any

from tests.faults.kit import caller, found, lines, only, remedy, root, served
from tests.support.cluster import Cluster

TIMEOUT = "ERROR dial tcp cart:8080: i/o timeout"


def guarded(rule: dict[str, Any] | None, *, log: str = "", **spec: Any) -> Cluster:
    cluster = Cluster()
    served(cluster, "cart")
    caller(cluster, "web", {"CART": "http://cart:8080"}, log)
    cluster.add("NetworkPolicy", "deny", spec={"podSelector": {}, "policyTypes": ["Ingress"]})
    if rule is not None:
        body = {
            "podSelector": {"matchLabels": {"app": "cart"}},
            "policyTypes": ["Ingress"],
            "ingress": [rule],
            **spec,
        }
        cluster.add("NetworkPolicy", "allow-cart", spec=body)
    return cluster


def admits(label: str, port: int = 8080, key: str = "app") -> dict[str, Any]:
    return {"from": [{"podSelector": {"matchLabels": {key: label}}}], "ports": [{"port": port}]}


def test_selector_under_another_key() -> None:
    cluster = guarded(admits("web", key="name"), log=lines(TIMEOUT))
    finding = only("network-policy-blocking", cluster)
    (edit,) = remedy(finding).edits
    assert edit.field == "/spec/ingress/0/from/0/podSelector/matchLabels"
    assert edit.value.fallback.value == {"app": "web"}
    assert root(cluster) == ("network-policy-blocking", "NetworkPolicy shop/allow-cart")


def test_port() -> None:
    finding = only("network-policy-blocking", guarded(admits("web", 9090), log=lines(TIMEOUT)))
    assert (finding.facts["field"], finding.facts["wanted"]) == ("/spec/ingress/0/ports/0/port", 8080)


def test_protocol() -> None:
    rule = admits("web")
    rule["ports"][0]["protocol"] = "UDP"
    finding = only("network-policy-blocking", guarded(rule, log=lines(TIMEOUT)))
    assert (finding.facts["field"], finding.facts["wanted"]) == ("/spec/ingress/0/ports/0/protocol", "TCP")


def test_deny_without_any_rule_is_for_a_person() -> None:
    cluster = guarded(None, log=lines(TIMEOUT))
    assert remedy(only("network-policy-blocking", cluster)).escalate
    assert root(cluster) == ("network-policy-blocking", "NetworkPolicy shop/deny")


def test_egress_without_dns() -> None:
    cluster = Cluster()
    served(cluster, "cart")
    caller(cluster, "web", {"CART": "http://cart:8080"}, lines("lookup cart on 10.96.0.10:53: i/o timeout"))
    rule = {"to": [{"podSelector": {"matchLabels": {"app": "cart"}}}], "ports": [{"port": 8080}]}
    spec = {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Egress"], "egress": [rule]}
    cluster.add("NetworkPolicy", "web-egress", spec=spec)
    assert any(item.variant == "dns" for item in found("network-policy-blocking", cluster))


def test_lookalike_admitted() -> None:
    assert not found("network-policy-blocking", guarded(admits("web"), log=lines(TIMEOUT)))


def test_lookalike_blocks_what_nobody_calls() -> None:
    cluster = guarded(admits("web"))
    served(cluster, "vault", 8200)
    assert root(cluster)[0] == "healthy"


def test_lookalike_service_of_another_protocol_than_its_pods() -> None:
    cluster = guarded(admits("web"), log=lines(TIMEOUT))
    for obj in cluster.objects:
        if obj["kind"] == "Service":
            obj["spec"]["ports"][0]["protocol"] = "UDP"
    assert not found("network-policy-blocking", cluster)


def test_policy_that_selects_no_pod_by_a_slip() -> None:
    """The rule is right, and whom it is about is misspelt: all else is denied."""
    cluster = guarded(admits("web"), log=lines(TIMEOUT), podSelector={"matchLabels": {"app": "catr"}})
    finding = only("network-policy-blocking", cluster)
    (edit,) = remedy(finding).edits
    assert (str(finding.object), edit.field) == (
        "NetworkPolicy shop/allow-cart",
        "/spec/podSelector/matchLabels",
    )
    assert edit.value.fallback.value == {"app": "cart"}


def test_lookalike_policy_that_is_about_other_pods() -> None:
    cluster = guarded(admits("web"), log=lines(TIMEOUT), podSelector={"matchLabels": {"app": "billing"}})
    assert remedy(only("network-policy-blocking", cluster)).escalate
