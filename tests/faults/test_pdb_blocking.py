"""pdb-blocking: budgets that allow nothing while somebody waits, and budgets that protect."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.kit import event, found, get, node, only, remedy, root
from tests.support.cluster import Cluster, container, crashing


def budget(
    replicas: int = 2, *, cordoned: bool = True, status: dict[str, Any] | None = None, **spec: Any
) -> Cluster:
    cluster = Cluster()
    node(cluster, cordoned=cordoned)
    cluster.deployment(
        "api", {"containers": [container()], "nodeName": "node-1"}, replicas=replicas, status=status
    )
    cluster.add(
        "PodDisruptionBudget",
        "api",
        spec={"selector": {"matchLabels": {"app": "api"}}, **spec},
        status={"disruptionsAllowed": 0, "currentHealthy": replicas if status is None else 0},
    )
    return cluster


@pytest.mark.parametrize(
    ("spec", "wanted"), [({"minAvailable": 2}, 1), ({"minAvailable": "100%"}, 1), ({"maxUnavailable": 0}, 1)]
)
def test_allows_nothing(spec: dict[str, Any], wanted: int) -> None:
    cluster = budget(**spec)
    (edit,) = remedy(only("pdb-blocking", cluster)).edits
    assert edit.value.fallback.value == wanted
    assert root(cluster) == ("pdb-blocking", "PodDisruptionBudget shop/api")


def test_single_replica_is_for_a_person() -> None:
    assert remedy(only("pdb-blocking", budget(1, minAvailable=1))).escalate


def test_refused_eviction() -> None:
    cluster = budget(cordoned=False, minAvailable=2)
    event(
        cluster,
        get(cluster, "Pod", "api-new-0"),
        "EvictionFailed",
        "Cannot evict pod as it would violate the pod's disruption budget.",
    )
    assert found("pdb-blocking", cluster)


def test_lookalike_nothing_waits() -> None:
    assert not found("pdb-blocking", budget(cordoned=False, minAvailable=2))


def test_lookalike_pods_are_ill() -> None:
    assert root(budget(status=crashing("OOMKilled", 137), minAvailable=2))[0] == "oom-killed"


def test_lookalike_allows_one() -> None:
    assert not found("pdb-blocking", budget(3, minAvailable=2))
