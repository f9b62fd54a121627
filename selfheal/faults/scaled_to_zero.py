"""A workload that others need is scaled to zero.

# What it is
`replicas` is 0, so there are no pods, no events and no logs; the Service in front of it has no endpoints.

# How it is recognised
The workload wants no replicas, and something says that it should: a Service selects its pods, others call it, its last
pods were taken away lately, an autoscaler is on it, or the last applied manifest wants some.

# How it is told from its neighbours
Pods that are wanted and missing are refused (quota, admission, account). A workload at zero that nothing refers to
is parked on purpose. Autoscalers that may go to zero leave the workload to an event source.

# What is changed
`replicas` back to what it was. When git already says so, the cluster differs from git and is synchronised.

# How safe that is
The workload runs as it did before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.labels import pods_selected, selected_by, selector_of
from selfheal.cluster.snapshot import Object, Snapshot, metadata, ref_of
from selfheal.cluster.workloads import Workload, declared, mapping, number, strings, workloads
from selfheal.faults.calls import callers
from selfheal.faults.evidence import newest_first, of_event, on_object, text_of
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.incidents.record import Target

_NONE_LEFT = re.compile(r"Scaled down replica set \S+ (?:from \d+ )?to 0\b")
#: Annotations of what takes pods away while nobody asks for them.
_ON_DEMAND = ("autoscaling.keda.sh/", "keda.sh/", "autoscaling.knative.dev/", "sablier.enable")
_DESIRED = "deployment.kubernetes.io/desired-replicas"


class ScaledToZero(Fault):
    """See the page above."""

    id = "scaled-to-zero"
    blames = ("Deployment", "StatefulSet", "ReplicaSet")
    writes = ("/spec/replicas",)

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for workload in workloads(snapshot):
            if workload.ref.kind in self.blames and mapping(workload.object.get("spec")).get("replicas") == 0:
                finding = _finding(snapshot, workload, target)
                if finding is not None:
                    yield finding

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        fallback = Exact(facts["was"], facts["origin"]) if facts["was"] else None
        edit = FieldEdit(finding.object, "/spec/replicas", LastGood(fallback))
        return Remedy(f"Let {finding.object.name} run again", (edit,), finding.summary)


def _taken_away(snapshot: Snapshot, workload: Workload) -> Object | None:
    """The event by which its last pods went lately: it ran, and nothing that scales on demand watches over it."""
    if any(key.startswith(_ON_DEMAND) for key in strings(metadata(workload.object).get("annotations"))):
        return None
    for event in newest_first(snapshot.events_of(workload.object)):
        reason, text = event.get("reason"), text_of(event)
        if (reason == "ScalingReplicaSet" and _NONE_LEFT.search(text)) or reason == "SuccessfulDelete":
            return event
    return None


def _finding(snapshot: Snapshot, workload: Workload, target: Target | None) -> Finding | None:
    services = [
        service
        for service in selected_by(snapshot, workload)
        if not pods_selected(snapshot, workload.namespace, selector_of(service))
    ]
    asking = sorted({str(load.ref) for service in services for load in callers(snapshot, ref_of(service))})
    was = pointer.resolve(declared(workload.object), "/spec/replicas", 0)
    origin = "the last applied manifest"
    floor = 0
    for scaler in snapshot.list("HorizontalPodAutoscaler", workload.namespace):
        aim = mapping(mapping(scaler.get("spec")).get("scaleTargetRef"))
        if (aim.get("kind"), aim.get("name")) == (workload.ref.kind, workload.ref.name):
            floor = number(mapping(scaler.get("spec")).get("minReplicas"), 1)
    if not number(was):
        annotated = [
            int(text)
            for found in snapshot.owned(workload.object, "ReplicaSet")
            if (text := strings(metadata(found).get("annotations")).get(_DESIRED, "")).isdecimal()
            and int(text)
        ]
        was, origin = (
            (annotated[0], "an older ReplicaSet") if annotated else (floor, "the autoscaler's minimum")
        )
    meant = target is not None and (target.kind, target.name) == (workload.ref.kind, workload.ref.name)
    taken = _taken_away(snapshot, workload)
    if not (services or was or meant or taken):
        return None
    sure = 0.96 if was or asking else 0.9 if services else 0.8
    evidence = [on_object(workload.ref, "/spec/replicas", 0, "No pods are wanted")]
    if taken is not None:
        evidence.append(of_event(taken))
    for service in services[:2]:
        name = ref_of(service).name
        evidence.append(on_object(service, "/metadata/name", name, "This Service has no endpoints for it"))
    who = f"; {', '.join(asking[:3])} call it" if asking else ""
    return Finding(
        fault=ScaledToZero.id,
        variant="replicas",
        object=workload.ref,
        confidence=sure,
        summary=f"{workload.ref} is scaled to zero, so it has no pods{who}.",
        evidence=tuple(evidence),
        facts={"was": number(was), "origin": origin},
        mitigation=f"kubectl -n {workload.namespace} scale {workload.ref.kind.lower()}/{workload.ref.name} --replicas={number(was) or 1}",
    )
