"""The same operations on plain values: what a document must be after an edit, to prove the edit by."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from selfheal.cluster import pointer
from selfheal.repair.edits.nodes import EditRefused

_ABSENT = object()


def wrapped(token: str, value: Any) -> Any:
    """``value`` below a key or list item that does not exist yet."""
    if token.startswith("name="):
        if not isinstance(value, dict):
            raise EditRefused(f"A list item {token} must be a mapping.")
        return [{"name": token.removeprefix("name="), **value}]
    if token in ("0", "-"):
        return [value]
    return {token: value}


def same(left: Any, right: Any) -> bool:
    """Equality that keeps numbers, booleans and texts apart, and looks at the order of keys nowhere."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    return type(left) is type(right) and bool(left == right)


def with_set(document: Any, path: Sequence[str], value: Any) -> Any:
    """A copy of ``document`` with ``path`` set, as :meth:`Text.set` means it. Raises EditRefused."""
    if not path:
        return copy.deepcopy(value)
    token, rest = path[0], path[1:]
    if isinstance(document, dict):
        return {**document, token: with_set(document.get(token), rest, value)}
    if isinstance(document, list):
        found = pointer.step(document, token, _ABSENT)
        if found is not _ABSENT:
            index = next(i for i in range(len(document) - 1, -1, -1) if document[i] is found)
            if not token.startswith("name="):
                index = int(token)
            return [*document[:index], with_set(found, rest, value), *document[index + 1 :]]
        fresh = with_set(None, rest, value)
        if token.startswith("name=") and isinstance(fresh, dict):
            return [*document, {"name": token.removeprefix("name="), **fresh}]
        if token in (str(len(document)), "-"):
            return [*document, fresh]
        raise EditRefused(f"There is no list item {token}.")
    if document is None:
        return wrapped(token, with_set(None, rest, value))
    raise EditRefused(f"Nothing can be set below the value {str(document)[:60]!r}.")


def with_removed(document: Any, path: Sequence[str]) -> Any:
    """A copy of ``document`` without what ``path`` names. Raises EditRefused when it is not there."""
    token, rest = path[0], path[1:]
    found = pointer.step(document, token, _ABSENT)
    if found is _ABSENT:
        raise EditRefused(f"{pointer.join(*path)} is not there.")
    if isinstance(document, dict):
        if not rest:
            return {key: item for key, item in document.items() if key != token}
        return {**document, token: with_removed(found, rest)}
    index = next(i for i in range(len(document) - 1, -1, -1) if document[i] is found)
    if not token.startswith("name="):
        index = int(token)
    if not rest:
        return [*document[:index], *document[index + 1 :]]
    return [*document[:index], with_removed(found, rest), *document[index + 1 :]]
