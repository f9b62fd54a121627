"""pvc-storage-class-missing: unknown classes, and claims that wait for another reason."""

from __future__ import annotations

from typing import Any

from tests.faults.kit import cluster_wide, event, examined, found, only, pending, remedy, root
from tests.support.cluster import Cluster, container


def claiming(
    storage_class: str | None, *, kind: str = "Deployment", claim: str = "data", **spec: Any
) -> Cluster:
    cluster = Cluster()
    asked: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        **spec,
    }
    if storage_class is not None:
        asked["storageClassName"] = storage_class
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    top = cluster.deployment(
        "db",
        {"containers": [container()], "volumes": volumes},
        status={"ready": False, "state": {}},
        kind=kind,
    )
    if kind == "StatefulSet":
        top["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "data"}, "spec": asked}]
    pending(cluster, "db-new-0", "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.")
    cluster.add("PersistentVolumeClaim", claim, spec=asked, status={"phase": "Pending"})
    cluster_wide(cluster, "StorageClass", "standard", provisioner="x")
    return cluster


def volume(cluster: Cluster, name: str = "pv-1", **spec: Any) -> dict[str, Any]:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "10Gi"},
        "storageClassName": "manual",
        **spec,
    }
    labels = spec.pop("labels", {})
    made = cluster_wide(cluster, "PersistentVolume", name, spec=spec, status={"phase": "Available"})
    made["metadata"]["labels"] = labels
    return made


def test_class_that_does_not_exist() -> None:
    cluster = claiming("standart")
    claim = next(obj for obj in cluster.objects if obj["kind"] == "PersistentVolumeClaim")
    event(cluster, claim, "ProvisioningFailed", 'storageclass.storage.k8s.io "standart" not found')
    finding = only("pvc-storage-class-missing", cluster)
    change = remedy(finding)
    assert change.requires_recreate
    assert (change.edits[0].field, change.edits[0].value.fallback.value) == (
        "/spec/storageClassName",
        "standard",
    )
    assert root(cluster) == ("pvc-storage-class-missing", "PersistentVolumeClaim shop/data")


def test_claim_template_is_blamed() -> None:
    cluster = claiming("fast", kind="StatefulSet", claim="data-db-0")
    assert root(cluster) == ("pvc-storage-class-missing", "StatefulSet shop/db")
    assert (
        remedy(only("pvc-storage-class-missing", cluster))
        .edits[0]
        .field.startswith("/spec/volumeClaimTemplates/0")
    )


def test_lookalike_class_that_only_volumes_name() -> None:
    cluster = claiming("manual")
    volume(cluster)
    assert not found("pvc-storage-class-missing", cluster)


def test_lookalike_bound() -> None:
    cluster = claiming("gone")
    claim = next(obj for obj in cluster.objects if obj["kind"] == "PersistentVolumeClaim")
    claim["status"]["phase"] = "Bound"
    assert not found("pvc-storage-class-missing", cluster)


def test_lookalike_nobody_waits_for_it() -> None:
    cluster = claiming("standard")
    cluster.objects = [
        obj for obj in cluster.objects if obj["kind"] not in ("Deployment", "ReplicaSet", "Pod", "Event")
    ]
    cluster.deployment("web", {"containers": [container()]})
    assert examined(cluster).verdict == "healthy"
