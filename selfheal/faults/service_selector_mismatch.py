"""A Service selects labels that no pod carries, while the pods it was meant for are ready.

# What it is
The Service's selector and the labels of its pods drifted apart, so the Service has no endpoints and callers
are refused.

# How it is recognised
No workload's pod template matches the selector, no live pod does, and the Service has no endpoints. One
workload in the namespace is plainly meant: by its name, by selector pairs it does carry, or by selector
values it carries under another key. Its pods are ready. A Service that selects another workload's pods (which
have a Service of their own), while the workload of its own name is selected by none, counts as well.

# How it is told from its neighbours
When pods match and are not ready, look at their readiness. When a workload matches but has no pods, look at
why they are not created. When endpoints exist and connections are refused, it is the port. A Service without
a selector, or of type ExternalName, has no pods by design.

# What is changed
The pairs of the Service's selector that the meant pods do not carry: to the value, or the key, the pods have;
pairs they carry in no form are dropped. What results selects that workload alone. The workload's own selector
is immutable and stays.

# How safe that is
Only labels that stand in the workload's spec are written. Pods are not touched.
"""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.labels import (
    labels_of,
    matches,
    pods_selected,
    selected_by,
    selector_of,
    workloads_selected,
)
from selfheal.cluster.snapshot import Object, Snapshot, metadata, ref_of
from selfheal.cluster.workloads import Workload, by_ref, mapping, mappings, ready, strings, workloads
from selfheal.faults.evidence import on_object
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, Remedy
from selfheal.faults.nearness import likeness
from selfheal.incidents.record import Target

#: Points from which a workload counts as meant, and the lead it needs over the next.
MEANT = 3.0
LEAD = 1.0
_KINDS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod")
_GENERATED = ("pod-template-hash", "controller-revision-hash")


class ServiceSelectorMismatch(Fault):
    """See the page above."""

    id = "service-selector-mismatch"
    blames = ("Service",)
    writes = ("/spec/selector/*",)

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for service in snapshot.list("Service"):
            selector, namespace = selector_of(service), str(metadata(service).get("namespace") or "")
            if not selector or not snapshot.known("Pod", namespace):
                continue
            stolen = _anothers(snapshot, service, selector)
            if stolen is not None:
                yield stolen
                continue
            if _has_endpoints(snapshot, service):
                continue
            if workloads_selected(snapshot, namespace, selector) or pods_selected(
                snapshot, namespace, selector
            ):
                continue
            candidates = [
                (workload, labels_of(workload))
                for workload in workloads(snapshot)
                if workload.namespace == namespace and workload.ref.kind in _KINDS
            ]
            finding = _finding(service, selector, candidates)
            if finding is not None:
                yield finding

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        origin = f"{facts['meant']} {facts['labels_field']}"
        edits = []
        for key, value in facts["wanted"].items():
            if facts["selector"].get(key) != value:
                edits.append(
                    FieldEdit(finding.object, pointer.join("spec", "selector", key), Exact(value, origin))
                )
        for key in facts["selector"]:
            if key not in facts["wanted"]:
                field = pointer.join("spec", "selector", key)
                edits.append(FieldEdit(finding.object, field, Exact(None, origin), "remove"))
        return Remedy(
            title=f"Let Service {finding.object.name} select the pods of {facts['meant']}",
            edits=tuple(edits),
            reason=f"The selector asks for labels that the pods of {facts['meant']} do not carry.",
        )


def _anothers(snapshot: Snapshot, service: Object, selector: dict[str, str]) -> Finding | None:
    """The Service selects another workload's pods, while the workload of its own name is selected by none."""
    ref = ref_of(service)
    picked = workloads_selected(snapshot, ref.namespace, selector)
    known = by_ref(snapshot)
    refs = [ref.model_copy(update={"kind": kind}) for kind in _KINDS]
    own = [known[item] for item in refs if item in known]
    if len(own) != 1 or not picked or own[0] in picked or selected_by(snapshot, own[0]):
        return None
    taken = [item for item in picked if len(selected_by(snapshot, item)) > 1]
    if len(taken) != len(picked):
        return None
    candidates = [
        (item, labels_of(item))
        for item in workloads(snapshot)
        if item.namespace == ref.namespace and item.ref.kind in _KINDS and item not in picked
    ]
    return _finding(service, selector, candidates)


def _has_endpoints(snapshot: Snapshot, service: Object) -> bool:
    """Whether any EndpointSlice of the Service lists an address."""
    ref = ref_of(service)
    slices: dict[tuple[str, str], list[Object]] = snapshot.memo("slices", lambda: _slices(snapshot))
    return any(mappings(item.get("endpoints")) for item in slices.get((ref.namespace, ref.name), ()))


