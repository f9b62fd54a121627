"""Rendered Kubernetes objects: reading them out of text, naming them, comparing them with live ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.kinds import BY_KIND
from selfheal.cluster.quantity import quantity
from selfheal.incidents.record import ObjectRef
from selfheal.repair.edits.nodes import parse, value_of

Object = dict[str, Any]
_SEPARATOR = re.compile(r"^---(?:[ \t].*)?\r?$", re.MULTILINE)


def documents(text: str) -> list[str]:
    """The texts of the documents of rendered output (one ``---`` line between two)."""
    return [part for part in _SEPARATOR.split(text) if part.strip()]


def load(text: str) -> list[Object]:
    """The objects in a text, Lists flattened. Raises EditRefused for what is no YAML."""
    return [obj for root in parse(text) for obj in flattened(value_of(root))]


def flattened(value: Any) -> Iterator[Object]:
    """An object, or the items of a List; anything without a kind is left out."""
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        return
    items = value.get("items")
    if value["kind"].endswith("List") and isinstance(items, list):
        for item in items:
            yield from flattened(item)
    elif isinstance(value.get("metadata"), dict):
        yield value


def namespaced(kind: str) -> bool:
    """Whether objects of that kind live in a namespace; kinds that are not known are taken to."""
    entry = BY_KIND.get(kind)
    return entry.namespaced if entry else kind not in _CLUSTER_SCOPED


_CLUSTER_SCOPED = frozenset(
    {
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "PriorityClass",
        "APIService",
        "RuntimeClass",
    }
)


def ref(obj: Object, namespace: str = "") -> ObjectRef:
    """An object's name; ``namespace`` counts where the object names none itself."""
    meta = obj.get("metadata")
    meta = meta if isinstance(meta, dict) else {}
    kind = str(obj.get("kind", ""))
    own = str(meta.get("namespace") or namespace) if namespaced(kind) else ""
    return ObjectRef(kind=kind, namespace=own, name=str(meta.get("name", "")))


def is_hook(obj: Object) -> bool:
    """Whether a rendered object is a Helm hook or test, which no sync applies as it stands."""
    annotations = pointer.resolve(obj, "/metadata/annotations", {})
    return isinstance(annotations, dict) and "helm.sh/hook" in annotations


def alike(left: Any, right: Any) -> bool:
    """Whether a written and a live value mean the same: quantities by amount, numbers also as text."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(alike(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(alike(a, b) for a, b in zip(left, right, strict=True))
    if left == right and isinstance(left, bool) == isinstance(right, bool):
        return True
    if isinstance(left, dict | list | bool | None) or isinstance(right, dict | list | bool | None):
        return left in ({}, [], None) and right in ({}, [], None)
    amount = quantity(left)
    return amount is not None and amount == quantity(right)


def differences(written: Any, live: Any, at: str = "") -> Iterator[str]:
    """Pointers at which a live object does not have what is written; what only the live one has does not count."""
    if isinstance(written, dict):
        if not isinstance(live, dict):
            if written:
                yield at
            return
        for key, value in written.items():
            if value is not None:
                yield from differences(value, live.get(key), at + pointer.join(key))
    elif isinstance(written, list) and written and all(isinstance(i, dict) and "name" in i for i in written):
        for item in written:
            token = f"name={item['name']}"
            yield from differences(item, pointer.step(live, token), at + pointer.join(token))
    elif isinstance(written, list) and isinstance(live, list) and len(written) == len(live):
        for index, (old, new) in enumerate(zip(written, live, strict=True)):
            yield from differences(old, new, at + pointer.join(index))
    elif not alike(written, live):
        yield at


def leaves(value: Any) -> int:
    """How many single values an object holds."""
    if isinstance(value, dict):
        return sum(leaves(item) for item in value.values())
    if isinstance(value, list):
        return sum(leaves(item) for item in value)
    return 1
