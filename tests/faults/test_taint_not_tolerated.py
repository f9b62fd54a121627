"""taint-not-tolerated: reserved nodes, misspelled tolerations, and taints that do not matter."""

from __future__ import annotations

from tests.faults.kit import found, node, only, remedy, root, unscheduled
from tests.support.cluster import container

TEXT = "0/1 nodes are available: 1 node(s) had untolerated taint {team: data}."
TAINT = {"key": "team", "value": "data", "effect": "NoSchedule"}


def test_toleration_that_was_lost() -> None:
    before = {"containers": [container()], "tolerations": [{"key": "team", "operator": "Exists"}]}
    cluster = unscheduled("api", {"containers": [container()]}, TEXT, before=before)
    node(cluster, taints=[TAINT])
    finding = only("taint-not-tolerated", cluster)
    assert remedy(finding).edits[0].field == "/spec/template/spec/tolerations"
    assert root(cluster) == ("taint-not-tolerated", "Deployment shop/api")


def test_misspelled_toleration() -> None:
    own = [{"key": "teams", "operator": "Equal", "value": "data", "effect": "NoSchedule"}]
    cluster = unscheduled("api", {"containers": [container()], "tolerations": own}, TEXT)
    node(cluster, taints=[TAINT])
    (mended,) = only("taint-not-tolerated", cluster).facts["mended"]
    assert mended["key"] == "team"


def test_lookalike_tolerated() -> None:
    spec = {
        "containers": [container(resources={"requests": {"cpu": "64"}})],
        "tolerations": [{"operator": "Exists"}],
    }
    cluster = unscheduled("api", spec, "0/1 nodes are available: 1 Insufficient cpu.")
    node(cluster, taints=[TAINT])
    assert not found("taint-not-tolerated", cluster)


def test_lookalike_only_the_control_plane_is_tainted() -> None:
    spec = {"containers": [container()], "nodeSelector": {"disk": "nvme"}}
    text = "0/2 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) didn't match Pod's node affinity/selector."
    cluster = unscheduled("api", spec, text)
    node(cluster, "master", taints=[{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}])
    node(cluster, "worker")
    assert root(cluster)[0] == "node-selector-mismatch"
