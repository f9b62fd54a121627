"""Whether git itself knows the values of a change. The record's word for them is a hint: whoever may edit the issue may edit it.

Asked by the gate, which has no cluster to ask, for the fields through which a value of somebody's choice would do harm:
images, commands, variables, configuration, and amounts beyond what a raise may be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from selfheal.cluster import pointer
from selfheal.cluster.quantity import quantity
from selfheal.config.model import Policy
from selfheal.repair import amounts, spelling
from selfheal.repair.goal import Goal

if TYPE_CHECKING:
    from selfheal.repair.plan import Derived

_AMOUNT = re.compile(r"/resources/(?:limits|requests)/[^/]+$")
_IMAGE = re.compile(r"/image$")
_TEXT = re.compile(r"/(?:command|args)(?:/[^/]+)?$|/env/[^/]+/value$|^/(?:data|stringData)/")
_WORD = re.compile(r"[\w.\-]+")
_FILES = (".yaml", ".yml", ".json", ".tpl", ".env", ".properties", ".toml", ".ini", ".conf", ".txt")


def unfounded(derived: Derived, policy: Policy) -> tuple[str, ...]:
    """Fields whose new value stands neither in the repository nor in its history, as text for people."""
    if derived.release is not None:
        # What goes back as a whole was read from git.
        return ()
    known: set[str] = set()
    objects, lines = derived.located.objects, spelling.lines_of(derived.locator.view)
    found = []
    for goal in derived.goals:
        # Where a value is said to come from is a word of the record as well, so it spares none.
        if goal.op != "set":
            continue
        if goal.held:
            found += [f"{goal.field} of {goal.object}"] if not _was(derived, goal, policy) else []
            continue
        for field, value, before in _leaves(goal):
            if not known:
                known = _words(derived)
            if (
                not _bounded(field, value, before, policy)
                and not _stands(field, value, before, known)
                and not spelling.is_mended(value, before, objects, lines)
            ):
                past = derived.history.values(goal.object, field, before)
                if not any(_alike(value, earlier) for earlier, _origin in past):
                    found.append(f"{field} of {goal.object}")
    return tuple(found)


def _was(derived: Derived, goal: Goal, policy: Policy) -> bool:
    """Whether the repository once had what a live object is said to have; that may be any field, so words elsewhere in the
    repository are not enough. A key that gets its right name keeps its value: the field has been there before.
    """
    past = [earlier for earlier, _origin in derived.history.values(goal.object, goal.field, goal.before)]
    if goal.before is None:
        return bool(past)
    return any(_alike(goal.value, earlier) for earlier in past) or _bounded(
        goal.field, goal.value, goal.before, policy
    )


def _leaves(goal: Goal) -> Iterator[tuple[str, Any, Any]]:
    """(field, value, value before) of each single value that is asked about and differs."""
    pending = [(goal.field, goal.value, goal.before)]
    while pending:
        field, value, before = pending.pop()
        if isinstance(value, dict):
            held = before if isinstance(before, dict) else {}
            pending += [(field + pointer.join(str(key)), item, held.get(key)) for key, item in value.items()]
        elif isinstance(value, list):
            old = before if isinstance(before, list) else []
            pending += [
                (
                    field + pointer.join(_name(item, number)),
                    item,
                    next(
                        (
                            other
                            for place, other in enumerate(old)
                            if _name(other, place) == _name(item, number)
                        ),
                        None,
                    ),
                )
                for number, item in enumerate(value)
            ]
        elif value != before and any(rule.search(field) for rule in (_AMOUNT, _IMAGE, _TEXT)):
            yield field, value, before


def _name(item: Any, number: int) -> str:
    return (
        f"name={item['name']}"
        if isinstance(item, dict) and isinstance(item.get("name"), str)
        else str(number)
    )


def _bounded(field: str, value: Any, before: Any, policy: Policy) -> bool:
    """Whether an amount is no more than raises may come to."""
    if not _AMOUNT.search(field):
        return False
    # As a raise begins, where nothing is set.
    start = amounts.DEFAULTS.get(pointer.parts(field)[-1]) if before is None else before
    now, was = quantity(value), quantity(start)
    return now is not None and was is not None and float(now) <= float(was) * policy.raise_total


def _stands(field: str, value: Any, before: Any, known: set[str]) -> bool:
    """Whether the repository names what the value is made of: a host, a tag, a word of a command."""
    if _AMOUNT.search(field):
        return False
    words = set(_WORD.findall(str(value)))
    if _IMAGE.search(field):
        same = str(value).rpartition(":")[0] == str(before).rpartition(":")[0]
        return same and words <= known
    return words <= known | set(_WORD.findall(str(before)))


def _words(derived: Derived) -> set[str]:
    view = derived.locator.view
    files = view.read_many(path for path in view.files() if path.lower().endswith(_FILES))
    return {word for data in files.values() for word in _WORD.findall(data.decode("utf-8", "replace"))}


def _alike(value: Any, other: Any) -> bool:
    return bool(value == other) or str(value).strip() == str(other).strip()
