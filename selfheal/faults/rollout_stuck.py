"""A rollout does not finish, or never began, and nothing known explains it.

# What it is
A Deployment has fewer updated or available replicas than it wants for longer than its deadline, or was paused in
the middle. Or the newest version of a workload was never taken by the API server, and the old one runs on.

# How it is recognised
The condition `Progressing` is false with `ProgressDeadlineExceeded`, or the Deployment is paused while its newest
template is not rolled out. It is only named when no other fault accounts for it. A version that was refused leaves no
trace in the objects: what the last apply printed names the object, the field and what is wrong with it.

# How it is told from its neighbours
Nearly every fault of a pod also stops its rollout: that fault is the cause, and this is listed as explained by it.
A rollout that still progresses is no fault.

# What is changed
A pause is lifted as it was before. Where an older template of the Deployment still serves, and the new one differs
from it in a few settings that are no image, those go back. Where a version was refused, the field, and what it is
compared with (requests with limits, labels with their selector), get what the live object has: that was taken. Only
what the repository says otherwise is changed, and no image with it. Otherwise nothing: look further.

# How safe that is
Lifting a pause rolls out what is in the template. Settings go back to those with which pods run now.
"""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Snapshot
from selfheal.cluster.workloads import Workload, condition, mapping, mappings, number, workloads
from selfheal.faults import template_change
from selfheal.faults.evidence import on_object, quoted
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.faults.refused import REFUSED, refused, taken_back
from selfheal.incidents.record import Target


class RolloutStuck(Fault):
    """See the page above."""

    id = "rollout-stuck"
    blames = ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job")
    writes = ("/spec/paused", *template_change.WRITES, "/spec/**", "/metadata/labels/*")

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        yield from refused(snapshot, self.id)
        for workload in workloads(snapshot):
            if workload.ref.kind == "Deployment":
                finding = _paused(workload) or _late(snapshot, workload)
                if finding is not None:
                    yield finding

    @override
    def remedy(self, finding: Finding) -> Remedy:
        if finding.variant == REFUSED:
            return taken_back(finding)
        title = f"Let the rollout of {finding.object.name} finish"
        if finding.variant == "paused":
            value = LastGood(Exact(False, "the default of Deployments"))
            return Remedy(title, (FieldEdit(finding.object, "/spec/paused", value),), finding.summary)
        edits = template_change.edits(finding.object, finding.facts.get("changed") or [])
        if edits and all(template_change.writable(edit.field) for edit in edits):
            return Remedy(
                f"Start {finding.object.name} with the settings with which it runs",
                edits,
                f"{finding.summary.rstrip('.')}. Its older pods run with other settings",
            )
        return Remedy(
            title, (), finding.summary, escalate="Nothing known explains why the new pods are not available."
        )


def _paused(workload: Workload) -> Finding | None:
    spec, status = mapping(workload.object.get("spec")), mapping(workload.object.get("status"))
    wanted = number(spec.get("replicas"), 1)
    if spec.get("paused") is not True or number(status.get("updatedReplicas")) >= wanted:
        return None
    return Finding(
        fault=RolloutStuck.id,
        variant="paused",
        object=workload.ref,
        confidence=0.85,
        summary=f"The rollout of {workload.ref} is paused before its newest template was rolled out.",
        evidence=(on_object(workload.ref, "/spec/paused", True, "The rollout is paused"),),
    )


def _late(snapshot: Snapshot, workload: Workload) -> Finding | None:
    found = condition(workload.object, "Progressing")
    status, spec = mapping(workload.object.get("status")), mapping(workload.object.get("spec"))
    short = number(status.get("availableReplicas")) < number(spec.get("replicas"), 1) or number(
        status.get("updatedReplicas")
    ) < number(spec.get("replicas"), 1)
    if found.get("status") != "False" or found.get("reason") != "ProgressDeadlineExceeded" or not short:
        return None
    index = mappings(status.get("conditions")).index(found)
    text = quoted(str(found.get("message") or ""))
    field = f"/status/conditions/{index}/{'message' if text else 'reason'}"
    changed = template_change.changes(snapshot, workload)
    return Finding(
        fault=RolloutStuck.id,
        variant="deadline",
        object=workload.ref,
        confidence=0.75 if changed else 0.55,
        summary=f"The rollout of {workload.ref} exceeded its deadline, and nothing known explains it.",
        evidence=(
            on_object(workload.ref, field, text or found.get("reason"), "The rollout's deadline passed"),
            *(
                on_object(
                    workload.ref,
                    item["field"],
                    pointer.resolve(workload.object, item["field"]),
                    "It was other before",
                )
                for item in changed
                if pointer.exists(workload.object, item["field"])
            ),
        ),
        facts={"changed": changed, "last_good": template_change.last_good_of(changed)},
    )
