"""Whether a pod fits each node, and the workloads with a pod that fits none: the scheduler's filters put together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from selfheal.cluster.snapshot import Object, Snapshot, metadata, ref_of
from selfheal.cluster.workloads import Workload, mapping, mappings, workloads
from selfheal.faults.scheduling import (
    RESOURCES,
    Node,
    affine,
    nodes,
    refusing,
    repelled,
    requests,
    selector_misses,
    skewed,
    term_matches,
    told,
    tolerates,
    unattracted,
    unscheduled,
)
from selfheal.incidents.record import Evidence


@dataclass(frozen=True)
class Fit:
    """Why one node does not take a pod; all reasons, in the words used here. Empty: it fits."""

    node: Node
    reasons: frozenset[str]


def fits(snapshot: Snapshot, pod: Object) -> list[Fit]:
    """For each node what keeps the pod from it: not-ready, cordon, taint, selector, affinity, cpu, memory,
    ephemeral-storage, pods, resource, anti-affinity, pod-affinity, spread, volume, ports.
    """
    table: dict[str, list[Fit]] = snapshot.memo("fits", dict)
    key = str(ref_of(pod))
    if key not in table:
        among = nodes(snapshot)
        table[key] = [Fit(node, frozenset(_reasons(snapshot, pod, node, among))) for node in among]
    return table[key]


def _reasons(snapshot: Snapshot, pod: Object, node: Node, among: list[Node]) -> Iterator[str]:
    spec = mapping(pod.get("spec"))
    if not node.ready:
        yield "not-ready"
    if node.cordoned and not tolerates(
        spec, {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    ):
        yield "cordon"
    if refusing(spec, node):
        yield "taint"
    if selector_misses(spec, node):
        yield "selector"
    if not affine(spec, node):
        yield "affinity"
    for name, amount in requests(spec).items():
        free = node.free(name)
        if amount and free is not None and amount > free:
            yield name if name in RESOURCES else "resource"
        elif amount and free is None and "/" in name:
            yield "resource"
    room = node.allocatable.get("pods")
    if room is not None and len(node.pods) >= room:
        yield "pods"
    if repelled(pod, node, among):
        yield "anti-affinity"
    if unattracted(pod, node, among):
        yield "pod-affinity"
    if skewed(pod, node, among):
        yield "spread"
    if _bound_elsewhere(snapshot, pod, node):
        yield "volume"
    if _ports_taken(spec, node):
        yield "ports"


def _bound_elsewhere(snapshot: Snapshot, pod: Object, node: Node) -> bool:
    namespace = str(metadata(pod).get("namespace") or "")
    for volume in mappings(mapping(pod.get("spec")).get("volumes")):
        claim = snapshot.get(
            "PersistentVolumeClaim",
            namespace,
            str(mapping(volume.get("persistentVolumeClaim")).get("claimName", "")),
        )
        name = str(mapping(mapping(claim).get("spec")).get("volumeName") or "")
        held = snapshot.get("PersistentVolume", "", name) if name else None
        required = mapping(mapping(mapping(mapping(held).get("spec")).get("nodeAffinity")).get("required"))
        terms = mappings(required.get("nodeSelectorTerms"))
        if terms and not any(term_matches(term, node) for term in terms):
            return True
    return False


def _host_ports(spec: dict[str, Any]) -> set[tuple[Any, str]]:
    return {
        (port["hostPort"], str(port.get("protocol") or "TCP"))
        for item in mappings(spec.get("containers"))
        for port in mappings(item.get("ports"))
        if port.get("hostPort")
    }


def _ports_taken(spec: dict[str, Any], node: Node) -> bool:
    wanted = _host_ports(spec)
    return bool(wanted) and any(wanted & _host_ports(mapping(pod.get("spec"))) for pod in node.pods)


@dataclass(frozen=True)
class Stuck:
    """A workload with a pod that no node takes."""

    workload: Workload
    pod: Object
    fits: list[Fit]
    text: str
    evidence: Evidence | None

    def blockers(self) -> set[str]:
        """Reasons that, each alone taken away, would let some node take the pod; else all reasons there are.

        Nodes that are out of the question by design (a control plane's taint) do not count when others remain.
        """
        candidates = [fit.reasons for fit in self.fits]
        if any(not reasons for reasons in candidates):
            return set()
        single = {next(iter(reasons)) for reasons in candidates if len(reasons) == 1}
        return single or {reason for reasons in candidates for reason in reasons}

    def unless(self, reason: str) -> list[Node]:
        """Nodes that would take the pod but for ``reason``."""
        return [fit.node for fit in self.fits if fit.reasons <= {reason}]

    def without(self, *reasons: str) -> list[Node]:
        """Nodes that have no other reason against the pod than these."""
        return [fit.node for fit in self.fits if fit.reasons <= set(reasons)]


def stuck(snapshot: Snapshot) -> list[Stuck]:
    """All workloads with an unscheduled pod."""

    def compute() -> list[Stuck]:
        found = []
        for workload in workloads(snapshot):
            pods = unscheduled(workload)
            if pods:
                pod = min(pods, key=lambda item: (not told(snapshot, item)[0], ref_of(item).name))
                text, evidence = told(snapshot, pod)
                found.append(Stuck(workload, pod, fits(snapshot, pod), text, evidence))
        return found

    return snapshot.memo("stuck", compute)
