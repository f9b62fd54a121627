"""On one node, Services cannot be reached, though their pods are well.

# What it is
kube-proxy turns a Service's address into the address of a pod, on each node for itself. Where it does not run, or its
rules are old, callers on that node fail; callers elsewhere do not.

# How it is recognised
Callers that fail to reach Services by their cluster address sit on one node, while other pods of the same workload, or
other callers of the same Service, on other nodes do not fail; more than one Service is concerned. Where kube-proxy's
own pods are in the snapshot, the node's one is missing or not ready.

# How it is told from its neighbours
A Service that fails for callers on all nodes has a wrong port, selector or policy. Names that are not resolved are
DNS. Calls that are merely slow are `network-degraded`.

# What is changed
Nothing in a repository: kube-proxy is started again on the node.

# How safe that is
A person looks at the node.
"""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import override

from selfheal.cluster.snapshot import Object, Snapshot, metadata, ref_of
from selfheal.cluster.workloads import mapping, ready, strings, workloads
from selfheal.faults.calls import failing
from selfheal.faults.evidence import of_log, on_object
from selfheal.faults.interface import Fault, Finding, Remedy
from selfheal.faults.machines import ref_for
from selfheal.faults.scheduling import Node, node_name, nodes
from selfheal.faults.signals import Signal
from selfheal.incidents.record import ObjectRef, Target

_KINDS = ("refused", "timeout", "unreachable")


class KubeProxyUnavailable(Fault):
    """See the page above."""

    id = "kube-proxy-unavailable"
    blames = ("Node",)
    writes = ()

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        every = nodes(snapshot)
        proxies = _proxies(snapshot)
        for node in every:
            if not node.ready:
                continue
            own = proxies.get(node.name)
            absent = bool(proxies) and (own is None or not ready(own))
            services, lines, refs = _failing_on(snapshot, node)
            if not absent and (
                len(services) < 2 or len(every) < 2 or not _well_elsewhere(snapshot, node, services)
            ):
                continue
            evidence = [
                of_log(item.pod, item.container, item.line, previous=item.previous) for item in lines[:3]
            ]
            if own is not None:
                phase = mapping(own.get("status")).get("phase")
                evidence.append(on_object(own, "/status/phase", phase, f"kube-proxy of {node.name}"))
            if not evidence:
                evidence.append(
                    on_object(node.object, "/metadata/name", node.name, "No kube-proxy runs here")
                )
            yield Finding(
                fault=self.id,
                variant="proxy",
                object=ref_for(node),
                confidence=0.93 if absent else 0.85,
                summary=f"On the node {node.name} Services cannot be reached ({', '.join(services[:4]) or 'kube-proxy is not ready'}).",
                evidence=tuple(evidence),
                affects=refs,
                mitigation="kubectl -n kube-system get pods -l k8s-app=kube-proxy -o wide",
            )

    @override
    def remedy(self, finding: Finding) -> Remedy:
        return Remedy(
            f"Start kube-proxy of {finding.object.name}",
            (),
            finding.summary,
            escalate="A node is mended outside of any repository.",
        )


def _proxies(snapshot: Snapshot) -> dict[str, Object]:
    """kube-proxy's pods by node, {} where they were not read."""
    found = {}
    for pod in snapshot.list("Pod", "kube-system"):
        labels = strings(metadata(pod).get("labels"))
        if labels.get("k8s-app") == "kube-proxy" or ref_of(pod).name.startswith("kube-proxy-"):
            found[node_name(pod)] = pod
    return found


def _failing_on(snapshot: Snapshot, node: Node) -> tuple[list[str], list[Signal], tuple[ObjectRef, ...]]:
    """Services that pods on the node fail to reach although something ready is behind them."""
    services: dict[str, Signal] = {}
    refs = set()
    for workload in workloads(snapshot):
        for signal, service in failing(snapshot, workload):
            if service is None or signal.kind not in _KINDS or node_name(signal.pod) != node.name:
                continue
            if _served(snapshot, service):
                services.setdefault(str(ref_of(service)), signal)
                refs.add(workload.ref)
    names = sorted(services)
    return (
        [name.rpartition("/")[2] for name in names],
        [services[name] for name in names],
        tuple(sorted(refs, key=str)),
    )


def _served(snapshot: Snapshot, service: Object) -> bool:
    from selfheal.cluster.labels import pods_selected, selector_of

    return any(ready(pod) for pod in pods_selected(snapshot, ref_of(service).namespace, selector_of(service)))


def _well_elsewhere(snapshot: Snapshot, node: Node, services: list[str]) -> bool:
    """Whether nobody on another node fails to reach these Services, and there is somebody there who could."""
    elsewhere = False
    for workload in workloads(snapshot):
        elsewhere |= any(node_name(pod) not in ("", node.name) for pod in workload.pods)
        for signal, service in failing(snapshot, workload):
            if (
                service is not None
                and signal.kind in _KINDS
                and ref_of(service).name in services
                and node_name(signal.pod) != node.name
            ):
                return False
    return elsewhere
