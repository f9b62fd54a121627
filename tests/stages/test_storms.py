"""Incidents of one cause are analysed once; where much is ill nothing is changed and one escalation is made."""

from __future__ import annotations

from typing import Any

import pytest

from selfheal.errors import Outage
from selfheal.incidents.record import Outcome, Tried
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
