"""A HorizontalPodAutoscaler cannot do its work: it scales nothing, or cannot compute, or may not go further.

# What it is
The autoscaler names a workload that does not exist, the containers have no request to compute a utilization from,
a metric does not exist, or its own bounds keep it from helping.

# How it is recognised
The conditions of the autoscaler: `AbleToScale` false (the target is compared with the workloads that exist);
`ScalingActive` false with a missing request (the template's containers are searched for the one without it) or a
metric that nobody offers; `ScalingLimited` at its maximum while the load is above its aim.
Or the API server refused such a field at the last apply: the live object is then the old one, and well.

# How it is told from its neighbours
Pods that are not ready give no metrics: then they are the cause. When no autoscaler of the cluster gets metrics,
the metrics server is. "Scaling disabled" with zero replicas is `scaled-to-zero`.

# What is changed
`scaleTargetRef` to the workload that is plainly meant; the missing request in the workload's container (as it was
before); `maxReplicas` or the metric to what it was before.
A field that was refused gets back what the live object has there, which was taken.

# How safe that is
A request that comes back changes where pods are placed. Bounds are only restored, never raised on their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.quantity import quantity
from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.workloads import (
    Workload,
    by_ref,
    condition,
    containers,
    declared,
    last_good,
    mapping,
    mappings,
    number,
    ready,
)
from selfheal.faults.evidence import on_object, quoted
from selfheal.faults.fields import container_fields
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, OneOf, Remedy
from selfheal.faults.nearness import nearest
from selfheal.faults.refused import REFUSED, refused, taken_back
from selfheal.incidents.record import Evidence, ObjectRef, Target

_NO_REQUEST = re.compile(
    r"missing request for (?P<resource>[\w.-]+)(?: in container (?P<container>[\w.-]+))?"
)
_NO_SERVER = re.compile(
    r"metrics\.k8s\.io|no metrics returned from resource metrics API|the server could not find the requested resource"
    r"|could not find the requested resource|ServiceUnavailable|currently unable to handle"
)
_TARGETS = ("Deployment", "StatefulSet", "ReplicaSet")


class HpaMisconfigured(Fault):
    """See the page above."""

    id = "hpa-misconfigured"
    blames = ("HorizontalPodAutoscaler", *_TARGETS)
    writes = (
        "/spec/scaleTargetRef/name",
        "/spec/scaleTargetRef/kind",
        "/spec/scaleTargetRef/apiVersion",
        "/spec/minReplicas",
        "/spec/maxReplicas",
        "/spec/metrics",
        "/spec/metrics/**",
        "/spec/behavior/**",
        *container_fields("/resources/requests/*"),
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        yield from refused(snapshot, self.id)
        for scaler in snapshot.list("HorizontalPodAutoscaler"):
            finding = _target(snapshot, scaler) or _metrics(snapshot, scaler) or _bounds(snapshot, scaler)
            if finding is not None:
                yield finding

    @override
    def remedy(self, finding: Finding) -> Remedy:
        if finding.variant == REFUSED:
            return taken_back(finding)
        facts = finding.facts
        title = f"Let the autoscaler of {facts['target']} work"
        if finding.variant == "request":
            values = tuple(facts["values"])
            fallback = OneOf(values, "requests of the same resource in the namespace") if values else None
            return Remedy(
                title, (FieldEdit(finding.object, facts["field"], LastGood(fallback)),), finding.summary
            )
        if not facts["field"]:
            return Remedy(
                title, (), finding.summary, escalate="What the autoscaler should do is for a person to say."
            )
        wanted = Exact(facts["wanted"], facts["origin"]) if facts["wanted"] is not None else None
        edits = [FieldEdit(finding.object, facts["field"], LastGood(wanted))]
        if facts.get("kind") and facts.get("named"):
            edits.clear()
        if facts.get("kind"):
            edits.append(
                FieldEdit(
                    finding.object,
                    "/spec/scaleTargetRef/kind",
                    LastGood(Exact(facts["kind"], facts["origin"])),
                )
            )
        return Remedy(title, tuple(edits), finding.summary)


def _aim(scaler: Object) -> ObjectRef:
    found = mapping(mapping(scaler.get("spec")).get("scaleTargetRef"))
    return ObjectRef(
        kind=str(found.get("kind", "")), namespace=ref_of(scaler).namespace, name=str(found.get("name", ""))
    )


def _said(scaler: Object, kind: str) -> list[Evidence]:
    found = condition(scaler, kind)
    conditions = mappings(mapping(scaler.get("status")).get("conditions"))
    if not found:
        return []
    field = f"/status/conditions/{conditions.index(found)}/message"
    value = found.get("message")
    return [on_object(scaler, field, quoted(str(value)), f"{kind}: {quoted(str(value))}")] if value else []


def _target(snapshot: Snapshot, scaler: Object) -> Finding | None:
    """The target does not exist."""
    aim, ref = _aim(scaler), ref_of(scaler)
    if aim.kind not in _TARGETS or not aim.name or not snapshot.known(aim.kind, aim.namespace):
        return None
    if snapshot.find(aim) is not None:
        return None
    names = {
        ref_of(item).name: kind
        for kind in ("Deployment", "StatefulSet")
        for item in snapshot.list(kind, aim.namespace)
    }
    was = pointer.resolve(declared(scaler), "/spec/scaleTargetRef/name")
    near = was if was and was != aim.name else aim.name if aim.name in names else nearest(aim.name, names)
    near = near or (ref.name if ref.name in names else None)
    field = "/spec/scaleTargetRef/name"
    evidence = [
        *_said(scaler, "AbleToScale"),
        on_object(ref, field, aim.name, f"No {aim.kind} of that name exists"),
    ]
    workload = by_ref(snapshot).get(
        ObjectRef(kind=names.get(near or "", ""), namespace=aim.namespace, name=near or "")
    )
    return Finding(
        fault=HpaMisconfigured.id,
        variant="target",
        object=ref,
        confidence=0.97 if condition(scaler, "AbleToScale").get("status") == "False" else 0.85,
        summary=f"{ref} scales {aim}, which does not exist{f'; {near} does' if near else ''}.",
        evidence=tuple(evidence),
        facts={
            "target": near or aim.name,
            "field": field,
            "wanted": near,
            "named": near == aim.name,
            "kind": names[near] if near in names and names[near] != aim.kind else "",
            "origin": f"the {names.get(near or '', 'workload')} {near} exists",
        },
        affects=() if workload is None else (workload.ref,),
    )


def _metrics(snapshot: Snapshot, scaler: Object) -> Finding | None:
    """The replica count cannot be computed."""
    active, ref, aim = condition(scaler, "ScalingActive"), ref_of(scaler), _aim(scaler)
    text = str(active.get("message") or "")
    if active.get("status") != "False" or active.get("reason") == "ScalingDisabled":
        return None
    workload = by_ref(snapshot).get(aim)
    missing = _without_request(scaler, workload) if workload is not None else None
    if missing is not None and workload is not None:
        container, resource, field = missing
        return _request(snapshot, scaler, workload, container, resource, field)
    if _NO_SERVER.search(text) or _others_fail(snapshot, scaler):
        return None
    if workload is not None and not all(ready(pod) for pod in workload.pods):
        return None
    if "did not receive metrics" in text or ("unable to get metrics" in text and "resource" in text):
        return None
    was = pointer.resolve(declared(scaler), "/spec/metrics")
    return Finding(
        fault=HpaMisconfigured.id,
        variant="metric",
        object=ref,
        confidence=0.8,
        summary=f"{ref} cannot compute how many replicas {aim.name} needs: {text[:160]}",
        evidence=tuple(_said(scaler, "ScalingActive")),
        facts={
            "target": aim.name,
            "field": "/spec/metrics",
            "wanted": was,
            "origin": "the last applied manifest",
        },
        affects=() if workload is None else (workload.ref,),
    )


def _others_fail(snapshot: Snapshot, scaler: Object) -> bool:
    """Whether every other autoscaler fails alike, so that the metrics themselves are missing."""
    others = [item for item in snapshot.list("HorizontalPodAutoscaler") if item is not scaler]
    return len(others) > 1 and all(
        condition(item, "ScalingActive").get("status") == "False" for item in others
    )


def _without_request(scaler: Object, workload: Workload) -> tuple[str, str, str] | None:
    """(container, resource, field) of the first container without the request that a utilization is of."""
    for metric in mappings(mapping(scaler.get("spec")).get("metrics")):
        for word in ("resource", "containerResource"):
            held = mapping(metric.get(word))
            if not held or mapping(held.get("target")).get("type", "Utilization") != "Utilization":
                continue
            resource = str(held.get("name", ""))
            for container in workload.containers:
                if container.passing or (
                    word == "containerResource" and container.name != held.get("container")
                ):
                    continue
                resources = mapping(container.spec.get("resources"))
                asked = {**mapping(resources.get("limits")), **mapping(resources.get("requests"))}
                if resource not in asked and not _filled_in(workload, container.name, resource):
                    where = f"{container.pointer}/resources/requests/{pointer.escape(resource)}"
                    return container.name, resource, where
    return None


def _filled_in(workload: Workload, container: str, resource: str) -> bool:
    """Whether admission gave the running pods the request that the template lacks."""
    return bool(workload.pods) and all(
        resource in mapping(mapping(item.spec.get("resources")).get("requests"))
        for pod in workload.pods
        for item in containers(mapping(pod.get("spec")))
        if item.name == container
    )


def _request(
    snapshot: Snapshot, scaler: Object, workload: Workload, container: str, resource: str, where: str
) -> Finding:
    before = last_good(snapshot, workload, where)
    field = workload.at(where)
    base = where.rpartition("/requests/")[0]
    now = pointer.resolve(workload.spec, base)
    evidence = _said(scaler, "ScalingActive")
    shown = base if now is not None else base.removesuffix("/resources")
    value = now if now is not None else pointer.resolve(workload.spec, shown + "/name")
    evidence.append(
        on_object(
            workload.ref,
            workload.at(shown if now is not None else shown + "/name"),
            value,
            f"{container} has no request for {resource}",
        )
    )
    limit = pointer.resolve(workload.spec, f"{base}/limits/{pointer.escape(resource)}")
    values: list[Any] = [limit] if limit is not None else _usual(snapshot, workload, resource)
    return Finding(
        fault=HpaMisconfigured.id,
        variant="request",
        object=workload.ref,
        container=container,
        confidence=0.96,
        summary=f"{ref_of(scaler)} cannot compute a utilization: {container} of {workload.ref} has no {resource} request.",
        evidence=tuple(evidence),
        facts={
            "target": workload.ref.name,
            "field": field,
            "values": values,
            "last_good": []
            if before is None
            else [{"field": field, "value": before[0], "origin": before[1]}],
        },
        affects=(ref_of(scaler),),
    )


def _usual(snapshot: Snapshot, workload: Workload, resource: str) -> list[str]:
    """Requests of the resource in the namespace, the most frequent first."""
    counts: dict[str, int] = {}
    for other in by_ref(snapshot).values():
        if other.namespace != workload.namespace or other.ref == workload.ref:
            continue
        for container in other.containers:
            value = mapping(mapping(container.spec.get("resources")).get("requests")).get(resource)
            if value is not None:
                counts[str(value)] = counts.get(str(value), 0) + 1
    return sorted(counts, key=lambda value: (-counts[value], quantity(value) or 0))[:6]


def _bounds(snapshot: Snapshot, scaler: Object) -> Finding | None:
    """The maximum keeps the autoscaler from helping, or bounds contradict each other."""
    spec, status, ref = mapping(scaler.get("spec")), mapping(scaler.get("status")), ref_of(scaler)
    limited, aim = condition(scaler, "ScalingLimited"), _aim(scaler)
    most, now = number(spec.get("maxReplicas")), number(status.get("currentReplicas"))
    if limited.get("status") != "True" or limited.get("reason") != "TooManyReplicas" or now < most:
        return None
    was = pointer.resolve(declared(scaler), "/spec/maxReplicas")
    evidence = [
        *_said(scaler, "ScalingLimited"),
        on_object(ref, "/spec/maxReplicas", most, "It may go no further"),
    ]
    return Finding(
        fault=HpaMisconfigured.id,
        variant="maximum",
        object=ref,
        confidence=0.8 if isinstance(was, int) and was > most else 0.72,
        summary=f"{ref} wants more than its maximum of {most} replicas of {aim.name}.",
        evidence=tuple(evidence),
        facts={
            "target": aim.name,
            "field": "/spec/maxReplicas",
            "wanted": was if isinstance(was, int) and was > most else None,
            "origin": "the last applied manifest",
        },
        affects=(aim,),
    )