def _slices(snapshot: Snapshot) -> dict[tuple[str, str], list[Object]]:
    found: dict[tuple[str, str], list[Object]] = {}
    for item in snapshot.list("EndpointSlice"):
        meta = metadata(item)
        name = str(strings(meta.get("labels")).get("kubernetes.io/service-name", ""))
        found.setdefault((str(meta.get("namespace") or ""), name), []).append(item)
    return found


def _finding(
    service: Object, selector: dict[str, str], candidates: list[tuple[Workload, dict[str, str]]]
) -> Finding | None:
    ref = ref_of(service)
    ranked = sorted(
        (
            (_points(service, selector, workload, labels), str(workload.ref))
            for workload, labels in candidates
        ),
        reverse=True,
    )
    if not ranked or ranked[0][0] < MEANT or (len(ranked) > 1 and ranked[0][0] - ranked[1][0] < LEAD):
        return None
    meant, labels = next(pair for pair in candidates if str(pair[0].ref) == ranked[0][1])
    if not any(ready(pod) for pod in meant.pods):
        return None
    wrong = {key: value for key, value in selector.items() if labels.get(key) != value}
    wanted = _wanted(
        selector, meant, labels, [other for workload, other in candidates if workload is not meant]
    )
    base = meant.spec_pointer.removesuffix("/spec") + "/metadata/labels"
    base = "/metadata/labels" if meant.ref.kind == "Pod" else base
    evidence = [
        on_object(ref, pointer.join("spec", "selector", key), value, f"No pod carries {key}={value}")
        for key, value in sorted(wrong.items())[:4]
    ]
    for key in sorted(wanted)[:3]:
        text = f"What the pods of {meant.ref.name} carry"
        evidence.append(on_object(meant.ref, base + pointer.join(key), labels.get(key), text))
    told = ", ".join(f"{key}={value}" for key, value in sorted(wrong.items()))
    return Finding(
        fault=ServiceSelectorMismatch.id,
        variant="selector",
        object=ref,
        confidence=0.95,
        summary=f"{ref} has no endpoints: it selects {told}, which the ready pods of {meant.ref} do not carry.",
        evidence=tuple(evidence),
        facts={
            "selector": dict(selector),
            "wanted": wanted,
            "meant": str(meant.ref),
            "workload": meant.ref.model_dump(),
            "labels_field": base,
        },
        mitigation=f"kubectl -n {ref.namespace} get endpointslices -l kubernetes.io/service-name={ref.name}",
    )


def _points(service: Object, selector: dict[str, str], workload: Workload, labels: dict[str, str]) -> float:
    """How plainly the Service was meant for the workload: names, shared pairs, shared values, ports."""
    name = ref_of(service).name
    points = 0.0
    if workload.ref.name == name:
        points += 3.0
    elif likeness(workload.ref.name, name) >= 0.8:
        points += 1.5
    carried = {value for key, value in labels.items() if key not in _GENERATED}
    for key, value in selector.items():
        if labels.get(key) == value:
            points += 1.0
        elif value in carried:
            points += 2.0
        elif key in labels and likeness(str(labels[key]), str(value)) >= 0.75:
            points += 1.5
    aims = set()
    for container in workload.containers:
        for port in mappings(container.spec.get("ports")):
            aims.update({str(port.get("containerPort")), str(port.get("name"))})
    for port in mappings(mapping(service.get("spec")).get("ports")):
        if str(port.get("targetPort", port.get("port"))) in aims:
            points += 0.5
            break
    return points


def _wanted(
    selector: dict[str, str], meant: Workload, labels: dict[str, str], others: list[dict[str, str]]
) -> dict[str, str]:
    """The selector nearest to the present one that picks the meant workload and no other."""
    wanted: dict[str, str] = {}
    own = strings(mapping(mapping(meant.object.get("spec")).get("selector")).get("matchLabels"))
    for key, value in selector.items():
        if labels.get(key) == value:
            wanted[key] = value
            continue
        # The same value under another key, preferably one that the workload's own selector uses.
        keys = sorted(
            (other for other, found in labels.items() if found == value and other not in _GENERATED),
            key=lambda other: (other not in own, other),
        )
        if keys:
            wanted[keys[0]] = value
        elif key in own:
            wanted[key] = own[key]
    if wanted and not any(matches(wanted, other) for other in others):
        return wanted
    return dict(own) or {key: value for key, value in labels.items() if key not in _GENERATED}
