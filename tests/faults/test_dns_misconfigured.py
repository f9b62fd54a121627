"""dns-misconfigured: settings of the pod, the cluster's DNS, and names that do not exist."""

from __future__ import annotations

from tests.faults.kit import caller, found, lines, only, remedy, root, served
from tests.support.cluster import Cluster

LINE = "dial tcp: lookup cart on 8.8.8.8:53: no such host"


def shop(log: str, callers: int = 1, **spec: object) -> Cluster:
    cluster = Cluster()
    served(cluster, "cart")
    for number in range(callers):
        made = caller(cluster, f"web-{number}", {"CART": "http://cart:8080"}, log)
        made["spec"]["template"]["spec"].update(spec)
    return cluster


def test_policy_none() -> None:
    cluster = shop(lines(LINE), dnsPolicy="None", dnsConfig={"nameservers": ["8.8.8.8"]})
    edits = remedy(only("dns-misconfigured", cluster)).edits
    assert [(edit.field, edit.op) for edit in edits] == [
        ("/spec/template/spec/dnsPolicy", "set"),
        ("/spec/template/spec/dnsConfig", "remove"),
    ]
    assert edits[0].value.fallback.value == "ClusterFirst"
    assert root(cluster) == ("dns-misconfigured", "Deployment shop/web-0")


def test_the_clusters_dns() -> None:
    cluster = shop(lines(LINE), 2)
    assert root(cluster)[0] == "dns-misconfigured"
    assert all(item.variant == "cluster" for item in found("dns-misconfigured", cluster))


def test_lookalike_name_that_does_not_exist() -> None:
    cluster = shop(lines(LINE.replace("cart", "carts")))
    assert not found("dns-misconfigured", cluster)


def test_lookalike_own_policy_and_nothing_fails() -> None:
    assert not found("dns-misconfigured", shop("", dnsPolicy="Default"))
