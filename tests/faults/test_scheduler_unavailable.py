"""scheduler-unavailable: Pending without a word, and pods the scheduler has spoken about."""

from __future__ import annotations

from tests.faults.kit import found, get, node, only, remedy, root, unscheduled
from tests.support.cluster import Cluster, ago, container


def silent(**spec: object) -> Cluster:
    cluster = unscheduled("api", {"containers": [container()], **spec})
    node(cluster)
    return cluster


def test_no_word_at_all() -> None:
    cluster = silent()
    finding = only("scheduler-unavailable", cluster)
    assert remedy(finding).escalate
    assert root(cluster) == ("scheduler-unavailable", "Deployment shop/api")


def test_scheduler_that_does_not_exist() -> None:
    finding = only("scheduler-unavailable", silent(schedulerName="batch"))
    assert finding.variant == "name"
    assert remedy(finding).edits[0].value.fallback.value == "default-scheduler"


def test_lookalike_the_scheduler_has_spoken() -> None:
    cluster = unscheduled(
        "api", {"containers": [container()]}, "0/1 nodes are available: 1 Insufficient cpu."
    )
    assert not found("scheduler-unavailable", cluster)


def test_lookalike_made_just_now() -> None:
    cluster = silent()
    get(cluster, "Pod", "api-new-0")["metadata"]["creationTimestamp"] = ago(3)
    assert not found("scheduler-unavailable", cluster)


def test_lookalike_scheduling_gate() -> None:
    cluster = silent()
    get(cluster, "Pod", "api-new-0")["spec"]["schedulingGates"] = [{"name": "x"}]
    assert not found("scheduler-unavailable", cluster)
