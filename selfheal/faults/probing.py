"""How a kubelet's words on a failed probe are read: whether the probe asks wrongly, and which field of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot
from selfheal.cluster.times import event_time, parse
from selfheal.cluster.workloads import Container, Workload, last_good, mapping, number, state, statuses
from selfheal.faults.evidence import container_of, newest_first, of_event, on_object, seconds_before, text_of
from selfheal.faults.fields import container_fields
from selfheal.faults.interface import AtLeast, Exact, FieldEdit, Finding, LastGood, OneOf, Remedy
from selfheal.faults.moved_port import Moved, moved_port
from selfheal.faults.ports import answering_paths, candidate_ports, declared_ports, listening
from selfheal.incidents.record import Evidence

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

#: Words at the beginning of the kubelet's message on each probe.
WORDS = {
    "readinessProbe": "Readiness probe",
    "livenessProbe": "Liveness probe",
    "startupProbe": "Startup probe",
}
#: Seconds after its last kill by a probe during which a container counts as killed by it.
KILLED = 900
#: What a remedy may write of a probe.
PROBE_FIELDS = (
    "httpGet/port",
    "httpGet/path",
    "httpGet/scheme",
    "tcpSocket/port",
    "grpc/port",
    "timeoutSeconds",
    "initialDelaySeconds",
    "periodSeconds",
    "failureThreshold",
    "exec/command",
)


def failures(snapshot: Snapshot, pod: Object, container: str, section: str) -> list[Object]:
    """Events on failed probes of a container, newest first."""
    return [
        event
        for event in newest_first(snapshot.events_of(pod))
        if container_of(event) in ("", container) and text_of(event).startswith(WORDS[section])
    ]


def killed(snapshot: Snapshot, pod: Object, container: str, section: str) -> Object | None:
    """The newest event by which a failed probe ended a container that is not well since, None when there is none."""
    status = statuses(pod).get(container, {})
    word = WORDS[section].lower()
    for event in newest_first(snapshot.events_of(pod)):
        text = text_of(event)
        if event.get("reason") != "Killing" or f"failed {word}" not in text:
            continue
        if container_of(event) not in ("", container) or (not container_of(event) and container not in text):
            continue
        ago = seconds_before(snapshot, event_time(event))
        return event if ago is None or ago < KILLED or status.get("ready") is False else None
    return None


def restarts(status: dict[str, Any]) -> int:
    """How often a container was started again."""
    return number(status.get("restartCount"))


def lived(status: dict[str, Any]) -> float | None:
    """Seconds the previous run of a container took."""
    ended = state(status, "terminated", "lastState") or state(status, "terminated")
    begin, end = parse(ended.get("startedAt")), parse(ended.get("finishedAt"))
    return None if begin is None or end is None else (end - begin).total_seconds()


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a probe. ``word`` is the field of the probe, "" for the probe as a whole; ``moved`` the port
    of the container that is to blame instead.
    """

    variant: str
    word: str
    confidence: float
    why: str
    candidates: tuple[Any, ...] = ()
    evidence: tuple[Evidence, ...] = field(default=())
    moved: Moved | None = None


def judge(
    snapshot: Snapshot,
    workload: Workload,
    container: Container,
    section: str,
    probe: dict[str, Any],
    pod: Object,
    last: Object,
) -> Verdict | None:
    """Reads the last failure of a probe; None when the probe is not to blame."""
    text = text_of(last)
    handler = next((name for name in ("httpGet", "tcpSocket", "grpc", "exec") if name in probe), "")
    code = _STATUS.search(text)
    told = (of_event(last),)
    moved = moved_port(snapshot, workload, container, pointer.resolve(probe, f"/{handler}/port"))
    if moved is not None and code is None:
        why = "the port that it asks for by name is not what it was"
        return Verdict("port", f"{handler}/port", 0.95, why, (moved.value,), told, moved)
    if _NO_PORT.search(text) or unknown_name(container, probe, handler):
        names = tuple(name for name, _number in declared_ports(container) if name)
        return Verdict("port", f"{handler}/port", 0.95, "no port of the container has that name", names, told)
    if code is not None:
        return _by_status(snapshot, workload, container, section, code.group(1), text, told, pod)
    if _OTHER_PROTOCOL.search(text):
        return _by_protocol(container, section, probe, handler, text, told)
    if "connection refused" in text or "connection reset" in text:
        return by_port(snapshot, workload, container, section, probe, handler, pod, told)
    if handler == "exec" and _WRONG_COMMAND.search(text):
        return Verdict("command", "exec/command", 0.85, "its command cannot be run in the image", (), told)
    if _TIMEOUT.search(text):
        now = number(probe.get("timeoutSeconds"), 1)
        before = last_good(snapshot, workload, f"{container.pointer}/{section}/timeoutSeconds")
        tighter = before is not None and number(before[0]) > now
        port = pointer.resolve(probe, f"/{handler}/port")
        if port is not None and _number(container, port) not in {n for _name, n in declared_ports(container)}:
            return by_port(snapshot, workload, container, section, probe, handler, pod, told)
        return Verdict(
            "timing", "timeoutSeconds", 0.9 if tighter else 0.55, f"no answer within {now} s", (), told
        )
    return None


