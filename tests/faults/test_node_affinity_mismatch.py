"""node-affinity-mismatch: operators and values, and affinity that matches."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.kit import found, node, only, remedy, root, unscheduled
from tests.support.cluster import container

TEXT = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."


def affine(*requirements: dict[str, Any]) -> dict[str, Any]:
    terms = [{"matchExpressions": list(requirements)}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    return {"containers": [container()], "affinity": {"nodeAffinity": required}}


def test_value_that_no_node_has() -> None:
    cluster = unscheduled("api", affine({"key": "zone", "operator": "In", "values": ["eu-1"]}), TEXT)
    node(cluster, labels={"zone": "eu-1a"})
    finding = only("node-affinity-mismatch", cluster)
    (edit,) = remedy(finding).edits
    assert edit.field.endswith("/nodeSelectorTerms/0/matchExpressions/0/values")
    assert edit.value.fallback.value == ["eu-1a"]
    assert root(cluster) == ("node-affinity-mismatch", "Deployment shop/api")


@pytest.mark.parametrize(
    "requirement",
    [
        {"key": "zone", "operator": "NotIn", "values": ["a"]},
        {"key": "gpu", "operator": "Exists"},
        {"key": "zone", "operator": "DoesNotExist"},
        {"key": "cores", "operator": "Gt", "values": ["8"]},
    ],
)
def test_operators(requirement: dict[str, Any]) -> None:
    cluster = unscheduled("api", affine(requirement), TEXT)
    node(cluster, labels={"zone": "a", "cores": "4"})
    assert root(cluster)[0] == "node-affinity-mismatch"


def test_lookalike_it_matches_and_the_node_is_full() -> None:
    spec = affine({"key": "zone", "operator": "In", "values": ["a"]})
    spec["containers"][0]["resources"] = {"requests": {"cpu": "64"}}
    cluster = unscheduled("api", spec, "0/1 nodes are available: 1 Insufficient cpu.")
    node(cluster, labels={"zone": "a"})
    assert not found("node-affinity-mismatch", cluster)
