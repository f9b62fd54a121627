"""The render contract: what changes in the rendered objects is exactly the remedy, and nothing beside it.

What varies from one rendering to the next is left out and listed. Two consequences are followed: a ConfigMap or
Secret that a generator names by its content gets another name, and a checksum annotation of a pod template follows
the ConfigMap it sums up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.generated import generated_name
from selfheal.errors import Refused
from selfheal.incidents.record import ObjectRef, RenderedChange
from selfheal.repair.edits.data import same, with_removed, with_set
from selfheal.repair.edits.nodes import EditRefused
from selfheal.repair.goal import Along, Goal, Move, merged
from selfheal.repair.objects import Object, is_hook, ref

_CHECKSUM = re.compile(r"checksum|hash|sha256|config-?version", re.IGNORECASE)
_SUM = re.compile(r"^[0-9a-f]{8,128}$")
#: Parts of pods that mean nothing when they are empty; elsewhere an empty mapping may be all that is meant.
_EMPTY_IS_ABSENT = frozenset(
    {"tolerations", "volumes", "volumeMounts", "env", "envFrom", "args", "nodeSelector", "affinity", "nodeAffinity", "podAffinity",
     "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution",
     "topologySpreadConstraints", "imagePullSecrets", "initContainers", "securityContext", "resources", "limits", "requests",
     "annotations"}
)  # fmt: skip
_ABSENT = object()


class ContractBroken(Refused):
    """The edit does not render to exactly the remedy."""

    code = "contract-broken"


@dataclass(frozen=True)
class Proven:
    """What the edit does: the remedy's own changes, what follows from them, and what varies by itself."""

    changes: tuple[RenderedChange, ...]
    consequences: tuple[RenderedChange, ...]
    varying: tuple[str, ...]


def prove(
    before: Sequence[Object],
    after: Sequence[Object],
    goals: Iterable[Goal],
    *,
    namespace: str = "",
    varying: frozenset[tuple[ObjectRef, str]] = frozenset(),
) -> Proven:
    """Compares two renderings. Raises ContractBroken naming the first thing that is not as intended."""
    goals = tuple(goals)
    old, new = _index(before, namespace), _index(after, namespace)
    renamed = _renamed(old, new)
    new = _under_old_names(new, renamed)
    wanted = dict(old)
    removed = {goal.object for goal in goals if goal.op == "remove" and not goal.field}
    for goal in merged(goals):
        if goal.object in removed:
            wanted.pop(goal.object, None)
            continue
        if goal.object not in wanted:
            raise ContractBroken(f"{goal.object} is not rendered here.")
        expected = _pruned(intended(wanted[goal.object], goal), new.get(goal.object), goal)
        wanted[goal.object] = _in_order(expected, new.get(goal.object), goal)
    along = [item for goal in goals for item in goal.along if _came_along(item, wanted, new)]
    for item in along:
        reached = Goal(item.object, item.field, "set", item.value, None, item.origin)
        wanted[item.object] = intended(wanted[item.object], reached)
    if wanted.keys() != new.keys():
        odd = sorted(str(key) for key in wanted.keys() ^ new.keys())
        raise ContractBroken(f"The edit adds or removes {', '.join(odd[:3])}.")
    consequences: list[RenderedChange] = []
    # A sum follows whatever of a ConfigMap changes, also what is itself a consequence.
    sums = any(key.kind in ("ConfigMap", "Secret") and not same(old[key], new[key]) for key in wanted)
    for key, expected in wanted.items():
        for field, was, now in changed_fields(expected, new[key]):
            if (key, field) in varying:
                continue
            if sums and is_checksum(field, was, now):
                consequences.append(RenderedChange(object=key, field=field, before=was, after=now))
                continue
            if is_version(field, was, now, goals):
                consequences.append(RenderedChange(object=key, field=field, before=was, after=now))
                continue
            raise ContractBroken(f"The edit leaves {key} with {field or 'other content'} = {_short(now)}.")
    consequences += [
        RenderedChange(object=key, field="/metadata/name", before=key.name, after=other.name)
        for other, key in renamed.items()
        if other != key
    ]
    told = [_told(goal) for goal in goals]
    told += [
        RenderedChange(
            object=item.object, field=item.field, after=item.value, origin=item.origin,
            before=pointer.resolve(old[item.object], item.field, None),
        )
        for item in along
    ]  # fmt: skip
    return Proven(
        tuple(told),
        tuple(consequences),
        tuple(f"{key} {field}" for key, field in sorted(varying, key=str)),
    )


