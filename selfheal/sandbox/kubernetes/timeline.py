"""Virtual time: a clock that only moves when told, and the timers that become due while it moves."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

Action = Callable[[], None]


@dataclass(eq=False)
class Timer:
    """Something to be done at ``due`` (seconds since the epoch)."""

    due: float
    action: Action | None

    def cancel(self) -> None:
        """Never mind; idempotent."""
        self.action = None


class Timeline:
    """The present moment, in seconds since the epoch, and what is planned."""

    def __init__(self, start: float) -> None:
        self.now = start
        self._heap: list[tuple[float, int, Timer]] = []
        self._count = 0

    def after(self, seconds: float, action: Action) -> Timer:
        """Plan ``action`` that many seconds from now."""
        self._count += 1
        timer = Timer(self.now + max(seconds, 0.0), action)
        heapq.heappush(self._heap, (timer.due, self._count, timer))
        return timer

    def next_due(self) -> float | None:
        """When the next timer is due; None when nothing is planned."""
        while self._heap and self._heap[0][2].action is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take_due(self, until: float) -> Action | None:
        """The next action due by ``until``, with the clock moved to its time; None when there is none."""
        due = self.next_due()
        if due is None or due > until:
            return None
        timer = heapq.heappop(self._heap)[2]
        self.now = max(self.now, timer.due)
        action, timer.action = timer.action, None
        return action

    def clear(self) -> None:
        """Forget all plans."""
        self._heap.clear()


def stamp(moment: float) -> str:
    """A ``metav1.Time``: RFC 3339 in whole seconds."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_stamp(moment: float) -> str:
    """A ``metav1.MicroTime``."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: object) -> float | None:
    """Seconds since the epoch of a timestamp; None for what is none."""
    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None
