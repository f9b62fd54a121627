"""What is visibly not well, whether or not the catalogue knows why. Without any of it a thing is healthy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from selfheal.cluster.labels import pods_selected, selector_of, workloads_selected
from selfheal.cluster.snapshot import Object, Snapshot, metadata, owner_of, ref_of
from selfheal.cluster.times import parse
from selfheal.cluster.workloads import (
    Workload,
    condition,
    job_complete,
    mapping,
    mappings,
    newest_job,
    number,
    ready,
    state,
    statuses,
)
from selfheal.faults.backends import declared
from selfheal.faults.calls import callers, failing_calls
from selfheal.faults.crashing import settled
from selfheal.faults.evidence import seconds_before
from selfheal.faults.job_failed import long_over
from selfheal.incidents.record import ObjectRef

#: Seconds after an abnormal end during which a container that runs again is still not called well.
RESTARTED = 600


@dataclass(frozen=True)
class Symptom:
    """Something not well on an object, in plain words."""

    object: ObjectRef
    text: str


def of_workload(snapshot: Snapshot, workload: Workload) -> Iterator[Symptom]:
    """What is not well with a workload and its pods."""
    judge = {
        "Deployment": _deployment,
        "StatefulSet": _stateful_set,
        "DaemonSet": _daemon_set,
        "Job": _job,
        "CronJob": _cron_job,
    }.get(workload.ref.kind)
    if judge is not None:
        for text in judge(snapshot, workload.object):
            yield Symptom(workload.ref, text)
    if workload.ref.kind == "ReplicaSet":
        wanted = number(mapping(workload.object.get("spec")).get("replicas"), 1)
        if number(mapping(workload.object.get("status")).get("readyReplicas")) < wanted:
            yield Symptom(workload.ref, "has fewer ready replicas than wanted")
    pods = workload.pods
    if workload.ref.kind not in ("Job", "CronJob"):
        for pod in pods:
            if not ready(pod):
                yield Symptom(
                    ref_of(pod), f"is not ready ({mapping(pod.get('status')).get('phase', 'no status')})"
                )
    for pod in pods:
        for text in _containers(snapshot, pod):
            yield Symptom(ref_of(pod), text)
    for callee in failing_calls(snapshot, workload):
        yield Symptom(workload.ref, f"cannot reach {callee or 'what it calls'}, says its log")


def _deployment(_snapshot: Snapshot, obj: Object) -> Iterator[str]:
    spec, status = mapping(obj.get("spec")), mapping(obj.get("status"))
    wanted = number(spec.get("replicas"), 1)
    if number(status.get("observedGeneration")) < number(metadata(obj).get("generation")):
        yield "was changed and not yet acted upon"
    if number(status.get("updatedReplicas")) < wanted:
        yield f"has {number(status.get('updatedReplicas'))} of {wanted} replicas of its newest template"
    if number(status.get("availableReplicas")) < wanted:
        yield f"has {number(status.get('availableReplicas'))} of {wanted} replicas available"
    if condition(obj, "Progressing").get("status") == "False":
        yield f"does not progress: {condition(obj, 'Progressing').get('message', '')}"
    if condition(obj, "ReplicaFailure").get("status") == "True":
        yield f"cannot create pods: {condition(obj, 'ReplicaFailure').get('message', '')}"


def _stateful_set(_snapshot: Snapshot, obj: Object) -> Iterator[str]:
    spec, status = mapping(obj.get("spec")), mapping(obj.get("status"))
    wanted = number(spec.get("replicas"), 1)
    if number(status.get("readyReplicas")) < wanted:
        yield f"has {number(status.get('readyReplicas'))} of {wanted} replicas ready"
    update = status.get("updateRevision")
    if update and status.get("currentRevision") not in (None, update):
        yield "has not finished its update"


def _daemon_set(_snapshot: Snapshot, obj: Object) -> Iterator[str]:
    status = mapping(obj.get("status"))
    wanted = number(status.get("desiredNumberScheduled"))
    if number(status.get("numberReady")) < wanted:
        yield f"has {number(status.get('numberReady'))} of {wanted} pods ready"
    if number(status.get("updatedNumberScheduled"), wanted) < wanted:
        yield "has not finished its update"


def _job(snapshot: Snapshot, obj: Object) -> Iterator[str]:
    failed = condition(obj, "Failed")
    if failed.get("status") == "True":
        if owner_of(obj).get("kind") != "CronJob" and long_over(snapshot, obj):
            return
        yield f"failed: {failed.get('reason', '')}"
    elif not job_complete(obj) and number(mapping(obj.get("status")).get("failed")):
        yield f"has {mapping(obj.get('status')).get('failed')} failed pods"


def _cron_job(snapshot: Snapshot, obj: Object) -> Iterator[str]:
    if mapping(obj.get("spec")).get("suspend") is True:
        yield "is suspended"
    newest = newest_job(snapshot, obj)
    if newest is not None:
        yield from (f"its newest Job {ref_of(newest).name} {text}" for text in _job(snapshot, newest))
    for event in snapshot.events_of(obj):
        if event.get("reason") in (
            "UnparseableSchedule",
            "UnknownTimeZone",
            "InvalidSchedule",
            "FailedCreate",
        ):
            yield f"its schedule does not work: {event.get('reason')}"
            return


def _containers(snapshot: Snapshot, pod: Object) -> Iterator[str]:
    for name, status in statuses(pod).items():
        waiting = state(status, "waiting")
        if waiting and waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            yield f"container {name} waits: {waiting.get('reason')}"
        for where in ("state", "lastState"):
            ended = state(status, "terminated", where)
            if not ended or ended.get("exitCode") == 0:
                continue
            ago = seconds_before(snapshot, parse(ended.get("finishedAt")))
            recent = (ago is None or ago < RESTARTED) and not settled(snapshot, status)
            if where == "state" or recent:
                yield f"container {name} ended with exit code {ended.get('exitCode')} ({ended.get('reason')})"


def around(snapshot: Snapshot, namespaces: frozenset[str]) -> Iterator[Symptom]:
    """What is not well in namespaces beside workloads: Services, claims, autoscalers, ingresses."""
    for namespace in sorted(namespaces):
        for service in snapshot.list("Service", namespace):
            if not _abandoned(snapshot, service):
                yield from of_service(snapshot, service)
        for claim in snapshot.list("PersistentVolumeClaim", namespace):
            phase = mapping(claim.get("status")).get("phase")
            if phase == "Lost" or (phase == "Pending" and _used(snapshot, claim)):
                yield Symptom(ref_of(claim), f"is {phase}")
        for scaler in snapshot.list("HorizontalPodAutoscaler", namespace):
            yield from _autoscaler(scaler)
        for ingress in snapshot.list("Ingress", namespace):
            yield from _ingress(snapshot, ingress)


def nodes(snapshot: Snapshot) -> Iterator[Symptom]:
    """Nodes that do not report well. A cordon is somebody's decision, not a symptom."""
    for node in snapshot.list("Node"):
        if condition(node, "Ready").get("status") in ("False", "Unknown"):
            yield Symptom(ref_of(node), "is not ready")
        for kind in ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"):
            if condition(node, kind).get("status") == "True":
                yield Symptom(ref_of(node), f"reports {kind}")


