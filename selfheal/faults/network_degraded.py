"""Calls are slow or get lost on the way, though both ends are well.

# What it is
Packets are delayed or dropped, between nodes, on one node, or at one workload's pods. Calls time out now and then;
nothing is refused and nothing crashes by itself.

# How it is recognised
Several callers (or one, and the kubelet's probes) time out at one workload whose pods are ready, or callers on one node
time out at several; or the node says `NetworkUnavailable`, or its pods get no sandbox since the network plugin fails.
Specs (ports, selectors, policies) fit.

# How it is told from its neighbours
"Connection refused" is a port. A policy that blocks stops everything, always: `network-policy-blocking`. A program
that is slow for want of processor time is `cpu-throttled`. One caller that times out at one callee is more likely to
be one of the two.

# What is changed
Nothing in a repository.

# How safe that is
A person looks at the network.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from typing_extensions import override

from selfheal.cluster.snapshot import Snapshot
from selfheal.cluster.times import event_time
from selfheal.cluster.workloads import Workload, condition, ready, workloads
from selfheal.faults.calls import failing
from selfheal.faults.evidence import newest_first, of_event, of_log, seconds_before, text_of
from selfheal.faults.fields import ANY
from selfheal.faults.interface import Fault, Finding, Remedy
from selfheal.faults.machines import ref_for, residents, said
from selfheal.faults.scheduling import node_name, nodes
from selfheal.faults.signals import Signal
from selfheal.faults.stores import behind
from selfheal.incidents.record import ObjectRef, Target

_PLUGIN = re.compile(
    r"network plugin|cni|failed to set ?up (?:sandbox|pod) .{0,40}network|NetworkNotReady", re.IGNORECASE
)
#: Seconds for which a failed probe counts.
RECENT = 300
_SLOW = ("timeout", "unreachable")


class NetworkDegraded(Fault):
    """See the page above."""

    id = "network-degraded"
    blames = ("Node", *ANY)
    writes = ()

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        yield from _nodes(snapshot)
        yield from _callees(snapshot)

    @override
    def remedy(self, finding: Finding) -> Remedy:
        return Remedy(
            f"Look at the network of {finding.object.name}",
            (),
            finding.summary,
            escalate="The network is mended outside of any repository.",
        )


def _nodes(snapshot: Snapshot) -> Iterator[Finding]:
    for node in nodes(snapshot):
        evidence = []
        if condition(node.object, "NetworkUnavailable").get("status") == "True":
            evidence.append(said(node.object, "NetworkUnavailable"))
        for pod in node.pods:
            if ready(pod):
                continue
            for event in newest_first(snapshot.events_of(pod)):
                text = text_of(event)
                if event.get("reason") in ("FailedCreatePodSandBox", "NetworkNotReady") and _PLUGIN.search(
                    text
                ):
                    evidence.append(of_event(event))
                    break
        if evidence:
            yield Finding(
                fault=NetworkDegraded.id,
                variant="plugin",
                object=ref_for(node),
                confidence=0.9,
                summary=f"The network of the node {node.name} is not set up.",
                evidence=tuple(evidence[:4]),
                affects=residents(snapshot, node),
            )


def _callees(snapshot: Snapshot) -> Iterator[Finding]:
    slow: dict[ObjectRef, tuple[Workload, dict[ObjectRef, Signal]]] = {}
    for caller in workloads(snapshot):
        for signal, service in failing(snapshot, caller):
            if service is None or signal.kind not in _SLOW:
                continue
            for load in behind(snapshot, service):
                if load.pods and all(ready(pod) for pod in load.pods) and load.ref != caller.ref:
                    slow.setdefault(load.ref, (load, {}))[1].setdefault(caller.ref, signal)
    for ref in sorted(slow, key=str):
        load, callers = slow[ref]
        if len(callers) < 2 and not _probes_time_out(snapshot, load):
            continue
        signals = [callers[name] for name in sorted(callers, key=str)]
        places = {node_name(pod) for pod in load.pods}
        others = [
            other
            for other in slow
            if other != ref and {node_name(pod) for pod in slow[other][0].pods} == places
        ]
        node = next((item for item in nodes(snapshot) if places == {item.name}), None)
        blamed = ref_for(node) if node is not None and others else ref
        yield _finding(blamed, ref, signals, tuple(sorted(callers, key=str)))


def _probes_time_out(snapshot: Snapshot, load: Workload) -> bool:
    """Whether the kubelet, too, waits in vain for pods that are ready again and again: a second witness."""
    for pod in load.pods:
        for event in newest_first(snapshot.events_of(pod)):
            ago = seconds_before(snapshot, event_time(event))
            recent = event.get("reason") == "Unhealthy" and (ago is None or ago < RECENT)
            if recent and ("deadline exceeded" in text_of(event) or "timeout" in text_of(event)):
                return True
    return False


def _finding(
    blamed: ObjectRef, ref: ObjectRef, signals: list[Signal], callers: tuple[ObjectRef, ...]
) -> Finding:
    return Finding(
        fault=NetworkDegraded.id,
        variant="node" if blamed.kind == "Node" else "pod",
        object=blamed,
        confidence=0.74,
        summary=f"{len(callers)} callers time out at {ref}, whose pods are ready.",
        evidence=tuple(
            of_log(item.pod, item.container, item.line, previous=item.previous) for item in signals[:3]
        ),
        affects=(ref, *callers),
    )
