"""config-key-missing: which side is blamed, and what is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from selfheal.faults.config_key_missing import ConfigKeyMissing
from selfheal.faults.interface import Exact, LastGood, NearName
from tests.support.cluster import Cluster, container, running, waiting


def found(cluster: Cluster) -> list[Any]:
    return list(ConfigKeyMissing().detect(cluster.snapshot(), None))


def asking(key: str, *, image: str = "ghcr.io/acme/app:1.0", optional: bool = False) -> dict[str, Any]:
    reference: dict[str, Any] = {"name": "settings", "key": key}
    if optional:
        reference["optional"] = True
    return {
        "containers": [
            container(image=image, env=[{"name": "X", "valueFrom": {"configMapKeyRef": reference}}])
        ]
    }


def stuck(key: str) -> dict[str, Any]:
    return waiting("CreateContainerConfigError", f"couldn't find key {key} in ConfigMap shop/settings")


def test_new_reference_is_blamed() -> None:
    cluster = Cluster()
    cluster.add("ConfigMap", "settings", data={"DEFAULT_CURRENCY": "EUR", "PORT": "1"})
    cluster.deployment("app", asking("CURRENCY"), status=stuck("CURRENCY"))
    (finding,) = found(cluster)
    assert finding.object.kind == "Deployment"
    (edit,) = ConfigKeyMissing().remedy(finding).edits
    assert edit.field == "/spec/template/spec/containers/name=app/env/name=X/valueFrom/configMapKeyRef/key"
    assert edit.value == LastGood(NearName("key", "CURRENCY", ("DEFAULT_CURRENCY", "PORT")))


def test_key_that_worked_before_was_lost_by_the_config_map() -> None:
    cluster = Cluster()
    cluster.add("ConfigMap", "settings", data={"CUT_OFF": "18:30"})
    cluster.deployment("app", asking("CUTOFF"), before=asking("CUTOFF", image="x:0"), status=stuck("CUTOFF"))
    (finding,) = found(cluster)
    assert finding.object.kind == "ConfigMap"
    setting, removing = ConfigKeyMissing().remedy(finding).edits
    assert (setting.field, setting.value) == (
        "/data/CUTOFF",
        Exact("18:30", "ConfigMap shop/settings /data/CUT_OFF"),
    )
    assert (removing.field, removing.op) == ("/data/CUT_OFF", "remove")


@pytest.mark.parametrize(
    ("reason", "named", "blamed"),
    [
        ("NewReplicaSetAvailable", "app-rs2", "ConfigMap"),
        ("NewReplicaSetAvailable", "app-rs1", "Deployment"),
        ("ReplicaSetUpdated", "app-rs2", "Deployment"),
    ],
)
def test_template_that_was_available_once_asked_for_the_right_key(
    reason: str, named: str, blamed: str
) -> None:
    cluster = Cluster()
    cluster.add("ConfigMap", "settings", data={"CUT_OFF": "18:30"})
    top = cluster.deployment("app", asking("CUTOFF"), status=stuck("CUTOFF"))
    text = f'ReplicaSet "{named}" has successfully progressed.'
    progressing = {"type": "Progressing", "status": "True", "reason": reason, "message": text}
    top["status"]["conditions"] = [progressing]
    (finding,) = found(cluster)
    assert finding.object.kind == blamed


def test_key_others_use_stays_where_it_is() -> None:
    cluster = Cluster()
    cluster.add("ConfigMap", "settings", data={"CUT_OFF": "18:30"})
    cluster.deployment("app", asking("CUTOFF"), before=asking("CUTOFF", image="x:0"), status=stuck("CUTOFF"))
    cluster.deployment("other", asking("CUT_OFF"))
    (finding,) = found(cluster)
    assert finding.object.kind == "Deployment"


def test_items_of_a_volume() -> None:
    cluster = Cluster()
    cluster.add("ConfigMap", "settings", data={"app.yaml": "a: 1"})
    volume = {
        "name": "v",
        "configMap": {"name": "settings", "items": [{"key": "app.yml", "path": "app.yml"}]},
    }
    cluster.deployment(
        "app", {"containers": [container()], "volumes": [volume]}, status=waiting("ContainerCreating")
    )
    cluster.event(
        "app-new-0",
        "FailedMount",
        'MountVolume.SetUp failed for volume "v" : configmap references non-existent config key: app.yml',
    )
    (finding,) = found(cluster)
    assert finding.facts["near"] == "app.yaml"
    assert finding.evidence[0].source == "event"


def test_lookalike_optional_key() -> None:
    cluster = Cluster()
    cluster.add("ConfigMap", "settings", data={})
    cluster.deployment("app", asking("CURRENCY", optional=True))
    assert not found(cluster)


def test_lookalike_config_map_is_missing_altogether() -> None:
    cluster = Cluster()
    cluster.deployment(
        "app",
        asking("CURRENCY"),
        status=waiting("CreateContainerConfigError", 'configmap "settings" not found'),
    )
    assert not found(cluster)


def test_lookalike_key_in_binary_data() -> None:
    cluster = Cluster()
    cluster.add("ConfigMap", "settings", binaryData={"CURRENCY": "RVVS"})
    cluster.deployment("app", asking("CURRENCY"), status=running())
    assert not found(cluster)


def from_secret(key: str) -> dict[str, Any]:
    reference = {"secretKeyRef": {"name": "payments", "key": key}}
    return {"containers": [container(env=[{"name": "TOKEN", "valueFrom": reference}])]}


def unread_secret(
    before: str | None = None, *, said: str = "couldn't find key tokn in Secret shop/payments"
) -> Cluster:
    """Secrets cannot be read, as in every live cluster."""
    cluster = Cluster()
    cluster.unread.add("Secret")
    status = waiting("CreateContainerConfigError", said)
    older = from_secret(before) if before else None
    cluster.deployment("app", from_secret("tokn"), before=older, status=status)
    return cluster


def test_kubelet_knows_the_keys_of_a_secret_that_nobody_may_read() -> None:
    (finding,) = found(unread_secret(before="token"))
    assert (finding.object.kind, finding.variant) == ("Deployment", "secret")
    (edit,) = ConfigKeyMissing().remedy(finding).edits
    assert isinstance(edit.value, LastGood)
    assert [item["value"] for item in finding.facts["last_good"]] == ["token"]


def test_secret_that_nobody_may_read_and_that_lost_its_key_is_for_people() -> None:
    (finding,) = found(unread_secret(before="tokn"))
    assert ConfigKeyMissing().remedy(finding).escalate
    assert any("older template" in item.message for item in finding.evidence)


def test_lookalike_secret_that_nobody_may_read_and_nobody_complains_of() -> None:
    assert not found(unread_secret(said="context deadline exceeded"))
