"""A lease: the right to write an incident's record for a while."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Final

from selfheal.clock import Clock
from selfheal.errors import Conflict
from selfheal.incidents.states import Stage

#: The holder stops at this part of the lease by the monotonic clock; the rest is for clocks that disagree and for
#: requests in flight.
USABLE: Final = 2 / 3


class Lease:
    """Held for one incident and stage. ``nonce`` is what the record must show, ``epoch`` grows with every taker."""

    def __init__(
        self, key: str, stage: Stage, nonce: str, epoch: int, *, clock: Clock, taken_at: float, seconds: float,
        release: Callable[[Lease], None],
    ) -> None:  # fmt: skip
        self.key = key
        self.stage = stage
        self.nonce = nonce
        self.epoch = epoch
        self._clock = clock
        self._seconds = seconds
        self._taken_at = taken_at
        self._release = release
        self._over = ""
        #: Whether the claim before was let go in order, so that nothing unrecorded can have been left behind by it.
        self.smooth = False
        #: Whether it ended because its work was done.
        self.done = False

    @property
    def over(self) -> bool:
        """Whether it was let go or lost."""
        return bool(self._over)

    @property
    def age(self) -> float:
        """Seconds since it was taken or renewed."""
        return self._clock.monotonic() - self._taken_at

    @property
    def remaining(self) -> float:
        """Seconds that it may still be worked under."""
        return 0.0 if self._over else max(0.0, self._seconds * USABLE - self.age)

    def check(self) -> None:
        """Ask before every side effect. Raises Conflict when it is lost, let go, or used up; sends nothing."""
        if self._over:
            raise Conflict(f"The claim on {self.key} is over: {self._over}.", code="claim-lost")
        if self.age >= self._seconds * USABLE:
            raise Conflict(
                f"The claim on {self.key} has run out after {self.age:.0f} s of work.",
                hint="The next run takes the incident up from its record.",
                code="claim-expired",
            )

    def renewed(self, taken_at: float) -> None:
        """Counts from ``taken_at`` (monotonic) again, after the record was written with a new expiry."""
        self._taken_at = taken_at

    def end(self, why: str, *, done: bool = False) -> None:
        """Nothing may be done under it any more. ``done``: what was to be done under it is written."""
        self.done = self.done or (done and not self._over)
        self._over = self._over or why

    def release(self) -> None:
        """Lets go, so that the next stage need not wait for the expiry. Doing it twice is fine."""
        if not self._over:
            self._release(self)
            self.end("it was let go", done=True)

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
