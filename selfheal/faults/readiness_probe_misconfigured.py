"""The program works, but its readiness probe asks it the wrong way, so it never counts as ready.

# What it is
The probe's port, path, protocol or timing does not fit the program. The container runs, the pod stays at 0/1,
and the Service has no endpoints.

# How it is recognised
A container of the current template runs and is not ready, and the kubelet's newest word on its readiness
probe is: 404, 401, 403 or 405 (path); refused on a port that the container does not have (port); an answer in
another protocol, or TLS where there is none (protocol); no answer in time (timing). A start delay far beyond
the time the pod runs, and beyond what it was before, is timing as well.

# How it is told from its neighbours
A program that restarts crashes or is killed: look there first. 500 and 503 come from the program itself,
which says that it is not ready. Refused on the very port that the container has means that it does not listen
yet. A failed liveness probe restarts the container. Failures while a pod starts, followed by success, are
normal.

# What is changed
The field of the probe that is wrong: to what the last good template had, or to what other probes, ports and
Services of the same workload say. The probe is never removed.

# How safe that is
A probe that asks the right thing only lets working pods serve. Values come from specs and git history; the
log may only choose among them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot
from selfheal.cluster.times import event_time, parse
from selfheal.cluster.workloads import (
    Container,
    Workload,
    earlier,
    last_good,
    mapping,
    number,
    state,
    statuses,
    workloads,
)
from selfheal.faults.evidence import container_of, newest_first, of_event, on_object, seconds_before, text_of
from selfheal.faults.interface import AtLeast, Exact, Fault, FieldEdit, Finding, LastGood, OneOf, Remedy
from selfheal.faults.ports import answering_paths, candidate_ports, declared_ports, listening
from selfheal.incidents.record import Evidence, Target

#: A container that restarted within these seconds before the snapshot is starting or crashing, not misprobed
#: …
STARTING = 5
#: … and a probe that last failed longer ago than this many of its periods has succeeded since.
PERIODS = 6
_STATUS = re.compile(r"HTTP probe failed with statuscode: (\d{3})")
_PORT = re.compile(r"(?:dial tcp [\[\]0-9a-fA-F.:]*?:|address=\S*:)(\d{1,5})\b")
_OTHER_PROTOCOL = re.compile(
    r"malformed HTTP|server gave HTTP response to HTTPS client|first record does not look like a TLS handshake"
    r"|unexpected EOF in HTTP|HTTP/1\.x transport connection broken|tls: |error reading server preface"
    r"|http2: |connection closed before server preface",
    re.IGNORECASE,
)
_TIMEOUT = re.compile(
    r"context deadline exceeded|Client\.Timeout|i/o timeout|timed out|timeout:", re.IGNORECASE
)
_NO_PORT = re.compile(
    r"couldn't find port|invalid port|no such port|unable to find (?:named )?port", re.IGNORECASE
)
_WRONG_COMMAND = re.compile(
    r"executable file not found|no such file or directory|permission denied", re.IGNORECASE
)


@dataclass(frozen=True)
class _Verdict:
    variant: str
    word: str
    confidence: float
    why: str
    candidates: tuple[Any, ...] = ()
    evidence: tuple[Evidence, ...] = field(default=())


class ReadinessProbeMisconfigured(Fault):
    """See the page above."""

    id = "readiness-probe-misconfigured"
    blames = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod")
    writes = tuple(
        f"{spec}/containers/*/readinessProbe/{word}"
        for spec in ("/spec/template/spec", "/spec")
        for word in (
            "httpGet/port",
            "httpGet/path",
            "httpGet/scheme",
            "tcpSocket/port",
            "grpc/port",
            "timeoutSeconds",
            "initialDelaySeconds",
            "exec/command",
        )
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for workload in workloads(snapshot):
            for container in workload.containers:
                probe = mapping(container.spec.get("readinessProbe"))
                if not probe or container.init:
                    continue
                for pod in workload.pods:
                    finding = _examine(snapshot, workload, container, probe, pod)
                    if finding is not None:
                        yield finding
                        break

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Let the readiness probe of {finding.object.name} ask what {finding.container} answers"
        candidates = tuple(facts["candidates"])
        if finding.variant == "timing" and facts["word"] == "timeoutSeconds":
            query = LastGood(AtLeast(2.0))
        elif len(candidates) == 1:
            query = LastGood(Exact(candidates[0], facts["origin"]))
        else:
            query = LastGood(OneOf(candidates, facts["origin"]) if candidates else None)
        return Remedy(title, (FieldEdit(finding.object, facts["field"], query),), finding.summary)


def _examine(
    snapshot: Snapshot, workload: Workload, container: Container, probe: dict[str, Any], pod: Object
) -> Finding | None:
    status = statuses(pod).get(container.name, {})
    running = state(status, "running")
    up = seconds_before(snapshot, parse(running.get("startedAt")))
    if not running or status.get("ready") is not False or (up is not None and up < STARTING):
        return None
    if _crashes(status):
        return None
    failures = [
        event
        for event in newest_first(snapshot.events_of(pod))
        if container_of(event) in ("", container.name) and text_of(event).startswith("Readiness probe")
    ]
    verdict = None
    if failures:
        last = failures[0]
        ago = seconds_before(snapshot, event_time(last))
        period = max(number(probe.get("periodSeconds"), 10), 1)
        if ago is None or ago <= max(PERIODS * period, 60) + 300:
            verdict = _judge(snapshot, workload, container, probe, pod, last)
    else:
        verdict = _delayed(snapshot, workload, container, probe, up)
    return None if verdict is None else _finding(snapshot, workload, container, probe, pod, verdict)


def _crashes(status: dict[str, Any]) -> bool:
    """Whether the container ends by itself now and then: its last end was not a clean or ordered one."""
    ended = state(status, "terminated", "lastState")
    return number(status.get("restartCount")) > 0 and bool(ended) and ended.get("exitCode") not in (0, 143)


def _judge(
    snapshot: Snapshot,
    workload: Workload,
    container: Container,
    probe: dict[str, Any],
    pod: Object,
    last: Object,
) -> _Verdict | None:
    text = text_of(last)
    handler = next((name for name in ("httpGet", "tcpSocket", "grpc", "exec") if name in probe), "")
    code = _STATUS.search(text)
    told = (of_event(last),)
    if _NO_PORT.search(text) or _unknown_name(container, probe, handler):
        names = tuple(name for name, _number in declared_ports(container) if name)
        return _Verdict(
            "port", f"{handler}/port", 0.95, "no port of the container has that name", names, told
        )
    if code is not None:
        return _by_status(snapshot, workload, container, code.group(1), text, told)
    if _OTHER_PROTOCOL.search(text):
        return _by_protocol(probe, handler, text, told)
    if "connection refused" in text or "connection reset" in text:
        return _by_port(snapshot, workload, container, probe, handler, pod, told)
    if handler == "exec" and _WRONG_COMMAND.search(text):
        return _Verdict("command", "exec/command", 0.85, "its command cannot be run in the image", (), told)
    if _TIMEOUT.search(text):
        now = number(probe.get("timeoutSeconds"), 1)
        before = last_good(snapshot, workload, container.pointer + "/readinessProbe/timeoutSeconds")
        tighter = before is not None and number(before[0]) > now
        port = pointer.resolve(probe, f"/{handler}/port")
        if port is not None and _number(container, port) not in {n for _name, n in declared_ports(container)}:
            return _by_port(snapshot, workload, container, probe, handler, pod, told)
        return _Verdict(
            "timing", "timeoutSeconds", 0.9 if tighter else 0.55, f"no answer within {now} s", (), told
        )
    return None


def _unknown_name(container: Container, probe: dict[str, Any], handler: str) -> bool:
    port = pointer.resolve(probe, f"/{handler}/port")
    return isinstance(port, str) and not port.isdecimal() and _number(container, port) is None


def _number(container: Container, port: Any) -> int | None:
    """The number of a port given by number or name."""
    if isinstance(port, str) and not port.isdecimal():
        return next((found for name, found in declared_ports(container) if name == port), None)
    return int(port) if isinstance(port, (int, str)) else None


def _by_status(
    snapshot: Snapshot,
    workload: Workload,
    container: Container,
    code: str,
    text: str,
    told: tuple[Evidence, ...],
) -> _Verdict | None:
    if code == "400" and "HTTPS" in text:
        return _Verdict("protocol", "httpGet/scheme", 0.9, "the port speaks TLS", ("HTTPS",), told)
    if code in ("404", "405", "410", "401", "403"):
        paths = answering_paths(snapshot, container)
        why = f"the path answers {code}"
        return _Verdict("path", "httpGet/path", 0.95 if code in ("404", "410") else 0.85, why, paths, told)
    before = last_good(snapshot, workload, container.pointer + "/readinessProbe/httpGet/path")
    if before is not None and not _image_changed(snapshot, workload, container):
        why = f"the path answers {code} and was {before[0]} before"
        return _Verdict("path", "httpGet/path", 0.75, why, (), told)
    return None


def _image_changed(snapshot: Snapshot, workload: Workload, container: Container) -> bool:
    return last_good(snapshot, workload, container.pointer + "/image") is not None


def _by_protocol(
    probe: dict[str, Any], handler: str, text: str, told: tuple[Evidence, ...]
) -> _Verdict | None:
    scheme = str(pointer.resolve(probe, "/httpGet/scheme", "HTTP")).upper()
    if handler == "httpGet" and scheme == "HTTPS":
        return _Verdict("protocol", "httpGet/scheme", 0.95, "the port does not speak TLS", ("HTTP",), told)
    if handler == "httpGet":
        # A TLS alert (first byte 0x15) is how a TLS server answers plain HTTP.
        tls = "\\x15\\x03" in text
        scheme_or_none: tuple[Any, ...] = ("HTTPS",) if tls else ()
        return _Verdict(
            "protocol", "httpGet/scheme", 0.9, "the port does not speak plain HTTP", scheme_or_none, told
        )
    return _Verdict("protocol", f"{handler}/port", 0.7, "the port speaks another protocol", (), told)


def _by_port(
    snapshot: Snapshot,
    workload: Workload,
    container: Container,
    probe: dict[str, Any],
    handler: str,
    pod: Object,
    told: tuple[Evidence, ...],
) -> _Verdict | None:
    asked = _number(container, pointer.resolve(probe, f"/{handler}/port"))
    if asked is None:
        return None
    declared = {found for _name, found in declared_ports(container)}
    heard = listening(snapshot, pod, container)
    before = last_good(snapshot, workload, f"{container.pointer}/readinessProbe/{handler}/port")
    candidates = tuple(found for found in candidate_ports(snapshot, workload, container) if found != asked)
    log = tuple(evidence for found, evidence in heard if found != asked)[:1]
    elsewhere = bool(heard) and asked not in {found for found, _evidence in heard}
    why = f"nothing listens on {asked}"
    if elsewhere and asked not in declared:
        return _Verdict("port", f"{handler}/port", 0.97, why, candidates, told + log)
    if declared and asked not in declared:
        return _Verdict("port", f"{handler}/port", 0.93, why, candidates, told + log)
    if elsewhere or (before is not None and not _image_changed(snapshot, workload, container)):
        return _Verdict("port", f"{handler}/port", 0.8, why, candidates, told + log)
    return None


def _delayed(
    snapshot: Snapshot, workload: Workload, container: Container, probe: dict[str, Any], up: float | None
) -> _Verdict | None:
    """A start delay so long that the probe has not asked yet, and longer than it was."""
    delay = number(probe.get("initialDelaySeconds"))
    where = container.pointer + "/readinessProbe/initialDelaySeconds"
    if up is None or delay < 120 or up > delay:
        return None
    shorter = next(
        (
            number(pointer.resolve(older.spec, where))
            for older in earlier(snapshot, workload.object)
            if pointer.exists(older.spec, container.pointer + "/readinessProbe")
        ),
        None,
    )
    if shorter is None and delay < 600:
        return None
    tighter = shorter is not None and shorter * 4 < delay
    why = f"it is not asked before {delay} s"
    return _Verdict("timing", "initialDelaySeconds", 0.9 if tighter else 0.6, why)


def _finding(
    snapshot: Snapshot,
    workload: Workload,
    container: Container,
    probe: dict[str, Any],
    pod: Object,
    verdict: _Verdict,
) -> Finding:
    relative = f"{container.pointer}/readinessProbe/{verdict.word}"
    where, now = workload.at(relative), pointer.resolve(probe, f"/{verdict.word}")
    before = last_good(snapshot, workload, relative)
    evidence = list(verdict.evidence)
    if now is not None:
        evidence.append(on_object(workload.ref, where, now, f"What the probe of {container.name} says"))
    ready_field = f"/status/containerStatuses/name={container.name}/ready"
    evidence.append(on_object(pod, ready_field, False, f"{container.name} runs and is not ready"))
    asked = f" ({verdict.word.rpartition('/')[2]} {now})" if now is not None else ""
    return Finding(
        fault=ReadinessProbeMisconfigured.id,
        variant=verdict.variant,
        object=workload.ref,
        container=container.name,
        confidence=verdict.confidence,
        summary=(
            f"{container.name} of {workload.ref} runs but its readiness probe{asked} asks wrongly: {verdict.why}."
        ),
        evidence=tuple(evidence),
        facts={
            "field": where,
            "word": verdict.word,
            "current": now,
            "candidates": list(verdict.candidates[:8]),
            "origin": f"other probes, ports and Services of {workload.ref}",
            "last_good": []
            if before is None
            else [{"field": where, "value": before[0], "origin": before[1]}],
        },
    )
