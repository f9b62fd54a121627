"""Rate limits as documented, switchable, and the clock of the answers."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.sandbox.jira.limits import ISSUE_WINDOWS, Windows


@pytest.fixture
def key(jira):
    return jira.file_incident(summary="Checkout is down")


def _write(call, key):
    return call("PUT", f"/rest/api/3/issue/{key}/properties/selfheal", json={"n": 1})


def test_twenty_writes_to_an_issue_in_two_seconds(jira, call, clock, key):
    jira.behaviour.per_issue_limit = True
    other = jira.file_incident(summary="Another")
    assert {_write(call, key).status_code for _ in range(20)} <= {200, 201}
    refused = _write(call, key)
    assert refused.status_code == 429
    assert refused.headers["RateLimit-Reason"] == "jira-per-issue-on-write"
    assert refused.headers["Retry-After"] == "2"
    assert _write(call, other).status_code == 201
    assert _write(call, jira.store.issues[key].id).status_code == 429
    assert call("GET", f"/rest/api/3/issue/{key}").status_code == 200
    clock.pass_by(2)
    assert _write(call, key).status_code == 200


def test_a_hundred_writes_to_an_issue_in_thirty_seconds(jira, call, clock, key):
    jira.behaviour.per_issue_limit = True
    for _ in range(5):
        assert {_write(call, key).status_code for _ in range(20)} <= {200, 201}
        clock.pass_by(2)
    refused = _write(call, key)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "20")


def test_bursts_by_endpoint(jira, call, clock, key):
    jira.behaviour.burst_limit = True
    codes = [_write(call, key).status_code for _ in range(51)]
    assert (codes.count(429), codes[-1]) == (1, 429)
    codes = [call("GET", f"/rest/api/3/issue/{key}").status_code for _ in range(101)]
    assert codes.count(429) == 1
    assert call("GET", "/rest/api/3/issue/INC-2").headers["RateLimit-Reason"] == "jira-burst-based"
    assert call("GET", "/rest/api/3/myself").status_code == 200
    clock.pass_by(1)
    assert _write(call, key).status_code == 200


def test_an_exhausted_quota_refuses_everything(jira, call):
    jira.behaviour.quota_reason = "jira-quota-global-based"
    refused = call("GET", "/rest/api/3/myself")
    assert (refused.status_code, refused.headers["RateLimit-Reason"]) == (429, "jira-quota-global-based")
    assert refused.headers["Retry-After"] == "1800"


def test_a_refused_write_has_no_effect(jira, call, key):
    jira.behaviour.quota_reason = "jira-quota-tenant-based"
    _write(call, key)
    assert jira.store.issues[key].properties == {}
    assert jira.requests[-1]["effect"] is False


def test_people_are_not_limited(jira, key):
    jira.behaviour.per_issue_limit = True
    for number in range(30):
        jira.as_person("maria").comment(key, f"note {number}")


def test_the_date_header_follows_the_clock(jira, call, clock):
    clock.pass_by(90)
    assert parsedate_to_datetime(call("GET", "/rest/api/3/myself").headers["Date"]) == clock.at
    assert "," not in call("GET", "/rest/api/3/myself").headers["Date"][5:]  # one such header, not two
    jira.behaviour.date_offset_seconds = -600
    skewed = parsedate_to_datetime(call("GET", "/rest/api/3/nothing").headers["Date"])
    assert (clock.at - skewed).total_seconds() == 600


@given(st.lists(st.floats(min_value=0, max_value=3, allow_nan=False), max_size=200))
def test_no_window_is_ever_overrun(gaps):
    windows, now, taken = Windows(), 1000.0, []
    for gap in gaps:
        now += gap
        wait = windows.wait("INC-1", ISSUE_WINDOWS, now)
        if wait:
            assert windows.wait("INC-1", ISSUE_WINDOWS, now + wait + 1e-6) == 0.0
            now += wait + 1e-6
        taken.append(now)
    for most, seconds in ISSUE_WINDOWS:
        for first, last in zip(taken, taken[most:], strict=False):
            assert last - first >= seconds - 1e-3
