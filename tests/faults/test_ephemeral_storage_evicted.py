"""ephemeral-storage-evicted: own limits, node pressure, and evicted pods of long ago."""

from __future__ import annotations

from selfheal.faults.interface import AtLeast, LastGood
from tests.faults.kit import found, get, only, remedy, root
from tests.support.cluster import Cluster, ago, container

LIMIT = "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi."


def evicted(message: str = LIMIT, *, missing: bool = True, seconds: float = 60) -> Cluster:
    cluster = Cluster()
    spec = {
        "containers": [container(resources={"limits": {"ephemeral-storage": "1Gi"}})],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}],
    }
    top = cluster.deployment("api", spec, replicas=2)
    pod = get(cluster, "Pod", "api-new-1")
    pod["status"] = {"phase": "Failed", "reason": "Evicted", "message": message, "startTime": ago(seconds)}
    if not missing:
        top["spec"]["replicas"] = 1
    return cluster


def test_limit_of_the_container() -> None:
    cluster = evicted()
    (edit,) = remedy(only("ephemeral-storage-evicted", cluster)).edits
    assert edit.field.endswith("/resources/limits/ephemeral-storage")
    assert edit.value == LastGood(AtLeast(2.0, "1Gi"))
    assert root(cluster) == ("ephemeral-storage-evicted", "Deployment shop/api")


def test_size_of_a_volume() -> None:
    cluster = evicted('Usage of EmptyDir volume "tmp" exceeds the limit "1Gi".')
    assert (
        only("ephemeral-storage-evicted", cluster)
        .facts["field"]
        .endswith("/volumes/name=tmp/emptyDir/sizeLimit")
    )


def test_lookalike_the_node_was_low() -> None:
    assert not found("ephemeral-storage-evicted", evicted("The node was low on resource: ephemeral-storage."))


def test_lookalike_left_over_from_earlier() -> None:
    cluster = evicted(missing=False, seconds=90_000)
    assert not found("ephemeral-storage-evicted", cluster)
