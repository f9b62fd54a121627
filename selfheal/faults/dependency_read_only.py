"""A data store accepts no writes.

# What it is
The store runs read-only (by an option, after a failover, or since its disk ran full), or a workload talks to a
replica of it. Reads work; whatever writes fails.

# How it is recognised
Logs repeat that the store is read-only, in the words of its driver. The store's settings (arguments, variables,
ConfigMaps) are searched for the option.

# How it is told from its neighbours
"Read-only file system" is about a container's own disk: `security-context-invalid`, `volume-permission-denied`.
Refused credentials are `dependency-auth-failed`.

# What is changed
The option that makes the store read-only goes back to what it was before.

# How safe that is
A store that was made read-only on purpose (a migration, a full disk) is for a person to open; only an earlier
value in git is restored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from typing_extensions import override

from selfheal.cluster.snapshot import Snapshot, ref_of
from selfheal.cluster.workloads import by_ref
from selfheal.faults.answering import Answer, answers, good_of, settings
from selfheal.faults.evidence import of_log, on_object
from selfheal.faults.fields import ANY, container_fields
from selfheal.faults.interface import Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.incidents.record import ObjectRef, Target

_OPTION = re.compile(
    r"read[-_]?only|default_transaction_read_only|replica[-_]?read|slave[-_]?read", re.IGNORECASE
)


class DependencyReadOnly(Fault):
    """See the page above."""

    id = "dependency-read-only"
    blames = ANY
    writes = (*container_fields("/args", "/args/*", "/command", "/command/*", "/env/*/value"), "/data/*")

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        found: dict[ObjectRef, Finding] = {}
        for answer in answers(snapshot, "read-only"):
            finding = _finding(snapshot, answer)
            held = found.get(finding.object)
            affects = tuple(dict.fromkeys((*(held.affects if held else ()), *finding.affects)))
            found[finding.object] = Finding(**{**(held or finding).__dict__, "affects": affects})
        yield from (found[ref] for ref in sorted(found, key=str))

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Let {finding.object.name} accept writes again"
        if not facts["field"]:
            return Remedy(
                title, (), finding.summary, escalate="Why the store is read-only has to be seen in the store."
            )
        ref = ObjectRef(**facts["holder"])
        return Remedy(title, (FieldEdit(ref, facts["field"], LastGood()),), finding.summary)


def _finding(snapshot: Snapshot, answer: Answer) -> Finding:
    signal = answer.signal
    blamed = answer.stores[0] if answer.stores else answer.caller
    held = settings(snapshot, blamed, _OPTION)
    marks = [on_object(ref, field, value, "The option that is set") for ref, field, value in held[:2]]
    field = held[0][1] if held else ""
    holder = held[0][0] if held else blamed.ref
    good = good_of(snapshot, blamed, field) if field and holder in by_ref(snapshot) else []
    store = ref_of(answer.service).name if answer.service is not None else blamed.ref.name
    return Finding(
        fault=DependencyReadOnly.id,
        variant="read-only",
        object=blamed.ref,
        confidence=0.95 if held or answer.stores else 0.88,
        summary=f"{store} accepts no writes; {answer.caller.ref} fails ({signal.count} times in the log).",
        evidence=(of_log(signal.pod, signal.container, signal.line, previous=signal.previous), *marks),
        facts={"field": field, "holder": holder.model_dump(), "store": store, "last_good": good},
        affects=() if blamed is answer.caller else (answer.caller.ref,),
    )