def _came_along(item: Along, wanted: dict[ObjectRef, Object], new: dict[ObjectRef, Object]) -> bool:
    if item.object not in wanted or item.object not in new:
        return False
    was, now = (pointer.resolve(objects[item.object], item.field, None) for objects in (wanted, new))
    return was is not None and same(now, item.value) and not same(was, now)


def aligned(
    before: Sequence[Object], after: Sequence[Object], namespace: str = ""
) -> tuple[dict[ObjectRef, Object], dict[ObjectRef, Object]]:
    """Both renderings by name, generated objects under the name they had before."""
    old, new = _index(before, namespace), _index(after, namespace)
    return old, _under_old_names(new, _renamed(old, new))


def varies(
    first: Sequence[Object], second: Sequence[Object], namespace: str = ""
) -> frozenset[tuple[ObjectRef, str]]:
    """Fields that differ between two renderings of the same files."""
    one, two = _index(first, namespace), _index(second, namespace)
    if one.keys() != two.keys():
        raise ContractBroken(
            "The same files render to different objects each time, so nothing can be proven."
        )
    return frozenset((key, field) for key in one for field, _, _ in changed_fields(one[key], two[key]))


def intended(obj: Object, goal: Goal) -> Object:
    """The object with the goal reached. Raises ContractBroken when it cannot be."""
    try:
        if isinstance(goal, Move):
            return _moved(obj, goal)
        done = with_removed(obj, goal.path) if goal.op == "remove" else with_set(obj, goal.path, goal.value)
    except EditRefused as error:
        raise ContractBroken(f"{goal.object} has no place {goal.field}: {error.message}") from error
    assert isinstance(done, dict)  # noqa: S101 - an object stays an object
    return done


def _in_order(expected: Object, got: Object | None, goal: Goal) -> Object:
    """The named items of the list that the goal is about, in the order in which they are rendered.

    A chart that makes a list out of a map sorts it. The order counts only where a variable is made of earlier ones.
    """
    if got is None or not goal.path or not goal.path[-1].startswith("name="):
        return expected
    where = pointer.join(*goal.path[:-1])
    items, rendered = (pointer.resolve(obj, where, None) for obj in (expected, got))
    names = _names(rendered)
    if names is None or (own := _names(items)) is None or sorted(own) != sorted(names):
        return expected
    if any("$(" in str(item.get("value", "")) for item in items):
        return expected
    by_name = dict(zip(own, items, strict=True))
    done = with_set(expected, goal.path[:-1], [by_name[name] for name in names])
    assert isinstance(done, dict)  # noqa: S101 - an object stays an object
    return done


def _pruned(expected: Object, got: Object | None, goal: Goal) -> Object:
    """Without what a removal left empty, where that is not rendered at all and means the same as being absent."""
    path = goal.path[:-1]
    while (
        goal.op == "remove"
        and path
        and path[-1] in _EMPTY_IS_ABSENT
        and pointer.resolve(expected, path, _ABSENT) in ({}, [])
        and pointer.resolve(got, path, _ABSENT) is _ABSENT
    ):
        done = with_removed(expected, path)
        assert isinstance(done, dict)  # noqa: S101 - an object stays an object
        expected, path = done, path[:-1]
    return expected


def _names(items: Any) -> list[str] | None:
    """The names of a list's items where each has one of its own."""
    if not isinstance(items, list) or not all(isinstance(item, dict) and "name" in item for item in items):
        return None
    names = [str(item["name"]) for item in items]
    return names if len(set(names)) == len(names) else None


def _moved(obj: Object, goal: Move) -> Object:
    """The object with a value under its new name; a list item keeps its place."""
    if goal.path[-1].startswith("name="):
        done = with_set(obj, (*goal.path, "name"), str(goal.value).removeprefix("name="))
    else:
        done = with_set(with_removed(obj, goal.path), (*goal.path[:-1], str(goal.value)), goal.before)
    assert isinstance(done, dict)  # noqa: S101 - an object stays an object
    return done


