"""limit-range-violated: maxima and minima, and what is not about one container."""

from __future__ import annotations

from selfheal.faults.interface import LastGood
from tests.faults.kit import found, only, refused, remedy, root
from tests.support.cluster import container

SPEC = {"containers": [container(resources={"limits": {"memory": "4Gi"}, "requests": {"memory": "4Gi"}})]}


def test_maximum() -> None:
    text = 'pods "api-1" is forbidden: maximum memory usage per Container is 2Gi, but limit is 4Gi'
    cluster = refused("api", text, SPEC)
    rule = {"type": "Container", "max": {"memory": "2Gi"}}
    cluster.add("LimitRange", "limits", spec={"limits": [rule]})
    finding = only("limit-range-violated", cluster)
    base = "/spec/template/spec/containers/name=app/resources"
    assert [(edit.field, edit.value.fallback.value) for edit in remedy(finding).edits] == [
        (f"{base}/limits/memory", "2Gi"),
        (f"{base}/requests/memory", "2Gi"),
    ]
    assert root(cluster) == ("limit-range-violated", "Deployment shop/api")


def test_a_request_outside_beside_another_limit_has_no_size_that_was_meant() -> None:
    resources = {"limits": {"memory": "96Gi"}, "requests": {"memory": "64Gi"}}
    text = 'pods "api-1" is forbidden: maximum memory usage per Container is 2Gi, but limit is 96Gi'
    cluster = refused("api", text, {"containers": [container(resources=resources)]})
    edits = remedy(only("limit-range-violated", cluster)).edits
    assert [edit.value for edit in edits] == [LastGood(), LastGood()]


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
