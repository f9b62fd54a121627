"""Who selects whom, by an index over label pairs, so that large namespaces stay cheap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from selfheal.cluster.snapshot import Object, Snapshot, metadata
from selfheal.cluster.workloads import Workload, mapping, pod_labels, strings, workloads

_Pair = tuple[str, str, str]
T = TypeVar("T")


def labels_of(workload: Workload) -> dict[str, str]:
    """The labels the workload's pods carry."""
    if workload.ref.kind == "Pod":
        return strings(metadata(workload.object).get("labels"))
    return pod_labels(workload.object)


def selector_of(service: Object) -> dict[str, str]:
    """The pairs a Service selects by; {} for one without a selector and for type ExternalName."""
    spec = mapping(service.get("spec"))
    return {} if spec.get("type") == "ExternalName" else strings(spec.get("selector"))


def matches(selector: dict[str, str], labels: dict[str, str]) -> bool:
    """Whether a selector picks these labels."""
    return all(labels.get(key) == value for key, value in selector.items())


def pods_selected(snapshot: Snapshot, namespace: str, selector: dict[str, str]) -> list[Object]:
    """Live pods that a selector picks; none for an empty selector."""
    index: dict[_Pair, list[Object]] = snapshot.memo("pods-by-pair", lambda: _pods_by_pair(snapshot))
    return [
        pod
        for pod in _fewest(index, namespace, selector)
        if matches(selector, strings(metadata(pod).get("labels")))
    ]


def workloads_selected(snapshot: Snapshot, namespace: str, selector: dict[str, str]) -> list[Workload]:
    """Workloads whose template a selector picks; none for an empty selector."""
    index: dict[_Pair, list[Workload]] = snapshot.memo("loads-by-pair", lambda: _loads_by_pair(snapshot))
    return [found for found in _fewest(index, namespace, selector) if matches(selector, labels_of(found))]


def selected_by(snapshot: Snapshot, workload: Workload) -> list[Object]:
    """Services whose selector picks the workload's pods."""
    index: dict[_Pair, list[Object]] = snapshot.memo("services-by-pair", lambda: _services_by_pair(snapshot))
    labels = labels_of(workload)
    return [
        service
        for pair in sorted(labels.items())
        for service in index.get((workload.namespace, *pair), ())
        if matches(selector_of(service), labels)
    ]


def _fewest(index: dict[_Pair, list[T]], namespace: str, selector: dict[str, str]) -> Sequence[T]:
    """The shortest list of candidates that any pair of the selector leaves."""
    return min((index.get((namespace, *pair), []) for pair in selector.items()), key=len, default=[])


def _pods_by_pair(snapshot: Snapshot) -> dict[_Pair, list[Object]]:
    index: dict[_Pair, list[Object]] = {}
    for pod in snapshot.list("Pod"):
        meta = metadata(pod)
        if meta.get("deletionTimestamp"):
            continue
        for pair in strings(meta.get("labels")).items():
            index.setdefault((str(meta.get("namespace") or ""), *pair), []).append(pod)
    return index


def _loads_by_pair(snapshot: Snapshot) -> dict[_Pair, list[Workload]]:
    index: dict[_Pair, list[Workload]] = {}
    for workload in workloads(snapshot):
        for pair in labels_of(workload).items():
            index.setdefault((workload.namespace, *pair), []).append(workload)
    return index


def _services_by_pair(snapshot: Snapshot) -> dict[_Pair, list[Object]]:
    index: dict[_Pair, list[Object]] = {}
    for service in snapshot.list("Service"):
        selector = selector_of(service)
        if selector:
            # Any one pair will do; the smallest does not depend on the order of the object's fields.
            index.setdefault(
                (str(metadata(service).get("namespace") or ""), *min(selector.items())), []
            ).append(service)
    return index
