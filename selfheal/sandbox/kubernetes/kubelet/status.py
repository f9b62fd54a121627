"""A pod's status, computed from its containers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from selfheal.sandbox.kubernetes.objects import Object, condition, dig, entries

if TYPE_CHECKING:
    from selfheal.sandbox.kubernetes.kubelet.container import ContainerRunner
    from selfheal.sandbox.kubernetes.kubelet.pod import PodWorker


def pod_status(worker: PodWorker, now: str) -> Object:
    """The whole ``status``; transition times are kept where nothing changed."""
    pod = worker.pod
    phase = pod_phase(worker)
    status: Object = {
        "observedGeneration": pod["metadata"].get("generation", 1),
        "phase": phase,
        "conditions": conditions(worker, phase, now),
        "hostIP": worker.host_ip,
        "hostIPs": [{"ip": worker.host_ip}],
        "podIP": worker.ip,
        "podIPs": [{"ip": worker.ip}],
        "startTime": worker.start_time,
    }
    if worker.inits:
        status["initContainerStatuses"] = [runner.status() for runner in worker.inits]
    status["containerStatuses"] = [runner.status() for runner in worker.containers]
    status["qosClass"] = dig(pod, "status", "qosClass", default="BestEffort")
    if worker.failed:
        status["reason"], status["message"] = worker.failed
    return status


def pod_phase(worker: PodWorker) -> str:
    """Pending until everything has been started once; then by what runs and how the rest ended."""
    if worker.failed:
        return "Failed"
    policy = dig(worker.pod, "spec", "restartPolicy", default="Always")
    if any(runner.ended and not runner.succeeded() for runner in worker.inits if not runner.sidecar):
        return "Failed" if policy == "Never" else "Pending"
    if not worker.initialised:
        return "Pending"
    waiting = running = stopped = succeeded = 0
    for runner in worker.containers:
        if runner.running:
            running += 1
        elif "terminated" in runner.state or runner.last:
            stopped += 1
            succeeded += runner.succeeded()
        else:
            waiting += 1
    if waiting:
        return "Pending"
    if running or policy == "Always":
        return "Running"
    if all(runner.ended for runner in worker.containers):
        return "Succeeded" if succeeded == stopped else "Failed"
    return "Running"


def conditions(worker: PodWorker, phase: str, now: str) -> list[Object]:
    inits = [
        runner.name
        for runner in worker.inits
        if not (runner.succeeded() or (runner.sidecar and runner.started))
    ]
    initialised: tuple[str, str, str] = ("True", "", "")
    if inits and phase != "Succeeded":
        initialised = (
            "False",
            "ContainersNotInitialized",
            f"containers with incomplete status: [{' '.join(inits)}]",
        )
    # Sidecars are probed like any container, and their readiness counts for the pod.
    lasting = [*(runner for runner in worker.inits if runner.sidecar), *worker.containers]
    ready = _readiness(lasting, phase)
    gated = ready
    gates = entries(worker.pod, "spec", "readinessGates")
    missing = [str(gate.get("conditionType")) for gate in gates if _status(worker.pod, gate) != "True"]
    if missing and ready[0] == "True":
        gated = (
            "False",
            "ReadinessGatesNotReady",
            f'corresponding condition of pod readiness gate "{missing[0]}" does not exist.',
        )
    wanted = [
        ("PodReadyToStartContainers", ("True" if worker.sandbox else "False", "", "")),
        ("Initialized", initialised),
        ("Ready", gated),
        ("ContainersReady", ready),
        ("PodScheduled", ("True", "", "")),
    ]
    generation = worker.pod["metadata"].get("generation", 1)
    made = [_condition(worker.pod, kind, value, generation, now) for kind, value in wanted]
    known = {kind for kind, _value in wanted}
    return made + [
        item for item in entries(worker.pod, "status", "conditions") if item.get("type") not in known
    ]


def _status(pod: Object, gate: Object) -> Any:
    return (condition(pod, str(gate.get("conditionType"))) or {}).get("status")


def _readiness(containers: Sequence[ContainerRunner], phase: str) -> tuple[str, str, str]:
    if phase == "Succeeded":
        return "False", "PodCompleted", ""
    unready = [runner.name for runner in containers if not runner.ready]
    if unready:
        return "False", "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"
    return "True", "", ""


def _condition(pod: Object, kind: str, value: tuple[str, str, str], generation: int, now: str) -> Object:
    state, reason, message = value
    held = condition(pod, kind)
    since = held["lastTransitionTime"] if held and held.get("status") == state else now
    made: Object = {
        "type": kind, "observedGeneration": generation, "status": state, "lastProbeTime": None,
        "lastTransitionTime": since,
    }  # fmt: skip
    if reason:
        made["reason"] = reason
    if message:
        made["message"] = message
    return made
