"""analyze with its real agent, tools and playbook, over doubles of Jira and the cluster."""

from __future__ import annotations

import pytest

from selfheal.incidents.states import Stage, State
from selfheal.stages import analyze
from tests.crew import doubles


def served(manager, cluster, **more):
    work = doubles.work(manager, Stage.ANALYZE, cluster=doubles.FakeCluster(cluster.snapshot()), **more)
    with work.claimed():
        analyze.serve(work)
    return work


def manager_with(record, **more):
    return doubles.FakeManager(doubles.FakeClock(), [doubles.incident(record=record, **more)])


@pytest.mark.parametrize("state", [State.INCIDENT_DETECTED, State.ANALYSIS_IN_PROGRESS])
def test_a_cause_is_stored_with_evidence_that_was_looked_up(state):
    manager = manager_with(doubles.record(state))
    work = served(manager, doubles.killed_cart())
    record = manager.load(doubles.KEY).record
    assert record.state is State.ANALYSIS_COMPLETE
    assert record.analysis.fault == "oom-killed"
    assert record.analysis.decided_by == "builtin"
    assert [name for _key, name, _blocks in manager.told] == ["analysis"]
    assert work.cluster.asked == 1, "one snapshot a stage"


def test_a_healthy_target_goes_to_a_person():
    manager = manager_with(doubles.record())
    served(manager, doubles.healthy_cart())
    record = manager.load(doubles.KEY).record
    assert record.state is State.INCIDENT_REQUIRES_HUMAN
    assert record.analysis.verdict == "healthy"
    assert "healthy" in record.history[-1].note


def test_an_incident_that_was_adopted_and_no_more_gets_its_target_first():
    manager = manager_with(doubles.record(target=None, source=None))
    served(manager, doubles.killed_cart())
    record = manager.load(doubles.KEY).record
    assert record.target.name == "cart"
    assert record.source.path == "deploy"
    assert record.state is State.ANALYSIS_COMPLETE


def test_the_claim_is_free_afterwards():
    manager = manager_with(doubles.record())
    served(manager, doubles.killed_cart())
    assert manager.holders == {}


def test_a_target_without_a_kind_is_completed_from_the_cluster():
    target = doubles.Target(environment="production", namespace="shop", name="cart")
    manager = manager_with(doubles.record(target=target))
    served(manager, doubles.killed_cart())
    found = manager.load(doubles.KEY).record.target
    assert (found.kind, found.uid) == ("Deployment", "uid-1")


def test_a_follower_that_recovered_says_with_whom():
    manager = manager_with(doubles.record(parent="OPS-0"))
    served(manager, doubles.healthy_cart())
    assert "OPS-0" in manager.load(doubles.KEY).record.history[-1].note
