"""Hard topology spreading keeps a pod away from every node.

# What it is
`topologySpreadConstraints` with `DoNotSchedule` allow only a certain imbalance between nodes or zones. Where one
domain has no room, no node has the topology label, or the imbalance may only be small, pods stay Pending.

# How it is recognised
The imbalance that each node would bring is computed from the pods that are placed; the pod would fit but for that.
The scheduler's "didn't match pod topology spread constraints" confirms it.

# How it is told from its neighbours
`ScheduleAnyway` never keeps a pod Pending. Anti-affinity is `pod-anti-affinity-conflict`.

# What is changed
The constraints go back to what the last good template or git history had.

# How safe that is
What was there before is restored. A constraint is never dropped on its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import override

from selfheal.cluster.snapshot import Snapshot
from selfheal.cluster.workloads import earlier, mappings
from selfheal.faults.fields import ANY, pod_fields
from selfheal.faults.interface import Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.faults.placing import place_finding, reasons
from selfheal.faults.scheduling import nodes
from selfheal.incidents.record import Target

_FIELD = "/topologySpreadConstraints"


class TopologySpreadConflict(Fault):
    """See the page above."""

    id = "topology-spread-conflict"
    blames = ANY
    writes = pod_fields(_FIELD)

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for reason in reasons(snapshot):
            workload = reason.stuck.workload
            rules = mappings(workload.spec.get("topologySpreadConstraints"))
            if reason.name != "spread" or not rules:
                continue
            keys = [str(rule.get("topologyKey", "")) for rule in rules]
            absent = [key for key in keys if not any(key in node.labels for node in nodes(snapshot))]
            why = (
                f"no node carries the label {absent[0]} that it spreads over"
                if absent
                else f"spreading over {', '.join(keys)} leaves no node for it"
            )
            older = next(iter(earlier(snapshot, workload.object)), None)
            yield place_finding(
                snapshot,
                reason,
                self.id,
                variant="label" if absent else "skew",
                summary=f"{workload.ref} cannot be scheduled: {why}.",
                fields=[_FIELD],
                marks=[],
                more={"new": older is not None and not older.spec.get("topologySpreadConstraints")},
            )

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Let the pods of {finding.object.name} find nodes again"
        edit = FieldEdit(finding.object, facts["fields"][0], LastGood(), "remove" if facts["new"] else "set")
        return Remedy(title, (edit,), finding.summary)
