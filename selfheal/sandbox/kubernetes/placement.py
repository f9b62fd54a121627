"""The scheduler's filters: why a pod does not fit a node. Pure, over the objects of one moment."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from selfheal.sandbox.kubernetes.objects import Object, dig, entries, finished, labels_of
from selfheal.sandbox.kubernetes.quantity import amount
from selfheal.sandbox.kubernetes.selectors import matches, node_matches
from selfheal.sandbox.kubernetes.store import Store

#: Reasons that go away when other pods do.
PREEMPTABLE = (
    "Insufficient ",
    "Too many pods",
    "node(s) didn't match pod anti-affinity rules",
    "node(s) didn't match pod topology",
)


class View:
    """The pods on each node, gathered once for a decision."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.nodes = {str(node["metadata"]["name"]): node for node in store.of("Node")}
        self.on: dict[str, list[Object]] = {name: [] for name in self.nodes}
        for pod in store.of("Pod"):
            node = dig(pod, "spec", "nodeName")
            if node in self.on and not finished(pod):
                self.on[node].append(pod)


def requests(pod: Object) -> dict[str, Decimal]:
    """What a pod asks for: the sum of its containers, or its largest init container."""
    total: dict[str, Decimal] = {}
    for container in entries(pod, "spec", "containers"):
        for name, value in dig(container, "resources", "requests", default={}).items():
            total[name] = total.get(name, Decimal(0)) + amount(value)
    for container in entries(pod, "spec", "initContainers"):
        for name, value in dig(container, "resources", "requests", default={}).items():
            if container.get("restartPolicy") == "Always":
                total[name] = total.get(name, Decimal(0)) + amount(value)
            else:
                total[name] = max(total.get(name, Decimal(0)), amount(value))
    return total


def load(view: View, node: Object) -> Decimal:
    """How full a node is, by requested share of CPU and memory and by number of pods."""
    room = dig(node, "status", "allocatable", default={})
    pods = view.on[str(node["metadata"]["name"])]
    used: dict[str, Decimal] = {}
    for pod in pods:
        for name, value in requests(pod).items():
            used[name] = used.get(name, Decimal(0)) + value
    shares = [used.get(name, Decimal(0)) / (amount(room.get(name)) or 1) for name in ("cpu", "memory")]
    return sum(shares, Decimal(0)) + Decimal(len(pods)) / 100


def unfit(view: View, pod: Object, node: Object) -> list[str]:
    """The first filter that refuses, in the scheduler's order; empty when the pod fits."""
    for test in (_cordon, _taints, _affinity, _resources, _spread, _pod_affinity):
        told = list(test(view, pod, node))
        if told:
            return told
    return []


def _cordon(_view: View, pod: Object, node: Object) -> Iterator[str]:
    taint = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    if dig(node, "spec", "unschedulable") and not _tolerated(pod, taint):
        yield "node(s) were unschedulable"


def _taints(_view: View, pod: Object, node: Object) -> Iterator[str]:
    for taint in entries(node, "spec", "taints"):
        if taint.get("effect") in ("NoSchedule", "NoExecute") and not _tolerated(pod, taint):
            yield "node(s) had untolerated taint(s)"
            return


def _tolerated(pod: Object, taint: Object) -> bool:
    return any(tolerates(item, taint) for item in entries(pod, "spec", "tolerations"))


def tolerates(item: Object, taint: Object) -> bool:
    """Whether one toleration covers a taint."""
    if item.get("effect") and item["effect"] != taint.get("effect"):
        return False
    if not item.get("key"):
        return bool(item.get("operator") == "Exists")
    if item["key"] != taint.get("key"):
        return False
    return item.get("operator") == "Exists" or str(item.get("value") or "") == str(taint.get("value") or "")


def selects(pod: Object, node: Object) -> bool:
    """Whether the pod's node selector and required node affinity allow the node."""
    labels = labels_of(node)
    wanted = dig(pod, "spec", "nodeSelector", default={})
    if any(labels.get(name) != str(value) for name, value in wanted.items()):
        return False
    required = dig(pod, "spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    return required is None or any(
        node_matches(term, node) for term in entries(required, "nodeSelectorTerms")
    )


