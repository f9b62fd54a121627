"""ResourceQuota admission: what would exceed a quota is refused."""

from __future__ import annotations

from decimal import Decimal

from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.controllers.quota import cost, usage
from selfheal.sandbox.kubernetes.errors import forbidden
from selfheal.sandbox.kubernetes.objects import Object, dig, entries
from selfheal.sandbox.kubernetes.quantity import amount, show
from selfheal.sandbox.kubernetes.registry import BY_KIND

_COMPUTE = ("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")


def resource_quota(cluster: Cluster, obj: Object) -> None:
    """Raises ApiError for a new object that exceeds, or does not say what it needs under, a quota."""
    namespace = str(obj["metadata"].get("namespace") or "")
    if not namespace or obj["kind"] == "Event":
        return
    for quota in cluster.store.of("ResourceQuota", namespace):
        hard = {name: amount(value) for name, value in dig(quota, "spec", "hard", default={}).items()}
        name = str(quota["metadata"]["name"])
        if obj["kind"] == "Pod":
            _specified(obj, hard, name)
        asked = {word: value for word, value in cost(obj).items() if word in hard and value}
        if not asked:
            continue
        used = usage(cluster, namespace, asked)
        over = sorted(word for word, value in asked.items() if used[word] + value > hard[word])
        if over:
            why = (
                f"exceeded quota: {name}, requested: {_list(over, asked)}, used: {_list(over, used)}, limited: "
                f"{_list(over, hard)}"
            )
            raise _refusal(obj, why)


def _list(names: list[str], values: dict[str, Decimal]) -> str:
    return ",".join(f"{name}={show(values[name], name)}" for name in names)


def _specified(pod: Object, hard: dict[str, Decimal], quota: str) -> None:
    missing = []
    for word in sorted(name for name in hard if name in _COMPUTE):
        section, _, name = word.rpartition(".")
        without = [
            str(item["name"])
            for item in entries(pod, "spec", "containers")
            if dig(item, "resources", section or "requests", name) is None
        ]
        if without:
            missing.append(f"{word} for: {','.join(without)}")
    if missing:
        raise _refusal(pod, f"failed quota: {quota}: must specify {'; '.join(missing)}")


def _refusal(obj: Object, why: str) -> Exception:
    return forbidden(BY_KIND[obj["kind"]].qualified, str(obj["metadata"].get("name")), why)
