"""Fields that Kubernetes does not let anybody change on a living object."""

from __future__ import annotations

from selfheal.repair.goal import Goal

_FIELDS: dict[str, tuple[str, ...]] = {
    "StatefulSet": (
        "/spec/volumeClaimTemplates",
        "/spec/serviceName",
        "/spec/selector",
        "/spec/podManagementPolicy",
    ),
    "Deployment": ("/spec/selector",),
    "DaemonSet": ("/spec/selector",),
    "ReplicaSet": ("/spec/selector",),
    "Job": ("/spec/template", "/spec/selector", "/spec/completionMode"),
    "PersistentVolumeClaim": (
        "/spec/storageClassName",
        "/spec/accessModes",
        "/spec/selector",
        "/spec/volumeName",
        "/spec/volumeMode",
        "/spec/dataSource",
    ),
    "StorageClass": ("/provisioner", "/parameters", "/reclaimPolicy", "/volumeBindingMode"),
    "Pod": ("/spec",),
    "RoleBinding": ("/roleRef",),
    "ClusterRoleBinding": ("/roleRef",),
    "Service": ("/spec/clusterIP",),
}


def immutable(goal: Goal) -> bool:
    """Whether the object must be deleted and made again for the goal to take effect."""
    return not goal.held and unchangeable(goal.object.kind, goal.field)


def unchangeable(kind: str, field: str) -> bool:
    """Whether the API server refuses another value of ``field`` (a pointer) on a living object of ``kind``."""
    if kind == "Pod" and field.endswith("/image"):
        return False
    return any(field == held or field.startswith(held + "/") for held in _FIELDS.get(kind, ()))
