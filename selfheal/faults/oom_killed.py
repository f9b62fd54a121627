"""A container needs more memory than its limit allows, so the kernel kills it.

# What it is
The container's memory limit is smaller than what the program uses. The kernel ends the process, Kubernetes
starts it again, and after some rounds waits longer each time (CrashLoopBackOff).

# How it is recognised
The present or previous run of a container of the current template ended with reason `OOMKilled`, or the
runtime says that its init process was OOM-killed. The container is not well since: it waits, or it restarted
not long ago.

# How it is told from its neighbours
Exit code 137 alone is no proof: a failed liveness probe also ends in 137, with `Unhealthy` and `Killing`
events and reason `Error`. A kill of a pod whose template was replaced since, or after which the container has
been ready for a while, is old news. A container without a limit was killed for the node's memory, which no
limit mends.

# What is changed
`resources.limits.memory` of that container: back to the larger value it had before when there was one, else a
bounded raise.

# How safe that is
The pods restart once. A leak only takes longer to fill a larger limit; raises are therefore bounded over the
history of the repository, and the same fault soon after our own raise goes to a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.quantity import quantity
from selfheal.cluster.snapshot import Object, Snapshot
from selfheal.cluster.times import parse
from selfheal.cluster.workloads import Container, Workload, last_good, number, state, statuses, troubled
from selfheal.faults.evidence import on_object, seconds_before
from selfheal.faults.interface import AtLeast, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.faults.probing import failures, killed
from selfheal.incidents.record import Evidence, Target

#: Seconds a container must have been ready since its last kill for the kill to be old news.
SETTLED = 600
#: … unless it is killed again and again, at intervals up to this.
RECURRING = 6 * 3600
#: The exit code of what SIGKILL ended.
KILLED = 137
RAISE = 2.0
_INIT_KILLED = re.compile(r"OOM-killed \(memory limit too low", re.IGNORECASE)


class OomKilled(Fault):
    """See the page above."""

    id = "oom-killed"
    blames = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet", "Pod")
    writes = (
        "/spec/template/spec/containers/*/resources/limits/memory",
        "/spec/template/spec/initContainers/*/resources/limits/memory",
        "/spec/jobTemplate/spec/template/spec/containers/*/resources/limits/memory",
        "/spec/jobTemplate/spec/template/spec/initContainers/*/resources/limits/memory",
        "/spec/containers/*/resources/limits/memory",
        "/spec/initContainers/*/resources/limits/memory",
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for workload in troubled(snapshot):
            for container in workload.containers:
                kills = [
                    kill
                    for pod in workload.pods
                    if (kill := _kill(snapshot, workload, container, pod)) is not None
                ]
                if kills:
                    yield _finding(snapshot, workload, container, kills)

    @override
    def remedy(self, finding: Finding) -> Remedy:
        field, limit = finding.facts["field"], finding.facts["limit"]
        if not limit:
            return Remedy(
                title="Give the container a memory limit that the node can honour",
                edits=(),
                reason=finding.summary,
                escalate="The container has no memory limit: the node ran out of memory. A person has to size it.",
            )
        return Remedy(
            title=f"Raise the memory limit of {finding.container} in {finding.object.name}",
            edits=(FieldEdit(finding.object, field, LastGood(AtLeast(RAISE, str(limit)))),),
            reason=f"{finding.container} is killed at its limit of {limit}.",
        )


class _Kill:
    """One pod whose container was killed. ``named``: for memory, as the kubelet or the runtime says."""

    def __init__(
        self, pod: Object, evidence: Evidence, restarts: int, *, waiting: bool, named: bool = True
    ) -> None:
        self.pod, self.evidence, self.restarts, self.waiting = pod, evidence, restarts, waiting
        self.named = named


def _kill(snapshot: Snapshot, workload: Workload, container: Container, pod: Object) -> _Kill | None:
    status = statuses(pod).get(container.name)
    if status is None or _changed_since(workload, container, pod):
        return None
    section = container.statuses
    base = f"/status/{section}/name={container.name}"
    restarts = number(status.get("restartCount"))
    waiting = bool(state(status, "waiting"))
    for where in ("state", "lastState"):
        ended = state(status, "terminated", where)
        text = str(ended.get("message") or "")
        if not ended or (ended.get("reason") != "OOMKilled" and not _INIT_KILLED.search(text)):
            continue
        if where == "lastState" and _settled(snapshot, status, ended, restarts):
            return None
        word = "reason" if ended.get("reason") == "OOMKilled" else "message"
        message = (
            f"{container.name} was killed for memory (exit code {ended.get('exitCode')}), {restarts} restarts"
        )
        field = f"{base}/{where}/terminated/{word}"
        return _Kill(pod, on_object(pod, field, ended[word], message), restarts, waiting=waiting)
    text = str(state(status, "waiting").get("message") or "")
    if _INIT_KILLED.search(text):
        evidence = on_object(
            pod, f"{base}/state/waiting/message", text, "The runtime says that init was OOM-killed"
        )
        return _Kill(pod, evidence, restarts, waiting=True)
    return _unnamed(snapshot, container, pod, status, base)


def _unnamed(
    snapshot: Snapshot, container: Container, pod: Object, status: dict[str, Any], base: str
) -> _Kill | None:
    """A kill (exit code 137) that nobody ordered, at a memory limit.

    When the kernel takes a child of the first process, the runtime does not name memory as the reason.
    """
    if pointer.resolve(pod.get("spec"), container.pointer + "/resources/limits/memory") is None:
        return None
    if any(
        killed(snapshot, pod, container.name, probe) or failures(snapshot, pod, container.name, probe)
        for probe in ("livenessProbe", "startupProbe")
    ):
        return None
    restarts = number(status.get("restartCount"))
    for where in ("state", "lastState"):
        ended = state(status, "terminated", where)
        if ended.get("exitCode") != KILLED or ended.get("reason") not in ("Error", "", None):
            continue
        if where == "lastState" and _settled(snapshot, status, ended, restarts):
            return None
        message = (
            f"{container.name} was killed (exit code {KILLED}) though no probe ended it, {restarts} restarts"
        )
        evidence = on_object(pod, f"{base}/{where}/terminated/exitCode", KILLED, message)
        return _Kill(pod, evidence, restarts, waiting=bool(state(status, "waiting")), named=False)
    return None


def _settled(snapshot: Snapshot, status: dict[str, Any], ended: dict[str, Any], restarts: int) -> bool:
    """Whether the container has been well for long enough since its kill."""
    running = state(status, "running")
    if not running:
        # An init container that ended well after an earlier kill.
        return state(status, "terminated").get("exitCode") == 0
    ago = seconds_before(snapshot, parse(ended.get("finishedAt")))
    up = seconds_before(snapshot, parse(running.get("startedAt")))
    if not status.get("ready") or ago is None or up is None:
        return False
    return up > (RECURRING if restarts >= 3 else SETTLED)


def _changed_since(workload: Workload, container: Container, pod: Object) -> bool:
    """Whether the workload's limit is no longer the one the pod was killed at."""
    where = container.pointer + "/resources/limits/memory"
    had = quantity(pointer.resolve(pod.get("spec"), where))
    now = quantity(pointer.resolve(workload.spec, where))
    # Admission may fill in a limit (LimitRange) that the template does not name.
    return had is not None and now is not None and had != now


