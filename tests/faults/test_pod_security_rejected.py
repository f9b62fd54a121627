"""pod-security-rejected: what the level asks for, and warnings."""

from __future__ import annotations

from tests.faults.kit import event, found, get, only, refused, remedy, root
from tests.support.cluster import Cluster, container

TEXT = (
    'pods "api-1" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "app"'
    ' must set securityContext.allowPrivilegeEscalation=false), runAsNonRoot != true, seccompProfile (pod or container "app")'
)


def test_settings_that_are_named() -> None:
    cluster = refused("api", TEXT)
    finding = only("pod-security-rejected", cluster)
    values = {edit.field: edit.value.fallback.value for edit in remedy(finding).edits}
    assert values == {
        "/spec/template/spec/containers/name=app/securityContext/allowPrivilegeEscalation": False,
        "/spec/template/spec/securityContext/runAsNonRoot": True,
        "/spec/template/spec/securityContext/seccompProfile/type": "RuntimeDefault",
    }
    assert root(cluster) == ("pod-security-rejected", "Deployment shop/api")


def test_privileged_is_taken_away() -> None:
    spec = {"containers": [container(securityContext={"privileged": True})]}
    cluster = refused(
        "api", 'violates PodSecurity "baseline:latest": privileged (container "app" must not set it)', spec
    )
    (edit,) = remedy(only("pod-security-rejected", cluster)).edits
    assert edit.field.endswith("/securityContext/privileged")


def test_lookalike_pods_are_there() -> None:
    cluster = Cluster()
    cluster.deployment("api", {"containers": [container()]})
    event(cluster, get(cluster, "ReplicaSet", "api-rs2"), "FailedCreate", TEXT)
    assert not found("pod-security-rejected", cluster)
