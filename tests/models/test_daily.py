"""What a day's incidents may use of a provider's model, counted from their records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from selfheal.config.model import Model
from selfheal.incidents.record import SPENT_KEPT, Record, Source, Spent, dump, load
from selfheal.incidents.states import Stage
from selfheal.models import daily

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
RULES = Model(usd_per_day_repository=3.0, usd_per_day_reporter=1.0)


def spent(usd, hours=1.0, stage=Stage.ANALYZE):
    return Spent(
        stage=stage, at=NOW - timedelta(hours=hours), calls=2, input_tokens=100, output_tokens=10, usd=usd
    )


def record(*entries, repository="acme/shop"):
    return Record(entered=NOW, source=Source(repository=repository), spent=entries)


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ([], ""),
        ([("ana", record(spent(0.9)))], ""),
        ([("ana", record(spent(0.6), spent(0.4)))], "reporter"),
        ([("ana", record(spent(0.6))), ("ana", record(spent(0.4), repository="acme/web"))], "reporter"),
        ([("ben", record(spent(2.0)))], ""),
        ([("ben", record(spent(2.0))), ("eve", record(spent(1.0), repository="Acme/Shop"))], "acme/shop"),
        ([("ben", record(spent(9.0), repository="acme/web"))], ""),
        ([("ana", record(spent(9.0, hours=24)))], ""),
        ([("eve", record(repository=""))] * daily.MOST, "200 incidents"),
    ],
)
def test_by_repository_and_by_reporter_within_a_day(others, said):
    found = daily.over(RULES, NOW, "acme/shop", "ana", others)
    assert (said in found) if said else found == ""


def test_a_stage_has_one_entry_that_grows():
    before, after, other = spent(0.1), spent(0.2), spent(0.3, stage=Stage.FIX)
    assert daily.with_entry((other, before), after, before) == (other, after)
    assert daily.with_entry((other,), after, None) == (other, after)


def test_many_entries_are_put_together_and_nothing_is_lost():
    entries = ()
    for number in range(SPENT_KEPT + 30):
        entries = daily.with_entry(entries, spent(0.01, hours=number / 10), None)
    assert len(entries) == SPENT_KEPT
    assert sum(item.usd for item in entries) == pytest.approx(0.01 * (SPENT_KEPT + 30))
    assert sum(item.calls for item in entries) == 2 * (SPENT_KEPT + 30)
    assert load(dump(record(*entries))).spent == entries
