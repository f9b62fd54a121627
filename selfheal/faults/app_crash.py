"""The program ends by itself, and nothing in its settings or surroundings says why.

# What it is
The container's program exits, Kubernetes starts it again, and after some rounds waits longer each time
(CrashLoopBackOff). The cause lies in the program.

# How it is recognised
A container of the current template ended with an exit code by itself, and is not well since (it waits, or
restarted not long ago). The last telling line of its log is cited.

# How it is told from its neighbours
This is what remains. Killed for memory or by a probe is not by itself; a command that cannot be run never ran;
a log that names a variable, a file, a permission, a port or a dependency leads to that fault; a new image whose
predecessor runs well is `bad-release`.

# What is changed
Where an older template of the workload works and the new one differs from it in a few settings, with the same image:
these settings, back to what they were. Otherwise nothing: a program is mended by people, or by a model with the
repository's tools.

# How safe that is
The workload returns to settings with which it ran. What the change was meant to bring is not deployed.
"""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import override

from selfheal.cluster.snapshot import Snapshot
from selfheal.cluster.workloads import Container, Workload, troubled
from selfheal.faults import template_change
from selfheal.faults.calls import through
from selfheal.faults.crashing import ORDERED, Crash, first_crash
from selfheal.faults.fields import ANY
from selfheal.faults.interface import Fault, Finding, Remedy
from selfheal.incidents.record import Target


class AppCrash(Fault):
    """See the page above."""

    id = "app-crash"
    blames = ANY
    writes = template_change.WRITES

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for workload in troubled(snapshot):
            for container in workload.containers:
                found = None if container.passing else first_crash(snapshot, workload, container)
                if found is None:
                    continue
                again = f", {found.restarts} times" if found.restarts else ""
                said = next((item.message for item in found.evidence if item.source == "log"), "")
                changed = template_change.changes(snapshot, workload)
                yield Finding(
                    fault=self.id,
                    variant="exit" if found.code else "ends",
                    object=workload.ref,
                    container=container.name,
                    confidence=_confidence(snapshot, workload, container, found),
                    summary=(
                        f"{container.name} of {workload.ref} ends by itself with exit code {found.code}{again}"
                        + (f": {said[:160]}" if said else ".")
                    ),
                    evidence=found.evidence,
                    facts={
                        "code": found.code,
                        "changed": changed,
                        "last_good": template_change.last_good_of(changed),
                    },
                    through=through(snapshot, workload),
                )

    @override
    def remedy(self, finding: Finding) -> Remedy:
        changed = finding.facts.get("changed") or []
        edits = template_change.edits(finding.object, changed)
        if edits and all(template_change.writable(edit.field) for edit in edits):
            return Remedy(
                title=f"Start {finding.object.name} with the settings with which it ran",
                edits=edits,
                reason=f"{finding.summary.rstrip('.')}. It ran before its template changed",
            )
        return Remedy(
            title=f"Find out why {finding.container} of {finding.object.name} ends",
            edits=(),
            reason=finding.summary,
            escalate="The program ends by itself; its code has to be looked at.",
        )


def _confidence(snapshot: Snapshot, workload: Workload, container: Container, found: Crash) -> float:
    probed = any(container.spec.get(probe) for probe in ("livenessProbe", "startupProbe"))
    if probed and found.code in ORDERED and not snapshot.known("Event", workload.namespace):
        # It may have been told to end, and only events say who told it.
        return 0.5
    return 0.75 if found.restarts > 1 or workload.ref.kind in ("Job", "CronJob") else 0.65