def _told(goal: Goal) -> RenderedChange:
    after = None if goal.op == "remove" else goal.value
    return RenderedChange(
        object=goal.object, field=goal.field, before=goal.before, after=after, origin=goal.origin
    )


def _index(objects: Iterable[Object], namespace: str) -> dict[ObjectRef, Object]:
    found: dict[ObjectRef, Object] = {}
    for obj in objects:
        if is_hook(obj):
            continue
        key = ref(obj, namespace)
        if key in found and not same(found[key], obj):
            raise ContractBroken(f"{key} is rendered twice.")
        found[key] = obj
    return found


def _renamed(old: dict[ObjectRef, Object], new: dict[ObjectRef, Object]) -> dict[ObjectRef, ObjectRef]:
    """New name -> old name, for generated objects whose name follows their content."""
    gone, come = [key for key in old if key not in new], [key for key in new if key not in old]
    found: dict[ObjectRef, ObjectRef] = {}
    for key in come:
        base = generated_name(key.name)
        if key.kind not in ("ConfigMap", "Secret") or not base:
            continue
        twins = [
            other
            for other in gone
            if other.kind == key.kind
            and other.namespace == key.namespace
            and generated_name(other.name) == base
        ]
        if len(twins) == 1:
            found[key] = twins[0]
    return found


def _under_old_names(
    new: dict[ObjectRef, Object], renamed: dict[ObjectRef, ObjectRef]
) -> dict[ObjectRef, Object]:
    return {renamed.get(key, key): _with_old_names(obj, renamed) for key, obj in new.items()}


def _with_old_names(obj: Any, renamed: dict[ObjectRef, ObjectRef]) -> Any:
    names = {new.name: old.name for new, old in renamed.items()}
    return _replaced(obj, names) if names else obj


def _replaced(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value


def changed_fields(old: Any, new: Any, at: str = "") -> list[tuple[str, Any, Any]]:
    """(pointer, old, new) for every difference; None stands for what is absent."""
    if isinstance(old, dict) and isinstance(new, dict):
        found = []
        for key in [*old, *(key for key in new if key not in old)]:
            left, right = old.get(key, _ABSENT), new.get(key, _ABSENT)
            if left is _ABSENT or right is _ABSENT:
                found.append((at + pointer.join(key), _or_none(left), _or_none(right)))
            else:
                found += changed_fields(left, right, at + pointer.join(key))
        return found
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [
            item
            for index, pair in enumerate(zip(old, new, strict=True))
            for item in changed_fields(*pair, at + pointer.join(index))
        ]
    return [] if same(old, new) else [(at, old, new)]


def _or_none(value: Any) -> Any:
    return None if value is _ABSENT else value


def is_checksum(field: str, was: Any, now: Any) -> bool:
    """Whether a field is a pod annotation that sums up another object, before and after."""
    parts = pointer.parts(field)
    return (
        len(parts) > 2
        and parts[-3:-1] == ("metadata", "annotations")
        and parts[0] == "spec"
        and bool(_CHECKSUM.search(parts[-1]))
        and all(isinstance(item, str) and bool(_SUM.match(item)) for item in (was, now))
    )


def is_version(field: str, was: Any, now: Any, goals: Iterable[Goal]) -> bool:
    """Whether a label or annotation tells the tag of an image, before and after: charts write it on all that they make.

    A selector that asks for it would differ too, and that is no consequence.
    """
    parts = pointer.parts(field)
    if len(parts) < 3 or parts[-3] != "metadata" or parts[-2] not in ("labels", "annotations"):
        return False
    return any(
        goal.path[-1:] == ("image",) and (was, now) == (_tag(goal.before), _tag(goal.value)) for goal in goals
    )


def _tag(image: Any) -> str | None:
    """The tag of an image reference; None without one."""
    name, colon, tag = str(image).partition("@")[0].rpartition(":")
    return tag if colon and name and "/" not in tag else None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "…"
