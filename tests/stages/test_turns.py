"""More in flight than a run serves: nobody waits for ever, whoever else waits for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from selfheal.incidents.states import State
from selfheal.stages.turns import in_turn
from tests.crew import doubles

BEGIN = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def incident(key, state=State.FIX_GENERATED, **more):
    return doubles.incident(key=key, record=doubles.record(state, **more))


def many(count, prefix, *arguments, **more):
    return [incident(f"{prefix}-{number}", *arguments, **more) for number in range(1, count + 1)]


def served(incidents, limit, now=BEGIN):
    return [one.key for one in in_turn(incidents, limit, now)[:limit]]


def test_open_pull_requests_keep_no_work_waiting():
    opened, new = many(10, "PR", State.PR_CREATED), many(9, "NEW")
    keys = served([*opened, *new], 10)
    assert sum(key.startswith("NEW") for key in keys) == 8
    assert sum(key.startswith("PR") for key in keys) == 2


def test_work_keeps_no_pull_request_waiting_for_ever():
    incidents = [*many(40, "NEW"), *many(7, "PR", State.PR_CREATED)]
    seen = set()
    for turn in range(4):
        seen |= set(served(incidents, 10, BEGIN + timedelta(minutes=15 * turn)))
    assert {f"PR-{number}" for number in range(1, 8)} <= seen


def test_followers_of_a_storm_are_no_work():
    followers = many(30, "SAME", State.INCIDENT_DETECTED, parent="INC-1")
    keys = served([*followers, incident("NEW-1")], 10)
    assert "NEW-1" in keys


@pytest.mark.parametrize("limit", [1, 2, 10])
def test_nothing_is_lost_or_doubled_and_room_is_used(limit):
    incidents = [*many(3, "PR", State.PR_CREATED), *many(4, "NEW")]
    ordered = in_turn(incidents, limit, BEGIN)
    assert sorted(one.key for one in ordered) == sorted(one.key for one in incidents)


def test_an_incident_without_a_record_is_work():
    fresh = SimpleNamespace(key="FRESH-1", record=None)
    first, *_others = in_turn([*many(3, "PR", State.PR_CREATED), fresh], 2, BEGIN)
    assert first.key == "FRESH-1"


def test_where_all_wait_all_seats_are_theirs():
    opened = many(25, "PR", State.PR_CREATED)
    seen = set()
    for turn in range(3):
        seen |= set(served(opened, 10, BEGIN + timedelta(minutes=15 * turn)))
    assert len(seen) == 25
