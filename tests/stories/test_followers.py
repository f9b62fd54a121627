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
