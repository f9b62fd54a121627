"""Pointers that remedies write, for each place where a kind keeps its pod spec; and kinds of workloads."""

from __future__ import annotations

from selfheal.cluster.kinds import WORKLOADS

#: Workloads that keep pods running, as opposed to those that end.
LASTING = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod")
ANY = WORKLOADS
_SPECS = ("/spec/template/spec", "/spec/jobTemplate/spec/template/spec", "/spec")
_SECTIONS = ("containers", "initContainers")


def pod_fields(*relative: str) -> tuple[str, ...]:
    """Pointers into the pod spec of any workload."""
    return tuple(f"{spec}{field}" for spec in _SPECS for field in relative)


def container_fields(*relative: str) -> tuple[str, ...]:
    """Pointers into any container of any workload."""
    return pod_fields(*(f"/{section}/*{field}" for section in _SECTIONS for field in relative))
