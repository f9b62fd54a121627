"""Whether pods fit the bounds of their namespace, by the arithmetic of quotas and limit ranges alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.quantity import quantity
from selfheal.cluster.workloads import containers, mapping, mappings, number, pod_spec, spec_pointer
from selfheal.incidents.record import ObjectRef
from selfheal.repair.objects import Object

Loads = Sequence[tuple[ObjectRef, Object]]
_MEASURED = ("cpu", "memory", "ephemeral-storage")
_SIDES = ("requests", "limits")
#: Kinds whose pods are wanted for good; those of Jobs come and go.
_LASTING = ("Deployment", "StatefulSet")


def outside(limit_range: Object, loads: Loads) -> Iterator[tuple[ObjectRef, str, str]]:
    """(workload, where, what) for everything that a LimitRange would refuse."""
    for limit in mappings(pointer.resolve(limit_range, "/spec/limits")):
        for key, obj in loads:
            for at, given in _measured(key, obj, limit):
                yield from ((key, at + where, f"{key}: {text}") for where, text in _beyond(given, limit))


def _measured(key: ObjectRef, obj: Object, limit: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    spec, base = pod_spec(obj), spec_pointer(key.kind)
    if limit.get("type") == "Container":
        for item in containers(spec):
            yield base + item.pointer, _with_defaults(item.spec, limit)
    elif limit.get("type") == "Pod":
        total: dict[str, Any] = {}
        for side in _SIDES:
            for name in _MEASURED:
                amounts = [
                    quantity(pointer.resolve(item.spec, pointer.join("resources", side, name)))
                    for item in containers(spec)
                    if not item.init
                ]
                if all(amount is not None for amount in amounts):
                    total.setdefault(side, {})[name] = sum((a for a in amounts if a is not None), Decimal(0))
        yield base, total


def _with_defaults(container: dict[str, Any], limit: dict[str, Any]) -> dict[str, Any]:
    given = mapping(container.get("resources"))
    limits = {**mapping(limit.get("default")), **mapping(given.get("limits"))}
    # A request that is not given is the limit that is; only then does the namespace's default count.
    requests = {
        **mapping(limit.get("defaultRequest")),
        **mapping(given.get("limits")),
        **mapping(given.get("requests")),
    }
    return {"limits": limits, "requests": requests}


def _beyond(given: dict[str, Any], limit: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for bound, side in (("max", "limits"), ("min", "requests")):
        for name, allowed in mapping(limit.get(bound)).items():
            edge = quantity(allowed)
            amount = _amount(mapping(given.get(side)).get(name))
            if edge is None or amount is None:
                continue
            if (bound == "max" and amount > edge) or (bound == "min" and amount < edge):
                word = "more than the most" if bound == "max" else "less than the least"
                yield (
                    f"/resources/{side}/{name}",
                    f"its {side} of {name} are {word} that is allowed, {allowed}",
                )


def _amount(value: Any) -> Decimal | None:
    return value if isinstance(value, Decimal) else quantity(value)


def over(quota: Object, loads: Loads) -> Iterator[tuple[str, str]]:
    """(resource, what) for everything of which lasting workloads together want more than a quota allows.

    Quotas that count by class or scope are left out: what falls under them is not known here.
    """
    if pointer.resolve(quota, "/spec/scopes") or pointer.resolve(quota, "/spec/scopeSelector"):
        return
    for resource, allowed in mapping(pointer.resolve(quota, "/spec/hard", {})).items():
        edge = quantity(allowed)
        side, _, name = resource.rpartition(".")
        if resource == "pods":
            wanted = sum((Decimal(_replicas(obj)) for key, obj in loads if key.kind in _LASTING), Decimal(0))
        elif name in _MEASURED and side in ("", *_SIDES):
            wanted = sum(
                (_wants(obj, side or "requests", name) for key, obj in loads if key.kind in _LASTING),
                Decimal(0),
            )
        else:
            continue
        if edge is not None and wanted > edge:
            yield (
                resource,
                f"{resource}: all workloads together want more than the {allowed} that the quota allows",
            )


def _wants(obj: Object, side: str, name: str) -> Decimal:
    found = Decimal(0)
    for item in containers(pod_spec(obj)):
        if item.init:
            continue
        given = mapping(item.spec.get("resources"))
        value = mapping(given.get(side)).get(name)
        if value is None and side == "requests":
            value = mapping(given.get("limits")).get(name)
        found += quantity(value) or Decimal(0)
    return found * _replicas(obj)


def _replicas(obj: Object) -> int:
    return number(pointer.resolve(obj, "/spec/replicas", 1), 1)
