"""An init container does not finish, so the program itself is never started.

# What it is
Init containers run one after the other before the program. One of them fails again and again, or waits for
something that never comes.

# How it is recognised
An init container of the current template ended with an error and waits to be started again, or has been running
for minutes while its log repeats a failing call or a wait. Its log is cited, and a host in it is compared with
the Services that exist.

# How it is told from its neighbours
Killed for memory is `oom-killed`; a missing ConfigMap, image or command stops it before it runs. When it waits
for a Service that exists and whose pods are ill, those pods are the cause and this is their consequence. A
finished init container never counts.

# What is changed
A host name in its command, arguments or variables that no Service has: to the Service that is plainly meant.
Else the command, arguments or image go back to what the last good template had.

# How safe that is
Only names of Services that exist are written. Nothing of the program itself is changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.times import parse
from selfheal.cluster.workloads import Container, Workload, last_good, mappings, state, statuses, troubled
from selfheal.faults.calls import callee, service_of
from selfheal.faults.crashing import crash
from selfheal.faults.evidence import of_log, on_object, seconds_before
from selfheal.faults.fields import ANY, container_fields
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.faults.nearness import nearest
from selfheal.faults.signals import Signal, signals
from selfheal.incidents.record import Evidence, ObjectRef, Target

#: Seconds an init container may take before it counts as hanging.
HANGS = 120
_WAITS = re.compile(r"wait|retry|not ready|not yet|unavailable|sleep|attempt|trying", re.IGNORECASE)
_WORDS = ("command", "args")


class InitContainerFailed(Fault):
    """See the page above."""

    id = "init-container-failed"
    blames = ANY
    writes = container_fields("/command", "/command/*", "/args", "/args/*", "/image", "/env/*/value")

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for workload in troubled(snapshot):
            for container in workload.containers:
                if not container.passing:
                    continue
                findings = (_examine(snapshot, workload, container, pod) for pod in workload.pods)
                finding = next((found for found in findings if found is not None), None)
                if finding is not None:
                    yield finding

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Let {finding.container} of {finding.object.name} finish"
        if facts["edits"]:
            edits = tuple(
                FieldEdit(finding.object, item["field"], LastGood(Exact(item["value"], facts["origin"])))
                for item in facts["edits"]
            )
            return Remedy(title, edits, finding.summary)
        if facts["last_good"]:
            edits = tuple(FieldEdit(finding.object, item["field"], LastGood()) for item in facts["last_good"])
            return Remedy(title, edits, finding.summary)
        if facts["fields"]:
            return Remedy(
                title, (FieldEdit(finding.object, facts["fields"][0], LastGood()),), finding.summary
            )
        return Remedy(
            title, (), finding.summary, escalate="What the init container needs is not known from specs."
        )


def _examine(snapshot: Snapshot, workload: Workload, container: Container, pod: Object) -> Finding | None:
    status = statuses(pod).get(container.name, {})
    found = crash(snapshot, container, pod)
    evidence: tuple[Evidence, ...]
    if found is not None and found.code != 0:
        evidence, word, sure = found.evidence, f"fails with exit code {found.code}", 0.9
    else:
        hanging = _hangs(snapshot, container, pod, status)
        if hanging is None:
            return None
        evidence, word, sure = hanging, "does not finish", 0.85
    own = [item for item in signals(snapshot, workload) if item.container == container.name and item.host]
    edits, near = _near_names(snapshot, workload, container, own)
    services = {ref_of(service) for item in own if (service := callee(snapshot, workload, item)) is not None}
    services |= _named(snapshot, workload, container)
    good = []
    for field in ("/command", "/args", "/image", "/env"):
        before = last_good(snapshot, workload, container.pointer + field)
        if before is not None:
            good.append(
                {"field": workload.at(container.pointer + field), "value": before[0], "origin": before[1]}
            )
    hint = f"; {near} exists" if near else ""
    set_fields = [workload.at(f"{container.pointer}/{name}") for name in _WORDS if container.spec.get(name)]
    marks = [
        on_object(workload.ref, item["field"], item["now"], f"No Service is called {item['host']}")
        for item in edits[:2]
    ]
    return Finding(
        fault=InitContainerFailed.id,
        variant="host" if edits else "hangs" if word == "does not finish" else "exit",
        object=workload.ref,
        container=container.name,
        confidence=0.93 if edits or good else sure,
        summary=f"The init container {container.name} of {workload.ref} {word}{hint}, so the program is not started.",
        evidence=(*evidence, *marks),
        facts={
            "edits": [{"field": item["field"], "value": item["value"]} for item in edits],
            "origin": f"the Service {near} exists",
            "fields": set_fields,
            "last_good": good[:4],
        },
        through=tuple(sorted(services, key=str)),
    )


def _hangs(
    snapshot: Snapshot, container: Container, pod: Object, status: dict[str, Any]
) -> tuple[Evidence, ...] | None:
    running = state(status, "running")
    up = seconds_before(snapshot, parse(running.get("startedAt"))) if running else None
    if up is None or up < HANGS:
        return None
    ref = ref_of(pod)
    lines = (snapshot.logs(ref.namespace, ref.name, container.name) or "").splitlines()
    telling = [line for line in lines[-20:] if _WAITS.search(line)]
    field = f"/status/initContainerStatuses/name={container.name}/state/running/startedAt"
    mark = on_object(
        pod, field, running.get("startedAt"), f"{container.name} has been running for {up:.0f} s"
    )
    if telling:
        return of_log(pod, container.name, telling[-1], previous=False), mark
    return (mark,) if up > 3 * HANGS else None


def _texts(container: Container, workload: Workload) -> list[tuple[str, str]]:
    """(field, text) of everything that may hold a host name."""
    found = []
    for word in _WORDS:
        items = container.spec.get(word)
        for index, item in enumerate(items if isinstance(items, list) else ()):
            if isinstance(item, str):
                found.append((workload.at(container.pointer + pointer.join(word, index)), item))
    for entry in mappings(container.spec.get("env")):
        if isinstance(entry.get("value"), str):
            where = container.pointer + pointer.join("env", f"name={entry.get('name')}", "value")
            found.append((workload.at(where), entry["value"]))
    return found


def _near_names(
    snapshot: Snapshot, workload: Workload, container: Container, own: list[Signal]
) -> tuple[list[dict[str, Any]], str]:
    """Edits that replace a host no Service has by the Service plainly meant, and that Service's name."""
    names = [ref_of(service).name for service in snapshot.list("Service", workload.namespace)]
    for host in dict.fromkeys(item.host for item in own):
        if "." in host or service_of(snapshot, workload.namespace, host) is not None:
            continue
        near = nearest(host, names)
        word = re.compile(rf"(?<![\w.-]){re.escape(host)}(?![\w-])")
        edits = [
            {"field": field, "value": word.sub(near, text), "now": text, "host": host}
            for field, text in _texts(container, workload)
            if near and word.search(text)
        ]
        if edits:
            return edits, near or ""
    return [], ""


def _named(snapshot: Snapshot, workload: Workload, container: Container) -> set[ObjectRef]:
    """Services whose names stand in the container's command, arguments or variables."""
    found = set()
    for _field, text in _texts(container, workload):
        for host in re.findall(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", text):
            service = service_of(snapshot, workload.namespace, host)
            if service is not None:
                found.add(ref_of(service))
    return found
