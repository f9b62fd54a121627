"""pvc-binding-mismatch: the causes that have one text, told apart by the volume's spec."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.kit import event, found, only, pending, remedy, root
from tests.faults.test_pvc_storage_class_missing import claiming, volume
from tests.support.cluster import Cluster, container

TEXT = "no persistent volumes available for this claim and no storage class is set"


@pytest.mark.parametrize(
    ("asked", "offered", "variant", "wanted"),
    [
        ({"accessModes": ["ReadWriteMany"]}, {}, "access-mode", ["ReadWriteOnce"]),
        ({"resources": {"requests": {"storage": "50Gi"}}}, {}, "capacity", "10Gi"),
        (
            {"selector": {"matchLabels": {"disk": "fast"}}},
            {"labels": {"disk": "slow"}},
            "selector",
            {"matchLabels": {"disk": "slow"}},
        ),
        ({"storageClassName": "standard"}, {}, "class", "manual"),
    ],
)
def test_variants(asked: dict[str, Any], offered: dict[str, Any], variant: str, wanted: Any) -> None:
    cluster = claiming("manual", **{key: value for key, value in asked.items() if key != "storageClassName"})
    claim = next(obj for obj in cluster.objects if obj["kind"] == "PersistentVolumeClaim")
    claim["spec"].update(asked)
    volume(cluster, **offered)
    event(cluster, claim, "FailedBinding", TEXT)
    finding = only("pvc-binding-mismatch", cluster)
    assert (finding.variant, finding.facts["wanted"]) == (variant, wanted)
    assert remedy(finding).requires_recreate
    assert root(cluster) == ("pvc-binding-mismatch", "PersistentVolumeClaim shop/data")


def test_claim_that_does_not_exist() -> None:
    cluster = Cluster()
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "dta"}}]
    cluster.deployment(
        "db", {"containers": [container()], "volumes": volumes}, status={"ready": False, "state": {}}
    )
    pending(cluster, "db-new-0", 'persistentvolumeclaim "dta" not found')
    cluster.add("PersistentVolumeClaim", "data", spec={}, status={"phase": "Bound"})
    finding = only("pvc-binding-mismatch", cluster)
    assert (finding.variant, finding.facts["claims"]) == ("claim", ["data"])
    assert root(cluster) == ("pvc-binding-mismatch", "Deployment shop/db")


def test_lookalike_waits_for_its_first_consumer() -> None:
    cluster = claiming("standard")
    for obj in cluster.objects:
        if obj["kind"] == "StorageClass":
            obj["volumeBindingMode"] = "WaitForFirstConsumer"
    volume(cluster)
    assert not found("pvc-binding-mismatch", cluster)


def test_lookalike_volume_made_for_another_claim() -> None:
    cluster = claiming("standard")
    made = volume(cluster, storageClassName="standard", claimRef={"namespace": "shop", "name": "other"})
    made["metadata"]["annotations"] = {"pv.kubernetes.io/provisioned-by": "x"}
    assert not found("pvc-binding-mismatch", cluster)
