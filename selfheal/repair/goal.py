"""What is to become of one field of one rendered object: a remedy's edit with its value decided."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from selfheal.cluster import pointer
from selfheal.incidents.record import ObjectRef
from selfheal.repair.edits.data import same


@dataclass(frozen=True)
class Goal:
    """``before`` is what the field renders to now (None when it is absent); ``origin`` cites where the value stands."""

    object: ObjectRef
    field: str
    op: Literal["set", "remove"]
    value: Any
    before: Any
    origin: str

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
