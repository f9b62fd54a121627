"""Patches: JSON patch, JSON merge patch, and the merge of lists by key that strategic patches and apply share."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from selfheal.sandbox.kubernetes.errors import ApiError

#: By which fields the items of a list are told apart; the first key that all items have counts.
_KEYS: dict[str, tuple[tuple[str, ...], ...]] = {
    "containers": (("name",),),
    "initContainers": (("name",),),
    "ephemeralContainers": (("name",),),
    "env": (("name",),),
    "volumes": (("name",),),
    "volumeMounts": (("mountPath",),),
    "ports": (("containerPort", "protocol"), ("port", "protocol"), ("containerPort",), ("port",)),
    "imagePullSecrets": (("name",),),
    "hostAliases": (("ip",),),
    "topologySpreadConstraints": (("topologyKey", "whenUnsatisfiable"),),
    "conditions": (("type",),),
    "ownerReferences": (("uid",),),
    "secrets": (("name",),),
    "webhooks": (("name",),),
    "taints": (("key", "effect"),),
    "addresses": (("type",),),
}
_DIRECTIVE, _ORDER, _DELETE = "$patch", "$setElementOrder/", "$deleteFromPrimitiveList/"


def list_key(field: str, *lists: Any) -> tuple[str, ...] | None:
    """The key of a list's items; None for a list that is replaced as a whole, or whose items are not told apart by it."""
    items = [item for held in lists if isinstance(held, list) for item in held]
    if not all(isinstance(item, dict) for item in items):
        return None
    for keys in _KEYS.get(field, ()):
        if all(all(key in item for key in keys) for item in items):
            for held in lists:
                names = [_name(item, keys) for item in held or ()]
                if len(set(names)) != len(names):
                    return None
            return keys
    return None


def _name(item: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(item.get(key) for key in keys)


def strategic(live: Any, patch: Any, field: str = "") -> Any:
    """A strategic merge patch applied; ``live`` is not changed."""
    if isinstance(patch, dict):
        if patch.get(_DIRECTIVE) == "replace":
            return {name: value for name, value in patch.items() if name != _DIRECTIVE}
        merged: dict[str, Any] = copy.copy(live) if isinstance(live, dict) else {}
        for name, value in patch.items():
            if name == _DIRECTIVE or name.startswith(_ORDER):
                continue
            if name.startswith(_DELETE):
                held = name[len(_DELETE) :]
                merged[held] = [item for item in merged.get(held) or () if item not in value]
            elif value is None:
                merged.pop(name, None)
            else:
                merged[name] = strategic(merged.get(name), value, name)
        return merged
    if isinstance(patch, list) and isinstance(live, list):
        plain = [item for item in patch if not (isinstance(item, dict) and _DIRECTIVE in item)]
        if any(item == {_DIRECTIVE: "replace"} for item in patch):
            return plain
        if field in ("finalizers",):
            return [*live, *(item for item in patch if item not in live)]
        keys = list_key(field, live, patch)
        if keys is None:
            return patch
        return _merge_items(live, patch, keys)
    return patch


def _merge_items(live: list[Any], patch: list[Any], keys: tuple[str, ...]) -> list[Any]:
    merged = list(live)
    for item in patch:
        places = [index for index, held in enumerate(merged) if _name(held, keys) == _name(item, keys)]
        if item.get(_DIRECTIVE) == "delete":
            merged = [held for index, held in enumerate(merged) if index not in places]
        elif places:
            merged[places[0]] = strategic(merged[places[0]], item)
        else:
            merged.append(strategic(None, item))
    return merged


def merge_patch(live: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    merged = copy.copy(live) if isinstance(live, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def apply(live: Any, before: Any, wanted: Any, field: str = "") -> Any:
    """What ``live`` becomes when a manager who applied ``before`` now applies ``wanted``.

    What it applied and does not any more goes, what others set stays, and what it applies is as it says.
    """
    if isinstance(wanted, dict):
        held = live if isinstance(live, dict) else {}
        old = before if isinstance(before, dict) else {}
        kept = {name: value for name, value in held.items() if name not in old or name in wanted}
        for name, value in wanted.items():
            kept[name] = apply(held.get(name), old.get(name), value, name)
        return kept
    if isinstance(wanted, list) and isinstance(live, list):
        earlier = before if isinstance(before, list) else []
        keys = list_key(field, live, earlier, wanted)
        if keys is None:
            return wanted
        names = {_name(item, keys) for item in wanted}
        gone = {_name(item, keys) for item in earlier} - names
        lives = {_name(item, keys): item for item in live}
        olds = {_name(item, keys): item for item in earlier}
        ours = [apply(lives.get(_name(item, keys)), olds.get(_name(item, keys)), item) for item in wanted]
        others = [item for name, item in lives.items() if name not in names and name not in gone]
        return [*ours, *others]
    return copy.deepcopy(wanted)


def json_patch(document: Any, operations: Any) -> Any:
    """RFC 6902. Raises ApiError 422 for what cannot be applied, 400 for what is no patch."""
    if not isinstance(operations, list):
        raise ApiError(400, "BadRequest", "error decoding patch: json: cannot unmarshal object into Go value")
    document = copy.deepcopy(document)
    for operation in operations:
        try:
            document = _operate(document, operation)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            text = f"the server rejected our request due to an error in our request: {error}"
            raise ApiError(422, "Invalid", text) from error
    return document


def _operate(document: Any, operation: Mapping[str, Any]) -> Any:
    name, path = operation["op"], str(operation["path"])
    if name in ("move", "copy"):
        value = copy.deepcopy(_lookup(document, str(operation["from"])))
        if name == "move":
            document = _operate(document, {"op": "remove", "path": operation["from"]})
        return _operate(document, {"op": "add", "path": path, "value": value})
    if name == "test":
        if _lookup(document, path) != operation.get("value"):
            raise ValueError(f"testing value {path} failed")
        return document
    if not path:
        return copy.deepcopy(operation["value"])
    *way, last = _steps(path)
    holder = document
    for step in way:
        holder = holder[int(step)] if isinstance(holder, list) else holder[step]
    if isinstance(holder, list):
        _operate_list(holder, name, last, operation)
    elif name == "remove":
        del holder[last]
    elif name == "replace" and last not in holder:
        raise KeyError(path)
    else:
        holder[last] = copy.deepcopy(operation["value"])
    return document


def _operate_list(holder: list[Any], name: str, last: str, operation: Mapping[str, Any]) -> None:
    if name == "add":
        index = len(holder) if last == "-" else int(last)
        if index > len(holder):
            raise IndexError(f"index {index} is out of bounds")
        holder.insert(index, copy.deepcopy(operation["value"]))
    elif name == "remove":
        del holder[int(last)]
    else:
        holder[int(last)] = copy.deepcopy(operation["value"])


def _steps(path: str) -> list[str]:
    if not path.startswith("/"):
        raise ValueError(f"JSON pointer must start with /: {path}")
    return [step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/")]


def _lookup(document: Any, path: str) -> Any:
    for step in _steps(path) if path else ():
        document = document[int(step)] if isinstance(document, list) else document[step]
    return document
