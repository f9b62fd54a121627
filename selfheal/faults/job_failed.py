"""A Job gave up: too many failed attempts, or too little time.

# What it is
The Job's pods failed more often than `backoffLimit` allows, or it ran longer than `activeDeadlineSeconds`, or a
sidecar keeps its pod from ending.

# How it is recognised
The Job's condition `Failed` with `BackoffLimitExceeded`, `DeadlineExceeded` or `PodFailurePolicy`; for a CronJob that
of its newest Job. The last words of the failed pod's log are cited, with exit code and what changed.

# How it is told from its neighbours
A pod that was killed for memory, whose image cannot be pulled, whose reference does not exist or that may not be
created has that fault. A failed Job of a CronJob whose newest Job went well is history, and so is one that failed more
than a day ago and is left over without pods, unless the incident is about it.

# What is changed
Arguments, command, image or variable of the Job's container: back to what git history has, or a path or host that is
plainly meant. The back-off is not raised.

# How safe that is
A Job's template is immutable: it has to be made anew, and then runs again. What it did before it failed stays done.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot, metadata, ref_of
from selfheal.cluster.times import parse
from selfheal.cluster.workloads import (
    Container,
    Workload,
    condition,
    containers,
    last_good,
    mapping,
    mappings,
    newest_job,
    number,
    state,
    statuses,
    workloads,
)
from selfheal.faults.addressing import field_of, wrong_addresses
from selfheal.faults.calls import through
from selfheal.faults.crashing import last_words, telling
from selfheal.faults.evidence import on_object, quoted, seconds_before
from selfheal.faults.fields import container_fields
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.incidents.record import Evidence, Target

#: Seconds after which a finished main container beside a running sidecar is no longer about to end.
LINGERS = 120
_TOKEN = re.compile(r"[\w./:@-]{4,}")
_SUBCOMMAND = re.compile(
    r"\b(?:unknown|invalid|no such|unrecogni[sz]ed|unexpected) (?:sub)?(?:command|argument|action)", re.I
)


#: Seconds after which a Job that failed and that nobody asks about is history.
LEFT_OVER = 86_400


class JobFailed(Fault):
    """See the page above."""

    id = "job-failed"
    blames = ("Job", "CronJob")
    writes = (
        *container_fields("/args", "/args/*", "/command", "/command/*", "/env/*/value", "/image"),
        "/spec/activeDeadlineSeconds",
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for workload in workloads(snapshot):
            if workload.ref.kind not in self.blames:
                continue
            job = workload.object if workload.ref.kind == "Job" else newest_job(snapshot, workload.object)
            if job is None or (
                workload.ref.kind == "Job" and not _asked(target, job) and long_over(snapshot, job)
            ):
                continue
            finding = _failed(snapshot, workload, job) or _lingering(snapshot, workload, job)
            if finding is not None:
                yield finding

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Let {finding.object.name} do its work"
        if finding.variant == "sidecar" or not facts["fields"]:
            return Remedy(
                title, (), finding.summary, escalate="Why the Job fails has to be seen in its program."
            )
        known = {item["field"]: Exact(item["value"], item["origin"]) for item in facts.get("wanted") or ()}
        edits = tuple(
            FieldEdit(finding.object, field, LastGood(known.get(field))) for field in facts["fields"]
        )
        return Remedy(title, edits, finding.summary, requires_recreate=finding.object.kind == "Job")


def long_over(snapshot: Snapshot, job: Object) -> bool:
    """Whether a Job gave up so long ago that it is left over: nothing tries it again, and its pods are gone."""
    ago = seconds_before(snapshot, parse(condition(job, "Failed").get("lastTransitionTime")))
    return ago is not None and ago > LEFT_OVER and not snapshot.owned(job, "Pod")


def _asked(target: Target | None, job: Object) -> bool:
    """Whether the incident is about this very Job: then it does not matter since when it has failed."""
    ref = ref_of(job)
    return target is not None and (target.kind, target.namespace, target.name) == (
        ref.kind,
        ref.namespace,
        ref.name,
    )


def _failed(snapshot: Snapshot, workload: Workload, job: Object) -> Finding | None:
    failed = condition(job, "Failed")
    if failed.get("status") != "True":
        return None
    reason = str(failed.get("reason") or "")
    index = mappings(mapping(job.get("status")).get("conditions")).index(failed)
    word = "message" if failed.get("message") else "reason"
    value = quoted(str(failed.get(word) or ""))
    evidence: list[Evidence] = [
        on_object(job, f"/status/conditions/{index}/{word}", value, f"The Job failed: {reason}")
    ]
    container, code, line, fields = _last_failure(snapshot, workload, job)
    if line is not None:
        evidence.insert(0, line)
    if reason == "DeadlineExceeded":
        deadline = mapping(job.get("spec")).get("activeDeadlineSeconds")
        if deadline is not None:
            evidence.append(on_object(job, "/spec/activeDeadlineSeconds", deadline, "The time it may take"))
    evidence += [
        on_object(workload.ref, field, pointer.resolve(workload.object, field), "What its log is about")
        for field in fields[:2]
    ]
    said = f": {line.message[:160]}" if line is not None else ""
    # An address that no Service answers tells more than which of several fields a line quotes.
    lost = [
        item
        for item in wrong_addresses(snapshot, workload)
        if item.wanted
        and item.address.holder == workload.ref
        and field_of(item) in (fields or [field_of(item)])
    ]
    if lost:
        fields = [field_of(lost[0])]
    good = [
        {"field": field, "value": before[0], "origin": before[1]}
        for field in fields
        if (before := last_good(snapshot, workload, field.removeprefix(workload.spec_pointer))) is not None
    ]
    return Finding(
        fault=JobFailed.id,
        variant="deadline" if reason == "DeadlineExceeded" else "attempts",
        object=workload.ref,
        container=container.name if container is not None else "",
        confidence=0.88,
        summary=f"{workload.ref} gave up ({reason or 'Failed'}, exit code {code}){said}",
        evidence=tuple(evidence),
        facts={
            "fields": fields,
            "reason": reason,
            "wanted": [
                {"field": field_of(item), "value": item.wanted, "origin": item.origin} for item in lost[:1]
            ],
            "last_good": good,
        },
        through=through(snapshot, workload),
    )


def _last_failure(
    snapshot: Snapshot, workload: Workload, job: Object
) -> tuple[Container | None, object, Evidence | None, list[str]]:
    """Container, exit code and last words of the pod that failed last, and the fields that they are about."""
    pods = sorted(
        snapshot.owned(job, "Pod"),
        key=lambda pod: str(metadata(pod).get("creationTimestamp", "")),
        reverse=True,
    )
    for pod in pods:
        known = statuses(pod)
        for container in containers(mapping(pod.get("spec"))):
            status = known.get(container.name, {})
            ended = state(status, "terminated") or state(status, "terminated", "lastState")
            if ended and ended.get("exitCode") not in (0, None):
                for line in telling(snapshot, container, pod):
                    fields = _suspects(workload, container, line.message)
                    if fields:
                        return container, ended.get("exitCode"), line, fields
                return container, ended.get("exitCode"), last_words(snapshot, container, pod), []
    return None, "unknown", None, []


def _suspects(workload: Workload, container: Container, text: str) -> list[str]:
    """Fields of the container that a line quotes: arguments, command, variables."""
    own = workload.container(container.name)
    if own is None:
        return []
    found = []
    words = {token.rstrip(".:") for token in _TOKEN.findall(text)}
    if not _SUBCOMMAND.search(text):
        # A program names its subcommand in many a line.
        words = {token for token in words if not token.isalnum()}
    for section in ("args", "command"):
        items = own.spec.get(section)
        for index, item in enumerate(items if isinstance(items, list) else ()):
            if isinstance(item, str) and any(token in words for token in _TOKEN.findall(item)):
                found.append(workload.at(own.pointer + pointer.join(section, index)))
    for entry in mappings(own.spec.get("env")):
        value = entry.get("value")
        named = re.search(rf"\b{re.escape(str(entry.get('name', '')))}\b", text)
        if isinstance(value, str) and (named or (len(value) > 3 and value in text)):
            found.append(workload.at(own.pointer + pointer.join("env", f"name={entry.get('name')}", "value")))
    return found[:3]


def _lingering(snapshot: Snapshot, workload: Workload, job: Object) -> Finding | None:
    """The main container is done, and another one keeps the pod from ending."""
    if condition(job, "Complete").get("status") == "True" or not number(
        mapping(job.get("status")).get("active")
    ):
        return None
    for pod in snapshot.owned(job, "Pod"):
        known = statuses(pod)
        own = [item for item in containers(mapping(pod.get("spec"))) if not item.init]
        done = [item for item in own if state(known.get(item.name, {}), "terminated").get("exitCode") == 0]
        running = [item for item in own if state(known.get(item.name, {}), "running")]
        if not done or not running:
            continue
        ended = state(known[done[0].name], "terminated")
        ago = seconds_before(snapshot, parse(ended.get("finishedAt")))
        if ago is None or ago < LINGERS:
            continue
        field = f"/status/containerStatuses/name={running[0].name}/state/running"
        value = state(known[running[0].name], "running")
        return Finding(
            fault=JobFailed.id,
            variant="sidecar",
            object=workload.ref,
            container=running[0].name,
            confidence=0.85,
            summary=f"{ref_of(job)} does not end: {done[0].name} is done, {running[0].name} still runs.",
            evidence=(on_object(pod, field, value, f"{running[0].name} runs on"),),
            facts={"fields": [], "reason": "sidecar"},
        )
    return None
