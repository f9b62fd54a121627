"""Every node that could take the pod has a taint that the pod does not tolerate.

# What it is
Nodes are reserved by taints. A pod without the matching toleration stays Pending, or is thrown out when the
taint's effect is NoExecute.

# How it is recognised
For each node the pod would fit but for the taint, evaluated against the pod's tolerations (key, operator, value,
effect). The scheduler's "untolerated taint" confirms it. The control plane's own taint and taints that
Kubernetes sets itself (`node.kubernetes.io/…`) do not count where other nodes exist.

# How it is told from its neighbours
A cordon shows as `unschedulable`; a node that is not ready carries a taint of Kubernetes. When a node without the
taint exists but is full, it is the request.

# What is changed
The toleration the last good template had is restored; one that is misspelled is corrected to the taint that
exists. A toleration for a taint that nobody tolerated before is a person's decision.

# How safe that is
A toleration lets pods onto reserved nodes; it is written only when it was there, or when it is plainly meant.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from selfheal.cluster.snapshot import Snapshot
from selfheal.cluster.workloads import last_good, mapping, mappings
from selfheal.faults.evidence import on_object
from selfheal.faults.fields import ANY, pod_fields
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.faults.nearness import likeness
from selfheal.faults.placing import Reason, place_finding, reasons
from selfheal.faults.scheduling import refusing, troubles
from selfheal.incidents.record import Target


class TaintNotTolerated(Fault):
    """See the page above."""

    id = "taint-not-tolerated"
    blames = ANY
    writes = pod_fields("/tolerations")

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for reason in reasons(snapshot):
            if reason.name == "taint" and not _of_ill_nodes(reason):
                yield _finding(snapshot, reason)

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Let {finding.object.name} tolerate the taint it is meant to"
        value = Exact(facts["mended"], "the taints of the nodes") if facts["mended"] else None
        if not facts["last_good"] and value is None and facts["tolerates"]:
            return Remedy(
                title,
                (),
                finding.summary,
                escalate=f"Whether the pod may run on nodes with {facts['taint']} is a decision.",
            )
        return Remedy(
            title, (FieldEdit(finding.object, facts["fields"][0], LastGood(value)),), finding.summary
        )


def _of_ill_nodes(reason: Reason) -> bool:
    """Whether the only taints in question are those that a node's own trouble brings with it."""
    spec = mapping(reason.stuck.pod.get("spec"))
    where = reason.nodes or tuple(fit.node for fit in reason.stuck.fits)
    return not any(refusing(spec, node) for node in where) and any(troubles(node) for node in where)


def _finding(snapshot: Snapshot, reason: Reason) -> Finding:
    item = reason.stuck
    workload, spec = item.workload, mapping(item.pod.get("spec"))
    where = reason.nodes or tuple(fit.node for fit in item.fits)
    taints = [(node, taint) for node in where for taint in refusing(spec, node)]
    text = _shown(taints[0][1]) if taints else "a taint"
    marks = []
    for node, taint in taints[:2]:
        index = node.taints.index(taint)
        marks.append(on_object(node.object, f"/spec/taints/{index}", taint, f"{node.name} is reserved"))
    own = mappings(workload.spec.get("tolerations"))
    mended = _mended(own, [taint for _node, taint in taints])
    has_before = last_good(snapshot, workload, "/tolerations") is not None
    return place_finding(
        snapshot,
        reason,
        TaintNotTolerated.id,
        variant="toleration",
        summary=f"{workload.ref} cannot be scheduled: nodes that would fit have the taint {text}, which it does not tolerate.",
        fields=["/tolerations"],
        marks=marks,
        more={"taint": text, "mended": mended, "tolerates": bool(own) or has_before},
    )


def _shown(taint: dict[str, Any]) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint.get('key')}{value}:{taint.get('effect')}"


def _mended(own: list[dict[str, Any]], taints: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The pod's tolerations with the one that nearly fits a taint made to fit, [] when none nearly does."""
    for taint in taints:
        for index, item in enumerate(own):
            key, near = str(item.get("key", "")), str(taint.get("key", ""))
            if key == near or likeness(key, near) >= 0.8:
                fixed: dict[str, Any] = {"key": near, "effect": taint.get("effect")}
                if item.get("operator") == "Exists" or not taint.get("value"):
                    fixed["operator"] = "Exists"
                else:
                    fixed.update(operator="Equal", value=taint["value"])
                return [*own[:index], fixed, *own[index + 1 :]]
    return []
