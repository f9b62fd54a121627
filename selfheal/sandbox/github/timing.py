"""Time: the clock that is asked, and what waits for its hour."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The two kinds of time asked for."""

    def now(self) -> datetime:
        """Aware wall-clock time."""

    def monotonic(self) -> float:
        """Seconds that never go backwards."""


class MachineClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class Agenda:
    """What happens later. There is no thread: who serves a call asks :meth:`settle` first."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._due: list[tuple[float, Callable[[], None]]] = []

    def clear(self) -> None:
        """Nothing is to happen any more."""
        self._due.clear()

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do this in ``seconds``; at once when that is not positive."""
        if seconds <= 0:
            action()
        else:
            self._due.append((self.clock.monotonic() + seconds, action))

    def settle(self) -> None:
        """Carry out what is due, earliest first; what that puts on the agenda counts too."""
        while ready := [item for item in self._due if item[0] <= self.clock.monotonic()]:
            item = min(ready, key=lambda entry: entry[0])
            self._due.remove(item)
            item[1]()
