"""Reading and making Kubernetes objects as plain JSON values."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Object = dict[str, Any]


class Key(NamedTuple):
    """Which object: ``namespace`` is "" for cluster-scoped kinds."""

    kind: str
    namespace: str
    name: str


def key_of(obj: Mapping[str, Any]) -> Key:
    meta = obj["metadata"]
    return Key(str(obj["kind"]), str(meta.get("namespace") or ""), str(meta["name"]))


def dig(value: Any, *path: str | int, default: Any = None) -> Any:
    """The value at ``path``, ``default`` where something on the way is absent or null."""
    for step in path:
        if isinstance(value, Mapping) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return default
    return default if value is None else value


def entries(value: Any, *path: str | int) -> list[Object]:
    """The list of mappings at ``path``, empty where there is none."""
    found = dig(value, *path, default=[])
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def labels_of(obj: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in dig(obj, "metadata", "labels", default={}).items()}


def annotations_of(obj: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in dig(obj, "metadata", "annotations", default={}).items()}


def copied(obj: Object) -> Object:
    """A copy to change. What the store holds is never changed in place."""
    return copy.deepcopy(obj)


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def controller_of(obj: Mapping[str, Any]) -> Object | None:
    """The owner reference with ``controller: true``."""
    return next((ref for ref in entries(obj, "metadata", "ownerReferences") if ref.get("controller")), None)


def owner_reference(owner: Mapping[str, Any]) -> Object:
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def owned(objects: Iterable[Object], owner: Mapping[str, Any]) -> list[Object]:
    """Those that ``owner`` controls."""
    uid = owner["metadata"]["uid"]
    return [obj for obj in objects if (controller_of(obj) or {}).get("uid") == uid]


#: Kubernetes names generated parts from letters that cannot make words.
SAFE = "bcdfghjklmnpqrstvwxz2456789"


def template_hash(template: Any) -> str:
    """A short hash of a pod template in the alphabet of the ``pod-template-hash`` label."""
    number = int.from_bytes(hashlib.sha256(canonical(template).encode()).digest()[:4], "big")
    return "".join(SAFE[ord(digit) % len(SAFE)] for digit in str(number))


def condition(obj: Mapping[str, Any], kind: str) -> Object | None:
    return next((item for item in entries(obj, "status", "conditions") if item.get("type") == kind), None)


def is_true(obj: Mapping[str, Any], kind: str) -> bool:
    return (condition(obj, kind) or {}).get("status") == "True"


def terminating(obj: Mapping[str, Any]) -> bool:
    return bool(dig(obj, "metadata", "deletionTimestamp"))


def finished(pod: Mapping[str, Any]) -> bool:
    return dig(pod, "status", "phase") in ("Succeeded", "Failed")


def active(pod: Mapping[str, Any]) -> bool:
    """Whether a controller counts the pod: neither finished nor on its way out."""
    return not finished(pod) and not terminating(pod)