def _affinity(_view: View, pod: Object, node: Object) -> Iterator[str]:
    if not selects(pod, node):
        yield "node(s) didn't match Pod's node affinity/selector"


def _resources(view: View, pod: Object, node: Object) -> Iterator[str]:
    room = dig(node, "status", "allocatable", default={})
    held = view.on[str(node["metadata"]["name"])]
    if len(held) >= int(amount(room.get("pods", 110))):
        yield "Too many pods"
    for name, wanted in sorted(requests(pod).items()):
        used = sum((requests(other).get(name, Decimal(0)) for other in held), Decimal(0))
        if wanted and used + wanted > amount(room.get(name)):
            yield f"Insufficient {name}"


def _spread(view: View, pod: Object, node: Object) -> Iterator[str]:
    for item in entries(pod, "spec", "topologySpreadConstraints"):
        if item.get("whenUnsatisfiable") != "DoNotSchedule":
            continue
        key = str(item.get("topologyKey"))
        if key not in labels_of(node):
            yield "node(s) didn't match pod topology spread constraints (missing required label)"
            return
        counts: dict[str, int] = {}
        for name, other in view.nodes.items():
            value = labels_of(other).get(key)
            if value is None or not _counts(item, view, pod, other):
                continue
            counts[value] = counts.get(value, 0) + sum(_counted(item, pod, held) for held in view.on[name])
        own = counts.get(labels_of(node)[key], 0) + int(matches(item.get("labelSelector"), labels_of(pod)))
        if own - min(counts.values(), default=0) > int(item.get("maxSkew") or 1):
            yield "node(s) didn't match pod topology spread constraints"
            return


def _counts(item: Object, view: View, pod: Object, node: Object) -> bool:
    """Whether a node's domain takes part in the constraint, by its inclusion policies."""
    if item.get("nodeAffinityPolicy", "Honor") == "Honor" and not selects(pod, node):
        return False
    return item.get("nodeTaintsPolicy") != "Honor" or not any(_taints(view, pod, node))


def _counted(item: Object, pod: Object, held: Object) -> int:
    same = held["metadata"]["namespace"] == pod["metadata"]["namespace"]
    return int(
        same
        and not dig(held, "metadata", "deletionTimestamp")
        and matches(item.get("labelSelector"), labels_of(held))
    )


def _pod_affinity(view: View, pod: Object, node: Object) -> Iterator[str]:
    for term in _terms(pod, "podAntiAffinity"):
        if any(_meets(view, term, pod, other) for other in _around(view, node, term)):
            yield "node(s) didn't match pod anti-affinity rules"
            return
    for held in (other for pods in view.on.values() for other in pods):
        for term in _terms(held, "podAntiAffinity"):
            if _meets(view, term, held, pod) and held in _around(view, node, term):
                yield "node(s) didn't satisfy existing pods anti-affinity rules"
                return
    for term in _terms(pod, "podAffinity"):
        if any(_meets(view, term, pod, other) for other in _around(view, node, term)):
            continue
        alone = not any(_meets(view, term, pod, other) for pods in view.on.values() for other in pods)
        if not (alone and _meets(view, term, pod, pod)):
            yield "node(s) didn't match pod affinity rules"
            return


def _terms(pod: Object, word: str) -> list[Object]:
    return entries(pod, "spec", "affinity", word, "requiredDuringSchedulingIgnoredDuringExecution")


def _around(view: View, node: Object, term: Object) -> list[Object]:
    """Pods in the same topology domain as the node."""
    key = str(term.get("topologyKey"))
    value: Any = labels_of(node).get(key)
    if value is None:
        return []
    return [
        pod
        for name, other in view.nodes.items()
        if labels_of(other).get(key) == value
        for pod in view.on[name]
    ]


def _meets(view: View, term: Object, pod: Object, other: Object) -> bool:
    namespaces = term.get("namespaces") or []
    place = str(other["metadata"]["namespace"])
    if "namespaceSelector" in term:
        held = view.store.get("Namespace", "", place)
        inside = place in namespaces or matches(term["namespaceSelector"], labels_of(held or {}))
    else:
        inside = place in (namespaces or [pod["metadata"]["namespace"]])
    return inside and matches(term.get("labelSelector"), labels_of(other))
