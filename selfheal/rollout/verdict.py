"""From a series of samples to one of the four outcomes. Pure: time comes with each sample.

Good has to hold: a number of samples in a row over a length of time. So has bad, lest a passing state condemns a fix.
What can be told neither way by the deadline is inconclusive and goes to a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from selfheal.config import Settings
from selfheal.incidents.record import Outcome
from selfheal.rollout.sample import DAMNING, Kind, Sample

_WORDS: Mapping[Kind, str] = {
    "partial": "The cluster could not be read completely, so a recovery could not be proven.",
    "not-arrived": "What was merged did not arrive in the cluster in time.",
    "progressing": "The rollout did not finish in time.",
    "unsettled": "The service did not hold still long enough to prove that it recovered.",
    "good": "The service was well at the end, but not for long enough to prove that it recovered.",
}


@dataclass
class Series:
    """The samples so far. Times are monotonic seconds.

    ``rollout_by``: when a rollout that has not shown a good sample is given up; ``until``: when all is.
    """

    samples: int
    soak: float
    rollout_by: float
    until: float
    taken: int = 0
    good: int = 0
    good_since: float | None = None
    bad: int = 0
    bad_since: float | None = None
    ever_good: bool = False
    last: Sample | None = None
    damning: Sample | None = field(default=None)

    @classmethod
    def begun(cls, settings: Settings, at: float, *, rollout_by: float, until: float) -> Series:
        """An empty series."""
        wanted = settings.verification
        return cls(wanted.samples, float(wanted.soak), rollout_by, until)

    def add(self, sample: Sample, at: float) -> None:
        """Takes a sample in."""
        self.taken += 1
        self.last = sample
        if sample.good:
            self.good_since = at if self.good_since is None else self.good_since
            self.good += 1
            self.ever_good = True
        else:
            self.good, self.good_since = 0, None
        if sample.kind in DAMNING:
            self.bad_since = at if self.bad_since is None else self.bad_since
            self.bad += 1
            self.damning = sample
        elif sample.kind != "partial":
            # A look that shows nothing neither clears nor condemns.
            self.bad, self.bad_since = 0, None

    def soaked(self, at: float) -> str:
        """How far the soak is: looks until there are enough of them, then time."""
        if self.good < self.samples or self.good_since is None:
            return f"{self.good} of {self.samples} good looks"
        return f"steady for {at - self.good_since:.0f} s of {self.soak:.0f} s"

    def lost(self) -> None:
        """A look that failed: what happened meanwhile is not known, so the good ones start again."""
        self.good, self.good_since = 0, None

    def outcome(self, at: float) -> tuple[Outcome, tuple[str, ...]] | None:
        """The outcome and its reasons, None while it is open."""
        if self.good >= self.samples and self.good_since is not None and at - self.good_since >= self.soak:
            held = at - self.good_since
            return Outcome.SUCCESSFUL, (f"Well in {self.good} looks in a row over {held:.0f} s.",)
        held_bad = (
            self.bad >= self.samples and self.bad_since is not None and at - self.bad_since >= self.soak
        )
        if held_bad and self.damning is not None:
            return _condemned(self.damning)
        over = at >= self.until or (at >= self.rollout_by and not self.ever_good)
        # Good looks that go on are watched to their end: a job that died has left less time than a soak takes.
        if over and not self.good:
            return self._out_of_time()
        return None

    def _out_of_time(self) -> tuple[Outcome, tuple[str, ...]]:
        if self.last is None:
            return Outcome.INCONCLUSIVE, ("Nothing was measured: the cluster could not be read.",)
        if self.last.kind in DAMNING:
            return _condemned(self.last)
        told = _WORDS.get(self.last.kind, "")
        return Outcome.INCONCLUSIVE, tuple(part for part in (told, *self.last.reasons) if part)


def _condemned(sample: Sample) -> tuple[Outcome, tuple[str, ...]]:
    match sample.kind:
        case "worse":
            return Outcome.REGRESSED, sample.reasons
        case "fault" | "new-fault":
            return Outcome.INEFFECTIVE, sample.reasons
        case _:
            # The rollout failed for a reason that no detector knows: neither the fix nor its fault is to blame for sure.
            return Outcome.INCONCLUSIVE, sample.reasons
