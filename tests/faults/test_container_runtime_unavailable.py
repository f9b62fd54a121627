"""container-runtime-unavailable: runtimes that are down, and networks that are."""

from __future__ import annotations

from tests.faults.kit import event, found, get, node, only, root
from tests.faults.test_node_not_ready import ill
from tests.support.cluster import Cluster, container, waiting


def test_node_says_so() -> None:
    cluster = ill(
        "False",
        "KubeletNotReady",
        "[container runtime is down, PLEG is not healthy: pleg was last seen active 5m ago]",
    )
    assert root(cluster) == ("container-runtime-unavailable", "Node node-1")


def creating(message: str) -> Cluster:
    cluster = Cluster()
    node(cluster)
    cluster.deployment(
        "api", {"containers": [container()], "nodeName": "node-1"}, status=waiting("ContainerCreating")
    )
    event(cluster, get(cluster, "Pod", "api-new-0"), "FailedCreatePodSandBox", message)
    return cluster


def test_socket_does_not_answer() -> None:
    text = "rpc error: code = Unavailable desc = dial unix /run/containerd/containerd.sock: connect: connection refused"
    assert str(only("container-runtime-unavailable", creating(text)).object) == "Node node-1"


def test_lookalike_network_plugin() -> None:
    text = 'failed to setup network for sandbox: plugin type="cni" failed: connection refused'
    cluster = creating(text)
    assert not found("container-runtime-unavailable", cluster)
    assert root(cluster) == ("network-degraded", "Node node-1")
