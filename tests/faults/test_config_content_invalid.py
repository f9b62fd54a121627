"""config-content-invalid: files and values of ConfigMaps, and what the template sets itself."""

from __future__ import annotations

from typing import Any

from tests.faults.kit import found, only, remedy, root
from tests.support.cluster import Cluster, container, crashing


def mounting(log: str, **more: Any) -> Cluster:
    cluster = Cluster()
    mounts = [{"name": "conf", "mountPath": "/etc/app"}]
    volumes = [{"name": "conf", "configMap": {"name": "settings"}}]
    spec = {"containers": [container(volumeMounts=mounts, **more)], "volumes": volumes}
    cluster.deployment("api", spec, status=crashing("Error", 1))
    cluster.add("ConfigMap", "settings", data={"app.yaml": "a: [", "WORKERS": "four"})
    cluster.log("api-new-0", "app", log, previous=True)
    return cluster


def test_file_that_does_not_parse() -> None:
    cluster = mounting(
        "FATAL cannot parse /etc/app/app.yaml: yaml: line 1: did not find expected node content"
    )
    (edit,) = remedy(only("config-content-invalid", cluster)).edits
    assert edit.field == "/data/app.yaml"
    assert root(cluster) == ("config-content-invalid", "ConfigMap shop/settings")


def test_value_that_comes_as_a_variable() -> None:
    env = [{"name": "WORKERS", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "WORKERS"}}}]
    cluster = mounting("invalid value for WORKERS: must be a number", env=env)
    finding = only("config-content-invalid", cluster)
    assert (finding.variant, finding.facts["field"]) == ("value", "/data/WORKERS")


def test_lookalike_set_by_the_template() -> None:
    cluster = mounting(
        "invalid value for WORKERS: must be a number", env=[{"name": "WORKERS", "value": "four"}]
    )
    assert not found("config-content-invalid", cluster)


def test_lookalike_file_of_the_program() -> None:
    cluster = mounting('File "/app/main.py", line 3\nSyntaxError: invalid syntax')
    assert not found("config-content-invalid", cluster)
    assert root(cluster)[0] == "app-crash"
