"""What is to become of one field of one rendered object: a remedy's edit with its value decided."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from selfheal.cluster import pointer
from selfheal.incidents.record import ObjectRef
from selfheal.repair.edits.data import same


@dataclass(frozen=True)
class Along:
    """What an edit may bring about besides: another setting of an object with the fault gets back what it was."""

    object: ObjectRef
    field: str
    value: Any
    origin: str


@dataclass(frozen=True)
class Goal:
    """``before`` is what the field renders to now (None when it is absent); ``origin`` cites where the value stands.

    ``raised``: the value is a bounded raise, which nobody had before. ``along``: see there. ``held``: the live object has
    the value already, since it never took the other one.
    """

    object: ObjectRef
    field: str
    op: Literal["set", "remove"]
    value: Any
    before: Any
    origin: str
    raised: bool = False
    along: tuple[Along, ...] = ()
    held: bool = False

    @property
    def path(self) -> tuple[str, ...]:
        """The field as tokens."""
        return pointer.parts(self.field)


def permitted(field: str, patterns: Iterable[str]) -> bool:
    """Whether a field matches one of the pointers that a fault may write (``*`` stands for one token, ``**`` at
    the end for one or more).
    """
    tokens = pointer.parts(field)
    for pattern in patterns:
        wanted = pointer.parts(pattern)
        if wanted[-1:] == ("**",) and len(tokens) >= len(wanted):
            wanted = (*wanted[:-1], *("*" for _ in tokens[len(wanted) - 1 :]))
        if len(wanted) == len(tokens) and all(w in ("*", t) for w, t in zip(wanted, tokens, strict=True)):
            return True
    return False


def unpermitted(goals: Sequence[Goal], patterns: Sequence[str]) -> list[str]:
    """The fields of goals that a fault may not write. A misspelt key, which is no field, goes with the field that is meant
    by it.
    """
    meant = {
        (goal.object, goal.path[:-1]): goal.field
        for goal in goals
        if goal.held and goal.op == "set" and goal.before is None
    }
    fields = [
        meant.get((goal.object, goal.path[:-1]), goal.field)
        if goal.held and goal.op == "remove"
        else goal.field
        for goal in goals
    ]
    return [field for field in dict.fromkeys(fields) if not permitted(field, patterns)]


class Move(Goal):
    """Two goals that are one: a value that keeps its content and gets another name. ``field`` is the old place."""


def merged(goals: Sequence[Goal]) -> list[Goal]:
    """The goals, with a set and a remove of the same value beside each other joined into a move."""
    rest = list(goals)
    found: list[Goal] = []
    for goal in goals:
        if goal.op != "set" or goal.before is not None or goal not in rest:
            continue
        for other in rest:
            if _renames(other, goal):
                rest.remove(goal)
                rest.remove(other)
                found.append(Move(goal.object, other.field, "set", goal.path[-1], other.before, goal.origin))
                break
    return [*found, *rest]


def _renames(gone: Goal, come: Goal) -> bool:
    return (
        gone.op == "remove"
        and gone.object == come.object
        and len(gone.path) > 1
        and gone.path[:-1] == come.path[:-1]
        and same(_unnamed(gone, gone.before), _unnamed(come, come.value))
    )


def _unnamed(goal: Goal, value: object) -> object:
    """A named list item without its name, which the move changes."""
    if goal.path[-1].startswith("name=") and isinstance(value, dict):
        return {key: item for key, item in value.items() if key != "name"}
    return value


def narrowed(goals: Iterable[Goal]) -> list[Goal]:
    """The same goals, each for the single values in which a mapping or list differs, where it keeps its shape.

    What differs nowhere is then not written anew, and keeps its comments and its place.
    """
    return [part for goal in goals for part in _parts(goal)]


def _parts(goal: Goal) -> list[Goal]:
    if goal.op != "set" or isinstance(goal, Move):
        return [goal]
    found: list[tuple[tuple[str, ...], Any, Any]] = []
    if not _differing((), goal.before, goal.value, found) or not found or found[0][0] == ():
        return [goal]
    return [
        replace(goal, field=goal.field + pointer.join(*path), value=value, before=before)
        for path, before, value in found
    ]


def _differing(
    at: tuple[str, ...], old: Any, new: Any, found: list[tuple[tuple[str, ...], Any, Any]]
) -> bool:
    """Collects (path, old, new) of single values; False where the shapes differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(
            _differing((*at, key), old[key], new[key], found) for key in old
        )
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(
            _differing((*at, _token(index, a, b)), a, b, found)
            for index, (a, b) in enumerate(zip(old, new, strict=True))
        )
    if isinstance(old, dict | list) or isinstance(new, dict | list) or old is None:
        return False
    if not same(old, new):
        found.append((at, old, new))
    return True


def _token(index: int, old: Any, new: Any) -> str:
    names = [item.get("name") if isinstance(item, dict) else None for item in (old, new)]
    return f"name={names[0]}" if names[0] is not None and names[0] == names[1] else str(index)
