"""volume-mount-invalid: paths, sub-paths and attachments, and references that do not exist."""

from __future__ import annotations

from typing import Any

import pytest

from selfheal.faults.interface import LastGood, NearName
from tests.faults.kit import event, found, get, only, remedy, root
from tests.support.cluster import Cluster, container, crashing, waiting

PATH = 'failed to create containerd task: error mounting "/var/lib/x" to rootfs at "/etc/app": not a directory: unknown'


def mounting(status: dict[str, Any], path: str = "/etc/app", before: str = "") -> Cluster:
    cluster = Cluster()

    def spec(where: str) -> dict[str, Any]:
        mounts = [{"name": "conf", "mountPath": where, "subPath": "app.conf"}]
        return {"containers": [container(volumeMounts=mounts)], "volumes": [{"name": "conf", "emptyDir": {}}]}

    cluster.deployment("api", spec(path), status=status, before=spec(before) if before else None)
    return cluster


def test_path_that_is_a_file() -> None:
    cluster = mounting(waiting("RunContainerError", PATH), before="/etc/app/app.conf")
    finding = only("volume-mount-invalid", cluster)
    assert finding.facts["last_good"][0]["value"] == "/etc/app/app.conf"
    assert remedy(finding).edits[0].field.endswith("/mountPath")
    assert root(cluster) == ("volume-mount-invalid", "Deployment shop/api")


@pytest.mark.parametrize(
    ("message", "variant"),
    [
        (
            'MountVolume.SetUp failed for volume "x": hostPath type check failed: /x is not a directory',
            "host-path",
        ),
        ('Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) api-0', "multi-attach"),
        ('failed to prepare subPath for volumeMount "conf" of container "app"', "sub-path"),
    ],
)
def test_kinds(message: str, variant: str) -> None:
    cluster = mounting(waiting("ContainerCreating"))
    event(cluster, get(cluster, "Pod", "api-new-0"), "FailedMount", message)
    assert only("volume-mount-invalid", cluster).variant == variant


def test_lookalike_config_map_that_does_not_exist() -> None:
    cluster = mounting(waiting("ContainerCreating"))
    text = 'MountVolume.SetUp failed for volume "conf": configmap "app" not found'
    event(cluster, get(cluster, "Pod", "api-new-0"), "FailedMount", text)
    assert not found("volume-mount-invalid", cluster)


@pytest.mark.parametrize("before", ["/etc/auth", ""])
def test_file_that_is_missing_where_it_was_mounted_before(before: str) -> None:
    cluster = mounting(crashing("Error", 1), "/etx/auth", before)
    cluster.log("api-new-0", "app", "FATAL open /etc/auth/app.conf: no such file or directory", previous=True)
    findings = found("volume-mount-invalid", cluster)
    assert [item.facts["last_good"][0]["value"] for item in findings] == ([before] if before else [])


def test_lookalike_other_missing_file() -> None:
    cluster = mounting(crashing("Error", 1), "/etx/auth", "/etc/auth")
    cluster.log("api-new-0", "app", "FATAL open /var/lib/x.db: no such file or directory", previous=True)
    assert not found("volume-mount-invalid", cluster)


def of_key(key: str, *, broken: bool = True) -> Cluster:
    cluster = Cluster()
    mounts = [{"name": "conf", "mountPath": "/etc/app/app.yaml", "subPath": key}]
    spec = {
        "containers": [container(volumeMounts=mounts)],
        "volumes": [{"name": "conf", "configMap": {"name": "conf"}}],
    }
    cluster.add("ConfigMap", "conf", data={"app.yaml": "a: 1", "logging.properties": ""})
    cluster.deployment("api", spec, status=crashing("Error", 1) if broken else None)
    return cluster


def test_sub_path_that_is_no_key() -> None:
    cluster = of_key("app.yml")
    assert root(cluster) == ("volume-mount-invalid", "Deployment shop/api")
    (edit,) = remedy(only("volume-mount-invalid", cluster)).edits
    assert edit.field.endswith("/volumeMounts/0/subPath")
    assert edit.value == LastGood(NearName("key", "app.yml", ("app.yaml", "logging.properties")))


@pytest.mark.parametrize("cluster", [of_key("app.yaml"), of_key("other"), of_key("app.yml", broken=False)])
def test_lookalike_sub_path_that_is_a_key_or_does_no_harm(cluster: Cluster) -> None:
    assert not found("volume-mount-invalid", cluster)
