"""Fields that take one of a few words: what validation of the API server supports there, by the names around the field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from selfheal.sandbox.kubernetes.objects import Object

_OPERATORS = ("DoesNotExist", "Exists", "In", "NotIn")
#: By (the mapping or list that holds the field, field): sources are the validations of k8s.io/kubernetes/pkg/apis.
_WORDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("containers", "imagePullPolicy"): ("Always", "IfNotPresent", "Never"),
    ("initContainers", "imagePullPolicy"): ("Always", "IfNotPresent", "Never"),
    ("tolerations", "operator"): ("Equal", "Exists"),
    ("tolerations", "effect"): ("NoSchedule", "PreferNoSchedule", "NoExecute"),
    ("seccompProfile", "type"): ("Localhost", "RuntimeDefault", "Unconfined"),
    ("ports", "protocol"): ("SCTP", "TCP", "UDP"),
    ("httpGet", "scheme"): ("HTTP", "HTTPS"),
    ("strategy", "type"): ("Recreate", "RollingUpdate"),
    ("updateStrategy", "type"): ("OnDelete", "RollingUpdate"),
    ("topologySpreadConstraints", "whenUnsatisfiable"): ("DoNotSchedule", "ScheduleAnyway"),
    ("matchExpressions", "operator"): (*_OPERATORS, "Gt", "Lt"),
    ("paths", "pathType"): ("Exact", "ImplementationSpecific", "Prefix"),
    ("metrics", "type"): ("ContainerResource", "External", "Object", "Pods", "Resource"),
    ("target", "type"): ("AverageValue", "Utilization", "Value"),
}
#: By kind, fields directly in the spec.
_OF_SPEC: dict[str, dict[str, tuple[str, ...]]] = {
    "CronJob": {"concurrencyPolicy": ("Allow", "Forbid", "Replace")},
    "StatefulSet": {"podManagementPolicy": ("OrderedReady", "Parallel")},
    "Service": {
        "type": ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort"),
        "sessionAffinity": ("ClientIP", "None"),
    },
}
#: Lists of such words.
_LISTS: dict[str, tuple[str, ...]] = {
    "accessModes": ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"),
    "policyTypes": ("Egress", "Ingress"),
}
#: Kinds that people write; what controllers make of them was looked at in their templates.
_KINDS = frozenset(
    {
        "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Service", "Ingress", "PersistentVolumeClaim",
        "HorizontalPodAutoscaler", "NetworkPolicy",
    }
)  # fmt: skip


def unsupported(obj: Object) -> Iterator[tuple[str, str]]:
    """(field, what is wrong with it) of each word that is none of those supported there."""
    if obj["kind"] not in _KINDS or not isinstance(obj.get("spec"), dict):
        return
    for name, words in _OF_SPEC.get(obj["kind"], {}).items():
        yield from _checked(f"spec.{name}", obj["spec"].get(name), words)
    yield from _within(obj["spec"], "spec", "spec")


def _within(value: Any, path: str, holder: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _checked(f"{path}[{index}]", item, _LISTS.get(holder, ()))
            yield from _within(item, f"{path}[{index}]", holder)
    elif isinstance(value, dict):
        for name, held in value.items():
            yield from _checked(f"{path}.{name}", held, _WORDS.get((holder, name), ()))
            yield from _within(held, f"{path}.{name}", name)


def _checked(path: str, value: Any, words: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if words and isinstance(value, str) and value and value not in words:
        supported = ", ".join(f'"{word}"' for word in words)
        yield path, f'Unsupported value: "{value}": supported values: {supported}'
