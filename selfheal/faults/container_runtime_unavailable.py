"""The container runtime of a node does not answer its kubelet.

# What it is
containerd (or another runtime) is stopped, hangs or lost its socket. Running containers may go on; none is started,
stopped or looked at.

# How it is recognised
The node's `Ready` condition is false and names the runtime or the pod lifecycle generator (PLEG); or pods that are
bound to the node cannot get a sandbox since the runtime's socket does not answer.

# How it is told from its neighbours
Silence of the kubelet makes `Ready` unknown. A sandbox that fails for the network plugin is `node-not-ready` or
`network-degraded`. An image that cannot be pulled needs a working runtime to say so.

# What is changed
Nothing in a repository: the runtime is started again on the node.

# How safe that is
A person looks at the node.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from typing_extensions import override

from selfheal.cluster.snapshot import Snapshot
from selfheal.cluster.times import event_time
from selfheal.cluster.workloads import mapping, ready
from selfheal.faults.evidence import newest_first, of_event, seconds_before, text_of
from selfheal.faults.interface import Fault, Finding, Remedy
from selfheal.faults.machines import not_ready, ref_for, residents
from selfheal.faults.scheduling import nodes
from selfheal.incidents.record import Target

_RUNTIME = re.compile(
    r"container runtime (?:is down|status check|not ready|network not ready.{0,20}runtime)|PLEG is not healthy"
    r"|failed to get runtime status|runtime is (?:down|not ready)|(?:containerd|crio|docker|cri-dockerd)\.sock"
    r"|rpc error: code = Unavailable.{0,120}(?:containerd|runtime|cri)",
    re.IGNORECASE,
)
_NETWORK_ONLY = re.compile(r"cni|network plugin", re.IGNORECASE)
#: Seconds within which a sandbox must have failed to count.
FRESH = 900


def by_runtime(message: str) -> bool:
    """Whether a node's message is about its container runtime."""
    return bool(_RUNTIME.search(message))


class ContainerRuntimeUnavailable(Fault):
    """See the page above."""

    id = "container-runtime-unavailable"
    blames = ("Node",)
    writes = ()

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        named = set()
        for ill in not_ready(snapshot):
            if by_runtime(ill.message):
                named.add(ill.node.name)
                yield Finding(
                    fault=self.id,
                    variant="runtime",
                    object=ill.ref,
                    confidence=0.97,
                    summary=f"The container runtime of the node {ill.node.name} does not answer: {ill.message[:200]}",
                    evidence=ill.evidence,
                    affects=residents(snapshot, ill.node),
                    mitigation=f"kubectl describe node {ill.node.name}",
                )
        for node in nodes(snapshot):
            if node.name in named:
                continue
            for pod in node.pods:
                told = None if ready(pod) else _sandbox(snapshot, pod)
                if told is not None:
                    yield Finding(
                        fault=self.id,
                        variant="runtime",
                        object=ref_for(node),
                        confidence=0.9,
                        summary=f"The container runtime of the node {node.name} does not answer.",
                        evidence=(of_event(told),),
                        affects=residents(snapshot, node),
                    )
                    break

    @override
    def remedy(self, finding: Finding) -> Remedy:
        return Remedy(
            f"Start the container runtime of {finding.object.name}",
            (),
            finding.summary,
            escalate="A node is mended outside of any repository.",
        )


def _sandbox(snapshot: Snapshot, pod: dict[str, object]) -> dict[str, object] | None:
    """The event by which the runtime's socket did not answer for a pod."""
    for event in newest_first(snapshot.events_of(pod)):
        text = text_of(event)
        ago = seconds_before(snapshot, event_time(event))
        if (
            event.get("reason")
            in ("FailedCreatePodSandBox", "FailedKillPod", "FailedPodSandBoxStatus", "Failed")
            and by_runtime(text)
            and not _NETWORK_ONLY.search(text)
            and re.search(r"connection refused|no such file|Unavailable|connect:|dial unix", text)
            and (ago is None or ago < FRESH)
            and mapping(pod.get("spec")).get("nodeName")
        ):
            return event
    return None
