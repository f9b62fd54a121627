"""A pod asks for a key that its ConfigMap or Secret does not have.

# What it is
The object exists, the key in it does not: it was renamed on one side, or misspelled.

# How it is recognised
Keys that variables and volume items ask for are compared with the keys that exist. A waiting container says
"couldn't find key", a volume "references non-existent config key". References marked optional do not count. Where
Secrets were not read (a live cluster's never are), the kubelet's own words are the proof. Where an
object is taken whole, as files of a volume or as variables, the program itself says which file or variable it
misses, and a key of nearly that name stands there.

# How it is told from its neighbours
When the whole object is missing it is `config-ref-missing`. A program that complains itself about a variable
is `env-var-invalid`. Which side is blamed follows from what worked before: a template that ran with the same
key (an older one whose pods serve, or the present one, which the Deployment controller once reported as available), or
other workloads that use it, say that the object lost the key; otherwise the reference is wrong.

# What is changed
The key in the reference (to the key it had before, or the existing one that is plainly meant), or, where the
object lost its key, the key in the ConfigMap: its value moves from the key that is plainly meant. Secrets are
never written.

# How safe that is
Only existing keys and values are used. When a renamed key has other users it is kept beside the new one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.workloads import Workload, earlier, proven, ready, troubled, workloads
from selfheal.faults.asked_keys import Asked, asked_keys
from selfheal.faults.evidence import complaints, on_object
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, NearName, Remedy
from selfheal.faults.nearness import likeness, nearest
from selfheal.faults.references import Reference, keys_of, references
from selfheal.incidents.record import Evidence, Explained, ObjectRef, Target

#: From this likeness on one name is a slip of another.
SLIP = 0.85
#: A name that follows from the content, as generators make it.
_GENERATED = re.compile(r"^(?P<source>.+)-[a-z0-9]{10}$")


class ConfigKeyMissing(Fault):
    """See the page above."""

    id = "config-key-missing"
    blames = (
        "Deployment",
        "StatefulSet",
        "DaemonSet",
        "Job",
        "CronJob",
        "ReplicaSet",
        "Pod",
        "ConfigMap",
        "Secret",
    )
    writes = (
        *(
            f"{spec}{reference}"
            for spec in ("/spec/template/spec", "/spec/jobTemplate/spec/template/spec", "/spec")
            for reference in (
                *(
                    f"/{section}/*/env/*/valueFrom/{word}/key"
                    for section in ("containers", "initContainers")
                    for word in ("configMapKeyRef", "secretKeyRef")
                ),
                "/volumes/*/configMap/items/*/key",
                "/volumes/*/secret/items/*/key",
                "/volumes/*/projected/sources/*/configMap/items/*/key",
                "/volumes/*/projected/sources/*/secret/items/*/key",
            )
        ),
        "/data/*",
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for workload in workloads(snapshot):
            missing: dict[tuple[str, str, str], list[Reference]] = {}
            for reference in references(workload.spec):
                holder = snapshot.get(reference.kind, workload.namespace, reference.name)
                keys = keys_of(holder) if holder is not None else None
                unread = holder is None and not snapshot.known(reference.kind, workload.namespace)
                if reference.key and (unread or (keys is not None and reference.key not in keys)):
                    missing.setdefault((reference.kind, reference.name, reference.key), []).append(reference)
            for (kind, name, key), found in sorted(missing.items()):
                holder = snapshot.get(kind, workload.namespace, name)
                if holder is not None:
                    yield _finding(snapshot, workload, holder, key, found)
                else:
                    yield from _unread(
                        snapshot,
                        workload,
                        ObjectRef(kind=kind, namespace=workload.namespace, name=name),
                        key,
                        found,
                    )
        for workload in troubled(snapshot):
            for asked in asked_keys(snapshot, workload):
                yield _lost(snapshot, workload, asked)

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        key, near, candidates = facts["key"], facts["near"], tuple(facts["keys"])
        if finding.object.kind == "Secret":
            return Remedy(
                f"Give the Secret {finding.object.name} its key {key} again",
                (),
                finding.summary,
                escalate=f"The Secret {finding.object.name} lost its key {key}; secrets are mended by people.",
            )
        if finding.object.kind == "ConfigMap":
            return _mend_config_map(finding, key, near)
        title = f"Ask for a key that exists in {finding.object.name}"
        if not facts["last_good"] and not near:
            return Remedy(
                title, (), finding.summary, escalate=f"No key of {facts['holder']} is plainly meant by {key}."
            )
        query = LastGood(NearName("key", key, candidates))
        edits = tuple(FieldEdit(finding.object, field, query) for field in facts["fields"])
        return Remedy(title, edits, f"{facts['holder']} has no key {key}.")


def _mend_config_map(finding: Finding, key: str, near: str) -> Remedy:
    facts = finding.facts
    field = pointer.join("data", key)
    title = f"Give {finding.object.name} the key {key} again"
    if not near or facts["near_value"] is None:
        return Remedy(title, (FieldEdit(finding.object, field, LastGood()),), finding.summary)
    value = Exact(facts["near_value"], f"{finding.object} {pointer.join('data', near)}")
    edits = [FieldEdit(finding.object, field, value)]
    if not facts["near_used"]:
        edits.append(FieldEdit(finding.object, pointer.join("data", near), value, "remove"))
    return Remedy(title, tuple(edits), f"{near} stands where {key} is asked for.")


def _finding(
    snapshot: Snapshot, workload: Workload, holder: Object, key: str, found: list[Reference]
) -> Finding:
    holder_ref = ref_of(holder)
    keys = tuple(sorted(keys_of(holder) or ()))
    told = _told(snapshot, workload, holder_ref, key)
    near = nearest(key, keys)
    users = set(_users(snapshot, holder_ref, near)) if near else set()
    others = set(_users(snapshot, holder_ref, key)) - {workload.ref}
    worked = _worked_before(snapshot, workload, holder_ref, key)
    meant = (
        holder_ref.kind == "ConfigMap"
        and _named_alike(found, key, near)
        and not _taken_whole(snapshot, workload, holder_ref)
    )
    holder_blamed = bool(worked or others or meant) and not users
    blamed = holder_ref if holder_blamed else workload.ref
    fields = list(dict.fromkeys(workload.at(reference.key_pointer) for reference in found))
    evidence = [] if told is None else [told]
    evidence.append(on_object(workload.ref, fields[0], key, f"Asked for by {found[0].through}"))
    section = "/binaryData" if near and near not in (holder.get("data") or {}) else "/data"
    near_value = pointer.resolve(holder, section + pointer.join(near)) if near else None
    if near and holder_ref.kind == "ConfigMap":
        where = section + pointer.join(near)
        evidence.append(on_object(holder_ref, where, near_value, f"{holder_ref.name} has {near}, not {key}"))
    if worked:
        evidence.append(worked)
    waits = 0.75 if any(not ready(pod) for pod in workload.pods) else 0.6
    hint = f"; it has {near}" if near else ""
    return Finding(
        fault=ConfigKeyMissing.id,
        variant=holder_ref.kind.lower(),
        object=blamed,
        container=found[0].container,
        confidence=waits if told is None else 0.97,
        summary=f"{workload.ref} asks for key {key} of {holder_ref}, which does not have it{hint}.",
        evidence=tuple(evidence),
        explains=(Explained(fault="unavailable", object=workload.ref),) if holder_blamed else (),
        facts={
            "holder": str(holder_ref),
            "key": key,
            "keys": list(keys[:40]),
            "near": near or "",
            "near_value": near_value
            if isinstance(near_value, str) and holder_ref.kind == "ConfigMap"
            else None,
            "near_used": sorted(str(ref) for ref in users),
            "fields": fields,
            "workload": workload.ref.model_dump(),
            "last_good": [] if holder_blamed else _last_good(snapshot, workload, holder, found),
        },
        mitigation=f"kubectl -n {workload.namespace} describe {holder_ref.kind.lower()} {holder_ref.name}",
    )


def _unread(
    snapshot: Snapshot, workload: Workload, holder: ObjectRef, key: str, found: list[Reference]
) -> Iterator[Finding]:
    """Without the object only the kubelet knows its keys. The workload is blamed: it is what can be looked at."""
    told = _told(snapshot, workload, holder, key)
    if told is None:
        return
    fields = list(dict.fromkeys(workload.at(reference.key_pointer) for reference in found))
    worked = _worked_before(snapshot, workload, holder, key)
    evidence = [told, on_object(workload.ref, fields[0], key, f"Asked for by {found[0].through}")]
    yield Finding(
        fault=ConfigKeyMissing.id,
        variant=holder.kind.lower(),
        object=workload.ref,
        container=found[0].container,
        confidence=0.9,
        summary=f"{workload.ref} asks for key {key} of {holder}, which does not have it.",
        evidence=tuple([*evidence, worked] if worked else evidence),
        facts={
            "holder": str(holder),
            "key": key,
            "keys": [],
            "near": "",
            "near_value": None,
            "near_used": [],
            "fields": fields,
            "workload": workload.ref.model_dump(),
            "last_good": [] if worked else _last_good(snapshot, workload, None, found),
        },
        mitigation=f"kubectl -n {workload.namespace} describe {holder.kind.lower()} {holder.name}",
    )


def _lost(snapshot: Snapshot, workload: Workload, asked: Asked) -> Finding:
    """A key that no reference names and that a program misses: the object that is taken whole lost it."""
    holder_ref = ref_of(asked.holder)
    section = "/binaryData" if asked.near and asked.near not in (asked.holder.get("data") or {}) else "/data"
    value = pointer.resolve(asked.holder, section + pointer.join(asked.near)) if asked.near else None
    brings = pointer.resolve(workload.spec, asked.where)
    evidence = [
        asked.evidence,
        on_object(workload.ref, workload.at(asked.where), brings, f"Read by {asked.through}"),
    ]
    if asked.near and holder_ref.kind == "ConfigMap":
        where = section + pointer.join(asked.near)
        evidence.append(
            on_object(holder_ref, where, value, f"{holder_ref.name} has {asked.near}, not {asked.key}")
        )
    hint = f"; it has {asked.near}" if asked.near else ""
    return Finding(
        fault=ConfigKeyMissing.id,
        variant=holder_ref.kind.lower(),
        object=holder_ref,
        container=asked.container,
        confidence=0.9,
        summary=f"{workload.ref} misses {asked.key} of {holder_ref}, which {asked.through.partition(' ')[0]} takes whole{hint}.",
        evidence=tuple(evidence),
        explains=(Explained(fault="unavailable", object=workload.ref),),
        facts={
            "holder": str(holder_ref),
            "key": asked.key,
            "keys": sorted(keys_of(asked.holder) or ())[:40],
            "near": asked.near,
            "near_value": value if isinstance(value, str) and holder_ref.kind == "ConfigMap" else None,
            "near_used": sorted(str(ref) for ref in _users(snapshot, holder_ref, asked.near)),
            "fields": [],
            "workload": workload.ref.model_dump(),
            "last_good": [],
        },
        mitigation=f"kubectl -n {workload.namespace} describe {holder_ref.kind.lower()} {holder_ref.name}",
    )


def _told(snapshot: Snapshot, workload: Workload, holder: ObjectRef, key: str) -> Evidence | None:
    for _container, text, evidence in complaints(snapshot, workload):
        if f"find key {key} in {holder.kind} {holder.namespace}/{holder.name}" in text:
            return evidence
        if f"non-existent config key: {key}" in text or f"non-existent secret key: {key}" in text:
            return evidence
    return None


def _users(snapshot: Snapshot, holder: ObjectRef, key: str) -> Iterator[ObjectRef]:
    """Workloads that ask for a key by name."""
    table: dict[tuple[str, str, str, str], list[ObjectRef]] = snapshot.memo(
        "key-users", lambda: _all_users(snapshot)
    )
    yield from table.get((holder.kind, holder.namespace, holder.name, key), ())


def _all_users(snapshot: Snapshot) -> dict[tuple[str, str, str, str], list[ObjectRef]]:
    table: dict[tuple[str, str, str, str], list[ObjectRef]] = {}
    for workload in workloads(snapshot):
        for reference in references(workload.spec):
            if reference.key:
                at = (reference.kind, workload.namespace, reference.name, reference.key)
                table.setdefault(at, []).append(workload.ref)
    return table


def _worked_before(snapshot: Snapshot, workload: Workload, holder: ObjectRef, key: str) -> Evidence | None:
    """Proof that pods ran while asking for this very key: an older template, or pods of this one that are
    ready.
    """
    for older in earlier(snapshot, workload.object):
        for reference in references(older.spec):
            same = (reference.kind, reference.key) == (holder.kind, key)
            if older.proven and same and _one_source(reference.name, holder.name):
                where = older.at(reference.key_pointer)
                return on_object(older.ref, where, key, "Pods of an older template run with this very key")
    for pod in workload.pods:
        if ready(pod):
            return on_object(
                pod, "/metadata/name", ref_of(pod).name, "This pod started while the key was there"
            )
    field = proven(snapshot, workload)
    if field:
        value = pointer.resolve(workload.object, field)
        return on_object(workload.ref, field, value, "Pods of this very template were all available once")
    return None


def _one_source(one: str, two: str) -> bool:
    """Whether two names are one, or generated for different contents of one source."""
    if one == two:
        return True
    first, second = _GENERATED.match(one), _GENERATED.match(two)
    return first is not None and second is not None and first["source"] == second["source"]


def _taken_whole(snapshot: Snapshot, workload: Workload, holder: ObjectRef) -> bool:
    """Whether other workloads take all keys as variables, so that each key there may be in use under its name."""
    return any(
        (reference.kind, reference.name, reference.key) == (holder.kind, holder.name, "")
        and reference.container
        for other in workloads(snapshot)
        if other.namespace == workload.namespace and other.ref != workload.ref
        for reference in references(other.spec)
    )


def _named_alike(found: list[Reference], key: str, near: str | None) -> bool:
    """Whether variables bear the very name of the key that is missing, and the near one is but a slip of it."""
    names = {
        pointer.parts(reference.key_pointer)[3] for reference in found if "/env/" in reference.key_pointer
    }
    return names == {f"name={key}"} and near is not None and likeness(key, near) >= SLIP


def _last_good(
    snapshot: Snapshot, workload: Workload, holder: Object | None, found: list[Reference]
) -> list[dict[str, Any]]:
    """The keys older templates asked for at the same places, where the object still has them; where it was not read
    (None), where pods of that template serve.
    """
    good = []
    keys = (keys_of(holder) or frozenset()) if holder is not None else None
    for reference in {item.key_pointer: item for item in found}.values():
        where = reference.key_pointer
        for older in earlier(snapshot, workload.object):
            value = pointer.resolve(older.spec, where)
            if not isinstance(value, str):
                continue
            if older.proven and value != reference.key if keys is None else value in keys:
                good.append({"field": workload.at(where), "value": value, "origin": older.origin})
                break
    return good
