"""Incidents of one cause are analysed once; where much is ill nothing is changed and one escalation is made."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from selfheal.diagnosis.engine import diagnose
from selfheal.errors import CredentialProblem, Outage
from selfheal.incidents.record import Change, Outcome, PullRequest, Step, Tried
from selfheal.incidents.states import Stage, State
from selfheal.stages import analyze, following, storms
from selfheal.stages.work import Waiting
from tests.crew import doubles
from tests.support.cluster import Cluster, container, crashing

WEB = doubles.Target(environment="production", namespace="shop", kind="Service", name="cart")


def served(manager: Any, cluster: Cluster, key: str = doubles.KEY, **settings: Any) -> Any:
    work = doubles.work(
        manager,
        Stage.ANALYZE,
        key=key,
        settings_=doubles.settings(**settings),
        cluster=doubles.FakeCluster(cluster.snapshot()),
    )
    with work.claimed():
        analyze.serve(work)
    return work


def manager_with(**records: Any) -> Any:
    incidents = [doubles.incident(key.replace("_", "-"), record=held) for key, held in records.items()]
    return doubles.FakeManager(doubles.FakeClock(), incidents)


def begun(**more: Any) -> Any:
    return doubles.record(State.ANALYSIS_IN_PROGRESS, **more)


def after_the_first() -> Any:
    """A manager with OPS-1 analysed, and OPS-2 about something else that the same cause brings down."""
    manager = manager_with(OPS_1=begun(), OPS_2=begun(target=WEB))
    served(manager, doubles.killed_cart(), "OPS-1")
    assert manager.load("OPS-1").record.state is State.ANALYSIS_COMPLETE
    return manager


def test_an_incident_of_the_same_cause_follows_and_costs_no_analysis() -> None:
    manager = after_the_first()
    with pytest.raises(Waiting, match="OPS-1"):
        served(manager, doubles.killed_cart(), "OPS-2")
    record = manager.load("OPS-2").record
    assert (record.parent, record.analysis, record.state) == ("OPS-1", None, State.ANALYSIS_IN_PROGRESS)
    assert manager.links == [("OPS-2", "OPS-1")]
    assert manager.load("OPS-1").record.parent is None
    assert [key for key, _name, _blocks in manager.told] == ["OPS-1"]


def test_it_waits_until_the_leader_is_over_and_is_looked_at_then() -> None:
    manager = after_the_first()
    with pytest.raises(Waiting):
        served(manager, doubles.killed_cart(), "OPS-2")
    work = doubles.work(manager, Stage.ANALYZE, key="OPS-2")
    assert "OPS-1" in following.waits_for(work, manager.load("OPS-2").record)
    leader = manager.load("OPS-1")
    resolved = leader.record.model_copy(update={"state": State.INCIDENT_RESOLVED})
    manager.incidents["OPS-1"] = doubles.incident("OPS-1", record=resolved)
    assert not following.waits_for(work, manager.load("OPS-2").record)
    assert following.recovered_with(work, manager.load("OPS-2").record)
    # The trouble is still there: now it is analysed by itself.
    served(manager, doubles.killed_cart(), "OPS-2")
    assert manager.load("OPS-2").record.state is State.ANALYSIS_COMPLETE


@pytest.mark.parametrize(
    "change",
    [
        {"state": State.INCIDENT_RELEASED},
        {"state": State.INCIDENT_REQUIRES_HUMAN},
        {"parent": "OPS-7"},
        {"analysis": None},
        {"target": doubles.Target(cluster="other", namespace="shop", kind="Deployment", name="cart")},
    ],
)
def test_who_does_not_lead(change: dict[str, Any]) -> None:
    manager = after_the_first()
    record = manager.load("OPS-1").record.model_copy(update=change)
    manager.incidents["OPS-1"] = doubles.incident("OPS-1", record=record)
    served(manager, doubles.killed_cart(), "OPS-2")
    assert manager.load("OPS-2").record.parent is None
    assert manager.load("OPS-2").record.state is State.ANALYSIS_COMPLETE


def test_another_cause_does_not_lead() -> None:
    manager = after_the_first()
    record = manager.load("OPS-1").record
    other = record.analysis.model_copy(update={"fingerprint": "0" * 32})
    manager.incidents["OPS-1"] = doubles.incident(
        "OPS-1", record=record.model_copy(update={"analysis": other})
    )
    served(manager, doubles.killed_cart(), "OPS-2")
    assert manager.load("OPS-2").record.parent is None


def test_what_was_worked_on_before_is_not_grouped() -> None:
    manager = after_the_first()
    tried = Tried(attempt=1, fault="app-crash", object=None, rendered=(), outcome=Outcome.INEFFECTIVE)
    work = doubles.work(manager, Stage.ANALYZE, key="OPS-2")
    work.incident = doubles.incident("OPS-2", record=begun(target=WEB, attempt=2, tried=(tried,)))
    assert not storms.grouped(work, context=None)


def analysed(analysis: Any, second: float, **more: Any) -> Any:
    """A record whose analysis was stored then, with its fix begun."""
    at = doubles.START + timedelta(seconds=second)
    step = Step(at=at, from_state=State.ANALYSIS_IN_PROGRESS, to_state=State.ANALYSIS_COMPLETE)
    given = {"analysis": analysis, "history": (step,), **more}
    return doubles.record(State.FIX_IN_PROGRESS, **given)


@pytest.fixture
def cause() -> Any:
    snapshot = doubles.killed_cart().snapshot()
    return diagnose(snapshot, target=doubles.record().target).to_analysis(snapshot)


def stepped_back(manager: Any, key: str) -> bool:
    work = doubles.work(manager, Stage.FIX, key=key)
    try:
        with work.claimed():
            storms.step_back(work)
    except Waiting:
        return True
    return False


@pytest.mark.parametrize("looks", list(permutations(["OPS-9", "OPS-10", "OPS-11"])))
@pytest.mark.parametrize(
    ("seconds", "leader"), [((0, 0, 0), "OPS-9"), ((2, 1, 1), "OPS-10"), ((5, 3, 0), "OPS-11")]
)
def test_of_those_analysed_at_once_one_goes_on_whoever_looks_first(
    cause: Any, looks: tuple[str, ...], seconds: tuple[int, ...], leader: str
) -> None:
    keys = ("OPS-9", "OPS-10", "OPS-11")
    records = {key: analysed(cause, at) for key, at in zip(keys, seconds, strict=True)}
    manager = manager_with(**{key.replace("-", "_"): record for key, record in records.items()})
    went_on = [key for key in looks if not stepped_back(manager, key)]
    assert went_on == [leader]
    for key in set(keys) - {leader}:
        record = manager.load(key).record
        assert record.state is State.ANALYSIS_IN_PROGRESS
        assert record.analysis is None
        assert record.parent is not None
        # Whoever looked before the leader may follow one that follows the leader: in the end all wait for it.
        while record.parent is not None:
            last = record.parent
            record = manager.load(record.parent).record
        assert last == leader


@pytest.mark.parametrize(
    ("first", "own"),
    [
        # The other one has another cause, follows somebody, is over, is in another cluster.
        ({"analysis": None}, {}),
        ({"parent": "OPS-7"}, {}),
        ({"state": State.INCIDENT_REQUIRES_HUMAN}, {}),
        ({"target": doubles.Target(cluster="other", namespace="shop", kind="Deployment", name="cart")}, {}),
        # This one has been worked on.
        ({}, {"change": Change(decision="propose")}),
        ({}, {"attempt": 2}),
        ({}, {"pull_requests": (PullRequest(number=1),)}),
    ],
)
def test_who_does_not_step_back(cause: Any, first: dict[str, Any], own: dict[str, Any]) -> None:
    other = analysed(cause, 0).model_copy(update=first)
    manager = manager_with(OPS_1=other, OPS_2=analysed(cause, 9, **own))
    assert not stepped_back(manager, "OPS-2")
    assert manager.load("OPS-2").record.state is State.FIX_IN_PROGRESS


def test_a_leader_that_ended_just_now_leads_nobody(cause: Any) -> None:
    """It is looked at once more when the step is made."""

    class Ends(doubles.FakeManager):
        def link(self, key: str, other: str, *, lease: Any = None) -> None:
            over = self.incidents[other].record.model_copy(update={"state": State.INCIDENT_RELEASED})
            self.incidents[other] = doubles.incident(other, record=over)

    incidents = [doubles.incident(f"OPS-{n}", record=analysed(cause, n)) for n in (1, 2)]
    manager = Ends(doubles.FakeClock(), incidents)
    assert not stepped_back(manager, "OPS-2")
    assert manager.load("OPS-2").record.parent is None


def large(ill: int, *, every: int = 24, nodes: int = 0, unready: int = 0) -> Cluster:
    cluster = Cluster()
    for number in range(every):
        name = "cart" if number == 0 else f"w{number}"
        status = crashing("Error", 1) if number < ill else None
        cluster.deployment(name, {"containers": [container()]}, status=status)
    for number in range(nodes):
        ready = "Unknown" if number < unready else "True"
        cluster.add(
            "Node", f"n{number}", namespace="", status={"conditions": [{"type": "Ready", "status": ready}]}
        )
    return cluster


@pytest.mark.parametrize(
    ("cluster", "much"),
    [
        (large(13), "13 of 24 workloads are ill"),
        (large(12), ""),
        (large(3, every=3), ""),
        (large(1, nodes=4, unready=3), "3 of 4 nodes are not ready"),
        (large(1, nodes=4, unready=2), ""),
        (large(1, nodes=2, unready=2), ""),
    ],
)
def test_what_counts_as_much(cluster: Cluster, much: str) -> None:
    assert storms.widespread(cluster.snapshot(), doubles.settings()) == much


def test_where_much_is_ill_one_is_escalated_and_the_others_follow() -> None:
    manager = manager_with(OPS_1=begun(), OPS_2=begun(target=WEB))
    served(manager, large(20), "OPS-1")
    record = manager.load("OPS-1").record
    assert record.state is State.INCIDENT_REQUIRES_HUMAN
    assert record.history[-1].note.startswith(storms.STORM)
    assert "20 of 24 workloads" in record.history[-1].note
    with pytest.raises(Waiting):
        served(manager, large(20), "OPS-2")
    assert manager.load("OPS-2").record.parent == "OPS-1"


def _lost_node() -> Cluster:
    """The cart's only pod is on a node that is gone; nodes are few, so their share says nothing."""
    cluster = doubles.healthy_cart()
    cluster.add(
        "Node", "n0", metadata={"namespace": ""}, spec={},
        status={"conditions": [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}]},
    )  # fmt: skip
    for obj in cluster.objects:
        if obj["kind"] == "Pod":
            obj["spec"]["nodeName"] = "n0"
            obj["status"]["conditions"][0]["status"] = "False"
    return cluster


