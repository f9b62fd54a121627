"""The node that a pod needs is cordoned.

# What it is
Somebody (or a maintenance tool) marked a node unschedulable. Running pods stay; a pod that can only go there
stays Pending.

# How it is recognised
For each node, the pod would fit but for the cordon, and no other node takes it. The scheduler's "node(s) were
unschedulable" confirms it.

# How it is told from its neighbours
A cordoned node is no fault while pods find room elsewhere: a cordon beside a request that no node can meet, or a
selector that no node matches, is not the cause. A node that is not ready is ill.

# What is changed
Nothing in a repository: `kubectl uncordon`, once the maintenance is over.

# How safe that is
A person decides; nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import override

from selfheal.cluster.snapshot import Snapshot
from selfheal.faults.evidence import on_object
from selfheal.faults.interface import Fault, Finding, Remedy
from selfheal.faults.placing import place_finding, reasons
from selfheal.faults.scheduling import Node, nodes
from selfheal.incidents.record import ObjectRef, Target


class NodeCordoned(Fault):
    """See the page above."""

    id = "node-cordoned"
    blames = ("Node",)
    writes = ()

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for reason in reasons(snapshot):
            if reason.name != "cordon":
                continue
            held = [node for node in reason.nodes or nodes(snapshot) if node.cordoned]
            if not held:
                continue
            node = min(held, key=lambda item: (_since(item) == "", _reverse(_since(item)), item.name))
            workload = reason.stuck.workload
            yield place_finding(
                snapshot,
                reason,
                self.id,
                variant="cordon",
                summary=f"{workload.ref} cannot be scheduled: {node.name}, where it would fit, is cordoned.",
                fields=[],
                marks=[
                    on_object(other.object, "/spec/unschedulable", True, f"{other.name} is cordoned")
                    for other in [node, *(item for item in held if item is not node)][:4]
                ],
                more={"nodes": sorted(item.name for item in held)},
                object_=ObjectRef(kind="Node", name=node.name),
            )

    @override
    def remedy(self, finding: Finding) -> Remedy:
        names = " ".join(finding.facts["nodes"])
        return Remedy(
            title=f"Uncordon {names}",
            edits=(),
            reason=finding.summary,
            escalate=f"Whether the maintenance of {names} is over is for a person to say; then `kubectl uncordon`.",
        )


def _since(node: Node) -> str:
    """When the cordon was set, "" when the node does not say."""
    for taint in node.taints:
        if taint.get("key") == "node.kubernetes.io/unschedulable":
            return str(taint.get("timeAdded") or "")
    return ""


def _reverse(text: str) -> tuple[int, ...]:
    """A key that sorts texts from the greatest to the least."""
    return tuple(-ord(letter) for letter in text)
