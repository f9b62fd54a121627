"""The container's command cannot be run: no such file, not executable, or not for this machine.

# What it is
`command`, `args` or `workingDir` of the pod template names something that is not in the image, or a lifecycle
hook does. The runtime cannot create the container, or its shell gives up at once.

# How it is recognised
The runtime's words (waiting `RunContainerError` or `CreateContainerError`, terminated `StartError` or
`ContainerCannotRun`), or an end with exit code 126 or 127 of a container whose log says "not found" or "not
executable"; or the program refuses an option ("unknown flag") that the template's arguments give it. The template sets a
command, arguments, a working directory, or a hook.

# How it is told from its neighbours
A program that ran and ended with another code crashes by itself. "no such file" about a mount is
`volume-mount-invalid`. An image that cannot be pulled never reaches this point.

# What is changed
The command (or arguments, working directory) goes back to what the last good template or git history had.

# How safe that is
The pods that did not start start as they did before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.workloads import Container, Workload, last_good, mapping, state, statuses, troubled
from selfheal.faults.evidence import container_of, newest_first, of_event, of_log, on_object, quoted, text_of
from selfheal.faults.fields import ANY, container_fields
from selfheal.faults.interface import Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.incidents.record import Evidence, Target

_CANNOT_RUN = re.compile(
    r"executable file not found|exec: \"|exec format error|fork/exec|is a directory: unknown|no such file or directory"
    r"|permission denied|chdir to cwd|working directory",
    re.IGNORECASE,
)
_MOUNT = re.compile(r"\bmount(?:ing|s)?\b|rootfs|subpath", re.IGNORECASE)
_SHELL = re.compile(
    r"(?:not found|no such file or directory|permission denied|cannot execute|can't open|Cannot find module"
    r"|Unable to access jarfile|can't open file|Could not find or load main class|exec format error)",
    re.IGNORECASE,
)
#: A program's own word on an option it does not know, and the option.
_OPTION = re.compile(
    r"(?:unknown|unrecognized|unrecognised|unexpected|invalid|undefined|no such|illegal) "
    r"(?:\w+ )?(?:flag|option|argument|parameter|switch)s?\b|flag provided but not defined|unknown shorthand flag"
    r"|Unrecognized VM option|[Nn]o such option",
    re.IGNORECASE,
)
_DASHED = re.compile(r"(?<![\w-])--?[A-Za-z][\w.-]*")
_REASONS = frozenset({"RunContainerError", "CreateContainerError", "StartError", "ContainerCannotRun"})
_WORDS = ("command", "args", "workingDir")


class CommandInvalid(Fault):
    """See the page above."""

    id = "command-invalid"
    blames = ANY
    writes = container_fields("/command", "/args", "/workingDir", "/lifecycle")

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for workload in troubled(snapshot):
            for container in workload.containers:
                findings = (_examine(snapshot, workload, container, pod) for pod in workload.pods)
                finding = next((found for found in findings if found is not None), None)
                if finding is not None:
                    yield finding

    @override
    def remedy(self, finding: Finding) -> Remedy:
        title = f"Start {finding.container} of {finding.object.name} as it was started before"
        edits = tuple(FieldEdit(finding.object, field, LastGood()) for field in finding.facts["fields"])
        if not edits:
            return Remedy(
                title,
                (),
                finding.summary,
                escalate="The template sets no command: the image itself cannot be run.",
            )
        return Remedy(title, edits, finding.summary)


def _examine(snapshot: Snapshot, workload: Workload, container: Container, pod: Object) -> Finding | None:
    status = statuses(pod).get(container.name, {})
    told = (
        _runtime(snapshot, container, pod, status)
        or _shell(snapshot, container, pod, status)
        or _option(snapshot, container, pod, status)
    )
    if told is None:
        hook = _hook(snapshot, container, pod, status)
        if hook is None:
            return None
        return _finding(snapshot, workload, container, hook, ["/lifecycle"], "hook", 0.9)
    set_words = [word for word in _WORDS if container.spec.get(word)]
    changed = [
        word for word in _WORDS if last_good(snapshot, workload, f"{container.pointer}/{word}") is not None
    ]
    text = told.message
    named = [word for word in set_words if _names(container.spec.get(word), text)]
    words = changed or named[:1] or set_words[:1]
    sure = 0.97 if told.source != "log" else 0.85
    confidence = sure if set_words or changed else 0.8
    return _finding(
        snapshot, workload, container, told, [f"/{word}" for word in words], "command", confidence
    )


def _names(value: Any, text: str) -> bool:
    parts = value if isinstance(value, list) else [value]
    words = [word for part in parts if isinstance(part, str) for word in (part, _option_of(part))]
    return any(len(word) > 2 and word in text for word in words)


def _option_of(part: str) -> str:
    """The option of ``--option=value``, the part itself where it is none."""
    return part.partition("=")[0] if part.startswith("-") else part


def _runtime(
    snapshot: Snapshot, container: Container, pod: Object, status: dict[str, Any]
) -> Evidence | None:
    """The runtime's own words."""
    section = container.statuses
    for where, kind in (("state", "waiting"), ("state", "terminated"), ("lastState", "terminated")):
        held = state(status, kind, where)
        text = str(held.get("message") or "")
        if str(held.get("reason")) in _REASONS and _CANNOT_RUN.search(text) and not _about_mount(text):
            value = quoted(text)
            field = f"/status/{section}/name={container.name}/{where}/{kind}/message"
            return on_object(pod, field, value, f"The runtime says: {value}")
    if state(status, "running"):
        return None
    for event in newest_first(snapshot.events_of(pod)):
        text = text_of(event)
        if (
            event.get("reason") == "Failed"
            and container_of(event) in ("", container.name)
            and re.search(r"exec|chdir|working dir", text)
            and _CANNOT_RUN.search(text)
            and not _about_mount(text)
        ):
            return of_event(event)
    return None


