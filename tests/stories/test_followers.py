"""Two tickets, one outage: the second follows the first and is closed on what is measured of it alone."""

from __future__ import annotations

from selfheal.incidents.record import Outcome
from selfheal.incidents.states import State
from selfheal.stages.report import Outcome as Ended


def test_a_follower_waits_is_linked_and_is_closed_when_its_own_recovery_is_measured(stage):
    crew = stage("cart-image-tag")
    ((first, scenario),) = crew.world.incidents.items()
    crew.heal_until(first, State.ANALYSIS_COMPLETE)
    second = crew.world.file(scenario)
    reports = crew.heal(second)
    assert reports[-1].outcome is Ended.WAITING
    assert (crew.state(second), crew.record(second).parent) == (State.INCIDENT_DETECTED, first)
    assert [(link.inward, link.outward) for link in crew.world.jira.store.links] == [(second, first)]
    crew.heal(first)
    assert crew.state(first) is State.INCIDENT_RESOLVED
    changes = crew.commits()
    crew.heal(second)
    record = crew.record(second)
    assert record.state is State.INCIDENT_RESOLVED, record.history
    assert record.verification.outcome is Outcome.SUCCESSFUL
    assert (record.pull_requests, record.change) == ((), None)
    assert crew.commits() == changes
    assert crew.status(second) == "Completed"
    assert any(first in text and "Recovered" in text for text in crew.comments(second))


def test_two_that_were_analysed_at_the_same_moment_end_as_leader_and_follower(stage, monkeypatch):
    """Neither saw the other one's cause before its own analysis was stored; the second to be stored goes back."""
    crew = stage("cart-image-tag")
    ((first, scenario),) = crew.world.incidents.items()
    second = crew.world.file(scenario)
    with monkeypatch.context() as unseen:
        unseen.setattr("selfheal.stages.coordinate._leads", lambda _work, _key: False)
        unseen.setattr("selfheal.stages.storms._same_cause", lambda _work, _diagnosis: "")
        # The one that was filed later is the first to be analysed.
        crew.heal_until(second, State.ANALYSIS_COMPLETE)
        crew.heal_until(first, State.ANALYSIS_COMPLETE)
    reports = crew.heal(first)
    assert reports[-1].outcome is Ended.WAITING
    record = crew.record(first)
    assert (record.state, record.parent) == (State.ANALYSIS_IN_PROGRESS, second)
    assert (record.analysis, record.claim) == (None, None)
    assert [(link.inward, link.outward) for link in crew.world.jira.store.links] == [(first, second)]
    crew.heal(second)
    assert crew.state(second) is State.INCIDENT_RESOLVED
    changes = crew.commits()
    crew.heal(first)
    assert crew.state(first) is State.INCIDENT_RESOLVED, crew.record(first).history
    assert crew.commits() == changes
