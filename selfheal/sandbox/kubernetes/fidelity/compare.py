"""What differs between a recording and its replay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from selfheal.sandbox.kubernetes.app import KubernetesEmulator
from selfheal.sandbox.kubernetes.fidelity.recording import Recording
from selfheal.sandbox.kubernetes.fidelity.replay import condition_set
from selfheal.sandbox.kubernetes.objects import Object, controller_of, dig, entries, is_true

_CONDITIONED = (
    ("deployments", "Deployment"), ("replicasets", "ReplicaSet"), ("jobs", "Job"),
    ("poddisruptionbudgets", "PodDisruptionBudget"), ("horizontalpodautoscalers", "HorizontalPodAutoscaler"),
)  # fmt: skip
#: A container between two runs is caught in one of these or the other.
_BETWEEN = frozenset(
    {"CrashLoopBackOff", "running", "Error", "OOMKilled", "Completed", "RunContainerError", "StartError"}
)
_PULL = frozenset({"ErrImagePull", "ImagePullBackOff"})

Facts = dict[tuple[str, str], frozenset[str]]


@dataclass(frozen=True, order=True)
class Difference:
    """``recorded`` and ``here``: what only the one side has."""

    case: str
    about: str
    what: str
    recorded: tuple[str, ...]
    here: tuple[str, ...]


def differences(case: str, recording: Recording, emulator: KubernetesEmulator) -> list[Difference]:
    """All differences, in order."""
    there, here = facts(_Recorded(recording)), facts(_Embedded(emulator, recording.namespaces))
    found = []
    for place in sorted(set(there) | set(here)):
        recorded, ours = there.get(place, frozenset()), here.get(place, frozenset())
        if recorded != ours:
            only = tuple(sorted(recorded - ours)), tuple(sorted(ours - recorded))
            found.append(Difference(case, place[0], place[1], *only))
    return found


class _Recorded:
    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self.workload = recording.workload

    def of(self, plural: str, _kind: str) -> Iterable[Object]:
        return self._recording.all(plural)


class _Embedded:
    def __init__(self, emulator: KubernetesEmulator, namespaces: list[str]) -> None:
        self._emulator, self._namespaces = emulator, namespaces

    def of(self, _plural: str, kind: str) -> Iterable[Object]:
        return (obj for namespace in self._namespaces for obj in self._emulator.objects(kind, namespace))

    def workload(self, obj: Object) -> str:
        owner = controller_of(obj)
        if owner is None:
            return f"{obj['kind']}/{obj['metadata']['name']}"
        held = self._emulator.get(str(owner["kind"]), str(obj["metadata"]["namespace"]), str(owner["name"]))
        return self.workload(held) if held else f"{owner['kind']}/{owner['name']}"


def facts(side: _Recorded | _Embedded) -> Facts:
    """By workload: what its containers are, its pods' and its own conditions, and the reasons of events."""
    found: dict[tuple[str, str], set[str]] = {}
    pods = {str(pod["metadata"]["uid"]): pod for pod in side.of("pods", "Pod")}
    for pod in pods.values():
        name = side.workload(pod)
        for word in ("initContainerStatuses", "containerStatuses"):
            for status in entries(pod, "status", word):
                found.setdefault((name, "containers"), set()).add(_container(status))
        if not is_true(pod, "Ready"):
            found.setdefault((name, "pod conditions"), set()).update(condition_set(pod))
    for plural, kind in _CONDITIONED:
        for obj in side.of(plural, kind):
            if kind != "ReplicaSet" or dig(obj, "spec", "replicas"):
                found.setdefault((side.workload(obj), f"{kind} conditions"), set()).update(condition_set(obj))
    for event in side.of("events", "Event"):
        place = _about(side, event, pods)
        if place:
            found.setdefault(place, set()).add(_reason(event))
    return {place: frozenset(values) for place, values in found.items() if values}


def _about(side: _Recorded | _Embedded, event: Object, pods: dict[str, Object]) -> tuple[str, str] | None:
    involved = event["involvedObject"]
    if involved["kind"] == "Pod":
        pod = pods.get(str(involved.get("uid")))
        # Pods that are gone are not compared: which of them went when is a matter of seconds.
        return (side.workload(pod), "pod events") if pod is not None else None
    if event["type"] == "Normal" and involved["kind"] != "PersistentVolumeClaim":
        return None
    name = str(involved["name"])
    if involved["kind"] == "ReplicaSet":
        name = name.rpartition("-")[0]
    return f"{involved['kind']}/{name}", "events"


def _reason(event: Object) -> str:
    reason, message = str(event["reason"]), str(event["message"])
    if reason == "Pulling":
        # Whether an image was on the node already depends on which node it was.
        return "Pulled"
    if reason == "Unhealthy":
        return f"{reason}({message.partition(' probe')[0]})"
    if reason == "Failed":
        return f"{reason}({message.partition(':')[0]})"
    return reason


def _container(status: Object) -> str:
    state = status.get("state") or {}
    word = next(iter(state), "none")
    reason = "running" if word == "running" else str((state.get(word) or {}).get("reason", word))
    last = dig(status, "lastState", "terminated") or {}
    ended = state.get("terminated") or last
    if reason in _PULL:
        reason = "image pull"
    elif ended and reason in _BETWEEN and (last or word == "terminated"):
        reason = "ends again and again" if status.get("restartCount") else reason
    end = f", ended {ended.get('reason')}/{ended.get('exitCode')}" if ended else ""
    return f"{status['name']}: {reason}{end}{', ready' if status.get('ready') else ''}"
