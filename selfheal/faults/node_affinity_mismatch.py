"""Required node affinity of a pod matches no fitting node.

# What it is
`requiredDuringSchedulingIgnoredDuringExecution` of the pod's node affinity asks for labels or values that no
node has, so the pod stays Pending.

# How it is recognised
Each term is evaluated against each node's labels, operators included. The scheduler says "didn't match Pod's node
affinity/selector", the same text as for `nodeSelector`; the spec decides.

# How it is told from its neighbours
A `nodeSelector` that does not match is `node-selector-mismatch`. Preferred affinity never keeps a pod Pending.
Affinity of a volume is the volume's. When nodes match and are cordoned, tainted or full, that is the cause.

# What is changed
The affinity goes back to what the last good template had; a value that is plainly meant for one that nodes have
is corrected.

# How safe that is
The pod runs on nodes where it ran before, or on nodes that carry a label that exists.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Snapshot
from selfheal.cluster.workloads import Workload, earlier, mapping, mappings
from selfheal.faults.evidence import on_object
from selfheal.faults.fields import ANY, pod_fields
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, OneOf, Remedy
from selfheal.faults.nearness import nearest
from selfheal.faults.placing import Reason, place_finding, reasons
from selfheal.faults.scheduling import affinity_terms, holds, nodes
from selfheal.incidents.record import Target

_REQUIRED = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution"


class NodeAffinityMismatch(Fault):
    """See the page above."""

    id = "node-affinity-mismatch"
    blames = ANY
    writes = pod_fields(
        "/affinity", "/affinity/nodeAffinity", _REQUIRED, f"{_REQUIRED}/nodeSelectorTerms/*/*/*/values"
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for reason in reasons(snapshot):
            if reason.name == "affinity" and affinity_terms(reason.stuck.workload.spec):
                yield _finding(snapshot, reason)

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Let the node affinity of {finding.object.name} match nodes that exist"
        if facts["whole"] == "new":
            edit = FieldEdit(finding.object, facts["fields"][0], LastGood(), "remove")
            return Remedy(title, (edit,), finding.summary)
        edits = tuple(
            FieldEdit(
                finding.object,
                item["field"],
                LastGood(
                    Exact(item["wanted"], "the labels of the nodes")
                    if item["wanted"]
                    else OneOf(tuple([value] for value in item["values"]), "the labels of the nodes")
                    if item["values"]
                    else None
                ),
            )
            for item in facts["wrong"]
        )
        return Remedy(
            title,
            edits or (FieldEdit(finding.object, facts["fields"][0], LastGood()),),
            finding.summary,
        )


def _finding(snapshot: Snapshot, reason: Reason) -> Finding:
    workload = reason.stuck.workload
    wrong = _wrong(snapshot, workload)
    older = next(iter(earlier(snapshot, workload.object)), None)
    new = older is not None and not affinity_terms(older.spec)
    whole = "/affinity" if older is not None and not mapping(older.spec.get("affinity")) else _REQUIRED
    told = "; ".join(item["text"] for item in wrong) or "its terms"
    marks = [
        on_object(node.object, "/metadata/labels", dict(node.labels), f"What {node.name} carries")
        for node in nodes(snapshot)[:1]
    ]
    fields = [whole] if new or not wrong else [item["relative"] for item in wrong]
    return place_finding(
        snapshot,
        reason,
        NodeAffinityMismatch.id,
        variant="affinity",
        summary=f"{workload.ref} cannot be scheduled: its node affinity asks for {told}, which no node meets.",
        fields=fields,
        marks=marks,
        more={
            "whole": "new" if new else "",
            "wrong": [
                {"field": item["field"], "wanted": item["wanted"], "values": item["values"]} for item in wrong
            ],
        },
    )


def _wrong(snapshot: Snapshot, workload: Workload) -> list[dict[str, Any]]:
    """Requirements that no node meets, with the values nodes have."""
    found = []
    every = nodes(snapshot)
    for number, term in enumerate(affinity_terms(workload.spec)):
        for index, item in enumerate(mappings(term.get("matchExpressions"))):
            if any(holds(item, node.labels) for node in every):
                continue
            key = str(item.get("key", ""))
            values = sorted({node.labels[key] for node in every if key in node.labels})
            listed = item.get("values")
            asked = [str(value) for value in listed] if isinstance(listed, list) else []
            near = [name for value in asked if (name := nearest(value, values)) is not None]
            wanted = near if near and len(near) == len(asked) else values if len(values) == 1 else []
            relative = f"{_REQUIRED}/nodeSelectorTerms/{number}/matchExpressions/{index}/values"
            if not pointer.exists(workload.spec, relative):
                continue
            found.append(
                {
                    "field": workload.at(relative),
                    "relative": relative,
                    "wanted": wanted,
                    "values": values[:8],
                    "text": f"{key} {item.get('operator')} {', '.join(asked)}".strip(),
                }
            )
    return found