def of_service(snapshot: Snapshot, service: Object) -> Iterator[Symptom]:
    """A Service that selects pods and has none ready, or aims at a port that its pods do not have."""
    spec = mapping(service.get("spec"))
    ref = ref_of(service)
    selector = selector_of(service)
    if not selector:
        return
    pods = pods_selected(snapshot, ref.namespace, selector)
    if snapshot.known("Pod", ref.namespace) and not any(ready(pod) for pod in pods):
        yield Symptom(ref, "has no ready endpoints")
        return
    for port in mappings(spec.get("ports")):
        aimed = port.get("targetPort", port.get("port"))
        if pods and not any(_has_port(pod, aimed) for pod in pods):
            yield Symptom(ref, f"sends to port {aimed}, which its pods do not declare")


def _abandoned(snapshot: Snapshot, service: Object) -> bool:
    """Whether nothing that should run stands behind a Service, and nobody calls it: left over from a part that is gone."""
    ref = ref_of(service)
    behind = workloads_selected(snapshot, ref.namespace, selector_of(service))
    if callers(snapshot, ref) or any(
        mapping(item.object.get("spec")).get("replicas") != 0 for item in behind
    ):
        return False
    entrances = (
        obj for kind in ("Ingress", "HTTPRoute", "GRPCRoute") for obj in snapshot.list(kind, ref.namespace)
    )
    return not any(f"'{ref.name}'" in str(obj.get("spec")) for obj in entrances)


def _has_port(pod: Object, aimed: Any) -> bool:
    ports = declared(pod)
    if isinstance(aimed, str) and not aimed.isdecimal():
        return any(port.name == aimed for port in ports)
    # Declaring ports is optional; a pod that declares none may listen anywhere.
    return not ports or any(str(port.number) == str(aimed) for port in ports)


def _used(snapshot: Snapshot, claim: Object) -> bool:
    """Whether a pod mounts the claim."""
    used: frozenset[tuple[str, str]] = snapshot.memo(
        "claims-in-use", lambda: frozenset(_claims_in_use(snapshot))
    )
    ref = ref_of(claim)
    return (ref.namespace, ref.name) in used


def _claims_in_use(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    for pod in snapshot.list("Pod"):
        for volume in mappings(mapping(pod.get("spec")).get("volumes")):
            name = mapping(volume.get("persistentVolumeClaim")).get("claimName")
            if name:
                yield str(metadata(pod).get("namespace") or ""), str(name)


def _autoscaler(scaler: Object) -> Iterator[Symptom]:
    ref = ref_of(scaler)
    for kind in ("AbleToScale", "ScalingActive"):
        found = condition(scaler, kind)
        if found.get("status") == "False" and found.get("reason") != "ScalingDisabled":
            yield Symptom(ref, f"cannot scale: {found.get('reason', '')}")
    limited = condition(scaler, "ScalingLimited")
    if limited.get("status") == "True" and limited.get("reason") == "TooManyReplicas":
        yield Symptom(ref, "wants more replicas than its maximum")


def _ingress(snapshot: Snapshot, ingress: Object) -> Iterator[Symptom]:
    ref = ref_of(ingress)
    spec = mapping(ingress.get("spec"))
    backends = [mapping(mapping(spec.get("defaultBackend")).get("service"))]
    for rule in mappings(spec.get("rules")):
        for path in mappings(mapping(rule.get("http")).get("paths")):
            backends.append(mapping(mapping(path.get("backend")).get("service")))
    for backend in backends:
        name = backend.get("name")
        if not isinstance(name, str) or not snapshot.known("Service", ref.namespace):
            continue
        service = snapshot.get("Service", ref.namespace, name)
        if service is None:
            yield Symptom(ref, f"sends to the Service {name}, which does not exist")
            continue
        port = mapping(backend.get("port"))
        ports = mappings(mapping(service.get("spec")).get("ports"))
        if port and not any(
            found.get("port") == port.get("number")
            or (port.get("name") and found.get("name") == port["name"])
            for found in ports
        ):
            yield Symptom(ref, f"sends to a port that the Service {name} does not have")
