"""The liveness probe asks a working program the wrong way, so the kubelet keeps restarting it.

# What it is
The probe's port, path, protocol or timing does not fit the program. The kubelet ends the container as often as
the probe fails, and after some rounds waits longer each time (CrashLoopBackOff).

# How it is recognised
The kubelet says that it ended the container because the liveness probe failed (or the container restarted while
that probe failed), and the probe's newest failure is: 404, 401, 403 or 405 (path); refused on a port that the
container does not have (port); another protocol (protocol); no answer in time, or refused with a start delay or
threshold that is tighter than it was, or tight in itself (timing). Where no event about the pod is left, a container
that was told to stop just when the probe had run out of attempts was ended by it, and specs say which field is wrong.
Or the API server refused such a field at the last apply: the live object is then the old one, and well.

# How it is told from its neighbours
A program that ends by itself leaves no `Killing` event of the probe. Killed for memory is `OOMKilled`. Refused
on the right port, before the program was ever up, without a startup probe and with usual thresholds, is
`startup-probe-missing`. 500 and 503 come from the program itself. A failed readiness probe never restarts
anything.

# What is changed
The field of the probe that is wrong: to what the last good template had, or to what other probes, ports and
Services of the same workload say; timing is raised within bounds. The probe is never removed.
A field that was refused gets back what the live object has there, which was taken.

# How safe that is
A probe that asks the right thing only lets working pods live. Values come from specs and git history.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot
from selfheal.cluster.times import event_time
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
from selfheal.faults.evidence import of_event, seconds_before, text_of
from selfheal.faults.fields import LASTING, container_fields
from selfheal.faults.interface import Fault, Finding, Remedy
from selfheal.faults.probing import (
    KILLED,
    Verdict,
    failures,
    judge,
    killed,
    probe_fields,
    probe_finding,
    probe_remedy,
    restarts,
)
from selfheal.faults.refused import REFUSED, refused, taken_back
from selfheal.faults.unheard import asks_wrongly, ended_by, silent
from selfheal.incidents.record import Evidence, Target

#: Seconds between failures, and failures, below which a probe is tight in itself (the defaults are 10 and 3).
TIGHT_PERIOD = 2
TIGHT_THRESHOLD = 1


class LivenessProbeMisconfigured(Fault):
    """See the page above."""

    id = "liveness-probe-misconfigured"
    blames = (*LASTING, "Job", "CronJob")
    writes = (
        *probe_fields("livenessProbe"),
        *probe_fields("startupProbe"),
        *container_fields("/livenessProbe/**", "/startupProbe/**"),
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        yield from refused(snapshot, self.id)
        for workload in troubled(snapshot):
            if workload.ref.kind not in LASTING:
                continue
            for container in workload.containers:
                for section in ("livenessProbe", "startupProbe"):
                    if not mapping(container.spec.get(section)):
                        continue
                    findings = (
                        _examine(snapshot, workload, container, section, pod) for pod in workload.pods
                    )
                    finding = next((found for found in findings if found is not None), None)
                    if finding is not None:
                        yield finding

    @override
    def remedy(self, finding: Finding) -> Remedy:
        if finding.variant == REFUSED:
            return taken_back(finding)
        return probe_remedy(finding, "liveness probe")


def _examine(
    snapshot: Snapshot, workload: Workload, container: Container, section: str, pod: Object
) -> Finding | None:
    status = statuses(pod).get(container.name, {})
    if status.get("ready") is True and not restarts(status):
        return None
    failed = failures(snapshot, pod, container.name, section)
    if not failed and silent(snapshot, pod) and restarts(status) and ended_by(pod, container, section):
        verdict = asks_wrongly(snapshot, workload, container, section, pod) or _tight(container, section, ())
        if verdict is None:
            return None
        return probe_finding(
            LivenessProbeMisconfigured.id, snapshot, workload, container, section, pod, verdict
        )
    if not failed or state(status, "terminated", "lastState").get("reason") == "OOMKilled":
        return None
    kill = killed(snapshot, pod, container.name, section)
    ago = seconds_before(snapshot, event_time(failed[0]))
    fresh = ago is None or ago < KILLED
    if (
        kill is None
        and not (restarts(status) and fresh and _ordered(status))
        and not _failing_now(probe_of(container, section), status, ago)
    ):
        return None
    probe = probe_of(container, section)
    verdict = judge(snapshot, workload, container, section, probe, pod, failed[0])
    if verdict is None or verdict.variant == "timing":
        verdict = (
            _timing(workload, snapshot, container, section, failed[0]) if section == "livenessProbe" else None
        )
    if verdict is None:
        return None
    if kill is not None:
        told = (*verdict.evidence, of_event(kill))
        verdict = Verdict(
            verdict.variant, verdict.word, verdict.confidence, verdict.why, verdict.candidates, told
        )
    return probe_finding(LivenessProbeMisconfigured.id, snapshot, workload, container, section, pod, verdict)


def probe_of(container: Container, section: str) -> dict[str, Any]:
    """The probe of that section."""
    return mapping(container.spec.get(section))


def _ordered(status: dict[str, Any]) -> bool:
    """Whether the last run ended as a container does that is told to stop."""
    ended = state(status, "terminated", "lastState") or state(status, "terminated")
    return ended.get("exitCode") in (0, 137, 143, None)


def _failing_now(probe: dict[str, Any], status: dict[str, Any], ago: float | None) -> bool:
    """Whether the probe fails at this very time, before its first kill."""
    period = max(number(probe.get("periodSeconds"), 10), 1)
    return ago is not None and ago <= 3 * period and not restarts(status) and status.get("ready") is not True


def _timing(
    workload: Workload, snapshot: Snapshot, container: Container, section: str, last: Object
) -> Verdict | None:
    """Whether, and by which field, the probe gives the program too little time."""
    probe, text = probe_of(container, section), text_of(last)
    told = (of_event(last),)
    slow = "deadline exceeded" in text or "timeout" in text.lower() or "timed out" in text
    if not slow and "refused" not in text and "reset" not in text and "EOF" not in text:
        return None
    for word in ("timeoutSeconds", "initialDelaySeconds", "failureThreshold", "periodSeconds"):
        now = number(
            probe.get(word), {"timeoutSeconds": 1, "failureThreshold": 3, "periodSeconds": 10}.get(word, 0)
        )
        for older in earlier(snapshot, workload.object):
            was = pointer.resolve(older.spec, f"{container.pointer}/{section}/{word}")
            if isinstance(was, int) and was > now and (slow or word != "timeoutSeconds"):
                why = f"{word} is {now} and was {was}"
                return Verdict("timing", word, 0.95, why, (), told)
    if slow:
        return Verdict("timing", "timeoutSeconds", 0.78, "the program does not answer in time", (), told)
    if (tight := _tight(container, section, told)) is not None:
        return tight
    period, threshold = number(probe.get("periodSeconds"), 10), number(probe.get("failureThreshold"), 3)
    if number(probe.get("initialDelaySeconds")) > 0:
        delay = number(probe.get("initialDelaySeconds"))
        why = f"the program is not up {delay + period * threshold} s after its start"
        return Verdict("timing", "initialDelaySeconds", 0.85, why, (), told)
    return None


def _tight(container: Container, section: str, told: tuple[Evidence, ...]) -> Verdict | None:
    """Whether the probe is tighter than a program can be expected to meet."""
    probe = probe_of(container, section)
    period, threshold = number(probe.get("periodSeconds"), 10), number(probe.get("failureThreshold"), 3)
    if threshold <= TIGHT_THRESHOLD:
        why = f"{threshold} failure ends the program"
        return Verdict("timing", "failureThreshold", 0.9, why, (), told)
    if period <= TIGHT_PERIOD:
        why = f"it fails {threshold} times within {period * threshold} s of the start"
        return Verdict("timing", "periodSeconds", 0.9, why, (), told)
    return None
