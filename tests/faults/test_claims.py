"""claims: claims that are not bound, whose spec makes them, and which volumes come near."""

from __future__ import annotations

from typing import Any

import pytest

from selfheal.faults.claims import (
    Claim,
    affected,
    class_names,
    default_class,
    meant,
    mismatches,
    missing_claims,
    unbound,
    waits_for_consumer,
)
from tests.faults.kit import cluster_wide, event, get
from tests.support.cluster import Cluster, container

ASKED = {
    "storageClassName": "manual",
    "accessModes": ["ReadWriteOnce"],
    "resources": {"requests": {"storage": "2Gi"}},
}
FITS = {"storageClassName": "manual", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "5Gi"}}


def claimed(phase: str = "Pending", *, kind: str = "Deployment", claim: str = "data", **spec: Any) -> Cluster:
    """A workload that mounts a claim."""
    cluster = Cluster()
    pod = {
        "containers": [container()],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}],
    }
    cluster.deployment("db", pod, kind=kind, status={"ready": False, "state": {}})
    cluster.add("PersistentVolumeClaim", claim, spec={**ASKED, **spec}, status={"phase": phase})
    return cluster


def only(cluster: Cluster) -> Claim:
    (found,) = unbound(cluster.snapshot())
    return found


def volume(cluster: Cluster, name: str = "disk", phase: str = "Available", **spec: Any) -> dict[str, Any]:
    return cluster_wide(cluster, "PersistentVolume", name, spec={**FITS, **spec}, status={"phase": phase})


def test_a_pending_claim_with_who_waits_for_it() -> None:
    found = only(claimed())
    assert [str(item.ref) for item in found.users] == ["Deployment shop/db"]
    assert (str(found.blamed), found.base, found.storage_class) == (
        "PersistentVolumeClaim shop/data",
        "/spec",
        "manual",
    )
    assert [str(ref) for ref in affected(found)] == ["Deployment shop/db"]


@pytest.mark.parametrize("phase", ["Bound", None])
def test_a_bound_claim_is_none(phase: str | None) -> None:
    cluster = claimed()
    get(cluster, "PersistentVolumeClaim", "data")["status"] = {"phase": phase} if phase else {}
    assert not unbound(cluster.snapshot())


def test_a_claim_of_a_stateful_set_is_made_by_its_template() -> None:
    cluster = claimed(kind="StatefulSet", claim="data-db-0")
    get(cluster, "StatefulSet", "db")["spec"]["volumeClaimTemplates"] = [
        {"metadata": {"name": "logs"}},
        {"metadata": {"name": "data"}},
    ]
    found = only(cluster)
    assert (str(found.blamed), found.base) == ("StatefulSet shop/db", "/spec/volumeClaimTemplates/1/spec")
    assert "PersistentVolumeClaim shop/data-db-0" in map(str, affected(found))


def test_its_event_is_its_evidence() -> None:
    cluster = claimed()
    event(cluster, get(cluster, "PersistentVolumeClaim", "data"), "ProvisioningFailed", "not found")
    found = only(cluster)
    assert found.text == "not found"
    assert [item.source for item in found.evidence("storageClassName", "asked for")] == ["event", "object"]


def test_a_claim_that_waits_for_its_first_pod_on_purpose() -> None:
    cluster = claimed()
    cluster_wide(cluster, "StorageClass", "manual", volumeBindingMode="WaitForFirstConsumer")
    assert waits_for_consumer(cluster.snapshot(), only(cluster))
    event(cluster, get(cluster, "PersistentVolumeClaim", "data"), "ProvisioningFailed", "no space")
    assert not waits_for_consumer(cluster.snapshot(), only(cluster))


def test_classes() -> None:
    cluster = claimed()
    volume(cluster, storageClassName="archive")
    usual = cluster_wide(cluster, "StorageClass", "standard")
    usual["metadata"]["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true"}
    snapshot = cluster.snapshot()
    assert (default_class(snapshot), class_names(snapshot)) == ("standard", ["archive", "standard"])


@pytest.mark.parametrize(
    ("asked", "has", "why"),
    [
        ({}, {}, set()),
        ({"storageClassName": "fast"}, {}, {"class"}),
        ({"accessModes": ["ReadWriteMany"]}, {}, {"access-mode"}),
        ({}, {"accessModes": ["ReadWriteOnce", "ReadWriteMany"]}, set()),
        ({"resources": {"requests": {"storage": "6Gi"}}}, {}, {"capacity"}),
        ({"resources": {"requests": {"storage": "5Gi"}}}, {}, set()),
        ({"selector": {"matchLabels": {"use": "db"}}}, {}, {"selector"}),
        ({"volumeMode": "Block"}, {}, {"mode"}),
        ({}, {"claimRef": {"namespace": "shop", "name": "other"}}, {"occupied"}),
        ({}, {"claimRef": {"namespace": "shop", "name": "data"}}, set()),
        ({}, {"claimRef": {"namespace": "shop", "name": "data", "uid": "an earlier one"}}, {"occupied"}),
    ],
)
def test_why_a_volume_does_not_fit(asked: dict[str, Any], has: dict[str, Any], why: set[str]) -> None:
    cluster = claimed(**asked)
    assert mismatches(only(cluster), volume(cluster, **has)) == why


def test_a_released_volume_is_occupied_still() -> None:
    cluster = claimed()
    held = volume(cluster, phase="Released", claimRef={"namespace": "shop", "name": "data"})
    assert mismatches(only(cluster), held) == {"occupied"}


def test_the_volume_that_is_meant() -> None:
    cluster = claimed(accessModes=["ReadWriteMany"])
    volume(cluster, "far", storageClassName="other", capacity={"storage": "1Gi"})
    volume(cluster, "near")
    found = meant(cluster.snapshot(), only(cluster))
    assert found is not None
    assert (found.volume["metadata"]["name"], found.reasons) == ("near", {"access-mode"})


def test_a_volume_that_was_made_for_another_claim_is_never_meant() -> None:
    cluster = claimed()
    made = volume(cluster, claimRef={"namespace": "shop", "name": "other"})
    made["metadata"]["annotations"] = {"pv.kubernetes.io/provisioned-by": "csi.example"}
    assert meant(cluster.snapshot(), only(cluster)) is None


def test_claims_that_do_not_exist() -> None:
    cluster = claimed()
    cluster.objects.remove(get(cluster, "PersistentVolumeClaim", "data"))
    ((workload, name, where),) = missing_claims(cluster.snapshot())
    assert (workload.ref.name, name) == ("db", "data")
    assert where == "/volumes/name=data/persistentVolumeClaim/claimName"
    cluster.unread.add("PersistentVolumeClaim")
    assert not list(missing_claims(cluster.snapshot()))
