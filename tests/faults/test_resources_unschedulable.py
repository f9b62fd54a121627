"""resources-unschedulable: requests that fit no node, and pods that are kept away by something else."""

from __future__ import annotations

from typing import Any

from tests.faults.kit import found, node, only, remedy, root, unscheduled
from tests.support.cluster import Cluster, container


def asking(cpu: str = "", memory: str = "", **more: Any) -> dict[str, Any]:
    requests = {name: value for name, value in (("cpu", cpu), ("memory", memory)) if value}
    return {"containers": [container(resources={"requests": requests})], **more}


def test_more_than_any_node_has() -> None:
    cluster = unscheduled(
        "api", asking("64"), "0/2 nodes are available: 2 Insufficient cpu.", before=asking("640m")
    )
    node(cluster)
    node(cluster, "node-2")
    finding = only("resources-unschedulable", cluster)
    assert (finding.variant, finding.facts["last_good"][0]["value"]) == ("cpu", "640m")
    assert remedy(finding).edits[0].field.endswith("/resources/requests/cpu")
    assert root(cluster) == ("resources-unschedulable", "Deployment shop/api")


def test_memory_without_a_word_of_the_scheduler_about_it() -> None:
    cluster = unscheduled("api", asking("1", "100Gi"), "0/1 nodes are available.")
    node(cluster)
    assert only("resources-unschedulable", cluster).variant == "memory"


def test_full_cluster_is_for_a_person() -> None:
    cluster = unscheduled("api", asking("3"), "0/1 nodes are available: 1 Insufficient cpu.")
    node(cluster)
    cluster.deployment("other", {**asking("2"), "nodeName": "node-1"})
    finding = only("resources-unschedulable", cluster)
    assert remedy(finding).escalate


def test_words_alone_where_nodes_were_not_read() -> None:
    cluster = unscheduled("api", asking("3"), "0/1 nodes are available: 1 Insufficient memory.")
    assert only("resources-unschedulable", cluster).variant == "memory"


def test_lookalike_cordoned_node_with_room() -> None:
    cluster = unscheduled("api", asking("1"), "0/1 nodes are available: 1 node(s) were unschedulable.")
    node(cluster, cordoned=True)
    assert root(cluster) == ("node-cordoned", "Node node-1")


def test_request_that_fits_nowhere_beside_a_cordon() -> None:
    text = "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable."
    cluster = unscheduled("api", asking("64"), text)
    node(cluster)
    node(cluster, "node-2", cordoned=True)
    assert root(cluster)[0] == "resources-unschedulable"


def test_lookalike_running() -> None:
    cluster = Cluster()
    cluster.deployment("api", asking("64"))
    node(cluster)
    assert not found("resources-unschedulable", cluster)
