"""limit-range-violated: maxima and minima, and what is not about one container."""

from __future__ import annotations

from tests.faults.kit import found, only, refused, remedy, root
from tests.support.cluster import container

SPEC = {"containers": [container(resources={"limits": {"memory": "4Gi"}, "requests": {"memory": "4Gi"}})]}


def test_maximum() -> None:
    text = 'pods "api-1" is forbidden: maximum memory usage per Container is 2Gi, but limit is 4Gi'
    cluster = refused("api", text, SPEC)
    rule = {"type": "Container", "max": {"memory": "2Gi"}}
    cluster.add("LimitRange", "limits", spec={"limits": [rule]})
    finding = only("limit-range-violated", cluster)
    (edit,) = remedy(finding).edits
    assert (edit.field, edit.value.fallback.value) == (
        "/spec/template/spec/containers/name=app/resources/limits/memory",
        "2Gi",
    )
    assert root(cluster) == ("limit-range-violated", "Deployment shop/api")


def test_minimum() -> None:
    spec = {"containers": [container(resources={"requests": {"cpu": "1m"}})]}
    finding = only(
        "limit-range-violated",
        refused("api", "minimum cpu usage per Container is 10m, but request is 1m", spec),
    )
    assert finding.facts["field"].endswith("/requests/cpu")


def test_lookalike_quota() -> None:
    text = "exceeded quota: team, requested: limits.memory=4Gi, used: limits.memory=2Gi, limited: limits.memory=4Gi"
    assert not found("limit-range-violated", refused("api", text, SPEC))
