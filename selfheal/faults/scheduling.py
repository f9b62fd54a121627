"""What the scheduler would say of a pod, computed from specs: which nodes it fits and what keeps it from others.

The computation follows the scheduler's filters (unschedulable, taints, name, affinity, resources, spread,
volumes). The scheduler's own words are evidence, never the only source: they may be absent, cut, or old.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from selfheal.cluster.quantity import quantity
from selfheal.cluster.snapshot import Object, Snapshot, metadata, ref_of
from selfheal.cluster.workloads import Workload, condition, mapping, mappings, strings
from selfheal.faults.evidence import newest_first, of_event, on_object, quoted, text_of
from selfheal.incidents.record import Evidence

RESOURCES = ("cpu", "memory", "ephemeral-storage")


def node_name(pod: Object) -> str:
    """The node a pod is bound to, "" before it is."""
    return str(mapping(pod.get("spec")).get("nodeName") or "")


def unscheduled(workload: Workload) -> list[Object]:
    """Pods of the workload that no node was found for."""
    return [
        pod
        for pod in workload.pods
        if mapping(pod.get("status")).get("phase", "Pending") == "Pending" and not node_name(pod)
    ]


def told(snapshot: Snapshot, pod: Object) -> tuple[str, Evidence | None]:
    """The scheduler's newest words on a pod."""
    for event in newest_first(snapshot.events_of(pod)):
        if event.get("reason") == "FailedScheduling":
            return text_of(event), of_event(event)
    found = condition(pod, "PodScheduled")
    text = str(found.get("message") or "")
    if found.get("status") == "False" and text:
        index = mappings(mapping(pod.get("status")).get("conditions")).index(found)
        value = quoted(text)
        return text, on_object(
            pod, f"/status/conditions/{index}/message", value, f"The scheduler says: {value}"
        )
    return "", None


def requests(spec: dict[str, Any]) -> dict[str, Decimal]:
    """What a pod asks for in all: containers together, or an init container where that is more."""
    total: dict[str, Decimal] = {}
    inits: dict[str, Decimal] = {}
    for section, into in (("containers", total), ("initContainers", inits)):
        for item in mappings(spec.get(section)):
            sidecar = section == "initContainers" and item.get("restartPolicy") == "Always"
            resources = mapping(item.get("resources"))
            asked = {**mapping(resources.get("limits")), **mapping(resources.get("requests"))}
            for name, text in asked.items():
                amount = quantity(text)
                if amount is None:
                    continue
                if section == "containers" or sidecar:
                    total[name] = total.get(name, Decimal(0)) + amount
                else:
                    into[name] = max(into.get(name, Decimal(0)), amount)
    for name, amount in mapping(spec.get("overhead")).items():
        total[name] = total.get(name, Decimal(0)) + (quantity(amount) or Decimal(0))
    return {name: max(total.get(name, Decimal(0)), inits.get(name, Decimal(0))) for name in {*total, *inits}}


@dataclass
class Node:
    """A node as the scheduler sees it."""

    object: Object
    name: str
    labels: dict[str, str]
    taints: list[dict[str, Any]]
    cordoned: bool
    ready: bool
    allocatable: dict[str, Decimal]
    used: dict[str, Decimal] = field(default_factory=dict)
    pods: list[Object] = field(default_factory=list)

    def free(self, resource: str) -> Decimal | None:
        """What is left of a resource, None where the node does not say what it has."""
        have = self.allocatable.get(resource)
        return None if have is None else have - self.used.get(resource, Decimal(0))


def nodes(snapshot: Snapshot) -> list[Node]:
    """All nodes, with what the pods on them ask for."""
    return snapshot.memo("scheduler-nodes", lambda: _nodes(snapshot))


