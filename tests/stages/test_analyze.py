"""analyze with its real agent, tools and playbook, over doubles of Jira and the cluster."""

from __future__ import annotations

import pytest

from selfheal.incidents.record import Outcome, PullRequest
from selfheal.incidents.states import Stage, State
from selfheal.stages import analyze
from tests.crew import doubles
from tests.support.cluster import Cluster


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
    assert record.analysis.baseline["unavailable"] == 1, "what follows the merge is compared with it"
    assert record.analysis.baseline["findings"] == ["oom-killed Deployment shop/cart app"]
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


def follower(leader, **more):
    """A follower beside its leader."""
    incidents = [
        doubles.incident(record=doubles.record(parent="OPS-0", **more)),
        doubles.incident("OPS-0", **leader),
    ]
    return doubles.FakeManager(doubles.FakeClock(), incidents)


def settled_cart():
    """The cart well and its rollout settled."""
    cluster = doubles.healthy_cart()
    top = cluster.objects[0]
    top["metadata"]["generation"] = top["status"]["observedGeneration"] = 2
    return cluster


SOAK = {"rollout_timeout": 120, "soak": 30, "samples": 3, "interval": 10}
OVER = [
    {"record": doubles.record(State.INCIDENT_RESOLVED)},
    {"record": doubles.record(State.INCIDENT_REQUIRES_HUMAN), "status_category": "done"},
    {"record": doubles.record(State.INCIDENT_RELEASED), "status_category": "done"},
]


@pytest.mark.parametrize("leader", OVER)
def test_a_follower_is_resolved_when_its_own_recovery_is_measured(leader):
    manager = follower(leader)
    work = served(manager, settled_cart(), settings_=doubles.settings(verification=SOAK))
    record = manager.load(doubles.KEY).record
    assert record.state is State.INCIDENT_RESOLVED, record.history
    assert record.verification.outcome is Outcome.SUCCESSFUL
    assert record.verification.good_samples >= 3
    assert "OPS-0" in record.history[-1].note
    assert [name for _key, name, _blocks in manager.told] == ["recovered"]
    assert manager.clock.seconds >= 30, "the soak was waited for"
    assert manager.renewals > 0
    assert work.cluster.asked > 3, "its own target was watched"


def test_a_follower_of_one_that_the_crew_failed_at_goes_to_a_person_when_it_is_healthy():
    manager = follower({"record": doubles.record(State.INCIDENT_FAILED)})
    served(manager, settled_cart())
    assert manager.load(doubles.KEY).record.state is State.INCIDENT_REQUIRES_HUMAN


def test_a_follower_that_is_still_ill_is_analysed_by_itself():
    manager = follower(OVER[0])
    served(manager, doubles.killed_cart())
    assert manager.load(doubles.KEY).record.state is State.ANALYSIS_COMPLETE


def test_a_healthy_incident_is_closed_where_that_is_switched_on():
    manager = manager_with(doubles.record())
    settings = doubles.settings(verification=SOAK, jira={"close_healthy": True})
    served(manager, settled_cart(), settings_=settings)
    record = manager.load(doubles.KEY).record
    assert record.state is State.INCIDENT_RESOLVED, record.history


class Scenes:
    """A cluster that looks different from the given look on."""

    def __init__(self, first, later, after):
        self.first, self.later, self.after, self.asked = first.snapshot(), later.snapshot(), after, 0

    def snapshot(self, namespaces=None, *, logs_for=None):
        self.asked += 1
        return self.first if self.asked <= self.after else self.later


@pytest.mark.parametrize("after", [1, 2])
def test_what_does_not_stay_well_is_a_persons(after):
    manager = manager_with(doubles.record())
    settings = doubles.settings(verification=SOAK, jira={"close_healthy": True})
    work = doubles.work(
        manager,
        Stage.ANALYZE,
        cluster=Scenes(settled_cart(), doubles.killed_cart(), after),
        settings_=settings,
    )
    with work.claimed():
        analyze.serve(work)
    record = manager.load(doubles.KEY).record
    assert record.state is State.INCIDENT_REQUIRES_HUMAN
    assert "oom-killed" in record.history[-1].note


@pytest.mark.parametrize("read", [True, False])
def test_without_its_pods_nothing_is_closed(read):
    whole, bare = settled_cart(), Cluster()
    bare.objects = [item for item in whole.objects if item["kind"] != "Pod"]
    if not read:
        bare.unread.add("Pod")
    manager = manager_with(doubles.record())
    settings = doubles.settings(verification=SOAK, jira={"close_healthy": True})
    work = doubles.work(manager, Stage.ANALYZE, cluster=Scenes(whole, bare, 1), settings_=settings)
    with work.claimed():
        analyze.serve(work)
    assert manager.load(doubles.KEY).record.state is State.INCIDENT_REQUIRES_HUMAN


def test_one_that_had_changes_of_ours_is_never_closed_as_healthy():
    merged = PullRequest(number=3, state="merged", merge_sha="c" * 40)
    manager = manager_with(doubles.record(pull_requests=(merged,)))
    served(manager, settled_cart(), settings_=doubles.settings(jira={"close_healthy": True}))
    assert manager.load(doubles.KEY).record.state is State.INCIDENT_REQUIRES_HUMAN
