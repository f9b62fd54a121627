"""A data store has no connection left, or a workload's own pool is used up.

# What it is
Stores allow a certain number of connections; pools hold a certain number of them. When all are taken, callers wait
and fail.

# How it is recognised
Logs of one or more workloads repeat "too many connections" (or the store's own word for it), or that no connection
could be had from the pool in time. The store's settings (arguments, variables, ConfigMaps) are searched for its
limit.

# How it is told from its neighbours
Refused connections and unknown hosts are `dependency-unreachable`; here the store answers. Refused credentials are
`dependency-auth-failed`.

# What is changed
The store's limit, or the pool's size, goes back to what it was before. Where nothing changed, a person sizes it.

# How safe that is
More connections cost memory; only an earlier value is restored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from typing_extensions import override

from selfheal.cluster.snapshot import Snapshot, ref_of
from selfheal.cluster.workloads import by_ref
from selfheal.faults.answering import Answer, answers, good_of, settings
from selfheal.faults.calls import callers
from selfheal.faults.evidence import of_log, on_object
from selfheal.faults.fields import ANY, container_fields
from selfheal.faults.interface import Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.incidents.record import ObjectRef, Target

_POOL = re.compile(r"pool|HikariPool|QueuePool|wait queue|idle object|ResourceRequest|acquire", re.IGNORECASE)
_LIMIT = re.compile(
    r"max[-_ ]?(?:user[-_ ]?)?connections|maxclients|max[-_]?conn|connection[-_]limit|superuser_reserved"
    r"|maxIncomingConnections|channel[-_]max",
    re.IGNORECASE,
)
_SIZE = re.compile(
    r"pool[-_ ]?size|max(?:imum)?[-_]?pool|max[-_]?(?:open|active|idle|total)|maxPoolSize", re.IGNORECASE
)


class DependencyExhausted(Fault):
    """See the page above."""

    id = "dependency-exhausted"
    blames = ANY
    writes = (*container_fields("/args/*", "/args", "/command", "/command/*", "/env/*/value"), "/data/*")

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        found: dict[ObjectRef, Finding] = {}
        for answer in answers(snapshot, "exhausted"):
            finding = _greedy(snapshot, answer) or _finding(snapshot, answer)
            held = found.get(finding.object)
            if held is None:
                found[finding.object] = finding
            else:
                affects = tuple(dict.fromkeys((*held.affects, *finding.affects)))
                found[finding.object] = Finding(**{**held.__dict__, "affects": affects})
        yield from (found[ref] for ref in sorted(found, key=str))

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Give {finding.object.name} the connections it had"
        if not facts["field"]:
            return Remedy(
                title, (), finding.summary, escalate="How many connections are right is for a person to say."
            )
        ref = ObjectRef(**facts["holder"])
        return Remedy(title, (FieldEdit(ref, facts["field"], LastGood()),), finding.summary)


def _greedy(snapshot: Snapshot, answer: Answer) -> Finding | None:
    """A user of the store whose pool was made larger than it was, while the store's own limit is what it was."""
    store = answer.stores[0] if answer.stores else None
    if answer.service is None or store is None:
        return None
    if any(
        good_of(snapshot, store, field)
        for ref, field, _value in settings(snapshot, store, _LIMIT)
        if ref == store.ref
    ):
        return None
    for user in callers(snapshot, ref_of(answer.service)):
        for ref, field, value in settings(snapshot, user, _SIZE):
            good = good_of(snapshot, user, field) if ref == user.ref else []
            before = str(good[0]["value"]) if good else ""
            if not (before.isdecimal() and value.isdecimal() and int(value) > int(before)):
                continue
            signal = answer.signal
            name = ref_of(answer.service).name
            return Finding(
                fault=DependencyExhausted.id,
                variant="pool",
                object=user.ref,
                confidence=0.95,
                summary=f"{user.ref} keeps {value} connections instead of {before}, so {name} has none left.",
                evidence=(
                    of_log(signal.pod, signal.container, signal.line, previous=signal.previous),
                    on_object(ref, field, value, f"The size of its pool, which was {before}"),
                ),
                facts={"field": field, "holder": ref.model_dump(), "store": name, "last_good": good},
                affects=() if answer.caller.ref == user.ref else (answer.caller.ref,),
            )
    return None


def _finding(snapshot: Snapshot, answer: Answer) -> Finding:
    signal = answer.signal
    pool = bool(_POOL.search(signal.line)) and not _LIMIT.search(signal.line)
    blamed = answer.caller if pool or not answer.stores else answer.stores[0]
    held = settings(snapshot, blamed, _SIZE if pool else _LIMIT)
    if pool and not held and answer.stores:
        limited = settings(snapshot, answer.stores[0], _LIMIT)
        if limited:
            blamed, held = answer.stores[0], limited
    marks = [on_object(ref, field, value, "The limit that is set") for ref, field, value in held[:2]]
    field = held[0][1] if held else ""
    holder = held[0][0] if held else blamed.ref
    good = good_of(snapshot, blamed, field) if field and holder in by_ref(snapshot) else []
    store = ref_of(answer.service).name if answer.service is not None else blamed.ref.name
    what = "its connection pool is used up" if pool else f"{store} has no connection left"
    return Finding(
        fault=DependencyExhausted.id,
        variant="pool" if pool and blamed is answer.caller else "exhaustion",
        object=blamed.ref,
        confidence=0.95 if held else 0.88,
        summary=f"{answer.caller.ref} fails since {what} ({signal.count} times in the log).",
        evidence=(of_log(signal.pod, signal.container, signal.line, previous=signal.previous), *marks),
        facts={"field": field, "holder": holder.model_dump(), "store": store, "last_good": good},
        affects=() if blamed is answer.caller else (answer.caller.ref,),
    )
