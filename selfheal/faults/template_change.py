"""What a template changed since it last worked, as single settings that can be put back.

For troubles whose own signs do not say which setting is wrong: where an older template of the same workload worked, and
the new one differs from it in very little, that little is the cause.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Snapshot
from selfheal.cluster.workloads import Workload, earlier, mapping
from selfheal.faults.fields import container_fields, pod_fields
from selfheal.faults.interface import Exact, FieldEdit, LastGood
from selfheal.incidents.record import ObjectRef

#: Settings beyond which a change of a template is a release of its own, for people to take apart.
FEW = 3
#: What may be put back: how the program is started, what it is told, and where its files come from.
WRITES = (
    *container_fields(
        "/command", "/command/*", "/args", "/args/*", "/workingDir", "/env/*", "/env/*/value", "/envFrom",
        "/env/*/valueFrom/configMapKeyRef/name", "/env/*/valueFrom/configMapKeyRef/key",
        "/env/*/valueFrom/secretKeyRef/name", "/env/*/valueFrom/secretKeyRef/key",
        "/envFrom/*/configMapRef/name", "/envFrom/*/secretRef/name", "/envFrom/*/prefix",
        "/volumeMounts", "/volumeMounts/*", "/volumeMounts/*/mountPath", "/volumeMounts/*/subPath", "/volumeMounts/*/name",
        "/volumeMounts/*/readOnly",
    ),
    *pod_fields(
        "/volumes", "/volumes/*", "/volumes/*/configMap/name", "/volumes/*/secret/secretName",
        "/volumes/*/persistentVolumeClaim/claimName", "/volumes/*/configMap/items/*/key", "/volumes/*/configMap/items/*/path",
        "/volumes/*/secret/items/*/key", "/volumes/*/secret/items/*/path", "/priorityClassName", "/runtimeClassName",
    ),
)  # fmt: skip
_IMAGE = re.compile(r"/(?:containers|initContainers)/[^/]+/image$")
#: What the API server adds beside what is written.
_FOLLOWS = re.compile(r"^/(?:priority|serviceAccount|preemptionPolicy)$")


def changes(snapshot: Snapshot, workload: Workload) -> list[dict[str, Any]]:
    """Fields with the value that they had (None: absent), as facts for a remedy; [] where too much, or an image,
    changed, or no older template is known to have worked.
    """
    older = earlier(snapshot, workload.object)
    if not older or not (older[0].proven or len(older) == 1):
        return []
    found = [
        (field, value)
        for field, value in _differing("", older[0].spec, workload.spec)
        if not _FOLLOWS.match(field)
    ]
    if not 0 < len(found) <= FEW or any(_IMAGE.search(field) for field, _ in found):
        return []
    return [
        {"field": workload.at(field), "value": value, "origin": older[0].origin} for field, value in found
    ]


def before(snapshot: Snapshot, workload: Workload, most: int) -> list[dict[str, Any]]:
    """What single settings of the pods had in the newest older template, as ``LastGood``; at most so many."""
    older = earlier(snapshot, workload.object)
    found = _differing("", older[0].spec, workload.spec) if older else iter(())
    good = [
        {"field": workload.at(field), "value": value, "origin": older[0].origin}
        for field, value in found
        if isinstance(value, str | int | bool)
    ]
    return good[:most]


def edits(ref: ObjectRef, facts: list[dict[str, Any]]) -> tuple[FieldEdit, ...]:
    """The edits that put the fields back."""
    return tuple(
        FieldEdit(ref, item["field"], Exact(None, item["origin"]), "remove")
        if item["value"] is None
        else FieldEdit(ref, item["field"], LastGood(Exact(item["value"], item["origin"])))
        for item in facts
    )


def writable(field: str) -> bool:
    """Whether a field is one of those that may be put back."""
    tokens = pointer.parts(field)
    return any(
        len(wanted := pointer.parts(pattern)) == len(tokens)
        and all(w in ("*", t) for w, t in zip(wanted, tokens, strict=True))
        for pattern in WRITES
    )


def last_good_of(facts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the facts that are earlier values."""
    return [item for item in facts if item["value"] is not None]


def _differing(at: str, old: Any, new: Any) -> Iterator[tuple[str, Any]]:
    """(field, old value) of each difference; None where the field is new."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            if key not in old:
                yield at + pointer.join(key), None
            elif key not in new:
                yield at + pointer.join(key), old[key]
            else:
                yield from _differing(at + pointer.join(key), old[key], new[key])
    elif isinstance(old, list) and isinstance(new, list) and (names := _names(old, new)) is not None:
        for name in names:
            field = at + pointer.join(f"name={name}")
            one, two = (_item(items, name) for items in (old, new))
            if one is None or two is None:
                yield field, one
            else:
                yield from _differing(field, one, two)
    elif _alike(old, new):
        for index, pair in enumerate(zip(old, new, strict=True)):
            yield from _differing(at + pointer.join(index), *pair)
    elif old != new:
        yield at, old


def _names(old: list[Any], new: list[Any]) -> list[str] | None:
    """The names of both lists' items, each once, where they have names of their own."""
    found: list[str] = []
    for items in (old, new):
        names = [str(mapping(item).get("name") or "") for item in items]
        if "" in names or len(set(names)) < len(names):
            return None
        found += [name for name in names if name not in found]
    return found


def _item(items: list[Any], name: str) -> Any:
    return next((item for item in items if item.get("name") == name), None)


def _alike(old: Any, new: Any) -> bool:
    """Whether two lists of mappings are of one length, so that their items can be compared one by one."""
    return (
        isinstance(old, list)
        and isinstance(new, list)
        and len(old) == len(new) > 0
        and all(isinstance(item, dict) for item in (*old, *new))
    )