class TwoViews(doubles.FakeCluster):
    """Answers one snapshot for a namespace and another for the whole cluster."""

    def __init__(self, near: Cluster, every: Cluster | None) -> None:
        super().__init__(near.snapshot())
        self.every, self.whole = every, 0

    def snapshot(self, namespaces: Any = None, *, logs_for: Any = None) -> Any:
        if namespaces is not None:
            return super().snapshot(namespaces)
        self.whole += 1
        if self.every is None:
            raise CredentialProblem("The account may read the namespace shop only.")
        return self.every.snapshot()


@pytest.mark.parametrize(
    ("near", "every", "asked", "state"),
    [
        (_lost_node(), large(20), 1, State.INCIDENT_REQUIRES_HUMAN),
        (_lost_node(), large(2), 1, State.ANALYSIS_COMPLETE),
        (_lost_node(), None, 1, State.ANALYSIS_COMPLETE),
        # A cause of the namespace's own is nobody else's.
        (doubles.killed_cart(), large(20), 0, State.ANALYSIS_COMPLETE),
    ],
)
def test_where_the_cause_is_the_clusters_the_whole_cluster_counts(
    near: Cluster, every: Cluster | None, asked: int, state: State
) -> None:
    manager, cluster = manager_with(OPS_1=begun()), TwoViews(near, every)
    work = doubles.work(manager, Stage.ANALYZE, cluster=cluster)
    with work.claimed():
        analyze.serve(work)
    record = manager.load("OPS-1").record
    assert (record.state, cluster.whole) == (state, asked)
    if state is State.INCIDENT_REQUIRES_HUMAN:
        assert "in the whole cluster, 20 of 24 workloads are ill" in record.history[-1].note


def test_the_share_is_a_setting() -> None:
    settings = doubles.settings(limits={"ill_share": 0.9})
    assert not storms.widespread(large(20).snapshot(), settings)


def test_a_cluster_that_cannot_be_read_is_the_agents_to_tell() -> None:
    class Gone:
        def diagnosis(self) -> None:
            raise Outage("The cluster does not answer.")

    work = doubles.work(manager_with(OPS_1=begun()), Stage.ANALYZE)
    work.incident = work.manager.load("OPS-1")
    assert not storms.grouped(work, Gone())
