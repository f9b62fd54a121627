"""The arithmetic of a rolling update. Pure."""

from __future__ import annotations

import math
from typing import Any

from selfheal.sandbox.kubernetes.controllers.replicaset import replicas_of
from selfheal.sandbox.kubernetes.objects import Object, dig


def share(value: Any, of: int, *, up: bool) -> int:
    """A number or a percentage of ``of``."""
    text = str(value)
    if text.endswith("%"):
        part = of * int(text[:-1] or 0) / 100
        return math.ceil(part) if up else math.floor(part)
    return int(text)


def surge(obj: Object) -> int:
    """How many pods there may be beyond the wanted number."""
    return share(
        dig(obj, "spec", "strategy", "rollingUpdate", "maxSurge", default="25%"), _wanted(obj), up=True
    )


def unavailable(obj: Object) -> int:
    """How many pods may be missing; one when neither that nor a surge is allowed."""
    if dig(obj, "spec", "strategy", "type") != "RollingUpdate":
        return 0
    value = dig(obj, "spec", "strategy", "rollingUpdate", "maxUnavailable", default="25%")
    missing = share(value, _wanted(obj), up=False)
    return min(1 if missing == 0 and surge(obj) == 0 else missing, _wanted(obj))


def _wanted(obj: Object) -> int:
    return int(obj["spec"]["replicas"])


def new_replicas(obj: Object, held: int, current: int) -> int:
    """How many pods the new ReplicaSet is to have, ``current`` being wanted by all of them together."""
    if dig(obj, "spec", "strategy", "type") == "Recreate":
        return _wanted(obj)
    room = _wanted(obj) + surge(obj) - current
    return held + max(min(room, _wanted(obj) - held), 0)


def shrink(obj: Object, new: Object, old: list[Object]) -> list[tuple[Object, int]]:
    """To what the old ReplicaSets (oldest first) are to shrink now: first what is not healthy, then what is not needed."""
    least = _wanted(obj) - unavailable(obj)
    everything = [*old, new]
    total = sum(int(item["spec"]["replicas"]) for item in everything)
    missing = int(new["spec"]["replicas"]) - replicas_of(new, "availableReplicas")
    allowed = total - least - missing
    if allowed <= 0:
        return []
    counts = {item["metadata"]["name"]: int(item["spec"]["replicas"]) for item in old}
    left = allowed
    for item in old:
        name = item["metadata"]["name"]
        sick = min(max(counts[name] - replicas_of(item, "availableReplicas"), 0), left)
        counts[name] -= sick
        left -= sick
    spare = sum(replicas_of(item, "availableReplicas") for item in everything) - least
    for item in old:
        name = item["metadata"]["name"]
        cut = min(counts[name], max(spare, 0))
        counts[name] -= cut
        spare -= cut
    return [(item, counts[item["metadata"]["name"]]) for item in old
            if counts[item["metadata"]["name"]] != int(item["spec"]["replicas"])]  # fmt: skip
