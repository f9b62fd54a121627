"""The fields in which two states of an object differ, by pointers that name list items instead of counting them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from selfheal.cluster import pointer
from selfheal.repair.edits.data import same

#: Stands for what is not there; None is a value.
ABSENT = object()


def differing(old: Any, new: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[str, Any, Any]]:
    """(pointer, old, new) from ``old`` to ``new``; ABSENT where one of them has nothing.

    A list is one value where its items have no names of their own and their number differs, or where their order does.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _pair(old.get(key, ABSENT), new.get(key, ABSENT), (*at, key))
    elif isinstance(old, list) and isinstance(new, list) and (pairs := _paired(old, new)) is not None:
        for token, left, right in pairs:
            yield from _pair(left, right, (*at, token))
    elif not same(old, new):
        yield pointer.join(*at), old, new


def _pair(old: Any, new: Any, at: tuple[str, ...]) -> Iterator[tuple[str, Any, Any]]:
    if old is ABSENT or new is ABSENT:
        yield pointer.join(*at), old, new
    else:
        yield from differing(old, new, at)


def _paired(old: list[Any], new: list[Any]) -> list[tuple[str, Any, Any]] | None:
    """Items that belong together, with the token that names each; None when they cannot be told apart."""
    before, after = _named(old), _named(new)
    if before is not None and after is not None:
        kept = [name for name in before if name in after]
        # A new item is set at the end of its list; one that stood between others is no such thing.
        if [*kept, *(name for name in after if name not in before)] != list(after):
            return None
        return [
            *((f"name={name}", before[name], after.get(name, ABSENT)) for name in before),
            *((f"name={name}", ABSENT, after[name]) for name in after if name not in before),
        ]
    if len(old) == len(new):
        return [(str(index), *pair) for index, pair in enumerate(zip(old, new, strict=True))]
    return None


def _named(items: list[Any]) -> dict[str, Any] | None:
    if not items or not all(isinstance(item, dict) and isinstance(item.get("name"), str) for item in items):
        return None
    found = {item["name"]: item for item in items}
    return found if len(found) == len(items) else None
