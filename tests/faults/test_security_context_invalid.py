"""security-context-invalid: users, file systems and ports, and paths on volumes."""

from __future__ import annotations

from typing import Any

from tests.faults.kit import found, only, remedy, root
from tests.support.cluster import Cluster, container, crashing, waiting

ROOT = 'container has runAsNonRoot and image will run as root (pod: "api", container: app)'


def secured(
    context: dict[str, Any],
    status: dict[str, Any],
    log: str = "",
    before: dict[str, Any] | None = None,
    **more: Any,
) -> Cluster:
    cluster = Cluster()
    spec = {"containers": [container(securityContext=context, **more)]}
    old = {"containers": [container(securityContext=before, **more)]} if before is not None else None
    cluster.deployment("api", spec, status=status, before=old)
    cluster.log("api-new-0", "app", log, previous=True)
    return cluster


def test_image_runs_as_root() -> None:
    cluster = secured({"runAsNonRoot": True}, waiting("CreateContainerConfigError", ROOT))
    cluster.deployment("web", {"containers": [container()], "securityContext": {"runAsUser": 1000}})
    (edit,) = remedy(only("security-context-invalid", cluster)).edits
    assert edit.field == "/spec/template/spec/containers/name=app/securityContext/runAsUser"
    assert edit.value.fallback.value == 1000
    assert root(cluster) == ("security-context-invalid", "Deployment shop/api")


def test_read_only_file_system() -> None:
    cluster = secured(
        {"readOnlyRootFilesystem": True},
        crashing("Error", 1),
        "open /tmp/x: read-only file system",
        before={},
    )
    finding = only("security-context-invalid", cluster)
    assert finding.variant == "file-system"
    assert remedy(finding).edits[0].op == "remove", "what was not there before"


def test_hardening_of_old_is_not_dropped() -> None:
    cluster = secured(
        {"readOnlyRootFilesystem": True}, crashing("Error", 1), "open /tmp/x: read-only file system"
    )
    assert remedy(only("security-context-invalid", cluster)).escalate


def test_low_port() -> None:
    cluster = secured(
        {"runAsUser": 1000},
        crashing("Error", 1),
        "listen tcp :80: bind: permission denied",
        before={"runAsUser": 0},
    )
    assert only("security-context-invalid", cluster).variant == "port"


def test_lookalike_path_on_a_volume() -> None:
    mounts = [{"name": "data", "mountPath": "/data"}]
    cluster = secured(
        {"readOnlyRootFilesystem": True},
        crashing("Error", 1),
        "open /data/x: permission denied",
        volumeMounts=mounts,
    )
    assert not found("security-context-invalid", cluster)
    assert root(cluster)[0] == "volume-permission-denied"


def test_lookalike_well() -> None:
    cluster = Cluster()
    cluster.deployment("api", {"containers": [container(securityContext={"runAsNonRoot": True})]})
    assert not found("security-context-invalid", cluster)
