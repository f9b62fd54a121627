"""What controllers share."""

from __future__ import annotations

from collections.abc import Iterable

from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.objects import Key, Object, controller_of, key_of
from selfheal.sandbox.kubernetes.store import Change


class OwnerController:
    """Base: woken by its own kind and by what objects of that kind own.

    Subclasses set ``name`` (the component in events) and ``kind``, and implement :meth:`reconcile`.
    """

    name = ""
    kind = ""
    #: Kinds of dependents whose changes wake the owner.
    owns: tuple[str, ...] = ()

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def wake(self, change: Change) -> Iterable[Key]:
        obj = change.object
        if obj["kind"] == self.kind:
            yield key_of(obj)
        elif obj["kind"] in self.owns:
            owner = controller_of(obj)
            if owner is not None and owner.get("kind") == self.kind:
                yield Key(self.kind, str(obj["metadata"].get("namespace") or ""), str(owner["name"]))

    def sync(self, key: Key) -> None:
        obj = self.cluster.store.at(key)
        if obj is not None:
            self.reconcile(key, obj)

    def reconcile(self, key: Key, obj: Object) -> None:
        """Bring ``obj`` about."""
        raise NotImplementedError

    def tell(self, about: Object, reason: str, message: str, *, warning: bool = False) -> None:
        kind = "Warning" if warning else "Normal"
        self.cluster.events.record(about, kind, reason, message, by=self.name)


class Retries:
    """How long to wait after a failure: client-go's exponential rate limiter."""

    FIRST, LONGEST = 0.005, 1000.0

    def __init__(self) -> None:
        self._failures: dict[Key, int] = {}

    def failed(self, key: Key) -> float:
        """Seconds until the next try."""
        count = self._failures.get(key, 0)
        self._failures[key] = count + 1
        return float(min(self.FIRST * 2**count, self.LONGEST))

    def succeeded(self, key: Key) -> None:
        self._failures.pop(key, None)


def set_condition(conditions: list[Object], new: Object) -> list[Object]:
    """``conditions`` with ``new`` in the place of the one of its type; where the status stays, so does its time."""
    held = next((item for item in conditions if item.get("type") == new["type"]), None)
    if held is not None and held.get("status") == new["status"]:
        new = {**new, "lastTransitionTime": held["lastTransitionTime"]}
    rest = [item for item in conditions if item.get("type") != new["type"]]
    if held is None:
        return [*rest, new]
    return [new if item is held else item for item in conditions]
