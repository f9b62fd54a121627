"""Nodes that are ill: what their conditions say, which workloads sit on them, and which of those suffer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.workloads import Workload, by_ref, condition, mapping, mappings, ready
from selfheal.faults.evidence import newest_first, of_event, on_object, quoted
from selfheal.faults.scheduling import Node, nodes
from selfheal.incidents.record import Evidence, ObjectRef


@dataclass(frozen=True)
class Ill:
    """A node whose Ready condition is not true."""

    node: Node
    ref: ObjectRef
    status: str
    reason: str
    message: str
    evidence: tuple[Evidence, ...]


def ref_for(node: Node) -> ObjectRef:
    return ObjectRef(kind="Node", name=node.name)


def not_ready(snapshot: Snapshot) -> list[Ill]:
    """Nodes that are not ready, with the condition and the newest warning about each."""
    found = []
    for node in nodes(snapshot):
        held = condition(node.object, "Ready")
        if held.get("status") not in ("False", "Unknown"):
            continue
        found.append(
            Ill(
                node,
                ref_for(node),
                str(held.get("status")),
                str(held.get("reason") or ""),
                str(held.get("message") or ""),
                (said(node.object, "Ready"), *_warning(snapshot, node)),
            )
        )
    return found


def said(obj: Object, kind: str) -> Evidence:
    """A condition as evidence: its message, else its status."""
    held = condition(obj, kind)
    index = mappings(mapping(obj.get("status")).get("conditions")).index(held)
    word = "message" if held.get("message") else "status"
    value: Any = held.get(word)
    value = quoted(value) if isinstance(value, str) else value
    text = f"{kind} is {held.get('status')} ({held.get('reason', '')})"
    return on_object(obj, f"/status/conditions/{index}/{word}", value, text)


def _warning(snapshot: Snapshot, node: Node) -> list[Evidence]:
    # Events about nodes carry the node's name as uid.
    for event in newest_first(snapshot.events(ref_of(node.object))):
        if event.get("type") == "Warning" or event.get("reason") in ("NodeNotReady", "NodeStatusUnknown"):
            return [of_event(event)]
    return []


def residents(snapshot: Snapshot, node: Node) -> tuple[ObjectRef, ...]:
    """Workloads with a pod on the node: those whose pods there are not ready first, all when none is."""
    known = by_ref(snapshot)
    ill: set[ObjectRef] = set()
    well: set[ObjectRef] = set()
    for pod in node.pods:
        workload: Workload | None = known.get(ref_of(snapshot.workload_of(pod)))
        if workload is not None:
            (well if ready(pod) else ill).add(workload.ref)
    return tuple(sorted(ill or well, key=str))
