"""A program that starts slowly is killed by its liveness probe before it was ever up.

# What it is
The program needs longer to start than the liveness probe waits, and no startup probe holds the liveness probe
back (or the startup probe's own budget is too small). It is ended and started again without end.

# How it is recognised
The kubelet ended the container for its liveness probe, which was refused on the very port that the container
has; no run of it was ever ready; the previous run lasted about as long as the probe allows. Or the startup probe
itself failed and its budget ran out in this way.

# How it is told from its neighbours
A probe that asks another port, path or protocol never succeeds, however long one waits: that is
`liveness-probe-misconfigured`, as are thresholds that are tight in themselves or tighter than they were. A
program that ends by itself (exit code other than of a kill, no `Killing` event) crashes.

# What is changed
A startup probe that asks like the liveness probe and gives the program five minutes, as the last good template
had it where there was one; an existing budget is raised.

# How safe that is
Working pods are not touched by a startup probe once it succeeded. A program that hangs at its start is noticed
later than before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot
from selfheal.cluster.workloads import (
    Container,
    Workload,
    earlier,
    last_good,
    mapping,
    number,
    state,
    statuses,
    troubled,
)
from selfheal.faults.evidence import of_event, on_object, text_of
from selfheal.faults.fields import LASTING, container_fields
from selfheal.faults.interface import AtLeast, Exact, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.faults.liveness_probe_misconfigured import TIGHT_PERIOD, TIGHT_THRESHOLD
from selfheal.faults.moved_port import moved_port
from selfheal.faults.ports import declared_ports
from selfheal.faults.probing import failures, killed, lived, restarts
from selfheal.faults.unheard import ended_by, silent
from selfheal.incidents.record import Target

#: What a new startup probe allows, in seconds between attempts, and attempts.
PERIOD = 5
ATTEMPTS = 60
_HANDLERS = ("httpGet", "tcpSocket", "grpc", "exec")


class StartupProbeMissing(Fault):
    """See the page above."""

    id = "startup-probe-missing"
    blames = LASTING
    writes = container_fields("/startupProbe", "/startupProbe/failureThreshold")

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for workload in troubled(snapshot):
            if workload.ref.kind not in LASTING:
                continue
            for container in workload.containers:
                if container.passing:
                    continue
                findings = (_examine(snapshot, workload, container, pod) for pod in workload.pods)
                finding = next((found for found in findings if found is not None), None)
                if finding is not None:
                    yield finding

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        if facts["probe"] is None:
            title = f"Give {finding.container} of {finding.object.name} more time to start"
            attempts = -(-PERIOD * ATTEMPTS // max(number(facts.get("period"), 10), 1))
            edit = FieldEdit(finding.object, facts["field"], LastGood(AtLeast(2.0, str(attempts))))
            return Remedy(title, (edit,), finding.summary)
        origin = f"the liveness probe of {finding.container}"
        value = LastGood(Exact(facts["probe"], origin))
        title = f"Hold the liveness probe of {finding.object.name} back until {finding.container} is up"
        return Remedy(title, (FieldEdit(finding.object, facts["field"], value),), finding.summary)


def _examine(snapshot: Snapshot, workload: Workload, container: Container, pod: Object) -> Finding | None:
    startup, liveness = (
        mapping(container.spec.get("startupProbe")),
        mapping(container.spec.get("livenessProbe")),
    )
    section = "startupProbe" if startup else "livenessProbe"
    probe = startup or liveness
    status = statuses(pod).get(container.name, {})
    if not probe or status.get("ready") is True:
        return None
    kill = killed(snapshot, pod, container.name, section)
    failed = failures(snapshot, pod, container.name, section)
    unheard = not failed and silent(snapshot, pod) and ended_by(pod, container, section)
    if not (failed or unheard) or not (kill or restarts(status)):
        return None
    text = text_of(failed[0]) if failed else "refused"
    if "refused" not in text or not _asks_own_port(container, probe) or not _ended_by_order(status):
        return None
    ports = (mapping(probe.get(handler)).get("port") for handler in _HANDLERS)
    if any(moved_port(snapshot, workload, container, port) for port in ports):
        # It asks where nothing listens any more; more time would not help.
        return None
    had = _had_startup(snapshot, workload, container)
    period, threshold = number(probe.get("periodSeconds"), 10), number(probe.get("failureThreshold"), 3)
    tight = threshold <= TIGHT_THRESHOLD or period <= TIGHT_PERIOD
    if (
        not had
        and not startup
        and (
            tight
            or (
                number(probe.get("initialDelaySeconds")) > 0
                and not _was_enough(snapshot, workload, container, probe)
            )
            or _was_wider(snapshot, workload, container, probe)
        )
    ):
        return None
    allowed = number(probe.get("initialDelaySeconds")) + period * threshold
    ran = lived(status)
    if ran is not None and ran > allowed + 2 * period + 60:
        # It was up for a while: this is no start.
        return None
    evidence = [of_event(failed[0])] if failed else []
    if kill is not None:
        evidence.append(of_event(kill))
    where = workload.at(f"{container.pointer}/{section}")
    evidence.append(on_object(workload.ref, where, dict(probe), f"It may take at most {allowed} s to start"))
    relative = f"{container.pointer}/startupProbe" + ("/failureThreshold" if startup else "")
    before = last_good(snapshot, workload, relative)
    handler = next(({name: liveness[name]} for name in _HANDLERS if name in liveness), {})
    made: dict[str, Any] | None = {**handler, "periodSeconds": PERIOD, "failureThreshold": ATTEMPTS}
    return Finding(
        fault=StartupProbeMissing.id,
        variant="budget" if startup else "missing",
        object=workload.ref,
        container=container.name,
        confidence=0.75 if unheard else 0.95 if had or kill is not None else 0.8,
        summary=(
            f"{container.name} of {workload.ref} is killed after about {allowed} s, before it is up; "
            f"{'its startup probe gives it too little time' if startup else 'no startup probe holds the liveness probe back'}."
        ),
        evidence=tuple(evidence),
        facts={
            "field": workload.at(relative),
            "probe": None if startup else made,
            "period": period,
            "last_good": []
            if before is None
            else [{"field": workload.at(relative), "value": before[0], "origin": before[1]}],
        },
    )


def _asks_own_port(container: Container, probe: dict[str, Any]) -> bool:
    for handler in _HANDLERS:
        port = mapping(probe.get(handler)).get("port")
        if port is None:
            continue
        declared = declared_ports(container)
        return not declared or any(port in (name, number_, str(number_)) for name, number_ in declared)
    return True


def _ended_by_order(status: dict[str, Any]) -> bool:
    ended = state(status, "terminated", "lastState") or state(status, "terminated")
    return ended.get("reason") != "OOMKilled" and ended.get("exitCode") in (0, 137, 143, None)


def _had_startup(snapshot: Snapshot, workload: Workload, container: Container) -> bool:
    return any(
        pointer.exists(older.spec, f"{container.pointer}/startupProbe")
        for older in earlier(snapshot, workload.object)
    )


def _was_enough(snapshot: Snapshot, workload: Workload, container: Container, probe: dict[str, Any]) -> bool:
    """Whether an earlier template had the very same liveness probe: then it is the program that starts more slowly."""
    return any(
        mapping(pointer.resolve(older.spec, f"{container.pointer}/livenessProbe")) == probe
        for older in earlier(snapshot, workload.object)
    )


def _was_wider(snapshot: Snapshot, workload: Workload, container: Container, probe: dict[str, Any]) -> bool:
    """Whether the liveness probe itself was more patient before."""
    for older in earlier(snapshot, workload.object):
        was = mapping(pointer.resolve(older.spec, f"{container.pointer}/livenessProbe"))
        for word, usual in (("initialDelaySeconds", 0), ("failureThreshold", 3), ("periodSeconds", 10)):
            if was and number(was.get(word), usual) > number(probe.get(word), usual):
                return True
    return False
