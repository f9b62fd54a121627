"""Where the objects are: one growing resourceVersion, a history for watches, consistent pages for lists.

Stored objects are never changed in place, so a page or a watcher may hold on to them without copying.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from selfheal.sandbox.kubernetes.objects import Key, Object, key_of

#: Changes a watch can still be served from; older versions are compacted (410).
HISTORY = 4000
#: Lists that are being paged through at the same time.
PAGED = 32


@dataclass(frozen=True)
class Change:
    """``ADDED``, ``MODIFIED`` or ``DELETED``; ``before`` is the object as it was, None for a new one."""

    version: int
    type: str
    object: Object
    before: Object | None


class Expired(Exception):
    """The version asked for has been compacted."""


class Conflict(Exception):
    """The object is not at the version that the writer saw."""


class Store:
    """All objects of the cluster. Callers hold the cluster's lock."""

    def __init__(self) -> None:
        self.version = 0
        self.changed = threading.Condition()
        self.observers: list[Callable[[Change], None]] = []
        self._kinds: dict[str, dict[tuple[str, str], Object]] = {}
        self._history: deque[Change] = deque(maxlen=HISTORY)
        self._pages: OrderedDict[int, list[Object]] = OrderedDict()
        self._page = 0

    # Reading

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        return self._kinds.get(kind, {}).get((namespace, name))

    def at(self, key: Key) -> Object | None:
        return self.get(*key)

    def of(self, kind: str, namespace: str = "") -> list[Object]:
        """In the order of namespace and name; ``namespace`` "" means all."""
        held = self._kinds.get(kind, {})
        return [held[place] for place in sorted(held) if not namespace or place[0] == namespace]

    def everything(self) -> Iterator[Object]:
        for kind in sorted(self._kinds):
            yield from self.of(kind)

    # Writing

    def put(self, obj: Object, *, expected: str = "") -> Object:
        """Store ``obj`` (which becomes the store's) at a new version. Raises Conflict if it moved past ``expected``."""
        key = key_of(obj)
        before = self.at(key)
        if expected and (before is None or before["metadata"].get("resourceVersion") != expected):
            raise Conflict
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        self._kinds.setdefault(key.kind, {})[key.namespace, key.name] = obj
        self._tell(Change(self.version, "ADDED" if before is None else "MODIFIED", obj, before))
        return obj

    def remove(self, key: Key) -> Object | None:
        before = self._kinds.get(key.kind, {}).pop((key.namespace, key.name), None)
        if before is None:
            return None
        self.version += 1
        gone = {**before, "metadata": {**before["metadata"], "resourceVersion": str(self.version)}}
        self._tell(Change(self.version, "DELETED", gone, before))
        return gone

    def clear(self) -> None:
        """Forget everything; versions go on growing so that no client mistakes new for old."""
        self._kinds.clear()
        self.compact()

    def _tell(self, change: Change) -> None:
        self._history.append(change)
        for observer in self.observers:
            observer(change)
        with self.changed:
            self.changed.notify_all()

    # Watches

    def since(self, version: int, wanted: Callable[[Object], bool]) -> Iterable[Change]:
        """Changes after ``version``. Raises Expired when they are no longer all known."""
        if version < self.version:
            oldest = self._history[0].version if self._history else self.version + 1
            if version + 1 < oldest:
                raise Expired
        news: list[Change] = []
        for change in reversed(self._history):
            if change.version <= version:
                break
            if wanted(change.object):
                news.append(change)
        return reversed(news)

    def compact(self) -> None:
        """Forget the history and all open pages, as etcd does every few minutes."""
        self._history.clear()
        self._pages.clear()

    # Pages

    def keep(self, rest: list[Object]) -> int:
        """Keep what is left of a list; answers the number under which :meth:`kept` finds it."""
        self._page += 1
        self._pages[self._page] = rest
        while len(self._pages) > PAGED:
            self._pages.popitem(last=False)
        return self._page

    def kept(self, number: int) -> list[Object]:
        """Raises Expired when the pages were dropped meanwhile."""
        try:
            return self._pages[number]
        except KeyError:
            raise Expired from None
