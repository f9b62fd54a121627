"""The program works, but its readiness probe asks it the wrong way, so it never counts as ready.

# What it is
The probe's port, path, protocol or timing does not fit the program. The container runs, the pod stays at 0/1,
and the Service has no endpoints.

# How it is recognised
A container of the current template runs and is not ready, and the kubelet's newest word on its readiness
probe is: 404, 401, 403 or 405 (path); refused on a port that the container does not have (port); an answer in
another protocol, or TLS where there is none (protocol); no answer in time (timing). A start delay far beyond
the time the pod runs, and beyond what it was before, is timing as well. Where no event about the pod is left, its
ports, an older template with the same image, and the other probe of the container say whether this one asks wrongly.
Or the API server refused such a field at the last apply: the live object is then the old one, and well.

# How it is told from its neighbours
A program that restarts crashes or is killed: look there first. 500 and 503 come from the program itself,
which says that it is not ready. Refused on the very port that the container has means that it does not listen
yet. A failed liveness probe restarts the container. Failures while a pod starts, followed by success, are
normal.

# What is changed
The field of the probe that is wrong: to what the last good template had, or to what other probes, ports and
Services of the same workload say. The probe is never removed.
A field that was refused gets back what the live object has there, which was taken.

# How safe that is
A probe that asks the right thing only lets working pods serve. Values come from specs and git history; the
log may only choose among them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot
from selfheal.cluster.times import event_time, parse
from selfheal.cluster.workloads import (
    Container,
    Workload,
    earlier,
    mapping,
    number,
    state,
    statuses,
    troubled,
)
from selfheal.faults.evidence import seconds_before
from selfheal.faults.fields import container_fields
from selfheal.faults.interface import Fault, Finding, Remedy
from selfheal.faults.probing import Verdict, failures, judge, probe_fields, probe_finding, probe_remedy
from selfheal.faults.refused import REFUSED, refused, taken_back
from selfheal.faults.unheard import asks_wrongly, silent
from selfheal.incidents.record import Target

#: A container that restarted within these seconds before the snapshot is starting or crashing, not misprobed
#: …
STARTING = 5
#: … and a probe that last failed longer ago than this many of its periods has succeeded since.
PERIODS = 6


class ReadinessProbeMisconfigured(Fault):
    """See the page above."""

    id = "readiness-probe-misconfigured"
    blames = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod", "Job", "CronJob")
    writes = (*probe_fields("readinessProbe"), *container_fields("/readinessProbe/**"))

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        yield from refused(snapshot, self.id)
        for workload in troubled(snapshot):
            for container in workload.containers:
                probe = mapping(container.spec.get("readinessProbe"))
                if not probe or container.passing:
                    continue
                for pod in workload.pods:
                    finding = _examine(snapshot, workload, container, probe, pod)
                    if finding is not None:
                        yield finding
                        break

    @override
    def remedy(self, finding: Finding) -> Remedy:
        if finding.variant == REFUSED:
            return taken_back(finding)
        return probe_remedy(finding, "readiness probe")


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
    failed = failures(snapshot, pod, container.name, "readinessProbe")
    verdict = None
    if failed:
        last = failed[0]
        ago = seconds_before(snapshot, event_time(last))
        period = max(number(probe.get("periodSeconds"), 10), 1)
        if ago is None or ago <= max(PERIODS * period, 60) + 300:
            verdict = judge(snapshot, workload, container, "readinessProbe", probe, pod, last)
    else:
        verdict = _delayed(snapshot, workload, container, probe, up)
        if verdict is None and silent(snapshot, pod) and up is not None and up > _patience(probe):
            verdict = asks_wrongly(snapshot, workload, container, "readinessProbe", pod)
    if verdict is None:
        return None
    return probe_finding(
        ReadinessProbeMisconfigured.id, snapshot, workload, container, "readinessProbe", pod, verdict
    )


def _patience(probe: dict[str, Any]) -> float:
    """Seconds after which a program that would answer this probe has been asked and has answered."""
    return max(number(probe.get("initialDelaySeconds")) + 3 * number(probe.get("periodSeconds"), 10), 60)


def _crashes(status: dict[str, Any]) -> bool:
    """Whether the container ends by itself now and then: its last end was not a clean or ordered one."""
    ended = state(status, "terminated", "lastState")
    return number(status.get("restartCount")) > 0 and bool(ended) and ended.get("exitCode") not in (0, 143)


def _delayed(
    snapshot: Snapshot, workload: Workload, container: Container, probe: dict[str, Any], up: float | None
) -> Verdict | None:
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
    return Verdict("timing", "initialDelaySeconds", 0.9 if tighter else 0.6, why)
