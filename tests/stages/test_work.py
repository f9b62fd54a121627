"""What a stage works with: handing over, and the claim over a long time."""

from __future__ import annotations

import pytest

from selfheal.errors import Conflict
from selfheal.incidents.states import Stage, State
from tests.crew import doubles


@pytest.fixture
def work():
    manager = doubles.FakeManager(doubles.FakeClock(), [doubles.incident(record=doubles.record())])
    return doubles.work(manager, Stage.ANALYZE)


@pytest.mark.parametrize(
    ("hint", "text"),
    [("", "Why."), ("Do this.", "Why. Do this."), ("--- a\n+++ b", "Why.\n--- a\n+++ b")],
)
def test_a_diff_that_is_handed_over_keeps_its_lines(work, hint, text):
    work.hand_over("code", "Why.", hint)
    assert work.record.state is State.INCIDENT_REQUIRES_HUMAN
    assert work.record.history[-1].note == text
    assert work.summary == "Why."


def test_the_claim_is_kept_let_go_and_taken_again(work):
    with work.claimed():
        work.keep_claim()
        assert work.manager.renewals == 1
        work.let_go()
        assert work.manager.holders == {}
        work.keep_claim()
        assert work.manager.renewals == 1, "nothing is held, nothing is prolonged"
        work.claim()
        assert doubles.KEY in work.manager.holders
    assert work.manager.holders == {}
    assert work.lease is None


def test_a_claim_that_another_took_meanwhile_is_not_fought_over(work):
    with work.claimed():
        work.let_go()
        other = work.manager.claim(doubles.KEY, Stage.ANALYZE)
        with pytest.raises(Conflict):
            work.claim()
    assert work.manager.holders == {doubles.KEY: other}