def unknown_name(container: Container, probe: dict[str, Any], handler: str) -> bool:
    """Whether a probe asks for a port by a name that no port of the container has."""
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
    section: str,
    code: str,
    text: str,
    told: tuple[Evidence, ...],
    pod: Object,
) -> Verdict | None:
    if code == "400" and "HTTPS" in text:
        return Verdict("protocol", "httpGet/scheme", 0.9, "the port speaks TLS", ("HTTPS",), told)
    if code in ("404", "405", "410", "401", "403"):
        refused = {
            pointer.resolve(container.spec, f"/{other}/httpGet/path")
            for other in WORDS
            if other != section
            and any(
                _STATUS.search(text_of(event)) for event in failures(snapshot, pod, container.name, other)
            )
        }
        paths = tuple(path for path in answering_paths(snapshot, container, section) if path not in refused)
        why = f"the path answers {code}"
        return Verdict("path", "httpGet/path", 0.95 if code in ("404", "410") else 0.85, why, paths, told)
    before = last_good(snapshot, workload, f"{container.pointer}/{section}/httpGet/path")
    if before is not None and not image_changed(snapshot, workload, container):
        why = f"the path answers {code} and was {before[0]} before"
        return Verdict("path", "httpGet/path", 0.75, why, (), told)
    return None


def image_changed(snapshot: Snapshot, workload: Workload, container: Container) -> bool:
    return last_good(snapshot, workload, container.pointer + "/image") is not None


def _other_handler(container: Container, section: str, handler: str) -> dict[str, Any] | None:
    """How the container's other probes ask, when that is another way than this one's."""
    now = mapping(container.spec.get(section))
    for other in WORDS:
        sibling = mapping(container.spec.get(other))
        for way in ("grpc", "tcpSocket", "exec", "httpGet"):
            if other != section and way in sibling and way != handler:
                kept = {key: value for key, value in now.items() if key != handler}
                return {**kept, way: sibling[way]}
    return None


def _by_protocol(
    container: Container,
    section: str,
    probe: dict[str, Any],
    handler: str,
    text: str,
    told: tuple[Evidence, ...],
) -> Verdict | None:
    scheme = str(pointer.resolve(probe, "/httpGet/scheme", "HTTP")).upper()
    if handler == "httpGet" and scheme == "HTTPS":
        return Verdict("protocol", "httpGet/scheme", 0.95, "the port does not speak TLS", ("HTTP",), told)
    other = _other_handler(container, section, handler)
    if other is not None:
        return Verdict("protocol", "", 0.95, "the port speaks another protocol", (other,), told)
    if handler == "httpGet":
        # A TLS alert (first byte 0x15) is how a TLS server answers plain HTTP.
        tls = "\\x15\\x03" in text
        scheme_or_none: tuple[Any, ...] = ("HTTPS",) if tls else ()
        return Verdict(
            "protocol", "httpGet/scheme", 0.9, "the port does not speak plain HTTP", scheme_or_none, told
        )
    return Verdict("protocol", f"{handler}/port", 0.7, "the port speaks another protocol", (), told)


