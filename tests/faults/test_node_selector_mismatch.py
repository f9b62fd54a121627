"""node-selector-mismatch, told from affinity, which has the same text."""

from __future__ import annotations

from selfheal.faults.interface import LastGood
from tests.faults.kit import found, node, only, remedy, root, unscheduled
from tests.support.cluster import container

TEXT = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."


def test_value_that_no_node_has() -> None:
    cluster = unscheduled("api", {"containers": [container()], "nodeSelector": {"disk": "nvme"}}, TEXT)
    node(cluster, labels={"disk": "ssd"})
    finding = only("node-selector-mismatch", cluster)
    (edit,) = remedy(finding).edits
    assert edit.field == "/spec/template/spec/nodeSelector/disk"
    assert edit.value.fallback.value == "ssd"
    assert root(cluster) == ("node-selector-mismatch", "Deployment shop/api")


def test_pair_that_is_new_is_removed() -> None:
    spec = {"containers": [container()], "nodeSelector": {"gpu": "yes"}}
    cluster = unscheduled("api", spec, TEXT, before={"containers": [container()]})
    node(cluster)
    (edit,) = remedy(only("node-selector-mismatch", cluster)).edits
    assert (edit.op, edit.field) == ("remove", "/spec/template/spec/nodeSelector")


def test_a_value_of_a_node_that_would_not_take_the_pod_is_not_meant() -> None:
    cluster = unscheduled("api", {"containers": [container()], "nodeSelector": {"pool": "cache"}}, TEXT)
    node(
        cluster, labels={"pool": "batch"}, taints=[{"key": "only", "value": "batch", "effect": "NoSchedule"}]
    )
    node(cluster, "node-2")
    (edit,) = remedy(only("node-selector-mismatch", cluster)).edits
    assert edit.value == LastGood()


def test_lookalike_affinity() -> None:
    term = {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["nvme"]}]}
    affinity = {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    }
    cluster = unscheduled("api", {"containers": [container()], "affinity": affinity}, TEXT)
    node(cluster, labels={"disk": "ssd"})
    assert not found("node-selector-mismatch", cluster)
    assert root(cluster)[0] == "node-affinity-mismatch"


def test_lookalike_the_matching_node_is_cordoned() -> None:
    spec = {"containers": [container()], "nodeSelector": {"disk": "ssd"}}
    cluster = unscheduled(
        "api",
        spec,
        "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) were unschedulable.",
    )
    node(cluster, labels={"disk": "ssd"}, cordoned=True)
    node(cluster, "node-2")
    assert root(cluster) == ("node-cordoned", "Node node-1")
