"""A node is not ready, for a reason other than its kubelet or container runtime.

# What it is
The kubelet reports that it cannot run pods (its network plugin is not set up, it shuts down, a disk fails). Pods on
the node stop being ready and are moved after some minutes.

# How it is recognised
The node's `Ready` condition is false, with a reason that is neither the container runtime nor silence of the
kubelet.

# How it is told from its neighbours
`Unknown` means that the kubelet is silent: `kubelet-unavailable`. A message about the container runtime or PLEG is
`container-runtime-unavailable`. Pressure is a condition of its own. A cordoned node is ready.

# What is changed
Nothing in a repository.

# How safe that is
A person looks at the node.
"""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import override

from selfheal.cluster.snapshot import Snapshot
from selfheal.faults.container_runtime_unavailable import by_runtime
from selfheal.faults.interface import Fault, Finding, Remedy
from selfheal.faults.machines import not_ready, residents
from selfheal.incidents.record import Target


class NodeNotReady(Fault):
    """See the page above."""

    id = "node-not-ready"
    blames = ("Node",)
    writes = ()

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for ill in not_ready(snapshot):
            if ill.status != "False" or by_runtime(ill.message):
                continue
            network = "network" in ill.message.lower() or "cni" in ill.message.lower()
            yield Finding(
                fault=self.id,
                variant="network" if network else "node",
                object=ill.ref,
                confidence=0.95,
                summary=f"The node {ill.node.name} is not ready: {ill.message[:200] or ill.reason}",
                evidence=ill.evidence,
                affects=residents(snapshot, ill.node),
                mitigation=f"kubectl describe node {ill.node.name}",
            )

    @override
    def remedy(self, finding: Finding) -> Remedy:
        return Remedy(
            f"Look at the node {finding.object.name}",
            (),
            finding.summary,
            escalate="A node is mended outside of any repository.",
        )
