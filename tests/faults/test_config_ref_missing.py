"""config-ref-missing through every kind of reference."""

from __future__ import annotations

from typing import Any

import pytest

from selfheal.faults.config_ref_missing import ConfigRefMissing
from selfheal.faults.interface import LastGood, NearName
from tests.support.cluster import Cluster, container, waiting


def found(cluster: Cluster) -> list[Any]:
    return list(ConfigRefMissing().detect(cluster.snapshot(), None))


def through(way: str, name: str, *, optional: bool = False) -> dict[str, Any]:
    mark = {"optional": True} if optional else {}
    if way == "env":
        reference = {"name": name, "key": "url", **mark}
        return {"containers": [container(env=[{"name": "URL", "valueFrom": {"secretKeyRef": reference}}])]}
    if way == "envFrom":
        return {"containers": [container(envFrom=[{"secretRef": {"name": name, **mark}}])]}
    if way == "volume":
        return {
            "containers": [container()],
            "volumes": [{"name": "v", "secret": {"secretName": name, **mark}}],
        }
    source = {"secret": {"name": name, **mark}}
    return {"containers": [container()], "volumes": [{"name": "v", "projected": {"sources": [source]}}]}


@pytest.mark.parametrize("way", ["env", "envFrom", "volume", "projected"])
def test_missing_through(way: str) -> None:
    cluster = Cluster()
    cluster.add("Secret", "orders-db", data={"url": ""})
    spec = through(way, "orders-database")
    cluster.deployment(
        "orders", spec, status=waiting("CreateContainerConfigError", 'secret "orders-database" not found')
    )
    (finding,) = found(cluster)
    assert finding.confidence > 0.9
    (edit,) = ConfigRefMissing().remedy(finding).edits
    assert edit.value == LastGood(NearName("Secret", "orders-database", ("orders-db",)))
    assert edit.field.endswith("secretName" if way == "volume" else "name")


@pytest.mark.parametrize("way", ["env", "envFrom", "volume", "projected"])
def test_optional_references_are_no_fault(way: str) -> None:
    cluster = Cluster()
    cluster.deployment("orders", through(way, "gone", optional=True))
    assert not found(cluster)


def test_name_of_the_older_template() -> None:
    cluster = Cluster()
    cluster.add("Secret", "vault-a", data={"url": ""})
    cluster.deployment(
        "orders",
        through("env", "vault-z"),
        before=through("env", "vault-a"),
        status=waiting("CreateContainerConfigError", 'secret "vault-z" not found'),
    )
    (finding,) = found(cluster)
    assert finding.facts["last_good"][0]["value"] == "vault-a"


def test_secrets_not_read_the_kubelet_is_the_proof() -> None:
    cluster = Cluster()
    cluster.unread.add("Secret")
    spec = through("env", "orders-database")
    cluster.deployment(
        "orders", spec, status=waiting("CreateContainerConfigError", 'secret "orders-database" not found')
    )
    (finding,) = found(cluster)
    remedy = ConfigRefMissing().remedy(finding)
    assert remedy.escalate and not remedy.edits


def test_lookalike_secrets_not_read_and_nobody_complains() -> None:
    cluster = Cluster()
    cluster.unread.add("Secret")
    cluster.deployment("orders", through("env", "orders-database"))
    assert not found(cluster)


def test_volume_that_cannot_be_mounted() -> None:
    cluster = Cluster()
    spec = {"containers": [container()], "volumes": [{"name": "v", "configMap": {"name": "gone"}}]}
    cluster.deployment("orders", spec, status=waiting("ContainerCreating"))
    cluster.event(
        "orders-new-0", "FailedMount", 'MountVolume.SetUp failed for volume "v" : configmap "gone" not found'
    )
    (finding,) = found(cluster)
    assert finding.evidence[0].source == "event"
    assert finding.confidence > 0.9


def test_candidates_must_have_the_keys() -> None:
    cluster = Cluster()
    cluster.add("Secret", "orders-db", data={"password": ""})
    spec = through("env", "orders-database")
    cluster.deployment(
        "orders", spec, status=waiting("CreateContainerConfigError", 'secret "orders-database" not found')
    )
    (finding,) = found(cluster)
    assert finding.facts["candidates"] == []


def test_running_pods_make_it_less_urgent() -> None:
    cluster = Cluster()
    cluster.deployment("orders", through("env", "gone"))
    (finding,) = found(cluster)
    assert finding.confidence < 0.7
