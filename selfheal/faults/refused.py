"""Objects whose newest version the API server did not take: findings of the fault whose field it is, and their remedy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Snapshot
from selfheal.faults.interface import FieldEdit, Finding, Remedy, Taken
from selfheal.faults.neighbourhood import around
from selfheal.faults.refusals import Refusal, refusals
from selfheal.incidents.record import ObjectRef
from selfheal.incidents.wording import spoken

#: The variant of findings that come from here.
REFUSED = "refused"
ORIGIN = "the live object, which the API server took"
_POD = r"/(?:containers|initContainers)/[^/]+"
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job")
#: Fields of values that are put back for one object.
_MOST = 16


@dataclass(frozen=True)
class _Field:
    fault: str
    kinds: tuple[str, ...]
    pattern: re.Pattern[str]
    said: re.Pattern[str] = re.compile("")

    def fits(self, refusal: Refusal) -> bool:
        return (
            refusal.object is not None
            and refusal.object.kind in self.kinds
            and self.pattern.search(refusal.field) is not None
            and self.said.search(refusal.said) is not None
        )


#: Whose field it is, the first that fits.
_FIELDS = (
    _Field("cronjob-invalid", ("CronJob",), re.compile(r"^/spec/(?:schedule|timeZone|startingDeadlineSeconds|concurrencyPolicy|suspend)$")),
    _Field("hpa-misconfigured", ("HorizontalPodAutoscaler",), re.compile(r"^/spec(?:/|$)")),
    _Field("port-conflict", ("Service",), re.compile(r"^/spec/ports/[^/]+/nodePort$"), re.compile("already allocated")),
    _Field("service-port-mismatch", ("Service",), re.compile(r"^/spec/ports(?:/|$)")),
    _Field("rbac-forbidden", ("RoleBinding",), re.compile(r"^/(?:roleRef|subjects)(?:/|$)")),
    _Field("ingress-backend-invalid", ("Ingress",), re.compile(r"^/spec(?:/|$)")),
    _Field("pvc-binding-mismatch", ("PersistentVolumeClaim",), re.compile(r"^/spec(?:/|$)")),
    _Field("volume-mount-invalid", _WORKLOADS, re.compile(rf"{_POD}/volumeMounts(?:/|$)|/spec/volumes(?:/|$)")),
    _Field("env-var-invalid", _WORKLOADS, re.compile(rf"{_POD}/env(?:From)?(?:/|$)")),
    _Field("readiness-probe-misconfigured", _WORKLOADS, re.compile(rf"{_POD}/readinessProbe(?:/|$)")),
    _Field("liveness-probe-misconfigured", _WORKLOADS, re.compile(rf"{_POD}/(?:livenessProbe|startupProbe)(?:/|$)")),
    _Field("port-conflict", _WORKLOADS, re.compile(rf"{_POD}/ports/[^/]+/hostPort$")),
    _Field("security-context-invalid", _WORKLOADS, re.compile(r"/securityContext(?:/|$)")),
    _Field("rollout-stuck", _WORKLOADS, re.compile("")),
)  # fmt: skip
#: Said by somebody else than validation: other faults tell of quotas and webhooks, and a person of rights and managers.
_OTHERS = ("denied", "conflict", "other")


def refused(snapshot: Snapshot, fault: str) -> Iterator[Finding]:
    """Findings of one fault, one for each object."""
    yield from (finding for finding in _findings(snapshot) if finding.fault == fault)


def taken_back(finding: Finding) -> Remedy:
    """The intended change: what the live object has, wherever the repository says something else about the field."""
    facts, ref = finding.facts, finding.object
    title = f"Let the API server take {ref.name} again"
    known = {item["field"]: (item["value"], item["origin"]) for item in facts.get("last_good") or ()}
    same = tuple((field, known[field][0]) for field in facts["same"] if field in known)
    edits = [
        FieldEdit(
            ref,
            field,
            Taken(
                *known[field],
                same=_of_list(field, same),
                beside=beside,
                required=field in facts["required"],
                mistyped=field in facts["mistyped"],
            ),
        )
        for beside, fields in ((False, facts["fields"]), (True, facts["beside"]))
        for field in fields
        if field in known
    ]
    edits += [FieldEdit(ref, right, Taken(None, ORIGIN, instead=wrong)) for wrong, right in facts["meant"]]
    if edits:
        return Remedy(title, tuple(edits), finding.summary)
    if facts["field"] and "*" not in pointer.parts(facts["field"]):
        return Remedy(title, (FieldEdit(ref, facts["field"], Taken(None, ORIGIN)),), finding.summary)
    return Remedy(title, (), finding.summary, escalate=f"{finding.summary} No value that it took is known.")


def unexplained(snapshot: Snapshot, found: Iterable[Finding]) -> list[Refusal]:
    """Refusals of which no finding tells, with a reason for people in each."""
    told = {item.message for finding in found for item in finding.evidence if item.source == "sync"}
    return [item for item in refusals(snapshot) if item.evidence.message not in told]


def reason(refusal: Refusal) -> str:
    """The refusal as a sentence about its object."""
    if refusal.object is None:
        return f"the last apply failed: {refusal.evidence.message}"
    where = f"{spoken(refusal.field)}: " if refusal.field else ""
    return f"{refusal.object} was not taken by the API server as the last apply had it: {where}{refusal.said}"


def _of_list(field: str, same: Sequence[tuple[str, Any]]) -> tuple[tuple[str, Any], ...]:
    """Those of ``same`` that stand in an item in which the field stands too."""
    return tuple(pair for pair in same if field.startswith(pair[0].rpartition("/")[0] + "/"))


def _findings(snapshot: Snapshot) -> list[Finding]:
    def compute() -> list[Finding]:
        groups: dict[ObjectRef, list[Refusal]] = {}
        for item in refusals(snapshot):
            if item.object is not None and item.cause not in _OTHERS:
                groups.setdefault(item.object, []).append(item)
        made = (_finding(snapshot, ref, items) for ref, items in groups.items())
        return [finding for finding in made if finding is not None]

    return snapshot.memo("refused-findings", compute)


def _finding(snapshot: Snapshot, ref: ObjectRef, items: Sequence[Refusal]) -> Finding | None:
    owners = [next((field.fault for field in _FIELDS if field.fits(item)), "") for item in items]
    live = snapshot.find(ref)
    if "" in owners:
        return None
    # Fields of several faults are put right together, or nothing is taken.
    fault = owners[0] if len(set(owners)) == 1 else "rollout-stuck" if ref.kind in _WORKLOADS else ""
    if not fault:
        return None
    near = [around(live, item) for item in items] if live is not None else []
    fields = _once(field for item in near for field in item.fields)
    beside = [
        field for field in _once(field for item in near for field in item.beside) if field not in fields
    ]
    same = _once(field for item in near for field in item.same)
    first = items[0]

    def of(cause: str) -> list[str]:
        pairs = zip(items, near, strict=False)
        return _once(field for item, found in pairs if item.cause == cause for field in found.fields)

    more = f" (and {len(items) - 1} more)" if len(items) > 1 else ""
    where = f"{spoken(first.field)}: " if first.field else ""
    absent = " It does not exist yet." if live is None and snapshot.known(ref.kind, ref.namespace) else ""
    return Finding(
        fault=fault,
        variant=REFUSED,
        object=ref,
        container=_container(fields),
        # What was never there is missed by others, whose findings say no more than that.
        confidence=0.98 if absent else 0.95,
        summary=f"The newest version of {ref} was never taken by the API server: {where}{first.said.rstrip('.')}{more}.{absent}",
        evidence=tuple(dict.fromkeys(item.evidence for item in items[:4])),
        facts={
            "field": first.field,
            "said": first.said,
            "fields": fields,
            "beside": beside,
            "same": same,
            "meant": list(dict.fromkeys(pair for item in near for pair in item.meant))[:_MOST],
            "required": of("required"),
            "mistyped": of("type"),
            "last_good": [
                {"field": field, "value": pointer.resolve(live, field), "origin": ORIGIN}
                for field in _once([*fields, *beside, *same])
            ],
        },
    )


def _once(fields: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(fields))[:_MOST]


def _container(fields: Sequence[str]) -> str:
    """The container that all fields are of, "" where there is no such."""
    names = {
        match["name"]
        if (match := re.search(r"/(?:containers|initContainers)/name=(?P<name>[^/]+)", field))
        else ""
        for field in fields
    }
    return names.pop() if len(names) == 1 else ""
