"""DaemonSets: one pod on each node that it fits."""

from __future__ import annotations

from collections.abc import Iterable

from selfheal.sandbox.kubernetes import placement
from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.controllers.base import OwnerController, Retries
from selfheal.sandbox.kubernetes.controllers.pods import available, pod_from
from selfheal.sandbox.kubernetes.controllers.rollout import share
from selfheal.sandbox.kubernetes.errors import ApiError
from selfheal.sandbox.kubernetes.objects import (
    Key,
    Object,
    dig,
    entries,
    finished,
    is_true,
    key_of,
    labels_of,
    owned,
    template_hash,
    terminating,
)
from selfheal.sandbox.kubernetes.store import Change

HASH = "controller-revision-hash"
#: A daemon's pod stays where ordinary pods would be driven away.
_TOLERATED = (
    ("node.kubernetes.io/not-ready", "NoExecute"), ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"), ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"), ("node.kubernetes.io/unschedulable", "NoSchedule"),
)  # fmt: skip


class DaemonSetController(OwnerController):
    """See the module."""

    name, kind, owns = "daemonset-controller", "DaemonSet", ("Pod",)

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._retries = Retries()
        self._not_before: dict[Key, float] = {}

    def wake(self, change: Change) -> Iterable[Key]:
        if change.object["kind"] == "Node" and (
            change.before is None
            or change.type == "DELETED"
            or change.object.get("spec") != change.before.get("spec")
        ):
            return [key_of(obj) for obj in self.cluster.store.of("DaemonSet")]
        return super().wake(change)

    def reconcile(self, key: Key, obj: Object) -> None:
        hash_ = template_hash(obj["spec"]["template"])
        nodes = [node for node in self.cluster.store.of("Node") if self._fits(obj, node)]
        if self._not_before.get(key, 0.0) <= self.cluster.now:
            self._bring_about(key, obj, nodes, hash_)
        held = self.cluster.store.at(key)
        if held is not None:
            self._report(held, nodes, hash_)

    def _template_pod(self, obj: Object, hash_: str) -> Object:
        pod = pod_from(obj["spec"]["template"], obj)
        pod["metadata"]["labels"][HASH] = hash_
        held = entries(pod, "spec", "tolerations")
        pod["spec"]["tolerations"] = [
            *held, *({"key": name, "operator": "Exists", "effect": effect} for name, effect in _TOLERATED),
        ]  # fmt: skip
        return pod

    def _fits(self, obj: Object, node: Object) -> bool:
        pod = self._template_pod(obj, "")
        taints = [
            item
            for item in entries(node, "spec", "taints")
            if item.get("effect") in ("NoSchedule", "NoExecute")
        ]
        tolerations = entries(pod, "spec", "tolerations")
        return placement.selects(pod, node) and all(
            any(placement.tolerates(item, taint) for item in tolerations) for taint in taints
        )

    def _pods(self, obj: Object) -> dict[str, list[Object]]:
        """By the node they are on or meant for."""
        found: dict[str, list[Object]] = {}
        for pod in owned(self.cluster.store.of("Pod", str(obj["metadata"]["namespace"])), obj):
            found.setdefault(_node_of(pod), []).append(pod)
        return found

    def _bring_about(self, key: Key, obj: Object, nodes: list[Object], hash_: str) -> None:
        pods = self._pods(obj)
        wanted = {str(node["metadata"]["name"]) for node in nodes}
        for name, held in pods.items():
            for pod in held if name not in wanted else [pod for pod in held if finished(pod)]:
                if not terminating(pod):
                    self.cluster.delete(key_of(pod))
                    self.tell(obj, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")
        for name in sorted(wanted - {node for node, held in pods.items() if held}):
            try:
                made = self.cluster.create(self._for_node(obj, hash_, name))
            except ApiError as error:
                self.tell(obj, "FailedCreate", f"Error creating: {error.message}", warning=True)
                delay = self._retries.failed(key)
                self._not_before[key] = self.cluster.now + delay
                self.cluster.look_again(self, key, delay)
                return
            self.tell(obj, "SuccessfulCreate", f"Created pod: {made['metadata']['name']}")
        self._retries.succeeded(key)
        self._update(obj, pods, len(wanted), hash_)

    def _for_node(self, obj: Object, hash_: str, name: str) -> Object:
        pod = self._template_pod(obj, hash_)
        term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]}
        affinity = pod["spec"].setdefault("affinity", {}).setdefault("nodeAffinity", {})
        affinity["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": [term]}
        return pod

    def _update(self, obj: Object, pods: dict[str, list[Object]], wanted: int, hash_: str) -> None:
        if dig(obj, "spec", "updateStrategy", "type") != "RollingUpdate":
            return
        limit = share(
            dig(obj, "spec", "updateStrategy", "rollingUpdate", "maxUnavailable", default=1), wanted, up=True
        )
        everything = [pod for held in pods.values() for pod in held]
        missing = sum(terminating(pod) or not is_true(pod, "Ready") for pod in everything)
        for pod in everything:
            if labels_of(pod).get(HASH) == hash_ or terminating(pod):
                continue
            ill = not is_true(pod, "Ready")
            if ill or missing < max(limit, 1):
                missing += not ill
                self.cluster.delete(key_of(pod))
                self.tell(obj, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")

    def _report(self, obj: Object, nodes: list[Object], hash_: str) -> None:
        names = {str(node["metadata"]["name"]) for node in nodes}
        pods = [pod for name, held in self._pods(obj).items() if name in names for pod in held[:1]]
        min_ready = int(obj["spec"].get("minReadySeconds") or 0)
        ready = [pod for pod in pods if is_true(pod, "Ready")]
        good = [pod for pod in ready if available(self.cluster, pod, min_ready)]
        updated = [pod for pod in pods if labels_of(pod).get(HASH) == hash_]
        status: Object = {
            "currentNumberScheduled": len(pods),
            "numberMisscheduled": 0,
            "desiredNumberScheduled": len(names),
            "numberReady": len(ready),
            "observedGeneration": obj["metadata"].get("generation", 1),
        }
        for name, value in (
            ("updatedNumberScheduled", len(updated)), ("numberAvailable", len(good)),
            ("numberUnavailable", len(names) - len(good)),
        ):  # fmt: skip
            if value:
                status[name] = value
        self.cluster.set_status(obj, status)


def _node_of(pod: Object) -> str:
    terms = entries(
        pod,
        "spec",
        "affinity",
        "nodeAffinity",
        "requiredDuringSchedulingIgnoredDuringExecution",
        "nodeSelectorTerms",
    )
    fields = entries(terms[0], "matchFields") if terms else []
    return str(dig(pod, "spec", "nodeName") or (fields[0]["values"][0] if fields else ""))
