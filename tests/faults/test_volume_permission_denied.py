"""volume-permission-denied: owners and read-only mounts, and paths of the image itself."""

from __future__ import annotations

from typing import Any

from tests.faults.kit import found, only, remedy, root
from tests.support.cluster import Cluster, container, crashing

LOG = "mkdir /data/db: permission denied"


def mounting(log: str = LOG, mount: dict[str, Any] | None = None, **spec: Any) -> Cluster:
    cluster = Cluster()
    mounts = [{"name": "data", "mountPath": "/data", **(mount or {})}]
    body = {
        "containers": [container(volumeMounts=mounts)],
        "volumes": [{"name": "data", "emptyDir": {}}],
        **spec,
    }
    cluster.deployment("db", body, status=crashing("Error", 1))
    cluster.log("db-new-0", "app", log, previous=True)
    return cluster


def test_group_of_the_program() -> None:
    cluster = mounting(securityContext={"runAsUser": 1000, "runAsGroup": 2000})
    (edit,) = remedy(only("volume-permission-denied", cluster)).edits
    assert (edit.field, edit.value.fallback.value) == ("/spec/template/spec/securityContext/fsGroup", 2000)
    assert root(cluster) == ("volume-permission-denied", "Deployment shop/db")


def test_read_only_mount() -> None:
    finding = only(
        "volume-permission-denied", mounting("write /data/x: read-only file system", {"readOnly": True})
    )
    assert finding.variant == "read-only"
    assert finding.facts["field"].endswith("/volumeMounts/name=data/readOnly")


def test_lookalike_path_of_the_image() -> None:
    assert not found("volume-permission-denied", mounting("mkdir /database: permission denied"))


def test_lookalike_the_token_volume() -> None:
    mount = {"mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
    log = "open /var/run/secrets/kubernetes.io/serviceaccount/x: permission denied"
    assert not found("volume-permission-denied", mounting(log, mount))
