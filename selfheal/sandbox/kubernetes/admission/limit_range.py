"""LimitRanger: defaults for containers, and bounds for containers, pods and claims."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.errors import forbidden
from selfheal.sandbox.kubernetes.objects import Object, dig, entries
from selfheal.sandbox.kubernetes.quantity import amount
from selfheal.sandbox.kubernetes.registry import BY_KIND


def _ranges(cluster: Cluster, obj: Object, kind: str) -> Iterator[Object]:
    for item in cluster.store.of("LimitRange", str(obj["metadata"].get("namespace") or "-")):
        for limit in entries(item, "spec", "limits"):
            if limit.get("type") == kind:
                yield limit


def limit_defaults(cluster: Cluster, obj: Object) -> None:
    """Write default requests and limits into the containers of a new pod."""
    if obj["kind"] != "Pod":
        return
    for limit in _ranges(cluster, obj, "Container"):
        given, asked = limit.get("default") or {}, limit.get("defaultRequest") or limit.get("default") or {}
        for container in (*entries(obj, "spec", "initContainers"), *entries(obj, "spec", "containers")):
            resources = container.setdefault("resources", {})
            for word, values in (("limits", given), ("requests", asked)):
                for name, value in values.items():
                    resources.setdefault(word, {}).setdefault(name, value)


def limit_range(cluster: Cluster, obj: Object) -> None:
    """Raises ApiError when a new pod or claim is out of bounds."""
    causes: list[str] = []
    if obj["kind"] == "Pod":
        containers = [*entries(obj, "spec", "initContainers"), *entries(obj, "spec", "containers")]
        for limit in _ranges(cluster, obj, "Container"):
            for container in containers:
                resources = container.get("resources") or {}
                causes += _bounds(
                    limit, "Container", resources.get("requests") or {}, resources.get("limits") or {}
                )
        for limit in _ranges(cluster, obj, "Pod"):
            regular = entries(obj, "spec", "containers")
            causes += _bounds(limit, "Pod", _sum(regular, "requests"), _sum(regular, "limits"))
    elif obj["kind"] == "PersistentVolumeClaim":
        for limit in _ranges(cluster, obj, "PersistentVolumeClaim"):
            asked = dig(obj, "spec", "resources", "requests", default={})
            causes += _bounds(limit, "PersistentVolumeClaim", asked, asked)
    if causes:
        name = str(obj["metadata"].get("name"))
        text = causes[0] if len(causes) == 1 else f"[{', '.join(causes)}]"
        raise forbidden(BY_KIND[obj["kind"]].qualified, name, text)


def _sum(containers: list[Object], word: str) -> dict[str, Decimal]:
    total: dict[str, Decimal] = {}
    for container in containers:
        for name, value in dig(container, "resources", word, default={}).items():
            total[name] = total.get(name, Decimal(0)) + amount(value)
    return total


def _bounds(limit: Object, kind: str, requests: dict[str, Any], limits: dict[str, Any]) -> Iterator[str]:
    for name, least in (limit.get("min") or {}).items():
        held = requests.get(name)
        if held is None:
            yield f"minimum {name} usage per {kind} is {least}.  No request is specified"
        elif amount(held) < amount(least):
            yield f"minimum {name} usage per {kind} is {least}, but request is {held}"
    for name, most in (limit.get("max") or {}).items():
        held, asked = limits.get(name), requests.get(name)
        if held is None:
            yield f"maximum {name} usage per {kind} is {most}.  No limit is specified"
        elif amount(held) > amount(most):
            yield f"maximum {name} usage per {kind} is {most}, but limit is {held}"
        elif asked is not None and amount(asked) > amount(most):
            yield f"maximum {name} usage per {kind} is {most}, but request is {asked}"
    for name, ratio in (limit.get("maxLimitRequestRatio") or {}).items():
        held, asked = amount(limits.get(name)), amount(requests.get(name))
        if asked and held / asked > amount(ratio):
            yield f"{name} max limit to request ratio per {kind} is {ratio}, but provided ratio is {float(held / asked):f}"
