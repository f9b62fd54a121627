"""Pods cannot be created since their ServiceAccount does not exist.

# What it is
The pod template names a ServiceAccount that is not in the namespace. The API server refuses every pod.

# How it is recognised
Pods are missing, the refusal says "serviceaccount … not found", and no ServiceAccount of that name exists.

# How it is told from its neighbours
The refusal also appears for a moment while a namespace is filled; it counts no longer once the pods are there. An
account that exists and may not do something is `rbac-forbidden`.

# What is changed
`serviceAccountName` of the pod template: to what the last good template had, or to the account that is plainly
meant.

# How safe that is
Only an account that exists is named. Which rights it has does not change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from typing_extensions import override

from selfheal.cluster.snapshot import Snapshot, ref_of
from selfheal.cluster.workloads import Workload, last_good, workloads
from selfheal.faults.absent import lacks_pods, refused
from selfheal.faults.evidence import on_object
from selfheal.faults.fields import ANY, pod_fields
from selfheal.faults.interface import Fault, FieldEdit, Finding, LastGood, NearName, Remedy
from selfheal.faults.nearness import nearest
from selfheal.incidents.record import Evidence, Target

_TOLD = re.compile(r"serviceaccount[s]? \"(?P<name>[^\"]+)\" not found", re.IGNORECASE)


class ServiceAccountMissing(Fault):
    """See the page above."""

    id = "service-account-missing"
    blames = ANY
    writes = pod_fields("/serviceAccountName", "/serviceAccount")

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        told: dict[str, tuple[str, Evidence]] = {}
        for workload, said in refused(snapshot):
            for text, evidence in said:
                match = _TOLD.search(text)
                if match is not None:
                    told[str(workload.ref)] = (match["name"], evidence)
                    break
        for workload in workloads(snapshot):
            name = str(workload.spec.get("serviceAccountName") or "")
            known = snapshot.known("ServiceAccount", workload.namespace)
            said_of = told.get(str(workload.ref))
            absent = bool(name) and known and snapshot.get("ServiceAccount", workload.namespace, name) is None
            if said_of is not None and (absent or not known or said_of[0] != name):
                yield _finding(snapshot, workload, said_of[0], said_of[1])
            elif absent and lacks_pods(snapshot, workload):
                yield _finding(snapshot, workload, name, None)

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Let {finding.object.name} run as a ServiceAccount that exists"
        names = tuple(facts["accounts"])
        if not facts["last_good"] and not facts["near"]:
            return Remedy(
                title,
                (FieldEdit(finding.object, facts["field"], LastGood()),),
                finding.summary,
                escalate="" if names else f"No ServiceAccount is plainly meant by {facts['name']}.",
            )
        query = LastGood(NearName("ServiceAccount", facts["name"], names))
        return Remedy(title, (FieldEdit(finding.object, facts["field"], query),), finding.summary)


def _finding(snapshot: Snapshot, workload: Workload, name: str, told: Evidence | None) -> Finding:
    accounts = [ref_of(item).name for item in snapshot.list("ServiceAccount", workload.namespace)]
    near = nearest(name, [item for item in accounts if item != "default"])
    field = workload.at("/serviceAccountName")
    before = last_good(snapshot, workload, "/serviceAccountName")
    evidence = [told] if told is not None else []
    if workload.spec.get("serviceAccountName") is not None:
        evidence.append(on_object(workload.ref, field, name, "The account the pods shall run as"))
    hint = f"; {near} exists" if near else ""
    return Finding(
        fault=ServiceAccountMissing.id,
        variant="account",
        object=workload.ref,
        confidence=0.97 if told is not None else 0.85,
        summary=f"No pod of {workload.ref} can be created: the ServiceAccount {name} does not exist{hint}.",
        evidence=tuple(evidence),
        facts={
            "field": field,
            "name": name,
            "near": near or "",
            "accounts": accounts[:20],
            "last_good": []
            if before is None
            else [{"field": field, "value": before[0], "origin": before[1]}],
        },
        mitigation=f"kubectl -n {workload.namespace} get serviceaccounts",
    )
