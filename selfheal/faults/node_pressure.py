"""A node runs out of memory, disk or process ids, and evicts pods.

# What it is
The kubelet reports pressure, takes no new pods of low rank, and evicts others to protect the node.

# How it is recognised
One of the node's conditions `MemoryPressure`, `DiskPressure` or `PIDPressure` is true.

# How it is told from its neighbours
A pod that exceeds its own limit of local storage is evicted on a healthy node: `ephemeral-storage-evicted`. A
container killed at its own limit is `oom-killed`. Evictions on a node that has recovered are history.

# What is changed
Nothing in a repository; requests that tell the truth help the scheduler.

# How safe that is
A person looks at the node.
"""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import override

from selfheal.cluster.snapshot import Snapshot, ref_of
from selfheal.cluster.workloads import by_ref, condition, mapping
from selfheal.faults.evidence import newest_first, of_event, text_of
from selfheal.faults.fitting import stuck
from selfheal.faults.interface import Fault, Finding, Remedy
from selfheal.faults.machines import ref_for, residents, said
from selfheal.faults.scheduling import Node, nodes
from selfheal.incidents.record import ObjectRef, Target

_KINDS = {"MemoryPressure": "memory", "DiskPressure": "disk", "PIDPressure": "pid"}


class NodePressure(Fault):
    """See the page above."""

    id = "node-pressure"
    blames = ("Node",)
    writes = ()

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for node in nodes(snapshot):
            kinds = [kind for kind in _KINDS if condition(node.object, kind).get("status") == "True"]
            if not kinds:
                continue
            evicted = [
                event
                for event in newest_first(snapshot.events(ref_of(node.object)))
                if "vict" in str(event.get("reason")) or "vict" in text_of(event)
            ]
            yield Finding(
                fault=self.id,
                variant=_KINDS[kinds[0]],
                object=ref_for(node),
                confidence=0.95,
                summary=f"The node {node.name} reports {', '.join(kinds)}.",
                evidence=(
                    *(said(node.object, kind) for kind in kinds),
                    *(of_event(item) for item in evicted[:1]),
                ),
                affects=_affected(snapshot, node),
                mitigation=f"kubectl describe node {node.name}",
            )

    @override
    def remedy(self, finding: Finding) -> Remedy:
        return Remedy(
            f"Relieve the node {finding.object.name}",
            (),
            finding.summary,
            escalate="A node is mended outside of any repository.",
        )


def _affected(snapshot: Snapshot, node: Node) -> tuple[ObjectRef, ...]:
    """Workloads on the node, those whose pods were evicted from it, and those that it alone could take."""
    known = by_ref(snapshot)
    found = set(residents(snapshot, node))
    found.update(
        item.workload.ref
        for item in stuck(snapshot)
        if any(fit.node.name == node.name and not fit.reasons for fit in item.fits)
    )
    for pod in snapshot.list("Pod"):
        status = mapping(pod.get("status"))
        if status.get("reason") == "Evicted" and mapping(pod.get("spec")).get("nodeName") == node.name:
            workload = known.get(ref_of(snapshot.workload_of(pod)))
            if workload is not None:
                found.add(workload.ref)
    return tuple(sorted(found, key=str))
