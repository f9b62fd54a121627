"""Nobody schedules: pods stay Pending and no word is said about them.

# What it is
The scheduler is stopped or cannot reach the API server, or pods name a scheduler that does not exist.

# How it is recognised
Pods are Pending for a while, have no node, and have neither a `PodScheduled` condition nor any event of a scheduler,
although by its specs a node would take them. Where the control plane's own pods are in the snapshot, theirs is
looked at.

# How it is told from its neighbours
A scheduler that works says why a pod does not fit. Pods with scheduling gates wait on purpose. Pods that do not exist
were refused.

# What is changed
`schedulerName` back to what it was, where that is the cause; else nothing in a repository.

# How safe that is
A person looks at the control plane.
"""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import override

from selfheal.cluster.snapshot import Object, Snapshot, metadata, ref_of
from selfheal.cluster.times import parse
from selfheal.cluster.workloads import condition, last_good, mapping, ready, strings
from selfheal.faults.evidence import on_object, seconds_before
from selfheal.faults.fields import pod_fields
from selfheal.faults.fitting import Stuck, stuck
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.incidents.record import Evidence, Target

#: Seconds within which a working scheduler has long since said something.
PATIENCE = 20
DEFAULT = "default-scheduler"


class SchedulerUnavailable(Fault):
    """See the page above."""

    id = "scheduler-unavailable"
    blames = ("Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob")
    writes = pod_fields("/schedulerName")

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        silent = [item for item in stuck(snapshot) if _silent(snapshot, item)]
        if not silent:
            return
        own = [item for item in silent if str(item.workload.spec.get("schedulerName") or DEFAULT) != DEFAULT]
        for item in own:
            name = str(item.workload.spec.get("schedulerName"))
            field = item.workload.at("/schedulerName")
            before = last_good(snapshot, item.workload, "/schedulerName")
            yield Finding(
                fault=self.id,
                variant="name",
                object=item.workload.ref,
                confidence=0.93,
                summary=f"Nobody schedules the pods of {item.workload.ref}: they ask for the scheduler {name}.",
                evidence=(
                    on_object(item.workload.ref, field, name, "The scheduler that is asked for"),
                    _pending(item.pod),
                ),
                facts={
                    "field": field,
                    "last_good": []
                    if before is None
                    else [{"field": field, "value": before[0], "origin": before[1]}],
                },
            )
        rest = [item for item in silent if item not in own]
        if rest:
            scheduler = _scheduler(snapshot)
            refs = tuple(item.workload.ref for item in rest)
            blamed = ref_of(scheduler) if scheduler is not None else refs[0]
            phase = mapping(mapping(scheduler).get("status")).get("phase")
            marks = (
                [on_object(scheduler, "/status/phase", phase, "The scheduler")] if scheduler and phase else []
            )
            yield Finding(
                fault=self.id,
                variant="scheduler",
                object=blamed,
                confidence=0.92
                if len(rest) > 1 or scheduler is not None or _long(snapshot, rest[0])
                else 0.85,
                summary=f"Nobody schedules: {', '.join(str(ref) for ref in refs[:3])} wait without a word on why.",
                evidence=(*(_pending(item.pod) for item in rest[:3]), *marks),
                facts={"field": "", "last_good": []},
                affects=refs,
            )

    @override
    def remedy(self, finding: Finding) -> Remedy:
        if finding.variant == "name":
            value = LastGood(Exact(DEFAULT, "the default of pods"))
            edit = FieldEdit(finding.object, finding.facts["field"], value)
            return Remedy(f"Let {finding.object.name} be scheduled", (edit,), finding.summary)
        return Remedy(
            "Start the scheduler",
            (),
            finding.summary,
            escalate="The control plane is mended outside of any repository.",
        )


def _silent(snapshot: Snapshot, item: Stuck) -> bool:
    pod = item.pod
    spec = mapping(pod.get("spec"))
    ago = seconds_before(snapshot, parse(metadata(pod).get("creationTimestamp")))
    said = condition(pod, "PodScheduled")
    return (
        not item.text
        and said.get("status") != "True"
        and not said.get("message")
        and said.get("reason") != "SchedulingGated"
        and not spec.get("schedulingGates")
        and (ago is None or ago >= PATIENCE)
        and not any(
            event.get("reason") in ("FailedScheduling", "Scheduled") for event in snapshot.events_of(pod)
        )
    )


def _long(snapshot: Snapshot, item: Stuck) -> bool:
    ago = seconds_before(snapshot, parse(metadata(item.pod).get("creationTimestamp")))
    return ago is not None and ago > 3 * PATIENCE


def _pending(pod: Object) -> Evidence:
    return on_object(
        pod, "/status/phase", mapping(pod.get("status")).get("phase"), "No node, and no word on why"
    )


def _scheduler(snapshot: Snapshot) -> Object | None:
    """The scheduler's own pod that is not well, where the control plane's namespace was read."""
    for pod in snapshot.list("Pod", "kube-system"):
        labels = strings(metadata(pod).get("labels"))
        if labels.get("component") == "kube-scheduler" or ref_of(pod).name.startswith("kube-scheduler"):
            return None if ready(pod) else pod
    return None
