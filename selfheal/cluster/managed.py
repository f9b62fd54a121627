"""Who wrote a field last, as the API server keeps it in ``metadata.managedFields`` (FieldsV1 of server-side apply).

Every write is kept with its manager (``kubectl-edit``, ``argocd-controller``, ``helm``), the time, and the fields it set. Dumps
mostly come without it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, metadata

#: Where it stands.
MANAGED = "/metadata/managedFields"


@dataclass(frozen=True)
class Writer:
    """``index`` is the entry's place in managedFields; ``at`` a Kubernetes timestamp, "" where none is kept."""

    manager: str
    at: str
    index: int


def last_writer(obj: Object, field: str) -> Writer | None:
    """Who wrote the field last; of several that own it the newest. None when nobody is known to.

    ``field`` is a pointer as in evidence. Whatever stands in managedFields is read without an error.
    """
    tokens = pointer.parts(field)
    found = [
        Writer(str(entry.get("manager") or ""), str(entry.get("time") or ""), index)
        for index, entry in _entries(obj)
        if tokens and _owns(entry.get("fieldsV1"), tokens, obj)
    ]
    return max(found, key=lambda item: (item.at, item.index), default=None)


def _entries(obj: Object) -> Iterator[tuple[int, Mapping[str, Any]]]:
    held = metadata(obj).get("managedFields")
    for index, entry in enumerate(held if isinstance(held, list) else ()):
        if isinstance(entry, Mapping) and entry.get("manager") and not entry.get("subresource"):
            yield index, entry


def _owns(fields: Any, tokens: tuple[str, ...], value: Any) -> bool:
    for token in tokens:
        if not isinstance(fields, Mapping):
            return False
        child = pointer.step(value, token)
        inner = fields.get(_key(fields, token, child) if isinstance(value, list) else f"f:{token}")
        if inner is None:
            return False
        if inner == {}:
            # What is written as a whole is owned with all that is in it.
            return True
        fields, value = inner, child
    return True


def _key(fields: Mapping[str, Any], token: str, element: Any) -> str:
    """How the element of a list is called among the fields: by its keys, its value, or its place."""
    for name in fields:
        kind, _colon, text = str(name).partition(":")
        if kind not in ("k", "v"):
            continue
        try:
            told = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if kind == "v" and told == element and type(told) is type(element):
            return str(name)
        named = isinstance(told, dict) and isinstance(element, dict)
        if kind == "k" and named and all(element.get(key) == held for key, held in told.items()):
            return str(name)
    return f"i:{token}"
