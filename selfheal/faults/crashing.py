"""Whether a container keeps ending by itself, and what it said last."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.times import parse
from selfheal.cluster.workloads import Container, Workload, state, statuses
from selfheal.faults.evidence import of_log, on_object, seconds_before
from selfheal.faults.probing import killed, lived, restarts
from selfheal.faults.unheard import ended_by, silent
from selfheal.incidents.record import Evidence

#: Seconds a container must run again for its last end to be history, and for one that ends now and then.
SETTLED = 600
RECURRING = 1800
#: The least of it, whatever its earlier runs took.
AT_LEAST = 120
#: Exit codes of a program that was told to stop, and of one that was killed.
ORDERED = (0, 137, 143)
_ERROR = re.compile(
    r"\b(?:fatal|panic|exception|traceback|error|critical|emerg|failed|cannot|could not|unable|abort(?:ed|ing)?"
    r"|segfault|unhandled|uncaught|Caused by)\b",
    re.IGNORECASE,
)
#: What programs say beside that of what they were told.
_COMPLAINS = re.compile(
    r"\b(?:(?:does not|doesn't) exist|not found|no such|invalid|unknown)\b", re.IGNORECASE
)
_TRACE = re.compile(r"^\s+at |^\s+File \"|^\t|^goroutine |^Traceback|^\s*\^|^\s*\.\.\. \d+ more")


@dataclass(frozen=True)
class Crash:
    """A container that ends by itself: with which code, how often, and the line that says why where there is one."""

    pod: Object
    code: int
    reason: str
    restarts: int
    evidence: tuple[Evidence, ...]


def crash(snapshot: Snapshot, container: Container, pod: Object) -> Crash | None:
    """The crash of a container, None when it is well, was told to stop, or was killed for memory or by a probe."""
    status = statuses(pod).get(container.name, {})
    where = "state" if state(status, "terminated") else "lastState"
    ended = state(status, "terminated", where)
    if not ended or ended.get("reason") in ("OOMKilled", "StartError", "ContainerCannotRun"):
        return None
    if where == "lastState" and settled(snapshot, status):
        return None
    code = ended.get("exitCode")
    if not isinstance(code, int) or (where == "state" and code == 0):
        return None
    by_probe = any(
        killed(snapshot, pod, container.name, probe)
        or (silent(snapshot, pod) and ended_by(pod, container, probe))
        for probe in ("livenessProbe", "startupProbe")
    )
    if by_probe and code in ORDERED:
        return None
    if code == 0 and state(status, "waiting").get("reason") != "CrashLoopBackOff":
        return None
    section = container.statuses
    field = f"/status/{section}/name={container.name}/{where}/terminated/exitCode"
    again = f", started again {restarts(status)} times" if restarts(status) else ""
    evidence = [on_object(pod, field, code, f"{container.name} ended by itself with exit code {code}{again}")]
    line = last_words(snapshot, container, pod)
    return Crash(
        pod,
        code,
        str(ended.get("reason") or ""),
        restarts(status),
        tuple([line, *evidence] if line else evidence),
    )


def first_crash(snapshot: Snapshot, workload: Workload, container: Container) -> Crash | None:
    """The crash of the first pod that has one."""
    return next(
        (found for pod in workload.pods if (found := crash(snapshot, container, pod)) is not None), None
    )


def settled(snapshot: Snapshot, status: dict[str, Any]) -> bool:
    """Whether a container that ended before has run well for long enough since that its last end is history.

    A program that waits for what it needs by ending and being started again does so in every rollout.
    """
    running = state(status, "running")
    if not running:
        return state(status, "terminated").get("exitCode") == 0
    up = seconds_before(snapshot, parse(running.get("startedAt")))
    if up is None:
        return status.get("ready") is True
    ago = seconds_before(snapshot, parse(state(status, "terminated", "lastState").get("finishedAt")))
    up = up if ago is None else min(up, ago)
    needed = float(RECURRING if restarts(status) >= 3 else SETTLED)
    if (before := lived(status)) is not None:
        # It has run by now much longer than it did before it ended.
        needed = min(needed, max(4 * before, AT_LEAST))
    return status.get("ready") is True and up > needed


def last_words(snapshot: Snapshot, container: Container, pod: Object) -> Evidence | None:
    """The last line with which a container that ended said why, else its very last line."""
    return next(_last_lines(snapshot, container, pod, (_ERROR,)), None)


def telling(snapshot: Snapshot, container: Container, pod: Object) -> Iterator[Evidence]:
    """All lines with which a container that ended said why or complained, the last first; else its very last line."""
    yield from _last_lines(snapshot, container, pod, (_ERROR, _COMPLAINS))


def _last_lines(
    snapshot: Snapshot, container: Container, pod: Object, patterns: Sequence[re.Pattern[str]]
) -> Iterator[Evidence]:
    ref = ref_of(pod)
    for previous in (True, False):
        text = snapshot.logs(ref.namespace, ref.name, container.name, previous=previous)
        lines = [line for line in (text or "").splitlines()[-200:] if line.strip()]
        if not lines:
            continue
        told = [
            line
            for line in lines[-60:]
            if any(pattern.search(line) for pattern in patterns) and not _TRACE.search(line)
        ]
        for line in reversed(told or lines[-1:]):
            yield of_log(pod, container.name, line, previous=previous)
        return
