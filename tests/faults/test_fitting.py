"""fitting: the scheduler's filters put together, node by node."""

from __future__ import annotations

from typing import Any

import pytest

from selfheal.faults.fitting import fits, stuck
from tests.faults.kit import cluster_wide, node, unscheduled
from tests.support.cluster import Cluster, container, running

ON_A_DISK = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}


def pending(**spec: Any) -> Cluster:
    """A Deployment whose one pod has no node; nothing else is there."""
    return unscheduled("api", {"containers": [container()], **spec}, "0/1 nodes are available")


def asking(**requests: str) -> dict[str, Any]:
    return {"containers": [container(resources={"requests": requests})]}


def reasons(cluster: Cluster) -> dict[str, set[str]]:
    snapshot = cluster.snapshot()
    pod = snapshot.get("Pod", "shop", "api-new-0") or {}
    return {fit.node.name: set(fit.reasons) for fit in fits(snapshot, pod)}


@pytest.mark.parametrize(
    ("spec", "machine", "why"),
    [
        ({}, {}, set()),
        ({}, {"cordoned": True}, {"cordon"}),
        ({}, {"conditions": [{"type": "Ready", "status": "Unknown"}]}, {"not-ready"}),
        ({}, {"taints": [{"key": "team", "value": "x", "effect": "NoSchedule"}]}, {"taint"}),
        ({}, {"taints": [{"key": "team", "value": "x", "effect": "PreferNoSchedule"}]}, set()),
        (
            {"tolerations": [{"operator": "Exists"}]},
            {"taints": [{"key": "team", "effect": "NoExecute"}]},
            set(),
        ),
        ({"nodeSelector": {"disk": "ssd"}}, {}, {"selector"}),
        ({"nodeSelector": {"disk": "ssd"}}, {"labels": {"disk": "ssd"}}, set()),
        (asking(cpu="5"), {}, {"cpu"}),
        (asking(memory="9Gi"), {}, {"memory"}),
        (asking(**{"nvidia.com/gpu": "1"}), {}, {"resource"}),
        (asking(cpu="4"), {}, set()),
    ],
)
def test_one_reason_at_a_time(spec: dict[str, Any], machine: dict[str, Any], why: set[str]) -> None:
    cluster = pending(**spec)
    node(cluster, **machine)
    assert reasons(cluster) == {"node-1": why}


def test_all_reasons_are_told() -> None:
    cluster = pending(nodeSelector={"disk": "ssd"}, **asking(cpu="9"))
    node(cluster, cordoned=True)
    assert reasons(cluster) == {"node-1": {"selector", "cpu", "cordon"}}


def test_what_runs_on_a_node_takes_its_room() -> None:
    cluster = pending(**asking(cpu="3"))
    node(cluster)
    cluster.pod(None, "other", {**asking(cpu="2"), "nodeName": "node-1"}, running(), {})
    assert reasons(cluster) == {"node-1": {"cpu"}}


def test_a_volume_that_another_node_holds() -> None:
    cluster = pending(**ON_A_DISK)
    node(cluster, labels={"zone": "a"})
    node(cluster, "node-2", labels={"zone": "b"})
    cluster.add("PersistentVolumeClaim", "data", spec={"volumeName": "disk"}, status={"phase": "Bound"})
    term = {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["b"]}]}
    required = {"nodeAffinity": {"required": {"nodeSelectorTerms": [term]}}}
    cluster_wide(cluster, "PersistentVolume", "disk", spec=required)
    assert reasons(cluster) == {"node-1": {"volume"}, "node-2": set()}


def test_a_port_of_the_node_that_is_taken() -> None:
    spec = {"containers": [container(ports=[{"containerPort": 80, "hostPort": 80}])]}
    cluster = pending(**spec)
    node(cluster)
    cluster.pod(None, "other", {**spec, "nodeName": "node-1"}, running(), {})
    assert reasons(cluster) == {"node-1": {"ports"}}


def test_blockers_are_what_alone_would_let_a_node_take_the_pod() -> None:
    cluster = pending(nodeSelector={"disk": "ssd"})
    node(cluster, cordoned=True)
    node(cluster, "node-2", labels={"disk": "ssd"}, taints=[{"key": "team", "effect": "NoSchedule"}])
    (found,) = stuck(cluster.snapshot())
    assert found.blockers() == {"taint"}
    assert [item.name for item in found.unless("taint")] == ["node-2"]
    assert [item.name for item in found.without("cordon", "selector")] == ["node-1"]
    assert found.text == "0/1 nodes are available"


def test_a_node_that_fits_leaves_no_blocker() -> None:
    cluster = pending()
    node(cluster, cordoned=True)
    node(cluster, "node-2")
    (found,) = stuck(cluster.snapshot())
    assert found.blockers() == set()


def test_a_pod_that_has_a_node_is_not_stuck() -> None:
    cluster = Cluster()
    cluster.deployment("api", {"containers": [container()], "nodeName": "node-1"})
    node(cluster)
    assert not stuck(cluster.snapshot())
