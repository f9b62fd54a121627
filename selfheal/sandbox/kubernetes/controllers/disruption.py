"""PodDisruptionBudgets: how many of the pods they select may go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.controllers.base import set_condition
from selfheal.sandbox.kubernetes.controllers.rollout import share
from selfheal.sandbox.kubernetes.objects import (
    Key,
    Object,
    active,
    controller_of,
    dig,
    entries,
    is_true,
    key_of,
    labels_of,
)
from selfheal.sandbox.kubernetes.selectors import matches
from selfheal.sandbox.kubernetes.store import Change, Store


class DisruptionController:
    """See the module."""

    name = "controllermanager"

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def wake(self, change: Change) -> Iterable[Key]:
        obj = change.object
        if obj["kind"] == "PodDisruptionBudget":
            yield key_of(obj)
        elif obj["kind"] == "Pod":
            for budget in self.cluster.store.of("PodDisruptionBudget", str(obj["metadata"]["namespace"])):
                yield key_of(budget)

    def sync(self, key: Key) -> None:
        budget = self.cluster.store.at(key)
        if budget is None:
            return
        pods = _selected(self.cluster.store, budget)
        if not pods:
            self.cluster.events.record(budget, "Normal", "NoPods", "No matching pods found", by=self.name)
        expected = self._expected(pods)
        healthy = sum(is_true(pod, "Ready") for pod in pods)
        desired = _desired(budget, expected)
        allowed = max(healthy - desired, 0) if expected else 0
        enough = allowed > 0
        generation = budget["metadata"].get("generation", 1)
        condition = {
            "type": "DisruptionAllowed",
            "status": "True" if enough else "False",
            "observedGeneration": generation,
            "lastTransitionTime": self.cluster.stamp(),
            "reason": "SufficientPods" if enough else "InsufficientPods",
            "message": "",
        }
        status: dict[str, Any] = {
            "observedGeneration": generation,
            "disruptionsAllowed": allowed,
            "currentHealthy": healthy,
            "desiredHealthy": desired,
            "expectedPods": expected,
            "conditions": set_condition(entries(budget, "status", "conditions"), condition),
        }
        self.cluster.set_status(budget, status)

    def _expected(self, pods: list[Object]) -> int:
        """What the pods' controllers want, as percentages are of that."""
        wanted: dict[str, int] = {}
        for pod in pods:
            owner = controller_of(pod)
            if owner is None:
                wanted[str(pod["metadata"]["uid"])] = 1
                continue
            namespace = str(pod["metadata"]["namespace"])
            held = self.cluster.store.get(str(owner["kind"]), namespace, str(owner["name"]))
            top = controller_of(held) if held else None
            if top is not None:
                held = self.cluster.store.get(str(top["kind"]), namespace, str(top["name"])) or held
            wanted[str((held or pod)["metadata"]["uid"])] = int(dig(held, "spec", "replicas", default=1))
        return sum(wanted.values())


def _selected(store: Store, budget: Object) -> list[Object]:
    pods = store.of("Pod", str(budget["metadata"]["namespace"]))
    selector = dig(budget, "spec", "selector")
    return [pod for pod in pods if active(pod) and matches(selector, labels_of(pod))]


def _desired(budget: Object, expected: int) -> int:
    spec = budget["spec"]
    if spec.get("maxUnavailable") is not None:
        return max(expected - share(spec["maxUnavailable"], expected, up=True), 0)
    return share(spec.get("minAvailable", 1), expected, up=True)


def refuses(store: Store, pod: Object) -> str:
    """Why the pod may not be evicted, "" when it may."""
    for budget in store.of("PodDisruptionBudget", str(pod["metadata"]["namespace"])):
        if not matches(dig(budget, "spec", "selector"), labels_of(pod)) or not is_true(pod, "Ready"):
            continue
        status = budget.get("status") or {}
        if not status.get("disruptionsAllowed"):
            name = budget["metadata"]["name"]
            return (
                f"The disruption budget {name} needs {status.get('desiredHealthy', 0)} healthy pods and has "
                f"{status.get('currentHealthy', 0)} currently"
            )
    return ""
