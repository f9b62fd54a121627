"""Two programs of one pod want the same port.

# What it is
Containers of a pod share one network. When two of them listen on the same port, the second one ends with "address
already in use". A host port, or the host's network, is shared with everything on the node.

# How it is recognised
The log says that the address is in use; the ports that the pod's containers declare (and ask by probes) are compared.
Without a log: two containers declare the same port and one of them ends by itself. A pod that no node takes for its
host port counts as well.
Or the API server refused such a field at the last apply: the live object is then the old one, and well.

# How it is told from its neighbours
A port that needs privilege is `security-context-invalid`. A Service that sends to the wrong port starts nothing and
stops nothing.

# What is changed
The port of the container that is new, or that changed, goes back to what the last good template had; a container that
is new is for a person.
A field that was refused gets back what the live object has there, which was taken.

# How safe that is
What ran before runs again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Snapshot
from selfheal.cluster.workloads import Container, Workload, earlier, last_good, mapping, mappings, troubled
from selfheal.faults.backends import probed
from selfheal.faults.crashing import first_crash
from selfheal.faults.evidence import of_log, on_object
from selfheal.faults.fields import ANY, container_fields
from selfheal.faults.interface import Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.faults.placing import place_finding, reasons
from selfheal.faults.refused import REFUSED, refused, taken_back
from selfheal.faults.signals import signals, strongest
from selfheal.incidents.record import Evidence, Target

_PORT = re.compile(r"(?::|port\D{0,12})(\d{2,5})\b", re.IGNORECASE)


class PortConflict(Fault):
    """See the page above."""

    id = "port-conflict"
    blames = (*ANY, "Service")
    writes = (
        *container_fields(
            "/ports", "/ports/*/containerPort", "/ports/*/hostPort", "/env/*/value", "/args", "/command"
        ),
        "/spec/ports/*/nodePort",
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        yield from refused(snapshot, self.id)
        for workload in troubled(snapshot):
            finding = _by_log(snapshot, workload) or _by_spec(snapshot, workload)
            if finding is not None:
                yield finding
        for reason in reasons(snapshot):
            if reason.name == "ports":
                ports = [
                    f"{item.pointer}/ports/{index}/hostPort"
                    for item in reason.stuck.workload.containers
                    for index, port in enumerate(mappings(item.spec.get("ports")))
                    if port.get("hostPort")
                ]
                yield place_finding(
                    snapshot,
                    reason,
                    self.id,
                    variant="host",
                    summary=f"{reason.stuck.workload.ref} cannot be scheduled: its host port is taken on every node.",
                    fields=ports,
                    marks=[],
                )

    @override
    def remedy(self, finding: Finding) -> Remedy:
        if finding.variant == REFUSED:
            return taken_back(finding)
        facts = finding.facts
        title = f"Let the containers of {finding.object.name} listen on ports of their own"
        if not facts["last_good"]:
            return Remedy(
                title,
                (),
                finding.summary,
                escalate="Which of the two should give way is for a person to say.",
            )
        edits = tuple(FieldEdit(finding.object, item["field"], LastGood()) for item in facts["last_good"])
        return Remedy(title, edits, finding.summary)


def _holders(workload: Workload, port: int) -> list[Container]:
    """Containers that declare a port, or are probed on it."""
    return [
        item
        for item in workload.containers
        if not item.passing
        and (
            port in probed(item)
            or any(held.get("containerPort") == port for held in mappings(item.spec.get("ports")))
        )
    ]


def _by_log(snapshot: Snapshot, workload: Workload) -> Finding | None:
    signal = strongest(signals(snapshot, workload), "bind")
    container = workload.container(signal.container) if signal is not None else None
    if signal is None or container is None or first_crash(snapshot, workload, container) is None:
        return None
    match = _PORT.search(signal.line)
    port = int(match.group(1)) if match else 0
    line = of_log(signal.pod, signal.container, signal.line, previous=signal.previous)
    others = [item for item in _holders(workload, port) if item.name != container.name]
    return _finding(snapshot, workload, container, port, others, [line], 0.96 if others else 0.9)


def _by_spec(snapshot: Snapshot, workload: Workload) -> Finding | None:
    ports: dict[tuple[int, str], list[Container]] = {}
    for container in workload.containers:
        if container.passing:
            continue
        for held in mappings(container.spec.get("ports")):
            number = held.get("containerPort")
            if isinstance(number, int):
                users = ports.setdefault((number, str(held.get("protocol") or "TCP")), [])
                if container not in users:
                    users.append(container)
    for (number, _protocol), users in sorted(ports.items(), key=lambda item: item[0]):
        crashed = (
            [item for item in users if first_crash(snapshot, workload, item) is not None]
            if len(users) > 1
            else []
        )
        if crashed:
            others = [item for item in users if item is not crashed[0]]
            crash = first_crash(snapshot, workload, crashed[0])
            marks = list(crash.evidence) if crash is not None else []
            return _finding(snapshot, workload, crashed[0], number, others, marks, 0.88)
    return None


def _finding(
    snapshot: Snapshot,
    workload: Workload,
    container: Container,
    port: int,
    others: list[Container],
    evidence: list[Evidence],
    confidence: float,
) -> Finding:
    good = []
    for item in (container, *others):
        for word in ("ports", "env", "args", "command"):
            good += _changes(snapshot, workload, item, word)
    new = [
        item.name
        for older in earlier(snapshot, workload.object)[:1]
        for item in (container, *others)
        if pointer.resolve(older.spec, item.pointer) is None
    ]
    for item in (container, *others)[:2]:
        held = item.spec.get("ports")
        if held:
            field = workload.at(f"{item.pointer}/ports")
            evidence.append(on_object(workload.ref, field, held, f"The ports of {item.name}"))
    who = f" and {others[0].name}" if others else ""
    return Finding(
        fault=PortConflict.id,
        variant="container" if others else "process",
        object=workload.ref,
        container=container.name,
        confidence=confidence,
        summary=f"{container.name}{who} of {workload.ref} want the same port{f' {port}' if port else ''}.",
        evidence=tuple(evidence),
        facts={"port": port, "new": new, "last_good": good[:4]},
    )


def _changes(snapshot: Snapshot, workload: Workload, item: Container, word: str) -> list[dict[str, object]]:
    """Fields of a container below ``word`` that were other before."""
    found = []
    if word in ("args", "command"):
        before = last_good(snapshot, workload, f"{item.pointer}/{word}")
        return (
            []
            if before is None
            else [{"field": workload.at(f"{item.pointer}/{word}"), "value": before[0], "origin": before[1]}]
        )
    for index, entry in enumerate(mappings(item.spec.get(word))):
        leaf = "containerPort" if word == "ports" else "value"
        token = f"name={entry.get('name')}" if entry.get("name") else str(index)
        where = f"{item.pointer}/{word}/{pointer.escape(token)}/{leaf}"
        before = last_good(snapshot, workload, where)
        if before is not None and (word == "ports" or "PORT" in str(mapping(entry).get("name")).upper()):
            found.append({"field": workload.at(where), "value": before[0], "origin": before[1]})
    return found
