"""A pod asks for more CPU, memory or other resources than any node has left.

# What it is
The scheduler reserves what pods request. A request larger than what the fitting nodes have free leaves the pod
Pending; a request larger than a whole node is usually a slip (a missing `m`, a wrong unit).

# How it is recognised
For each node, the sum of the requests of the pods on it is set against what the node has; the pod would fit but
for that. The scheduler's "Insufficient cpu" (or memory, or another resource) confirms it, and counts alone where
pods that use a node are not in the snapshot.

# How it is told from its neighbours
A quota refuses to create the pod; here it exists. A selector, taint or cordon that keeps the pod from a node
with room is its own fault. Killed for memory is about the limit of a running container.

# What is changed
The container's request: back to the smaller one of the last good template or git history, and a limit that was
raised with it.

# How safe that is
The workload asks for what it asked for before. When the cluster is simply full, a person adds nodes or makes
room.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.quantity import quantity
from selfheal.cluster.snapshot import Snapshot
from selfheal.cluster.workloads import Container, Workload, last_good, mapping
from selfheal.faults.fields import ANY, container_fields, pod_fields
from selfheal.faults.interface import Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.faults.placing import Reason, in_words, lack, oversized, place_finding, reasons
from selfheal.faults.scheduling import RESOURCES
from selfheal.incidents.record import Target


class ResourcesUnschedulable(Fault):
    """See the page above."""

    id = "resources-unschedulable"
    blames = ANY
    writes = (
        *container_fields("/resources/requests/*", "/resources/limits/*"),
        *pod_fields("/resources/requests/*"),
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for reason in reasons(snapshot):
            if reason.name == "room":
                yield _finding(snapshot, reason)

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Let {finding.object.name} ask for what a node can give"
        edits = tuple(FieldEdit(finding.object, field, LastGood()) for field in facts["fields"])
        if not edits or not (facts["last_good"] or facts["oversized"]):
            return Remedy(
                title,
                (),
                finding.summary,
                escalate="The nodes are full; someone has to make room or add nodes.",
            )
        return Remedy(title, edits, finding.summary)


def _finding(snapshot: Snapshot, reason: Reason) -> Finding:
    item = reason.stuck
    workload = item.workload
    short = lack(item)
    said = in_words(item.text)
    named = [name for name in (*RESOURCES, "pods") if name in said]
    resource = max(short, key=lambda name: (name in said, short[name], name), default="")
    if "cpu" in short and "memory" in short and not said:
        resource = max(("cpu", "memory"), key=lambda name: _share(reason, name))
    resource = resource or (named[0] if named else "cpu")
    big = all(oversized(item, fit.node) for fit in item.fits) if item.fits else False
    container = _biggest(workload, resource)
    fields, asked = [], ""
    if container is not None:
        where = f"{container.pointer}/resources/requests/{pointer.escape(resource)}"
        asked = str(pointer.resolve(workload.spec, where) or "")
        limit = f"{container.pointer}/resources/limits/{pointer.escape(resource)}"
        if asked:
            fields.append(where)
            if last_good(snapshot, workload, limit) is not None:
                fields.append(limit)
        else:
            fields.append(limit)
    what = "more than any node has" if big else "more than any fitting node has left"
    return place_finding(
        snapshot,
        reason,
        ResourcesUnschedulable.id,
        variant=resource if resource in RESOURCES or resource == "pods" else "resource",
        summary=f"{workload.ref} cannot be scheduled: it asks for {asked or 'resources'} of {resource}, {what}.",
        fields=fields,
        marks=[],
        more={"resource": resource, "oversized": big},
        container=container.name if container is not None else "",
    )


def _share(reason: Reason, resource: str) -> Decimal:
    """The lack of a resource as a part of what a node has."""
    have = [fit.node.allocatable.get(resource, Decimal(0)) for fit in reason.stuck.fits]
    return lack(reason.stuck).get(resource, Decimal(0)) / (max(have, default=Decimal(0)) or Decimal(1))


def _biggest(workload: Workload, resource: str) -> Container | None:
    """The container that asks for most of a resource."""

    def asks(container: Container) -> Decimal:
        held = mapping(container.spec.get("resources"))
        for word in ("requests", "limits"):
            amount = quantity(mapping(held.get(word)).get(resource))
            if amount is not None:
                return amount
        return Decimal(-1)

    return max((item for item in workload.containers if asks(item) >= 0), key=asks, default=None)