def _nodes(snapshot: Snapshot) -> list[Node]:
    found: dict[str, Node] = {}
    for obj in sorted(snapshot.list("Node"), key=lambda item: ref_of(item).name):
        spec, status = mapping(obj.get("spec")), mapping(obj.get("status"))
        have = mapping(status.get("allocatable")) or mapping(status.get("capacity"))
        amounts = {name: amount for name, text in have.items() if (amount := quantity(text)) is not None}
        labels = strings(metadata(obj).get("labels"))
        found[ref_of(obj).name] = Node(
            object=obj,
            name=ref_of(obj).name,
            labels=labels,
            taints=mappings(spec.get("taints")),
            cordoned=spec.get("unschedulable") is True,
            ready=condition(obj, "Ready").get("status", "True") == "True",
            allocatable=amounts,
        )
    for pod in snapshot.list("Pod"):
        node = found.get(node_name(pod))
        if node is None or mapping(pod.get("status")).get("phase") in ("Succeeded", "Failed"):
            continue
        node.pods.append(pod)
        for name, amount in requests(mapping(pod.get("spec"))).items():
            node.used[name] = node.used.get(name, Decimal(0)) + amount
    return list(found.values())


def troubles(node: Node) -> bool:
    """Whether a node carries a taint that stands for its own trouble, such as pressure."""
    return any(
        str(taint.get("key", "")).startswith("node.kubernetes.io/")
        and taint.get("key") != "node.kubernetes.io/unschedulable"
        for taint in node.taints
    )


def tolerates(spec: dict[str, Any], taint: dict[str, Any]) -> bool:
    """Whether a pod may be put on a node with this taint."""
    for item in mappings(spec.get("tolerations")):
        operator = item.get("operator") or "Equal"
        if item.get("effect") not in (None, "", taint.get("effect")):
            continue
        if not item.get("key") and operator == "Exists":
            return True
        if item.get("key") != taint.get("key"):
            continue
        if operator == "Exists" or (item.get("value") or "") == (taint.get("value") or ""):
            return True
    return False


def refusing(spec: dict[str, Any], node: Node) -> list[dict[str, Any]]:
    """Taints of a node that keep the pod away; those a cordon or the node's own trouble makes are left out."""
    return [
        taint
        for taint in node.taints
        if taint.get("effect") in ("NoSchedule", "NoExecute")
        and not str(taint.get("key", "")).startswith("node.kubernetes.io/")
        and not tolerates(spec, taint)
    ]


def selector_misses(spec: dict[str, Any], node: Node) -> dict[str, str]:
    """Pairs of the nodeSelector that the node does not carry."""
    return {
        key: value
        for key, value in strings(spec.get("nodeSelector")).items()
        if node.labels.get(key) != value
    }


