"""Which pods belong to whom, also where part of the chain was not read."""

from __future__ import annotations

from typing import Any

import pytest

from selfheal.cluster.snapshot import Object, ref_of
from selfheal.cluster.workloads import containers, earlier, workloads
from tests.support.cluster import Cluster, ago, container, running

OLD, NEW = "5c9d8f7b6d", "7f6c5d4b8c"


def pods_without_sets(*hashes: str, began: dict[str, float] | None = None) -> Cluster:
    """A Deployment and pods whose ReplicaSets were not read."""
    cluster = Cluster()
    cluster.unread.add("ReplicaSet")
    spec = {"containers": [container()]}
    labels = {"app": "cart"}
    template = {"metadata": {"labels": labels}, "spec": spec}
    cluster.add("Deployment", "cart", spec={"replicas": 1, "template": template}, status={"replicas": 1})
    for digest in hashes:
        owner: Object = {"kind": "ReplicaSet", "metadata": {"name": f"cart-{digest}", "uid": digest}}
        pod = cluster.pod(None, f"cart-{digest}-x", spec, running(), {**labels, "pod-template-hash": digest})
        pod["metadata"]["ownerReferences"] = [
            {"kind": "ReplicaSet", "name": owner["metadata"]["name"], "uid": digest, "controller": True}
        ]
        pod["metadata"]["creationTimestamp"] = ago((began or {}).get(digest, 100))
    return cluster


def found(cluster: Cluster) -> dict[str, list[str]]:
    return {str(item.ref): [ref_of(pod).name for pod in item.pods] for item in workloads(cluster.snapshot())}


def test_pods_are_their_deployments_by_the_names_that_its_controller_gives() -> None:
    assert found(pods_without_sets(NEW)) == {"Deployment shop/cart": [f"cart-{NEW}-x"]}


def test_of_two_templates_the_one_that_came_last_counts() -> None:
    cluster = pods_without_sets(NEW, OLD, began={OLD: 900, NEW: 60})
    assert found(cluster) == {"Deployment shop/cart": [f"cart-{NEW}-x"]}


def test_where_replica_sets_were_read_a_pod_of_none_of_them_stands_alone() -> None:
    cluster = pods_without_sets(NEW)
    cluster.unread.clear()
    assert set(found(cluster)) == {"Deployment shop/cart", f"Pod shop/cart-{NEW}-x"}


def test_a_name_that_does_not_end_in_the_hash_is_another_controllers() -> None:
    cluster = pods_without_sets(NEW)
    cluster.objects[-1]["metadata"]["labels"]["pod-template-hash"] = OLD
    assert f"Pod shop/cart-{NEW}-x" in found(cluster)


def test_an_earlier_release_is_no_workload_when_its_deployment_was_not_read() -> None:
    cluster = Cluster()
    owner: dict[str, Any] = cluster.add("Deployment", "cart", spec={})
    for name, replicas in (("cart-1", 0), ("cart-2", 1)):
        cluster.owned(owner, "ReplicaSet", name, spec={"replicas": replicas, "template": {"spec": {}}})
    cluster.objects.remove(owner)
    assert set(found(cluster)) == {"ReplicaSet shop/cart-2"}


TOKEN = {"name": "kube-api-access-x", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}


def updating(kind: str) -> Cluster:
    """One pod is of the new template, the other one still of the one before; no revision was read."""
    cluster = Cluster()
    cluster.unread.add("ControllerRevision")
    new, old = ({"containers": [container(image=f"r/app:{tag}")]} for tag in "21")
    top = cluster.deployment("agent", new, kind=kind, status=running(ready=False))
    if kind == "StatefulSet":
        top["status"]["updateRevision"] = "agent-2"
    top["metadata"]["uid"], cluster.objects[-1]["metadata"]["labels"] = (
        "top",
        {"controller-revision-hash": "agent-2"},
    )
    owner = {"kind": kind, "name": "agent", "uid": "top", "controller": True}
    cluster.objects[-1]["metadata"]["ownerReferences"] = [owner]
    live = {
        "containers": [{**old["containers"][0], "volumeMounts": [TOKEN]}],
        "volumes": [{"name": TOKEN["name"], "projected": {}}],
        "nodeName": "node-1",
    }
    pod = cluster.pod(None, "agent-old", live, running(), {"controller-revision-hash": "agent-1"})
    pod["metadata"]["ownerReferences"] = [owner]
    return cluster


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_a_pod_that_is_left_shows_the_template_before(kind: str) -> None:
    snapshot = updating(kind).snapshot()
    (workload,) = workloads(snapshot)
    assert [ref_of(pod).name for pod in workload.pods] == ["agent-new-0"]
    (older,) = earlier(snapshot, workload.object)
    assert (older.origin, older.proven) == ("Pod shop/agent-old", True)
    assert older.spec == {"containers": [container(image="r/app:1")]}
    assert older.at("/containers") == "/spec/containers"


def test_a_pod_to_which_admission_added_something_is_of_the_present_template() -> None:
    cluster = updating("DaemonSet")
    spec = cluster.objects[-1]["spec"]
    spec["containers"][0]["image"] = "r/app:2"
    spec["containers"].append(container("mesh"))
    snapshot = cluster.snapshot()
    (workload,) = workloads(snapshot)
    assert len(workload.pods) == 2
    assert not earlier(snapshot, workload.object)


def test_an_init_container_that_is_always_restarted_does_not_pass() -> None:
    spec = {
        "initContainers": [{"name": "first"}, {"name": "mesh", "restartPolicy": "Always"}],
        "containers": [{"name": "app"}],
    }
    assert [(item.name, item.passing, item.statuses) for item in containers(spec)] == [
        ("first", True, "initContainerStatuses"),
        ("mesh", False, "initContainerStatuses"),
        ("app", False, "containerStatuses"),
    ]
