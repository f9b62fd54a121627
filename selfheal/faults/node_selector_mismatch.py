"""A pod's nodeSelector asks for labels that no fitting node carries.

# What it is
`nodeSelector` names a label, or a value of it, that no node has (any more), so the pod stays Pending.

# How it is recognised
The pairs of the selector are compared with the labels of each node. The scheduler says "didn't match Pod's node
affinity/selector", the same text as for affinity; the spec decides.

# How it is told from its neighbours
Required node affinity that does not match is `node-affinity-mismatch`. When nodes match and are cordoned,
tainted or full, that is the cause. `kubernetes.io/hostname` of a node that exists is a match.

# What is changed
The pair of `nodeSelector`: to what the last good template had, or to the value that nodes have and that is
plainly meant; a pair that was not there before is removed.

# How safe that is
The pod runs on nodes where it ran before, or on nodes that carry a label that exists.
"""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Snapshot
from selfheal.cluster.workloads import earlier, strings
from selfheal.faults.evidence import on_object
from selfheal.faults.fields import ANY, pod_fields
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, NearName, Remedy
from selfheal.faults.nearness import likeness, nearest
from selfheal.faults.placing import Reason, place_finding, reasons
from selfheal.faults.scheduling import nodes
from selfheal.incidents.record import Target

#: Labels of nodes are short words: they have to be more alike than other names.
LIKENESS = 0.65


class NodeSelectorMismatch(Fault):
    """See the page above."""

    id = "node-selector-mismatch"
    blames = ANY
    writes = pod_fields("/nodeSelector", "/nodeSelector/*")

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for reason in reasons(snapshot):
            if reason.name == "selector" and reason.stuck.workload.spec.get("nodeSelector"):
                yield _finding(snapshot, reason)

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Let {finding.object.name} select nodes that exist"
        edits = []
        if facts.get("whole"):
            edit = FieldEdit(finding.object, facts["whole"], Exact(None, "the template before"), "remove")
            return Remedy(title, (edit,), finding.summary)
        for pair in facts["pairs"]:
            if pair["new"]:
                edits.append(FieldEdit(finding.object, pair["field"], LastGood(), "remove"))
                continue
            values = tuple(pair["values"])
            near = NearName(f"node label {pair['key']}", pair["value"], values)
            fallback = Exact(values[0], "the labels of the nodes") if len(values) == 1 else near
            edits.append(FieldEdit(finding.object, pair["field"], LastGood(fallback if values else None)))
        return Remedy(title, tuple(edits), finding.summary)


def _finding(snapshot: Snapshot, reason: Reason) -> Finding:
    workload = reason.stuck.workload
    selector = strings(workload.spec.get("nodeSelector"))
    every = nodes(snapshot)
    older = next(iter(earlier(snapshot, workload.object)), None)
    before = strings(older.spec.get("nodeSelector")) if older is not None else {}
    pairs = []
    for key, value in sorted(selector.items()):
        if any(node.labels.get(key) == value for node in every):
            continue
        values = sorted({node.labels[key] for node in every if key in node.labels})
        near = nearest(value, values)
        near = near if near is not None and likeness(value, near) >= LIKENESS else None
        # Without a near name only what a node carries that would take the pod otherwise can be meant.
        values = sorted({node.labels[key] for node in reason.nodes if key in node.labels})
        new = older is not None and key not in before
        pairs.append(
            {
                "key": key,
                "value": value,
                "field": workload.at(pointer.join("nodeSelector", key)),
                "values": [near] if near else values[:12],
                "new": new,
            }
        )
    if not pairs:
        # Each pair is on some node, no node has all of them.
        pairs = [
            {
                "key": key,
                "value": value,
                "field": workload.at(pointer.join("nodeSelector", key)),
                "values": [],
                "new": older is not None and key not in before,
            }
            for key, value in sorted(selector.items())
            if before.get(key) != value
        ]
    told = ", ".join(f"{pair['key']}={pair['value']}" for pair in pairs) or ", ".join(
        f"{key}={value}" for key, value in sorted(selector.items())
    )
    marks = [
        on_object(node.object, "/metadata/labels", dict(node.labels), f"What {node.name} carries")
        for node in every[:1]
    ]
    fields = [pointer.join("nodeSelector", str(pair["key"])) for pair in pairs] or ["/nodeSelector"]
    return place_finding(
        snapshot,
        reason,
        NodeSelectorMismatch.id,
        variant="selector",
        summary=f"{workload.ref} cannot be scheduled: no node carries {told}, which its nodeSelector asks for.",
        fields=fields,
        marks=marks,
        more={
            "pairs": pairs,
            "whole": workload.at("/nodeSelector") if older is not None and not before else "",
        },
    )
