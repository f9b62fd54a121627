"""Budgets of a day: what was used of a provider's model by one repository and by one reporter. Pure.

The incidents' records are the only memory, so they are counted anew each time. A record may be edited by whoever may edit
the issue, and the index lags: this bounds what a flood of incidents costs, it is no account.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from selfheal.config.model import Model
from selfheal.incidents.record import SPENT_KEPT, Record, Spent

DAY = timedelta(hours=24)
#: Incidents of a day beyond which nothing more is spent, whatever they used.
MOST = 200


def over(
    rules: Model, now: datetime, repository: str, reporter: str, others: Iterable[tuple[str, Record]]
) -> str:
    """Which budget of the day is used up, "" when none. ``others`` are reporter and record of each incident."""
    of_repository = of_reporter = 0.0
    count = 0
    for who, record in others:
        count += 1
        usd = sum(item.usd for item in record.spent if now - item.at < DAY)
        source = record.source.repository if record.source is not None else ""
        of_repository += usd if source.casefold() == repository.casefold() else 0.0
        of_reporter += usd if who == reporter else 0.0
    if count >= MOST:
        return f"there were {MOST} incidents in a day"
    if of_repository >= rules.usd_per_day_repository:
        return (
            f"the incidents of {repository or 'this repository'} used {of_repository:.2f} US dollars in a day"
        )
    if of_reporter >= rules.usd_per_day_reporter:
        return f"the incidents of this reporter used {of_reporter:.2f} US dollars in a day"
    return ""


def with_entry(entries: tuple[Spent, ...], new: Spent, before: Spent | None) -> tuple[Spent, ...]:
    """The entries with ``new`` in the place of ``before``; the oldest are put together where there are too many."""
    kept = [item for item in entries if item != before]
    kept.append(new)
    while len(kept) > SPENT_KEPT:
        first, second = kept[0], kept[1]
        together = second.model_copy(
            update={
                "calls": first.calls + second.calls,
                "input_tokens": first.input_tokens + second.input_tokens,
                "output_tokens": first.output_tokens + second.output_tokens,
                "usd": first.usd + second.usd,
            }
        )
        kept[:2] = [together]
    return tuple(kept)
