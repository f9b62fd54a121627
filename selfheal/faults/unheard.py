"""Probes that must be failing although no event is left to say so.

Events are kept for an hour, and a dump may hold none. What a probe got is lost then; that it failed is not. A container
that runs and is not ready is kept so by its probe alone; one that was told to stop just when its liveness probe had run
out of attempts was ended by it. Whether the probe asks wrongly follows from specs: from ports, from what an older
template with the same image asked, and from what the other probe of the same container gets answered.
"""

from __future__ import annotations

from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot
from selfheal.cluster.times import parse
from selfheal.cluster.workloads import Container, Workload, earlier, mapping, number, state, statuses
from selfheal.faults.evidence import on_object, seconds_before
from selfheal.faults.ports import declared_ports
from selfheal.faults.probing import Verdict, by_port, lived, unknown_name
from selfheal.incidents.record import Evidence

#: No verdict without the kubelet's words is surer than this …
AT_MOST = 0.85
#: … and this is how sure one is that rests on the other probe alone.
BY_SIBLING = 0.75
#: Seconds by which the end of a run may miss what a probe's settings say.
SLACK = 5
#: Exit codes of a program that was told to stop, and of one that was killed.
_ORDERED = (0, 137, 143)
_GRACE = 30
_HANDLERS = ("httpGet", "tcpSocket", "grpc", "exec")


def silent(snapshot: Snapshot, pod: Object) -> bool:
    """Whether no event about a pod is there, of any kind: every pod has some while it is young."""
    return not snapshot.events_of(pod)


def ended_by(pod: Object, container: Container, section: str) -> bool:
    """Whether the last run of a container ended as one that is told to stop, when its probe had run out of attempts."""
    probe = mapping(container.spec.get(section))
    status = statuses(pod).get(container.name, {})
    ended = state(status, "terminated", "lastState") or state(status, "terminated")
    ran = lived(status)
    if (
        not probe
        or ran is None
        or ended.get("exitCode") not in _ORDERED
        or ended.get("reason") == "OOMKilled"
    ):
        return False
    period = max(number(probe.get("periodSeconds"), 10), 1)
    allowed = number(probe.get("initialDelaySeconds")) + period * max(
        number(probe.get("failureThreshold"), 3), 1
    )
    grace = number(mapping(pod.get("spec")).get("terminationGracePeriodSeconds"), _GRACE)
    late = SLACK + (grace if ended.get("exitCode") == 137 else 0)
    return allowed - period - SLACK <= ran <= allowed + period + late


def asks_wrongly(
    snapshot: Snapshot, workload: Workload, container: Container, section: str, pod: Object
) -> Verdict | None:
    """Why a probe that fails is the one to blame, by specs alone; None where the program may be."""
    probe = mapping(container.spec.get(section))
    handler = next((name for name in _HANDLERS if name in probe), "")
    told = (_status(pod, container),)
    if unknown_name(container, probe, handler):
        names = tuple(name for name, _number in declared_ports(container) if name)
        why = "no port of the container has that name"
        return Verdict("port", f"{handler}/port", AT_MOST, why, names, told)
    found = by_port(snapshot, workload, container, section, probe, handler, pod, told)
    found = (
        found or _as_it_was(snapshot, workload, container, section, handler, told)
        or _unlike(snapshot, container, section, handler, pod, told)
    )  # fmt: skip
    if found is None:
        return None
    sure = min(found.confidence, AT_MOST)
    return Verdict(found.variant, found.word, sure, found.why, found.candidates, found.evidence)


def _status(pod: Object, container: Container) -> Evidence:
    status = statuses(pod).get(container.name, {})
    if status.get("ready") is False and state(status, "running"):
        where = f"/status/{container.statuses}/name={container.name}/ready"
        return on_object(pod, where, False, f"{container.name} runs and is not ready; no event is left")
    where = f"/status/{container.statuses}/name={container.name}/restartCount"
    count = status.get("restartCount")
    return on_object(pod, where, count, f"{container.name} was told to stop each time its probe gave up")


def _as_it_was(
    snapshot: Snapshot,
    workload: Workload,
    container: Container,
    section: str,
    handler: str,
    told: tuple[Evidence, ...],
) -> Verdict | None:
    """An older template ran the same image and was asked otherwise."""
    for older in earlier(snapshot, workload.object):
        then = mapping(pointer.resolve(older.spec, container.pointer))
        was = mapping(then.get(section))
        if not was or then.get("image") != container.spec.get("image"):
            continue
        if handler not in was:
            return Verdict(
                "protocol", "", 0.85, f"it was another kind of probe in {older.origin}", (was,), told
            )
        now = mapping(container.spec.get(section))
        for variant, word in (("port", "port"), ("path", "path"), ("protocol", "scheme")):
            field = f"{handler}/{word}"
            value, before = (pointer.resolve(item, f"/{field}") for item in (now, was))
            if before is not None and value != before:
                return Verdict(
                    variant, field, 0.85, f"the {word} was {before} when it worked", (before,), told
                )
        return None
    return None


def _unlike(
    snapshot: Snapshot,
    container: Container,
    section: str,
    handler: str,
    pod: Object,
    told: tuple[Evidence, ...],
) -> Verdict | None:
    """The other probe of the container is answered, and asks another port or in another way."""
    other = "livenessProbe" if section == "readinessProbe" else "readinessProbe"
    probe, sibling = mapping(container.spec.get(section)), mapping(container.spec.get(other))
    if not sibling or not _answered(snapshot, container, other, pod):
        return None
    way = next((name for name in _HANDLERS if name in sibling), "")
    if way != handler:
        kept: dict[str, Any] = {key: value for key, value in probe.items() if key != handler}
        made = {**kept, way: sibling.get(way)}
        return Verdict(
            "protocol", "", BY_SIBLING, f"the {other} asks by {way} and is answered", (made,), told
        )
    for variant, word in (("port", "port"), ("protocol", "scheme")):
        field = f"/{handler}/{word}"
        usual = "HTTP" if word == "scheme" and handler == "httpGet" else None
        here, there = (pointer.resolve(item, field, usual) for item in (probe, sibling))
        if there is not None and here != there:
            why = f"the {other} asks {there} and is answered"
            return Verdict(variant, field[1:], BY_SIBLING, why, (there,), told)
    return None


def _answered(snapshot: Snapshot, container: Container, section: str, pod: Object) -> bool:
    """Whether the other probe must be succeeding: the container is ready, or has long outlived its attempts."""
    status = statuses(pod).get(container.name, {})
    if section == "readinessProbe":
        return status.get("ready") is True
    probe = mapping(container.spec.get(section))
    up = seconds_before(snapshot, parse(state(status, "running").get("startedAt")))
    period = max(number(probe.get("periodSeconds"), 10), 1)
    attempts = max(number(probe.get("failureThreshold"), 3), 1) + 2
    patience = number(probe.get("initialDelaySeconds")) + period * attempts
    return not number(status.get("restartCount")) and up is not None and up > patience