def affinity_terms(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The terms of required node affinity, one of which must match."""
    affinity = mapping(mapping(spec.get("affinity")).get("nodeAffinity"))
    required = mapping(affinity.get("requiredDuringSchedulingIgnoredDuringExecution"))
    return mappings(required.get("nodeSelectorTerms"))


def affine(spec: dict[str, Any], node: Node) -> bool:
    """Whether required node affinity admits the node."""
    terms = affinity_terms(spec)
    return not terms or any(term_matches(term, node) for term in terms)


def term_matches(term: dict[str, Any], node: Node) -> bool:
    by_label = all(holds(item, node.labels) for item in mappings(term.get("matchExpressions")))
    by_field = all(holds(item, {"metadata.name": node.name}) for item in mappings(term.get("matchFields")))
    some = mappings(term.get("matchExpressions")) or mappings(term.get("matchFields"))
    return bool(some) and by_label and by_field


def holds(requirement: dict[str, Any], labels: dict[str, str]) -> bool:
    """Whether labels meet one requirement of a label or node selector."""
    key, operator = str(requirement.get("key", "")), requirement.get("operator")
    listed = requirement.get("values")
    values = [str(value) for value in listed] if isinstance(listed, list) else []
    have = labels.get(key)
    if operator == "In":
        return have in values
    if operator == "NotIn":
        return have not in values
    if operator == "Exists":
        return have is not None
    if operator == "DoesNotExist":
        return have is None
    if operator in ("Gt", "Lt") and have is not None and have.lstrip("-").isdecimal() and len(values) == 1:
        try:
            bound = int(values[0])
        except ValueError:
            return False
        return int(have) > bound if operator == "Gt" else int(have) < bound
    return False


def selects(selector: Any, labels: dict[str, str]) -> bool:
    """Whether a label selector (matchLabels, matchExpressions) picks labels. None picks nothing."""
    if not isinstance(selector, dict):
        return False
    pairs = strings(selector.get("matchLabels"))
    return all(labels.get(key) == value for key, value in pairs.items()) and all(
        holds(item, labels) for item in mappings(selector.get("matchExpressions"))
    )


def anti_terms(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Required anti-affinity to other pods."""
    anti = mapping(mapping(spec.get("affinity")).get("podAntiAffinity"))
    return mappings(anti.get("requiredDuringSchedulingIgnoredDuringExecution"))


def affinity_to_pods(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Required affinity to other pods."""
    wanted = mapping(mapping(spec.get("affinity")).get("podAffinity"))
    return mappings(wanted.get("requiredDuringSchedulingIgnoredDuringExecution"))


def _domain_pods(term: dict[str, Any], node: Node, among: Iterable[Node], namespace: str) -> list[Object]:
    """Pods that a term is about in the node's topology domain."""
    key = str(term.get("topologyKey", ""))
    if key not in node.labels:
        return []
    listed = term.get("namespaces")
    places = set(listed) if isinstance(listed, list) and listed else {namespace}
    everywhere = isinstance(term.get("namespaceSelector"), dict)
    return [
        pod
        for other in among
        if other.labels.get(key) == node.labels[key]
        for pod in other.pods
        if (everywhere or str(metadata(pod).get("namespace") or "") in places)
        and selects(term.get("labelSelector"), strings(metadata(pod).get("labels")))
    ]


def repelled(pod: Object, node: Node, among: list[Node]) -> list[Object]:
    """Pods whose presence keeps the pod away from a node by required anti-affinity, its own or theirs."""
    meta, spec = metadata(pod), mapping(pod.get("spec"))
    namespace, labels = str(meta.get("namespace") or ""), strings(meta.get("labels"))
    found = [item for term in anti_terms(spec) for item in _domain_pods(term, node, among, namespace)]
    for other in among:
        for resident in other.pods:
            for term in anti_terms(mapping(resident.get("spec"))):
                key = str(term.get("topologyKey", ""))
                same = key in node.labels and other.labels.get(key) == node.labels.get(key)
                home = str(metadata(resident).get("namespace") or "")
                if same and home == namespace and selects(term.get("labelSelector"), labels):
                    found.append(resident)
    return found


def unattracted(pod: Object, node: Node, among: list[Node]) -> bool:
    """Whether required affinity to other pods is not met on a node."""
    meta, spec = metadata(pod), mapping(pod.get("spec"))
    namespace = str(meta.get("namespace") or "")
    for term in affinity_to_pods(spec):
        if _domain_pods(term, node, among, namespace):
            continue
        own = selects(term.get("labelSelector"), strings(meta.get("labels")))
        anywhere = any(_domain_pods(term, other, among, namespace) for other in among)
        # The first pod of a group that attracts itself may go anywhere.
        if not own or anywhere:
            return True
    return False


def skewed(pod: Object, node: Node, among: list[Node]) -> bool:
    """Whether hard topology spreading forbids a node."""
    meta, spec = metadata(pod), mapping(pod.get("spec"))
    namespace, labels = str(meta.get("namespace") or ""), strings(meta.get("labels"))
    for rule in mappings(spec.get("topologySpreadConstraints")):
        if rule.get("whenUnsatisfiable", "DoNotSchedule") != "DoNotSchedule":
            continue
        key = str(rule.get("topologyKey", ""))
        if key not in node.labels:
            return True
        counts: dict[str, int] = {}
        for other in among:
            if key not in other.labels or selector_misses(spec, other) or not affine(spec, other):
                continue
            domain = other.labels[key]
            counts.setdefault(domain, 0)
            counts[domain] += sum(
                1
                for item in other.pods
                if str(metadata(item).get("namespace") or "") == namespace
                and not metadata(item).get("deletionTimestamp")
                and selects(rule.get("labelSelector"), strings(metadata(item).get("labels")))
            )
        most = rule.get("maxSkew")
        self_counts = 1 if selects(rule.get("labelSelector"), labels) else 0
        fewest = min(counts.values(), default=0)
        wanted = rule.get("minDomains")
        if isinstance(wanted, int) and len(counts) < wanted:
            fewest = 0
        if counts.get(node.labels[key], 0) + self_counts - fewest > (most if isinstance(most, int) else 1):
            return True
    return False