def by_port(
    snapshot: Snapshot,
    workload: Workload,
    container: Container,
    section: str,
    probe: dict[str, Any],
    handler: str,
    pod: Object,
    told: tuple[Evidence, ...],
) -> Verdict | None:
    """Whether nothing listens on the port that a probe asks, by what is declared, heard in the log, and was."""
    asked = _number(container, pointer.resolve(probe, f"/{handler}/port"))
    if asked is None:
        return None
    declared = {found for _name, found in declared_ports(container)}
    heard = listening(snapshot, pod, container)
    before = last_good(snapshot, workload, f"{container.pointer}/{section}/{handler}/port")
    candidates = tuple(
        found for found in candidate_ports(snapshot, workload, container, section) if found != asked
    )
    log = tuple(evidence for found, evidence in heard if found != asked)[:1]
    elsewhere = bool(heard) and asked not in {found for found, _evidence in heard}
    why = f"nothing listens on {asked}"
    if elsewhere and asked not in declared:
        return Verdict("port", f"{handler}/port", 0.97, why, candidates, told + log)
    if declared and asked not in declared:
        return Verdict("port", f"{handler}/port", 0.93, why, candidates, told + log)
    if elsewhere or (before is not None and not image_changed(snapshot, workload, container)):
        return Verdict("port", f"{handler}/port", 0.8, why, candidates, told + log)
    return None


def probe_fields(section: str) -> tuple[str, ...]:
    """What a remedy may write of a probe of this section, and of the ports that it asks for by name."""
    return container_fields(
        "/ports/*/name",
        "/ports/*/containerPort",
        *(f"/{section}{word}" for word in ("", *(f"/{item}" for item in PROBE_FIELDS))),
    )


def probe_finding(
    fault: str,
    snapshot: Snapshot,
    workload: Workload,
    container: Container,
    section: str,
    pod: Object,
    verdict: Verdict,
) -> Finding:
    """A finding on a probe."""
    relative = f"{container.pointer}/{section}" + (f"/{verdict.word}" if verdict.word else "")
    if verdict.moved is not None:
        relative = verdict.moved.relative
    where = workload.at(relative)
    now = pointer.resolve(workload.spec, relative)
    before = last_good(snapshot, workload, relative)
    words = WORDS[section].lower()
    evidence = list(verdict.evidence)
    if now is not None:
        evidence.append(on_object(workload.ref, where, now, f"What the {words} of {container.name} says"))
    status = statuses(pod).get(container.name, {})
    if status.get("ready") is False:
        ready_field = f"/status/{container.statuses}/name={container.name}/ready"
        evidence.append(on_object(pod, ready_field, False, f"{container.name} is not ready"))
    asked = f" ({verdict.word.rpartition('/')[2]} {now})" if now is not None and verdict.word else ""
    return Finding(
        fault=fault,
        variant=verdict.variant,
        object=workload.ref,
        container=container.name,
        confidence=verdict.confidence,
        summary=f"The {words}{asked} of {container.name} in {workload.ref} asks wrongly: {verdict.why}.",
        evidence=tuple(evidence),
        facts={
            "field": where,
            "word": verdict.word,
            "current": now,
            "candidates": list(verdict.candidates[:8]),
            "origin": verdict.moved.origin
            if verdict.moved is not None
            else f"other probes, ports and Services of {workload.ref}",
            "last_good": []
            if before is None
            else [{"field": where, "value": before[0], "origin": before[1]}],
        },
    )


#: Fields of a probe whose values may be raised.
_RAISED = ("timeoutSeconds", "initialDelaySeconds", "periodSeconds", "failureThreshold")


def probe_remedy(finding: Finding, name: str) -> Remedy:
    """The one field back to what it was, to what specs say, or raised."""
    facts = finding.facts
    title = f"Let the {name} of {finding.object.name} ask what {finding.container} answers"
    candidates = tuple(facts["candidates"])
    if finding.variant == "timing" and facts["word"] == "initialDelaySeconds" and name == "readiness probe":
        # It is asked too late, and how late is early enough only its past says.
        query = LastGood()
    elif finding.variant == "timing" and facts["word"] in _RAISED:
        minimum = {"timeoutSeconds": "", "failureThreshold": "3", "periodSeconds": "10"}.get(
            facts["word"], "30"
        )
        query = LastGood(AtLeast(2.0, minimum if name != "readiness probe" else ""))
    elif len(candidates) == 1:
        query = LastGood(Exact(candidates[0], facts["origin"]))
    else:
        query = LastGood(OneOf(candidates, facts["origin"]) if candidates else None)
    return Remedy(title, (FieldEdit(finding.object, facts["field"], query),), finding.summary)
