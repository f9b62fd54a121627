"""The kubelet of a node fell silent.

# What it is
The kubelet is stopped, hangs, or cannot reach the API server. What runs on the node may go on; nothing is started
or reported, and after some minutes the pods are moved.

# How it is recognised
The node's `Ready` condition is unknown ("Kubelet stopped posting node status"), or its lease and heartbeat are
minutes older than those of other nodes while pods bound to it stay Pending without any event of a kubelet.

# How it is told from its neighbours
A kubelet that reports trouble is not silent: `node-not-ready`, `container-runtime-unavailable`, `node-pressure`. A
pod without a node waits for the scheduler.

# What is changed
Nothing in a repository: the kubelet is started again on the node.

# How safe that is
A person looks at the node.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from typing_extensions import override

from selfheal.cluster.snapshot import Object, Snapshot, metadata
from selfheal.cluster.times import parse
from selfheal.cluster.workloads import condition, mapping, statuses
from selfheal.faults.evidence import on_object, seconds_before
from selfheal.faults.interface import Fault, Finding, Remedy
from selfheal.faults.machines import not_ready, ref_for, residents, said
from selfheal.faults.scheduling import Node, nodes
from selfheal.incidents.record import Evidence, Target

#: Seconds by which a silent kubelet's lease is older than the newest one (it is renewed every ten), and for which a
#: pod bound to its node must have waited.
SILENT = 120
WAITED = 60


class KubeletUnavailable(Fault):
    """See the page above."""

    id = "kubelet-unavailable"
    blames = ("Node",)
    writes = ()

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        named = set()
        for ill in not_ready(snapshot):
            if ill.status == "Unknown":
                named.add(ill.node.name)
                yield self._finding(snapshot, ill.node, ill.evidence, 0.96, ill.message or ill.reason)
        beats = {node.name: _beat(snapshot, node) for node in nodes(snapshot)}
        newest = max((found for found in beats.values() if found is not None), default=None)
        for node in nodes(snapshot):
            if node.name in named or not node.ready:
                continue
            waiting = [pod for pod in node.pods if _untouched(snapshot, pod)]
            beat = beats[node.name]
            late = newest is not None and beat is not None and (newest - beat).total_seconds() > SILENT
            if waiting and (late or len(waiting) > 1 or len(nodes(snapshot)) > 1):
                phase = mapping(waiting[0].get("status")).get("phase")
                evidence = [
                    on_object(
                        waiting[0], "/status/phase", phase, f"Bound to {node.name}, and nothing happens"
                    )
                ]
                if condition(node.object, "Ready"):
                    evidence.append(said(node.object, "Ready"))
                why = "pods bound to it are not touched"
                yield self._finding(snapshot, node, tuple(evidence), 0.93 if late else 0.8, why)

    def _finding(
        self, snapshot: Snapshot, node: Node, evidence: tuple[Evidence, ...], sure: float, why: str
    ) -> Finding:
        return Finding(
            fault=self.id,
            variant="kubelet",
            object=ref_for(node),
            confidence=sure,
            summary=f"The kubelet of the node {node.name} is silent: {why[:200]}",
            evidence=evidence,
            affects=residents(snapshot, node),
            mitigation=f"kubectl describe node {node.name}",
        )

    @override
    def remedy(self, finding: Finding) -> Remedy:
        return Remedy(
            f"Start the kubelet of {finding.object.name}",
            (),
            finding.summary,
            escalate="A node is mended outside of any repository.",
        )


def _beat(snapshot: Snapshot, node: Node) -> datetime | None:
    """When the node's kubelet was last heard of."""
    lease = snapshot.get("Lease", "kube-node-lease", node.name)
    return parse(mapping(mapping(lease).get("spec")).get("renewTime"))


def _untouched(snapshot: Snapshot, pod: Object) -> bool:
    """Whether a pod that has a node for a while has neither container statuses nor any event of a kubelet."""
    if (
        mapping(pod.get("status")).get("phase") != "Pending"
        or statuses(pod)
        or metadata(pod).get("deletionTimestamp")
    ):
        return False
    since = condition(pod, "PodScheduled")
    ago = seconds_before(snapshot, parse(since.get("lastTransitionTime")))
    if since.get("status") != "True" or ago is None or ago < WAITED:
        return False
    return all(event.get("reason") == "Scheduled" for event in snapshot.events_of(pod))
