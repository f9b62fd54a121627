"""The scheduler: which node a pod goes to, and why it goes to none, in the words of kube-scheduler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from selfheal.sandbox.kubernetes import placement
from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.objects import (
    Key,
    Object,
    condition,
    copied,
    dig,
    entries,
    finished,
    key_of,
    terminating,
)
from selfheal.sandbox.kubernetes.store import Change
from selfheal.sandbox.kubernetes.volumes import Claims

#: Kinds whose changes may make room.
_MAKES_ROOM = frozenset({"Node", "PersistentVolume", "PersistentVolumeClaim", "StorageClass"})
#: An unschedulable pod is tried again, and its event repeated, after this many seconds.
RETRY = 60.0
NAME = "default-scheduler"


class Scheduler:
    """Binds pods to nodes. ``working`` False: it is down, and pods stay pending without a word."""

    name = NAME

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.working = True

    def wake(self, change: Change) -> Iterable[Key]:
        obj = change.object
        if obj["kind"] == "Pod":
            if change.type == "ADDED" and not dig(obj, "spec", "nodeName"):
                yield key_of(obj)
            elif (
                change.before is not None
                and dig(obj, "spec", "nodeName")
                and (change.type == "DELETED" or (finished(obj) and not finished(change.before)))
            ):
                yield from self._pending()
        elif obj["kind"] in _MAKES_ROOM:
            beat = change.before is not None and change.type == "MODIFIED"
            if not (beat and obj["kind"] == "Node" and _same_room(obj, change.before or {})):
                yield from self._pending()

    def _pending(self) -> list[Key]:
        pods = self.cluster.store.of("Pod")
        return [key_of(pod) for pod in pods if not dig(pod, "spec", "nodeName") and not terminating(pod)]

    def sync(self, key: Key) -> None:
        pod = self.cluster.store.at(key)
        if pod is None or dig(pod, "spec", "nodeName") or terminating(pod) or not self.working:
            return
        if dig(pod, "spec", "schedulerName") != NAME or entries(pod, "spec", "schedulingGates"):
            return
        nodes = self.cluster.store.of("Node")
        claims = Claims(self.cluster, pod)
        if not nodes:
            self._failed(pod, "no nodes available to schedule pods")
            return
        why = claims.problem()
        if why:
            self._failed(pod, f"0/{len(nodes)} nodes are available: {why}")
            return
        reasons: Counter[str] = Counter()
        fitting: list[tuple[Decimal, str, Object]] = []
        helpful = False
        view = placement.View(self.cluster.store)
        for node in nodes:
            told = placement.unfit(view, pod, node) or claims.unfit(node)
            if not told:
                fitting.append((placement.load(view, node), str(node["metadata"]["name"]), node))
            reasons.update(told)
            helpful = helpful or all(text.startswith(placement.PREEMPTABLE) for text in told)
        if not fitting:
            self._failed(pod, _refusal(len(nodes), reasons, helpful=helpful))
            return
        best = min(fitting, key=lambda item: item[:2])[2]
        if claims.choose(best):
            # The volume is bound before the pod is; the claim's change brings us back.
            return
        self._bind(key, pod, str(best["metadata"]["name"]))

    def _bind(self, key: Key, pod: Object, node: str) -> None:
        bound = copied(pod)
        bound["spec"]["nodeName"] = node
        zone = dig(
            self.cluster.store.get("Node", "", node), "metadata", "labels", "topology.kubernetes.io/zone"
        )
        if zone:
            bound["metadata"].setdefault("labels", {})["topology.kubernetes.io/zone"] = zone
        bound["status"]["conditions"] = [{**_scheduled("True"), "lastTransitionTime": self.cluster.stamp()}]
        self.cluster.store.put(bound)
        text = f"Successfully assigned {key.namespace}/{key.name} to {node}"
        self.cluster.events.record(pod, "Normal", "Scheduled", text, by=NAME, action="Binding")

    def _failed(self, pod: Object, message: str) -> None:
        held = condition(pod, "PodScheduled")
        since = held["lastTransitionTime"] if held else self.cluster.stamp()
        new = {
            **_scheduled("False"), "lastTransitionTime": since, "reason": "Unschedulable", "message": message,
        }  # fmt: skip
        self.cluster.set_status(pod, {**pod["status"], "conditions": [new]})
        self.cluster.events.record(pod, "Warning", "FailedScheduling", message, by=NAME, action="Scheduling")
        self.cluster.look_again(self, key_of(pod), RETRY)


def _scheduled(status: str) -> Object:
    return {"type": "PodScheduled", "status": status, "lastProbeTime": None}


def _same_room(node: Object, before: Object) -> bool:
    """Whether nothing changed that could make a pod fit."""
    return (
        node.get("spec") == before.get("spec")
        and dig(node, "metadata", "labels") == dig(before, "metadata", "labels")
        and dig(node, "status", "allocatable") == dig(before, "status", "allocatable")
    )


def _refusal(total: int, reasons: Counter[str], *, helpful: bool) -> str:
    texts = sorted(f"{count} {text}" for text, count in reasons.items())
    tail = f"no new claims to deallocate, preemption: 0/{total} nodes are available: "
    if helpful:
        tail += f"{total} No preemption victims found for incoming pod."
    else:
        tail += f"{total} Preemption is not helpful for scheduling."
    return f"0/{total} nodes are available: {', '.join(texts)}. {tail}"
