"""quota-exceeded: its kinds, and refusals that are history."""

from __future__ import annotations

from typing import Any

import pytest

from selfheal.faults.interface import Exact, Finding, LastGood
from tests.faults.kit import caller, event, examined, found, get, lines, only, refused, remedy, root
from tests.support.cluster import Cluster, container


def quota(cluster: Cluster, **hard: tuple[str, str]) -> dict[str, Any]:
    spec = {name.replace("_", "."): allowed for name, (allowed, _used) in hard.items()}
    used = {name.replace("_", "."): taken for name, (_allowed, taken) in hard.items()}
    return cluster.add("ResourceQuota", "team", spec={"hard": spec}, status={"hard": spec, "used": used})


@pytest.mark.parametrize(
    ("resource", "variant"),
    [
        ("requests.cpu", "cpu"),
        ("limits.memory", "memory"),
        ("pods", "pods"),
        ("requests.storage", "storage"),
        ("count/services", "services"),
    ],
)
def test_kinds(resource: str, variant: str) -> None:
    text = f'pods "api-1" is forbidden: exceeded quota: team, requested: {resource}=1, used: {resource}=2, limited: {resource}=2'
    cluster = refused("api", text)
    cluster.add("ResourceQuota", "team", spec={"hard": {resource: "2"}}, status={"used": {resource: "2"}})
    finding = only("quota-exceeded", cluster)
    assert finding.variant == variant
    assert root(cluster) == ("quota-exceeded", "ResourceQuota shop/team")


def test_remedy_restores_and_never_raises_by_itself() -> None:
    cluster = refused("api", "exceeded quota: team, requested: pods=1, used: pods=2, limited: pods=2")
    quota(cluster, pods=("2", "2"))
    (edit,) = remedy(only("quota-exceeded", cluster)).edits
    assert (edit.field, edit.value.fallback) == ("/spec/hard/pods", None)


def test_service_that_could_not_be_made() -> None:
    cluster = Cluster()
    cluster.deployment("cart", {"containers": [container()]})
    caller(cluster, "web", {}, lines("lookup cart on 10.96.0.10:53: no such host"))
    quota(cluster, services=("5", "5"))
    assert root(cluster) == ("quota-exceeded", "ResourceQuota shop/team")


def test_lookalike_all_pods_are_there_by_now() -> None:
    cluster = Cluster()
    cluster.deployment("api", {"containers": [container()]})
    quota(cluster, pods=("2", "2"))
    event(
        cluster,
        get(cluster, "ReplicaSet", "api-rs2"),
        "FailedCreate",
        "exceeded quota: team, requested: pods=1",
    )
    assert not found("quota-exceeded", cluster)
    assert examined(cluster).verdict == "healthy"


def test_lookalike_bound_of_a_single_container() -> None:
    assert not found("quota-exceeded", refused("api", "maximum cpu usage per Container is 1, but limit is 2"))


def test_a_refusal_is_history_when_the_controller_counts_all_pods_and_none_were_read() -> None:
    cluster = refused("api", "exceeded quota: team, requested: pods=1, used: pods=2, limited: pods=2")
    quota(cluster, pods=("3", "2"))
    cluster.unread.add("Pod")
    assert found("quota-exceeded", cluster)
    get(cluster, "Deployment", "api")["status"]["updatedReplicas"] = 1
    assert not found("quota-exceeded", cluster)


def overdrawn(now: dict[str, Any], before: dict[str, Any] | None) -> Finding:
    text = 'pods "api-1" is forbidden: exceeded quota: team, requested: requests.cpu=50, used: requests.cpu=1, limited: requests.cpu=2'
    cluster = refused("api", text, {"containers": [container(resources=now)]})
    if before is not None:
        top = get(cluster, "Deployment", "api")
        older = cluster.owned(
            top, "ReplicaSet", "api-rs1", metadata={"annotations": {"deployment.kubernetes.io/revision": "1"}},
            spec={"replicas": 1, "template": {"spec": {"containers": [container(resources=before)]}}},
            status={"readyReplicas": 1},
        )  # fmt: skip
        assert older
    cluster.add(
        "ResourceQuota", "team", spec={"hard": {"requests.cpu": "2"}}, status={"used": {"requests.cpu": "1"}}
    )
    return only("quota-exceeded", cluster)


CPU = "/spec/template/spec/containers/name=app/resources/requests/cpu"


def test_a_workload_that_asked_for_less_asks_for_that_again() -> None:
    (edit,) = remedy(overdrawn({"requests": {"cpu": "50"}}, {"requests": {"cpu": "50m"}})).edits
    assert (str(edit.object), edit.field) == ("Deployment shop/api", CPU)
    assert edit.value == LastGood(Exact("50m", "ReplicaSet shop/api-rs1"))


def test_a_workload_that_no_longer_asks_asks_again() -> None:
    (edit,) = remedy(overdrawn({}, {"requests": {"cpu": "50m"}})).edits
    assert edit.field == CPU


def test_more_than_the_whole_quota_is_the_workloads_own() -> None:
    (edit,) = remedy(overdrawn({"requests": {"cpu": "50"}}, None)).edits
    assert (edit.field, edit.value) == (CPU, LastGood())


def test_a_workload_that_asks_for_no_more_leaves_the_quota_to_blame() -> None:
    (edit,) = remedy(overdrawn({"requests": {"cpu": "1"}}, {"requests": {"cpu": "1"}})).edits
    assert edit.field == "/spec/hard/requests.cpu"