def _about_mount(text: str) -> bool:
    return bool(_MOUNT.search(text)) and "exec:" not in text


def _shell(snapshot: Snapshot, container: Container, pod: Object, status: dict[str, Any]) -> Evidence | None:
    """A log line of a shell or interpreter that did not find what it was told to run."""
    ended = state(status, "terminated", "lastState") or state(status, "terminated")
    code = ended.get("exitCode")
    if code not in (1, 2, 126, 127) or (state(status, "running") and status.get("ready") is True):
        return None
    ref = ref_of(pod)
    for previous in (True, False):
        text = snapshot.logs(ref.namespace, ref.name, container.name, previous=previous) or ""
        for line in reversed(text.splitlines()[-20:]):
            if not _SHELL.search(line):
                continue
            exact = any(_names(container.spec.get(word), line) for word in _WORDS)
            if code in (126, 127) or (
                exact
                and re.search(r"module|jarfile|can't open file|main class|can't open", line, re.IGNORECASE)
            ):
                return of_log(pod, container.name, line, previous=previous)
    if code in (126, 127) and (container.spec.get("command") or container.spec.get("args")):
        section = container.statuses
        where = "lastState" if state(status, "terminated", "lastState") else "state"
        field = f"/status/{section}/name={container.name}/{where}/terminated/exitCode"
        return on_object(pod, field, code, "A shell ends with this code when it cannot run its command")
    return None


def _parts(value: Any) -> list[str]:
    return [part for part in value if isinstance(part, str)] if isinstance(value, list) else []


def _option(snapshot: Snapshot, container: Container, pod: Object, status: dict[str, Any]) -> Evidence | None:
    """A log line in which the program refuses an option that the template gives it."""
    ended = state(status, "terminated", "lastState") or state(status, "terminated")
    if not ended.get("exitCode") or (state(status, "running") and status.get("ready") is True):
        return None
    given = {
        match.group().lstrip("-")
        for word in ("command", "args")
        for part in _parts(container.spec.get(word))
        for match in _DASHED.finditer(part)
    }
    ref = ref_of(pod)
    for previous in (True, False):
        text = snapshot.logs(ref.namespace, ref.name, container.name, previous=previous) or ""
        for line in reversed(text.splitlines()[-40:]):
            if _OPTION.search(line) and any(
                re.search(rf"(?<![\w-])-*{re.escape(name)}\b", line) for name in given
            ):
                return of_log(pod, container.name, line, previous=previous)
    return None


def _hook(snapshot: Snapshot, container: Container, pod: Object, status: dict[str, Any]) -> Evidence | None:
    if not mapping(container.spec.get("lifecycle")) or status.get("ready") is True:
        return None
    for event in newest_first(snapshot.events_of(pod)):
        if event.get("reason") == "FailedPostStartHook" and container_of(event) in ("", container.name):
            return of_event(event)
    return None


def _finding(
    snapshot: Snapshot,
    workload: Workload,
    container: Container,
    told: Evidence,
    words: list[str],
    variant: str,
    confidence: float,
) -> Finding:
    evidence, good, fields = [told], [], []
    for word in words:
        relative = container.pointer + word
        field = workload.at(relative)
        fields.append(field)
        now = pointer.resolve(workload.spec, relative)
        if now is not None:
            evidence.append(on_object(workload.ref, field, now, f"How {container.name} is started"))
        before = last_good(snapshot, workload, relative)
        if before is not None:
            good.append({"field": field, "value": before[0], "origin": before[1]})
    return Finding(
        fault=CommandInvalid.id,
        variant=variant,
        object=workload.ref,
        container=container.name,
        confidence=confidence,
        summary=f"{container.name} of {workload.ref} is told to run what its image does not have: {told.message[:160]}",
        evidence=tuple(evidence),
        facts={"fields": fields, "last_good": good},
    )
