"""Keeps our writes to one issue below Jira's limits: 20 in 2 s and 100 in 30 s per issue (Atlassian's documentation).

The limits are shared with everybody who writes to the issue, so a quarter is left free. What still meets a 429 is the
retry policy's.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Final

from selfheal.clock import Clock

#: (writes, seconds): at most so many of ours in any span of so many seconds.
LIMITS: Final = ((15, 2.0), (75, 30.0))


class Pace:
    """Waits before a write where it would be too many for the issue. Not shared between threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._writes: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=max(n for n, _s in LIMITS)))

    def before_write(self, key: str) -> None:
        """Sleeps until a write to ``key`` keeps all limits, and counts it."""
        writes = self._writes[key]
        for allowed, span in LIMITS:
            if len(writes) >= allowed:
                wait = writes[-allowed] + span - self._clock.monotonic()
                if wait > 0:
                    self._clock.sleep(wait)
        writes.append(self._clock.monotonic())