def _finding(snapshot: Snapshot, workload: Workload, container: Container, kills: list[_Kill]) -> Finding:
    relative = container.pointer + "/resources/limits/memory"
    field = workload.at(relative)
    limit = pointer.resolve(workload.spec, relative)
    from_pod = limit if limit is not None else pointer.resolve(kills[0].pod.get("spec"), relative)
    kills.sort(key=lambda kill: (-kill.restarts, str(kill.evidence.object)))
    evidence = [kill.evidence for kill in kills[:3]]
    if limit is not None:
        evidence.append(on_object(workload.ref, field, limit, f"The limit {container.name} is killed at"))
    before = last_good(snapshot, workload, relative)
    good = []
    if before is not None and (quantity(before[0]) or 0) > (quantity(limit) or 0):
        good = [{"field": field, "value": before[0], "origin": before[1]}]
    restarts = max(kill.restarts for kill in kills)
    what = f"its memory limit of {from_pod}" if from_pod else "the memory of its node (it has no limit)"
    return Finding(
        fault=OomKilled.id,
        variant="memory",
        object=workload.ref,
        container=container.name,
        confidence=_confidence(kills, restarts, lowered=bool(good)),
        summary=f"{container.name} of {workload.ref} needs more than {what}; the kernel killed it.",
        evidence=tuple(evidence),
        facts={
            "field": field,
            "limit": str(from_pod or ""),
            "request": str(pointer.resolve(container.spec, "/resources/requests/memory") or ""),
            "restarts": restarts,
            "init": container.init,
            "last_good": good,
        },
        mitigation=_mitigation(workload, container, from_pod),
    )


def _confidence(kills: list[_Kill], restarts: int, *, lowered: bool) -> float:
    again = any(kill.waiting for kill in kills) or restarts > 1
    if not any(kill.named for kill in kills):
        return 0.9 if lowered else 0.78 if again else 0.6
    return 0.97 if again else 0.9


def _mitigation(workload: Workload, container: Container, limit: Any) -> str:
    if not limit or workload.ref.kind not in ("Deployment", "StatefulSet", "DaemonSet"):
        return ""
    return (
        f"kubectl -n {workload.namespace} set resources {workload.ref.kind.lower()}/{workload.ref.name} "
        f"-c {container.name} --limits=memory=<more than {limit}>"
    )
