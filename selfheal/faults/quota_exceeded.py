"""A namespace's quota does not let the objects be created that a workload needs.

# What it is
A ResourceQuota bounds what a namespace may use: CPU, memory, storage, pods, Services and other counts. What would
exceed it is refused when it is created; existing objects are untouched.

# How it is recognised
Pods are missing, and a controller (event `FailedCreate`, condition `ReplicaFailure`) or the last apply says
"exceeded quota" with the quota's name. The quota's own arithmetic (used, hard, asked for) is cited. A quota of
which more is used than allowed is at fault even while nothing new was tried.

# How it is told from its neighbours
No pod exists: the scheduler never saw it. "maximum … per Container" is a LimitRange. An old refusal counts no
longer once all pods are there.

# What is changed
A workload that asks for more than before, or for more than the whole quota, goes back to what it asked for. Else
`spec.hard` of the quota goes back to what it was before; raising it beyond that needs approval.

# How safe that is
A quota is somebody's decision; only its own earlier value is restored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.quantity import quantity
from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.workloads import Workload, by_ref, declared, mapping, workloads
from selfheal.faults.absent import refused
from selfheal.faults.calls import service_of
from selfheal.faults.evidence import on_object, quoted
from selfheal.faults.fields import container_fields
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.faults.overdrawn import asked_before, beyond
from selfheal.faults.signals import signals
from selfheal.incidents.record import Evidence, ObjectRef, Target

_EXCEEDED = re.compile(
    r"(?:exceeded|failed) quota: (?P<name>[a-z0-9][a-z0-9.-]*)(?:, requested: (?P<requested>[^ ]+(?:,[^ ]+)*))?"
)
_MUST = re.compile(r"must specify (?P<what>[\w.,/ -]+)")


class QuotaExceeded(Fault):
    """See the page above."""

    id = "quota-exceeded"
    blames = ("ResourceQuota",)
    writes = (
        "/spec/hard/*",
        "/spec/replicas",
        *container_fields("/resources/requests/*", "/resources/limits/*"),
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        found: dict[str, Finding] = {}
        for workload, said in refused(snapshot):
            for text, evidence in said:
                match = _EXCEEDED.search(text)
                if match is None:
                    continue
                ref = ObjectRef(kind="ResourceQuota", namespace=workload.namespace, name=match["name"])
                resource = _resource(match["requested"] or "", text)
                held = found.get(str(ref))
                # Of several that are refused, the one that asks for more than before is the reason.
                if held is None or not (
                    held.facts["asked"] or not asked_before(snapshot, workload, resource)
                ):
                    found[str(ref)] = _finding(snapshot, ref, resource, [evidence], (workload.ref,), 0.97)
                break
        for ref, resource, evidence, refs in _from_sync(snapshot):
            found.setdefault(str(ref), _finding(snapshot, ref, resource, [evidence], refs, 0.9))
        for quota in snapshot.list("ResourceQuota"):
            over = _over(snapshot, quota)
            if over is not None and str(ref_of(quota)) not in found:
                resource, refs, sure = over
                found[str(ref_of(quota))] = _finding(snapshot, ref_of(quota), resource, [], refs, sure)
        yield from (found[name] for name in sorted(found))

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        asked = facts.get("asked") or []
        if asked:
            workload = ObjectRef(**facts["workload"])
            title = f"Let {workload.name} ask for what its quota allows"
            known = {item["field"]: Exact(item["value"], item["origin"]) for item in facts["last_good"]}
            edits = tuple(FieldEdit(workload, field, LastGood(known.get(field))) for field in asked)
            return Remedy(title, edits, finding.summary)
        title = f"Let the quota {finding.object.name} allow what it allowed before"
        fallback = Exact(facts["was"], "the last applied manifest") if facts["was"] else None
        edit = FieldEdit(finding.object, facts["field"], LastGood(fallback))
        return Remedy(title, (edit,), finding.summary)


def _resource(requested: str, text: str) -> str:
    """The first resource that a refusal names."""
    if requested:
        return requested.partition("=")[0]
    match = _MUST.search(text)
    return match["what"].split(",")[0].split(" ")[0].strip() if match else ""


def kind_of_quota(resource: str) -> str:
    """cpu, memory, pods, services or storage for the name a quota gives a resource; its own name for others."""
    plain = resource.partition("requests.")[2] or resource.partition("limits.")[2] or resource
    if resource.startswith("count/"):
        plain = resource.removeprefix("count/").partition(".")[0]
    if "storage" in plain or plain == "persistentvolumeclaims":
        return "storage"
    return "services" if plain.startswith("services") else plain


def _from_sync(snapshot: Snapshot) -> Iterator[tuple[ObjectRef, str, Evidence, tuple[ObjectRef, ...]]]:
    """Refusals that the last apply printed, while the object is still missing."""
    for line in snapshot.sync().splitlines():
        match = _EXCEEDED.search(line)
        if match is None:
            continue
        quotas = [item for item in snapshot.list("ResourceQuota") if ref_of(item).name == match["name"]]
        if len(quotas) != 1:
            continue
        ref = ref_of(quotas[0])
        evidence = Evidence(id="", source="sync", object=ref, message=quoted(line))
        resource = _resource(match["requested"] or "", line)
        yield ref, resource, evidence, _missing(snapshot, ref.namespace, kind_of_quota(resource))


def _over(snapshot: Snapshot, quota: Object) -> tuple[str, tuple[ObjectRef, ...], float] | None:
    """A resource of which more is used than allowed, or all of it while something that would use it is missing."""
    ref = ref_of(quota)
    hard = mapping(mapping(quota.get("spec")).get("hard")) or mapping(
        mapping(quota.get("status")).get("hard")
    )
    used = mapping(mapping(quota.get("status")).get("used"))
    for resource in sorted(hard):
        allowed, taken = quantity(hard[resource]), quantity(used.get(resource))
        if allowed is None or taken is None or taken < allowed:
            continue
        missing = _missing(snapshot, ref.namespace, kind_of_quota(resource))
        if missing:
            return resource, missing, 0.9
        if taken > allowed:
            return resource, (), 0.72
    return None


def _missing(snapshot: Snapshot, namespace: str, kind: str) -> tuple[ObjectRef, ...]:
    """Workloads that suffer since an object of a counted kind is not there."""
    found = []
    for workload in workloads(snapshot):
        if workload.namespace != namespace:
            continue
        if (kind == "services" and _lacks_service(snapshot, workload)) or (
            kind == "storage" and _lacks_claim(snapshot, workload)
        ):
            found.append(workload.ref)
    return tuple(found)


def _lacks_service(snapshot: Snapshot, workload: Workload) -> bool:
    """Whether the workload calls, and does not find, a Service named like a workload that has none."""
    names = {item.ref.name for item in workloads(snapshot) if item.namespace == workload.namespace}
    return any(
        signal.current
        and signal.kind == "dns"
        and signal.host.split(".")[0] in names
        and service_of(snapshot, workload.namespace, signal.host) is None
        for signal in signals(snapshot, workload)
    )


def _lacks_claim(snapshot: Snapshot, workload: Workload) -> bool:
    from selfheal.faults.claims import missing_claims

    return any(found.ref == workload.ref for found, _name, _where in missing_claims(snapshot))


def _finding(
    snapshot: Snapshot,
    ref: ObjectRef,
    resource: str,
    evidence: list[Evidence],
    affects: tuple[ObjectRef, ...],
    confidence: float,
) -> Finding:
    quota: dict[str, Any] = snapshot.find(ref) or {}
    field = pointer.join("spec", "hard", resource)
    allowed = pointer.resolve(quota, field)
    taken = pointer.resolve(quota, pointer.join("status", "used", resource))
    if allowed is not None:
        evidence.append(on_object(ref, field, allowed, f"What {ref.name} allows of {resource}"))
    if taken is not None:
        where = pointer.join("status", "used", resource)
        evidence.append(on_object(ref, where, taken, f"What is used of {resource}"))
    was = pointer.resolve(declared(quota), field) if quota else None
    was_more = was is not None and (quantity(was) or Decimal(0)) > (quantity(allowed) or Decimal(0))
    workload = by_ref(snapshot).get(affects[0]) if affects and not was_more else None
    good = asked_before(snapshot, workload, resource) if workload is not None else []
    asked = [item["field"] for item in good]
    if workload is not None and not asked:
        asked = beyond(workload, resource, allowed)
    if workload is not None and asked:
        value = pointer.resolve(workload.object, asked[0])
        if value is not None:
            evidence.append(on_object(workload.ref, asked[0], value, f"What {workload.ref.name} asks for"))
    return Finding(
        fault=QuotaExceeded.id,
        variant=kind_of_quota(resource),
        object=ref,
        confidence=confidence,
        summary=f"The quota {ref.name} allows {allowed} of {resource} ({taken} used); what is needed is refused.",
        evidence=tuple(evidence),
        facts={
            "field": field,
            "resource": resource,
            "was": was if was_more else None,
            "asked": asked,
            "last_good": good,
            **({"workload": affects[0].model_dump()} if affects else {}),
        },
        affects=affects,
        mitigation=f"kubectl -n {ref.namespace} describe quota {ref.name}",
    )
