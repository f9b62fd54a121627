"""The cluster as its parts see it: store, clock, events, and the queue of what has to be looked at again.

Everything is level-triggered: a change puts keys into the queue, a controller's ``sync`` brings one key about. Callers
hold :attr:`Cluster.lock`. The simulation moves only in :meth:`Cluster.run_until`.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from selfheal.sandbox.kubernetes.behaviour import Images
from selfheal.sandbox.kubernetes.events import Recorder
from selfheal.sandbox.kubernetes.objects import SAFE, Key, Object, copied, key_of
from selfheal.sandbox.kubernetes.store import Change, Store
from selfheal.sandbox.kubernetes.timeline import Action, Timeline, Timer, stamp

#: Steps without time passing after which the controllers are taken to chase each other.
CHASE = 200_000


class Controller(Protocol):
    """Brings objects about. ``wake`` names the keys a change concerns; ``sync`` is idempotent."""

    name: str

    def wake(self, change: Change) -> Iterable[Key]: ...

    def sync(self, key: Key) -> None: ...


class Admission(Protocol):
    """Judges and completes an object about to be stored. Raises ApiError."""

    def __call__(self, obj: Object, before: Object | None, user: str) -> None: ...


class Cluster:
    """One cluster. ``seed`` decides the random parts of names, nothing else."""

    def __init__(self, *, start: float, seed: int = 1) -> None:
        self.lock = threading.RLock()
        self.timeline = Timeline(start)
        self.store = Store()
        self.random = random.Random(seed)  # noqa: S311  names of a simulation, not secrets
        self.images = Images()
        self.events = Recorder(self)
        self.controllers: list[Controller] = []
        self.admit: Callable[[Object, Object | None, str], None] = lambda _obj, _before, _user: None
        #: Called after every change, to wake the thread that runs the simulation.
        self.on_change: Callable[[], None] = lambda: None
        self._queue: dict[tuple[int, Key], None] = {}
        self._planned: dict[tuple[int, Key], Timer] = {}
        self._busy = False
        self.store.observers.append(self._observe)

    # Time

    @property
    def now(self) -> float:
        return self.timeline.now

    def stamp(self) -> str:
        return stamp(self.now)

    def after(self, seconds: float, action: Action) -> Timer:
        return self.timeline.after(seconds, action)

    def run_until(self, moment: float) -> None:
        """Let everything happen that is due by ``moment``, in order; then it is ``moment``."""
        if self._busy:
            return
        self._busy = True
        try:
            self._settle()
            while (action := self.timeline.take_due(moment)) is not None:
                action()
                self._settle()
            self.timeline.now = max(self.now, moment)
        finally:
            self._busy = False

    def idle_until(self) -> float | None:
        """When something is due next: at once while the queue holds something, None when nothing is planned."""
        return self.now if self._queue else self.timeline.next_due()

    # Queue

    def _observe(self, change: Change) -> None:
        for index, controller in enumerate(self.controllers):
            for key in controller.wake(change):
                self._queue[index, key] = None
        if not self._busy:
            self.on_change()

    def clear(self) -> None:
        """Forget everything but the images."""
        self.timeline.clear()
        self.events.clear()
        self.store.clear()
        self._queue.clear()
        self._planned.clear()

    def look_again(self, controller: Controller, key: Key, seconds: float = 0.0) -> None:
        """Sync ``key`` again after ``seconds``; an earlier plan for it stays."""
        place = (self.controllers.index(controller), key)
        if seconds <= 0:
            self._queue[place] = None
            return
        held = self._planned.get(place)
        if held is not None and held.action is not None and held.due <= self.now + seconds:
            return
        if held is not None:
            held.cancel()
        self._planned[place] = self.after(seconds, lambda: self._queue.setdefault(place, None))

    def _settle(self) -> None:
        for _step in range(CHASE):
            if not self._queue:
                return
            place = next(iter(self._queue))
            del self._queue[place]
            self.controllers[place[0]].sync(place[1])
        raise RuntimeError(f"The controllers do not come to rest; the last one was {place}.")

    # Writing

    def uid(self) -> str:
        digits = f"{self.random.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def suffix(self, length: int = 5) -> str:
        return "".join(self.random.choice(SAFE) for _ in range(length))

    def create(self, obj: Object, *, user: str = "system:controller", dry_run: bool = False) -> Object:
        """Store a new object (given away by the caller). Raises ApiError."""
        from selfheal.sandbox.kubernetes.writes import create

        return create(self, obj, user=user, dry_run=dry_run)

    def update(
        self, obj: Object, *, status: bool = False, user: str = "system:controller", dry_run: bool = False
    ) -> Object:
        """Store a changed copy of an object. Raises ApiError (conflict, invalid, forbidden)."""
        from selfheal.sandbox.kubernetes.writes import update

        return update(self, obj, status=status, user=user, dry_run=dry_run)

    def delete(
        self, key: Key, *, grace: float | None = None, propagation: str = "Background"
    ) -> Object | None:
        """Delete an object, and by ``propagation`` what it owns; None when there is none."""
        from selfheal.sandbox.kubernetes.writes import delete

        return delete(self, key, grace=grace, propagation=propagation)

    def set_status(self, obj: Object, status: dict[str, Any]) -> Object:
        """Write ``status`` when it differs from what is stored."""
        held = self.store.at(key_of(obj))
        if held is None or held.get("status") == status:
            return held or obj
        return self.store.put({**held, "metadata": dict(held["metadata"]), "status": status})

    def change(self, key: Key, edit: Callable[[Object], None]) -> Object | None:
        """Apply ``edit`` to a copy and store it through admission; None when the object is gone."""
        held = self.store.at(key)
        if held is None:
            return None
        obj = copied(held)
        edit(obj)
        return held if obj == held else self.update(obj)
