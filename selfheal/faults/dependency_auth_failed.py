"""A data store or broker refuses a workload's credentials.

# What it is
User, password, database or token do not fit what the store knows. The program crashes, never becomes ready, or
answers with errors.

# How it is recognised
The log (of the program, or the store's own, which names the client's address) repeats that access was denied. User
and password of the workload are compared with what the store is set up with: literal variables, or the Secret and
key they come from.

# How it is told from its neighbours
A store that cannot be reached is `dependency-unreachable`; one that has no connection left
`dependency-exhausted`. An image that may not be pulled is a registry's credential.

# What is changed
The variable, or the name and key of the Secret it comes from: to what it was, or to what the store itself uses.
Secrets are never written.

# How safe that is
No credential is invented or copied out of a Secret; references are moved at most.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Snapshot, ref_of
from selfheal.cluster.workloads import Workload, earlier, mapping, mappings
from selfheal.faults.answering import Answer, answers
from selfheal.faults.evidence import of_log, on_object
from selfheal.faults.fields import ANY, container_fields
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.incidents.record import Target

_CREDENTIAL = re.compile(
    r"user|login|passw|pwd|secret|token|credential|auth|_db$|database|_pass$", re.IGNORECASE
)
_USER = re.compile(r"user(?:name)?$|login$", re.IGNORECASE)
_PASSWORD = re.compile(r"passw(?:or)?d$|pwd$|pass$|secret$", re.IGNORECASE)


class DependencyAuthFailed(Fault):
    """See the page above."""

    id = "dependency-auth-failed"
    blames = ANY
    writes = container_fields(
        "/env/*", "/env/*/value", "/env/*/valueFrom/secretKeyRef/name", "/env/*/valueFrom/secretKeyRef/key"
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for answer in answers(snapshot, "auth"):
            yield _finding(snapshot, answer)

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Let {finding.object.name} use the credentials that its store knows"
        if not facts["field"]:
            return Remedy(title, (), finding.summary, escalate="Credentials are mended by people.")
        wanted = Exact(facts["wanted"], facts["origin"]) if facts["wanted"] is not None else None
        return Remedy(title, (FieldEdit(finding.object, facts["field"], LastGood(wanted)),), finding.summary)


def _finding(snapshot: Snapshot, answer: Answer) -> Finding:
    workload, signal = answer.caller, answer.signal
    field, wanted, origin, marks, good = _suspect(snapshot, answer)
    named = answer.service is not None or answer.stores
    store = ref_of(answer.service).name if answer.service is not None else ""
    store = store or (answer.stores[0].ref.name if answer.stores else "what it depends on")
    user = f" for user {signal.user}" if signal.user else ""
    return Finding(
        fault=DependencyAuthFailed.id,
        variant="credentials",
        object=workload.ref,
        container=signal.container if signal.container in {item.name for item in workload.containers} else "",
        confidence=0.95 if named else 0.86,
        summary=f"{store} refuses the credentials of {workload.ref}{user} ({signal.count} times in the log).",
        evidence=(of_log(signal.pod, signal.container, signal.line, previous=signal.previous), *marks),
        facts={
            "field": field,
            "wanted": wanted,
            "origin": origin,
            "store": store,
            "user": signal.user,
            "last_good": good,
        },
    )


def _suspect(snapshot: Snapshot, answer: Answer) -> tuple[str, Any, str, list[Any], list[dict[str, Any]]]:
    """The variable that is wrong: one that changed, else one that differs from what the store is set up with."""
    workload = answer.caller
    for container in workload.containers:
        for entry in mappings(container.spec.get("env")):
            name = str(entry.get("name", ""))
            if not _CREDENTIAL.search(name):
                continue
            where = container.pointer + pointer.join("env", f"name={name}")
            for older in earlier(snapshot, workload.object):
                was = pointer.resolve(older.spec, where)
                if isinstance(was, dict) and was != entry:
                    plain = "value" in was and "value" in entry
                    field = workload.at(where) + ("/value" if plain else "")
                    value = was["value"] if plain else was
                    shown = _shown(workload, where, entry)
                    return (
                        field,
                        None,
                        older.origin,
                        shown,
                        [{"field": field, "value": value, "origin": older.origin}],
                    )
    for container in workload.containers:
        for entry in mappings(container.spec.get("env")):
            found = _against_store(answer, container.pointer, entry, workload)
            if found is not None:
                return (*found, [])
    return "", None, "", [], []


def _shown(workload: Workload, where: str, entry: dict[str, Any]) -> list[Any]:
    tail = "/value" if "value" in entry else "/valueFrom"
    value = entry.get("value", entry.get("valueFrom"))
    return (
        [on_object(workload.ref, workload.at(where) + tail, value, "How it is set now")]
        if value is not None
        else []
    )


def _against_store(
    answer: Answer, base: str, entry: dict[str, Any], workload: Workload
) -> tuple[str, Any, str, list[Any]] | None:
    name = str(entry.get("name", ""))
    kind = _USER if _USER.search(name) else _PASSWORD if _PASSWORD.search(name) else None
    if kind is None:
        return None
    for store in answer.stores:
        theirs = [
            item
            for container in store.containers
            for item in mappings(container.spec.get("env"))
            if kind.search(str(item.get("name", "")))
        ]
        if not theirs or any(_same(item, entry) for item in theirs):
            continue
        plain = [item for item in theirs if "ROOT" not in str(item.get("name"))] or theirs
        where = base + pointer.join("env", f"name={name}")
        origin = f"the variable {plain[0].get('name')} of {store.ref}"
        mine, own = (
            mapping(mapping(entry.get("valueFrom")).get("secretKeyRef")),
            mapping(mapping(plain[0].get("valueFrom")).get("secretKeyRef")),
        )
        if mine and own:
            part = "name" if mine.get("name") != own.get("name") else "key"
            field = workload.at(where) + f"/valueFrom/secretKeyRef/{part}"
            shown = [on_object(workload.ref, field, mine.get(part), f"{store.ref.name} uses {own.get(part)}")]
            return field, own.get(part), origin, shown
        if "value" in entry and "value" in plain[0] and kind is _USER:
            field = workload.at(where) + "/value"
            shown = [on_object(workload.ref, field, entry["value"], f"{store.ref.name} knows another user")]
            return field, plain[0]["value"], origin, shown
        if "value" in entry:
            field = workload.at(where) + "/value"
            return (
                field,
                None,
                origin,
                [on_object(workload.ref, field, entry["value"], "It differs from the store's own")],
            )
    return None


def _same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    if "value" in first and "value" in second:
        return bool(first["value"] == second["value"])
    one, other = (
        mapping(mapping(first.get("valueFrom")).get("secretKeyRef")),
        mapping(mapping(second.get("valueFrom")).get("secretKeyRef")),
    )
    return bool(one) and (one.get("name"), one.get("key")) == (other.get("name"), other.get("key"))
