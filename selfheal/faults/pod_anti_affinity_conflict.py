"""Required anti-affinity keeps a pod away from every node.

# What it is
Replicas (or two workloads) refuse to share a node or zone, and there are more of them than nodes or zones. The
surplus pods stay Pending.

# How it is recognised
Required anti-affinity, of the pod and of the pods already placed, is evaluated in the topology domain of each
node; the pod would fit but for that. The scheduler's "didn't match pod anti-affinity rules" confirms it.

# How it is told from its neighbours
Preferred anti-affinity never keeps a pod Pending. Spreading constraints are `topology-spread-conflict`. During a
rollout old and new pods may repel each other for a while.

# What is changed
The affinity, or the number of replicas, goes back to what the last good template or git history had; else the
number of replicas is a person's decision.

# How safe that is
What was there before is restored. A required rule is never dropped on its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import override

from selfheal.cluster.snapshot import Snapshot, ref_of
from selfheal.cluster.workloads import earlier, mapping, number
from selfheal.faults.evidence import on_object
from selfheal.faults.fields import ANY, pod_fields
from selfheal.faults.interface import Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.faults.placing import place_finding, reasons
from selfheal.faults.scheduling import affinity_to_pods, anti_terms, nodes, repelled
from selfheal.incidents.record import Target

_ANTI = "/affinity/podAntiAffinity"


class PodAntiAffinityConflict(Fault):
    """See the page above."""

    id = "pod-anti-affinity-conflict"
    blames = ANY
    writes = (*pod_fields("/affinity", _ANTI), "/spec/replicas")

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for reason in reasons(snapshot):
            item = reason.stuck
            attracted = reason.name == "pod-affinity" and affinity_to_pods(item.workload.spec)
            if reason.name != "anti-affinity" and not attracted:
                continue
            every = nodes(snapshot)
            rivals = [pod for node in every for pod in repelled(item.pod, node, every)]
            names = sorted({ref_of(pod).name for pod in rivals})
            older = next(iter(earlier(snapshot, item.workload.object)), None)
            whole = "/affinity" if older is not None and not mapping(older.spec.get("affinity")) else _ANTI
            own = bool(anti_terms(item.workload.spec))
            replicas = number(mapping(item.workload.object.get("spec")).get("replicas"), 1)
            marks = []
            if rivals:
                node_name = mapping(rivals[0].get("spec")).get("nodeName")
                marks.append(
                    on_object(rivals[0], "/spec/nodeName", node_name, "A pod that it may not be near")
                )
            what = (
                "its pod affinity finds no pod to be near"
                if attracted
                else f"its anti-affinity keeps it from every node ({', '.join(names[:4])})"
            )
            yield place_finding(
                snapshot,
                reason,
                self.id,
                variant="pod-affinity" if attracted else "anti-affinity",
                summary=f"{item.workload.ref} cannot be scheduled: {what}; it wants {replicas} replicas.",
                fields=[whole] if own or attracted else [],
                marks=marks,
                more={
                    "replicas": replicas,
                    "new": older is not None and not anti_terms(older.spec),
                    "removed": older is not None and not mapping(older.spec.get("affinity")),
                },
            )

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Let the pods of {finding.object.name} find nodes again"
        if facts["fields"] and facts["new"]:
            edit = FieldEdit(finding.object, facts["fields"][0], LastGood(), "remove")
            return Remedy(title, (edit,), finding.summary)
        if facts["fields"]:
            return Remedy(
                title, (FieldEdit(finding.object, facts["fields"][0], LastGood()),), finding.summary
            )
        return Remedy(title, (), finding.summary, escalate="Another workload's rule keeps the pods away.")
