"""A container asks for more, or less, than its namespace's LimitRange admits.

# What it is
A LimitRange bounds what one container, pod or claim may ask for. What is outside is refused when it is created.

# How it is recognised
Pods are missing, and the refusal says "maximum", "minimum" or "limit to request ratio" for a container, pod or
claim. The LimitRange's numbers are compared with the template's.

# How it is told from its neighbours
"exceeded quota" bounds the sum, not the single container. An old refusal counts no longer once the pods are there.

# What is changed
The container's request or limit: back to what it was before, or to the bound.

# How safe that is
The workload stays within what the namespace allows. The LimitRange is not touched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.quantity import quantity
from selfheal.cluster.snapshot import Snapshot, ref_of
from selfheal.cluster.workloads import Container, Workload, last_good, mapping, mappings
from selfheal.faults.absent import refused
from selfheal.faults.evidence import on_object
from selfheal.faults.fields import ANY, container_fields
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.incidents.record import Evidence, Target

_BOUND = re.compile(
    r"(?P<side>maximum|minimum) (?P<resource>[\w./-]+) usage per (?P<of>Container|Pod|PersistentVolumeClaim) is"
    r" (?P<bound>[\w.]+), but (?P<word>limit|request)? ?is (?P<asked>[\w.]+)"
    r"|(?P<side2>maximum|minimum) (?P<resource2>[\w./-]+) usage per (?P<of2>\w+) is (?P<bound2>[\w.]+)"
    r"|(?P<ratio>[\w./-]+) max limit to request ratio per (?P<of3>\w+) is (?P<bound3>[\w.]+)"
)


class LimitRangeViolated(Fault):
    """See the page above."""

    id = "limit-range-violated"
    blames = ANY
    writes = container_fields("/resources/limits/*", "/resources/requests/*")

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for workload, said in refused(snapshot):
            for text, evidence in said:
                match = _BOUND.search(text)
                if match is not None:
                    yield _finding(snapshot, workload, match, evidence)
                    break

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Let {finding.object.name} ask for what its namespace admits"
        if not facts["field"]:
            return Remedy(
                title, (), finding.summary, escalate="Which container is outside cannot be told from specs."
            )
        also = facts.get("also") or []
        # Where requests are outside as well, and other than the limits, the bound is no size that anybody meant.
        value = None if also and not facts["alike"] else Exact(facts["bound"], facts["origin"])
        edits = tuple(FieldEdit(finding.object, field, LastGood(value)) for field in (facts["field"], *also))
        return Remedy(title, edits, finding.summary)


def _finding(snapshot: Snapshot, workload: Workload, match: re.Match[str], told: Evidence) -> Finding:
    side = match["side"] or match["side2"] or "ratio"
    resource = match["resource"] or match["resource2"] or match["ratio"] or ""
    bound = match["bound"] or match["bound2"] or match["bound3"] or ""
    word = match["word"] or ("request" if side == "minimum" else "limit")
    container = _outside(workload, side, resource, bound, f"{word}s")
    section = f"{word}s"
    where = (
        f"{container.pointer}/resources/{section}/{pointer.escape(resource)}" if container is not None else ""
    )
    field = workload.at(where) if where else ""
    evidence = [told]
    now = pointer.resolve(workload.spec, where) if where else None
    if now is not None:
        evidence.append(on_object(workload.ref, field, now, "What the template asks for"))
    origin = "the LimitRange of the namespace"
    for item in snapshot.list("LimitRange", workload.namespace):
        for index, rule in enumerate(mappings(mapping(item.get("spec")).get("limits"))):
            key = {"maximum": "max", "minimum": "min"}.get(side, "maxLimitRequestRatio")
            value: Any = mapping(rule.get(key)).get(resource)
            if value is not None:
                at = pointer.join("spec", "limits", index, key, resource)
                evidence.append(on_object(ref_of(item), at, value, f"The {side} of the namespace"))
                origin = str(ref_of(item))
                break
    other = where.replace("/limits/", "/requests/") if "/limits/" in where and side == "maximum" else ""
    asked, edge = quantity(pointer.resolve(workload.spec, other)) if other else None, quantity(bound)
    also = [other] if asked is not None and edge is not None and asked > edge else []
    good = [
        {"field": workload.at(relative), "value": before[0], "origin": before[1]}
        for relative in (where, *also)
        if relative and (before := last_good(snapshot, workload, relative)) is not None
    ]
    return Finding(
        fault=LimitRangeViolated.id,
        variant="ratio" if side == "ratio" else resource,
        object=workload.ref,
        container=container.name if container is not None else "",
        confidence=0.97,
        summary=f"Pods of {workload.ref} are refused: the {side} of {resource} is {bound}; the template asks for {now or 'other'}.",
        evidence=tuple(evidence),
        facts={
            "field": field,
            "bound": bound if side != "ratio" else str(now or ""),
            "origin": origin,
            "alike": asked is not None and asked == quantity(now),
            "also": [workload.at(relative) for relative in also],
            "last_good": good,
        },
    )


def _outside(workload: Workload, side: str, resource: str, bound: str, section: str) -> Container | None:
    edge = quantity(bound)
    for container in workload.containers:
        amount = quantity(mapping(mapping(container.spec.get("resources")).get(section)).get(resource))
        if amount is None or edge is None:
            continue
        if (side == "minimum" and amount < edge) or (side == "maximum" and amount > edge) or side == "ratio":
            return container
    return workload.containers[0] if len(workload.containers) == 1 else None
