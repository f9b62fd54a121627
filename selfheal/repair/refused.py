"""Which of the live object's values a refused version is to get back: those at which the repository says something else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.quantity import quantity
from selfheal.errors import NeedsPerson
from selfheal.faults.interface import FieldEdit, LastGood, Remedy, Taken
from selfheal.faults.nearness import nearest
from selfheal.faults.neighbourhood import AMOUNT
from selfheal.repair.history import History
from selfheal.repair.locate import Located
from selfheal.repair.objects import Object, alike

_ABSENT = object()


def refused_only(remedy: Remedy, located: Located, history: History) -> Remedy:
    """The remedy with only those edits of what was taken that change something; any other remedy as it is.

    Raises NeedsPerson where nothing that the live object has differs from the repository.
    """
    taken = [edit for edit in remedy.edits if isinstance(edit.value, Taken)]
    if not taken:
        return remedy
    known = frozenset(edit.field for edit in taken)
    renamed = {edit.field: _renamed(edit, located.object(edit.object), known) for edit in taken}
    found = [
        edit for edit in taken if not renamed[edit.field] and _differs(edit, located.object(edit.object))
    ]
    first = [edit for edit in found if not (isinstance(edit.value, Taken) and edit.value.beside)]
    chosen = [part for parts in renamed.values() for part in parts]
    chosen += first if first or chosen else found
    if not chosen:
        edit = FieldEdit(taken[0].object, taken[0].field, LastGood())
        written = pointer.resolve(located.object(edit.object), edit.field, None)
        if next(history.values(edit.object, edit.field, written), None) is not None:
            chosen = [edit]
    if not chosen and all(isinstance(edit.value, Taken) and edit.value.value is None for edit in taken):
        raise NeedsPerson(
            f"{remedy.reason} Neither the cluster nor git knows a value that was taken.",
            hint="A person has to choose it.",
            code="no-value",
        )
    if not chosen:
        raise NeedsPerson(
            f"{remedy.reason} Nothing that {taken[0].object} has in the cluster at the refused field differs from {located.unit}.",
            hint="A person has to see what was applied, and whether the repository was mended since.",
            code="no-value",
        )
    if len(taken) > 1 and any(
        edit.field.endswith("/image") and pointer.exists(located.object(edit.object), edit.field)
        for edit in chosen
    ):
        raise NeedsPerson(
            f"{remedy.reason} It is a release with another image, which is not gone back on for that.",
            hint="A person has to delete the object before it is deployed, or to give the new one a name of its own.",
            code="no-value",
        )
    return replace(remedy, edits=tuple(chosen))


def _renamed(edit: FieldEdit, obj: Object | None, known: frozenset[str]) -> Sequence[FieldEdit]:
    """The edits that give a misspelt key the name of the field that is meant, keeping its value; () where there is none.

    The server told the key, or it is the one beside the missing field that is like it, has the value that was taken, and
    is no field of the live object.
    """
    assert isinstance(edit.value, Taken)  # noqa: S101 - as they were picked
    if pointer.resolve(obj, edit.field, None) is not None:
        return ()
    wrong = edit.value.instead or _misspelt(edit, obj, known)
    value = pointer.resolve(obj, wrong, None) if wrong else None
    if value is None:
        return ()
    return (
        FieldEdit(edit.object, wrong, Taken(None, edit.value.origin), "remove"),
        FieldEdit(edit.object, edit.field, Taken(value, edit.value.origin)),
    )


def _misspelt(edit: FieldEdit, obj: Object | None, known: frozenset[str]) -> str:
    assert isinstance(edit.value, Taken)  # noqa: S101 - as they were picked
    *above, key = pointer.parts(edit.field) or ("",)
    parent = pointer.resolve(obj, above, None)
    if not isinstance(parent, dict) or edit.value.value is None:
        return ""
    base = pointer.join(*above)
    like = [
        base + pointer.join(other)
        for other, value in parent.items()
        if isinstance(other, str)
        and alike(value, edit.value.value)
        and nearest(other, [key]) is not None
        and base + pointer.join(other) not in known
    ]
    return like[0] if len(like) == 1 else ""


def _differs(edit: FieldEdit, obj: Object | None) -> bool:
    assert isinstance(edit.value, Taken)  # noqa: S101 - as they were picked
    if edit.value.value is None:
        return False
    written = pointer.resolve(obj, edit.field, _ABSENT)
    if written is _ABSENT or written is None:
        # What Kubernetes fills in by itself is in no repository.
        above = pointer.resolve(obj, edit.field.rpartition("/")[0], None)
        return edit.value.required and above is not None and _same_items(edit.value, obj)
    mistyped = _mistyped(edit.field, written, edit.value.value)
    if not mistyped and (edit.value.mistyped or alike(written, edit.value.value)):
        return False
    return _same_items(edit.value, obj) and not _shifted(edit, obj)


def _mistyped(field: str, written: Any, taken: Any) -> bool:
    """Whether a value is not of the type that was taken. An amount may be a number or a text, which has a unit."""
    if AMOUNT.search(field):
        return quantity(written) is None
    return any(isinstance(written, kind) != isinstance(taken, kind) for kind in (str, bool, dict, list))


def _same_items(taken: Taken, obj: Object | None) -> bool:
    """Whether positions in lists mean the same items: nothing else that is written of them differs."""
    for field, value in taken.same:
        written = pointer.resolve(obj, field, _ABSENT)
        if written is not _ABSENT and not alike(written, value):
            return False
    return True


def _shifted(edit: FieldEdit, obj: Object | None) -> bool:
    """Whether a named item only stands at another place: its name is there already."""
    assert isinstance(edit.value, Taken)  # noqa: S101 - as they were picked
    tokens = pointer.parts(edit.field)
    if tokens[-1] != "name" or len(tokens) < 3 or not tokens[-2].isdecimal() or tokens[-3] == "volumeMounts":
        return False
    items: Any = pointer.resolve(obj, tokens[:-2], None)
    return isinstance(items, list) and any(
        isinstance(item, dict) and item.get("name") == edit.value.value for item in items
    )
