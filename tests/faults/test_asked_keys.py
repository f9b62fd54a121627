"""asked_keys: what programs miss of objects that they take whole."""

from __future__ import annotations

from typing import Any

import pytest

from selfheal.cluster.workloads import workloads
from selfheal.faults.asked_keys import Asked, asked_keys
from tests.faults.kit import only, remedy, root
from tests.support.cluster import Cluster, container, crashing

MOUNT = {"volumeMounts": [{"name": "conf", "mountPath": "/etc/app"}]}
VOLUMES = [{"name": "conf", "configMap": {"name": "app-conf"}}]
FROM = {"envFrom": [{"configMapRef": {"name": "app-conf"}}]}


def crashed(
    log: str, data: dict[str, str], *, spec: dict[str, Any] | None = None, kind: str = "ConfigMap"
) -> Cluster:
    cluster = Cluster()
    cluster.add(kind, "app-conf", data=data)
    spec = spec or {"containers": [container(**MOUNT)], "volumes": VOLUMES}
    cluster.deployment("api", spec, status=crashing("Error", 1))
    cluster.log("api-new-0", "app", log, previous=True)
    return cluster


def asked(cluster: Cluster) -> list[Asked]:
    snapshot = cluster.snapshot()
    return [found for workload in workloads(snapshot) for found in asked_keys(snapshot, workload)]


@pytest.mark.parametrize(
    "line",
    [
        "open /etc/app/settings.yaml: no such file or directory",
        "FileNotFoundError: [Errno 2] No such file or directory: '/etc/app/settings.yaml'",
        "Error: ENOENT: no such file or directory, open '/etc/app/settings.yaml'",
        "java.io.FileNotFoundException: /etc/app/settings.yaml (No such file or directory)",
        "Could not find file '/etc/app/settings.yaml'.",
        'nginx: [emerg] open() "/etc/app/settings.yaml" failed (2: No such file or directory)',
    ],
)
def test_file_of_a_volume_that_is_mounted_whole(line: str) -> None:
    cluster = crashed(line, {"setting.yaml": "a: 1"})
    (found,) = asked(cluster)
    assert (found.key, found.near, found.container) == ("settings.yaml", "setting.yaml", "app")
    assert root(cluster) == ("config-key-missing", "ConfigMap shop/app-conf")


def test_its_value_moves_to_the_key_that_is_asked_for() -> None:
    cluster = crashed("open /etc/app/settings.yaml: no such file or directory", {"setting.yaml": "a: 1"})
    add, take = remedy(only("config-key-missing", cluster)).edits
    assert (add.field, add.value.value) == ("/data/settings.yaml", "a: 1")
    assert (take.field, take.op) == ("/data/setting.yaml", "remove")


def test_variable_of_an_object_that_is_taken_whole() -> None:
    spec = {"containers": [container(**FROM)]}
    cluster = crashed("panic: environment variable PAGE_SIZE not set", {"PAGESIZE": "20"}, spec=spec)
    (found,) = asked(cluster)
    assert (found.key, found.near) == ("PAGE_SIZE", "PAGESIZE")
    assert root(cluster) == ("config-key-missing", "ConfigMap shop/app-conf")


def test_secrets_are_named_and_never_written() -> None:
    volumes = [{"name": "conf", "secret": {"secretName": "app-conf"}}]
    spec = {"containers": [container(**MOUNT)], "volumes": volumes}
    cluster = crashed(
        "open /etc/app/api-token: no such file or directory", {"apitoken": ""}, spec=spec, kind="Secret"
    )
    assert root(cluster) == ("config-key-missing", "Secret shop/app-conf")
    assert remedy(only("config-key-missing", cluster)).escalate


@pytest.mark.parametrize(
    ("line", "data"),
    [
        ("open /etc/app/settings.yaml: no such file or directory", {"settings.yaml": "a: 1"}),  # it is there
        ("open /etc/app/plugins.d: no such file or directory", {"settings.yaml": "a: 1"}),  # nothing like it
        (
            "open /var/lib/settings.yaml: no such file or directory",
            {"setting.yaml": "a: 1"},
        ),  # another folder
        ("reading /etc/app/settings.yaml", {"setting.yaml": "a: 1"}),  # no complaint
    ],
)
def test_lookalikes(line: str, data: dict[str, str]) -> None:
    assert not asked(crashed(line, data))


def test_lookalike_variable_that_the_template_lost() -> None:
    cluster = Cluster()
    cluster.add("ConfigMap", "app-conf", data={"PAGESIZE": "20"})
    before = {"containers": [container(**FROM, env=[{"name": "PAGE_SIZE", "value": "20"}])]}
    cluster.deployment("api", {"containers": [container(**FROM)]}, status=crashing("Error", 1), before=before)
    cluster.log("api-new-0", "app", "panic: environment variable PAGE_SIZE not set", previous=True)
    assert not asked(cluster)
