"""Whether a live object says what a manifest says. What the server or a webhook added on top is no difference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from selfheal.cluster.pointer import escape
from selfheal.cluster.quantity import quantity

#: What identifies an element of a list, by the list's field name; several fields together where one is not enough.
_KEYS: dict[str, tuple[tuple[str, ...], ...]] = {
    "containers": (("name",),),
    "initContainers": (("name",),),
    "ephemeralContainers": (("name",),),
    "volumes": (("name",),),
    "env": (("name",),),
    "imagePullSecrets": (("name",),),
    "ports": (("containerPort", "protocol"), ("port", "protocol"), ("name",)),
    "volumeMounts": (("mountPath",),),
    "volumeDevices": (("devicePath",),),
    "hostAliases": (("ip",),),
    "topologySpreadConstraints": (("topologyKey", "whenUnsatisfiable"),),
}
#: What the server fills in where a manifest leaves it out; needed to match elements by it.
_DEFAULTS = {"protocol": "TCP"}
#: Fields below which values are quantities, which have many spellings.
_QUANTITIES = frozenset(
    {"resources", "limits", "requests", "sizeLimit", "capacity", "hard", "divisor", "storage"}
)
_MISSING = object()


@dataclass(frozen=True)
class Difference:
    """One field. ``field`` is a pointer as in :mod:`selfheal.cluster.pointer`; ``found`` None where it is absent."""

    field: str
    expected: Any
    found: Any


def differences(expected: Any, found: Any, field: str = "") -> Iterator[Difference]:
    """Where ``found`` lacks or contradicts what ``expected`` states.

    Null and empty values of a manifest mean "not set"; list elements that have an identity are matched by it and further
    ones ignored; any other list has to be equal in length and order.
    """
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            yield Difference(field, expected, None if found is _MISSING else found)
            return
        for key, value in expected.items():
            there = found.get(key, _MISSING)
            if there is _MISSING and not value:
                continue
            if value is None:
                continue
            yield from differences(value, there, f"{field}/{escape(str(key))}")
    elif isinstance(expected, list):
        yield from _of_lists(expected, found, field)
    elif not _same(expected, found, field):
        yield Difference(field, expected, None if found is _MISSING else found)


def _of_lists(expected: list[Any], found: Any, field: str) -> Iterator[Difference]:
    if not isinstance(found, list):
        yield Difference(field, expected, None if found is _MISSING else found)
        return
    keys = _identity(expected, found, field.rpartition("/")[2])
    if keys is None:
        if len(expected) != len(found):
            yield Difference(field, expected, found)
            return
        for index, (left, right) in enumerate(zip(expected, found, strict=True)):
            yield from differences(left, right, f"{field}/{index}")
        return
    # Of several elements with one identity the last counts, as for the kubelet.
    there = {_identify(item, keys): item for item in found}
    for item in expected:
        identity = _identify(item, keys)
        name = f"{keys[0]}={identity[0]}"
        yield from differences(item, there.get(identity, _MISSING), f"{field}/{escape(name)}")


def _identity(expected: list[Any], found: list[Any], name: str) -> tuple[str, ...] | None:
    if not expected:
        return None
    for keys in _KEYS.get(name, ()):
        if all(isinstance(item, dict) and keys[0] in item for item in (*expected, *found)):
            return keys
    return None


def _identify(item: dict[str, Any], keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(item.get(key, _DEFAULTS.get(key, ""))) for key in keys)


def _same(expected: Any, found: Any, field: str) -> bool:
    if found is _MISSING:
        # Unset is spelled in several ways; the server leaves false, 0 and "" out.
        return not expected
    if type(expected) is type(found) and expected == found:
        return True
    if isinstance(expected, bool) or isinstance(found, bool):
        return False
    if _QUANTITIES & set(field.split("/")):
        left, right = quantity(expected), quantity(found)
        return left is not None and left == right
    # YAML has one kind of number, JSON answers another: 1 and 1.0 are the same value.
    return isinstance(expected, int | float) and isinstance(found, int | float) and expected == found
