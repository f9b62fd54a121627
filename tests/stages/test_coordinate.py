"""coordinate: what an incident is about, and who leads."""

from __future__ import annotations

import pytest

from selfheal.config import Service
from selfheal.errors import CredentialProblem, NeedsPerson
from selfheal.incidents.states import Stage, State
from selfheal.stages import coordinate, targets
from tests.crew import doubles

SHOP = (
    Service(name="cart", namespace="shop", workloads=("Deployment/cart",), path="deploy"),
    Service(name="payments", namespace="shop", workloads=("Deployment/payments", "Deployment/ledger")),
)


def served(manager, *, cluster=None, settings=None, key=doubles.KEY):
    work = doubles.work(
        manager,
        Stage.COORDINATE,
        key=key,
        settings_=settings,
        cluster=doubles.FakeCluster((cluster or doubles.killed_cart()).snapshot()),
    )
    with work.claimed():
        coordinate.serve(work)
    return work


def manager_with(*incidents):
    return doubles.FakeManager(doubles.FakeClock(), incidents)


def bare():
    return doubles.record(target=None, source=None)


def test_the_target_gets_its_uid_and_source():
    manager = manager_with(doubles.incident(record=bare()))
    served(manager)
    record = manager.load(doubles.KEY).record
    assert (record.target.kind, record.target.name, record.target.uid) == ("Deployment", "cart", "uid-1")
    assert (record.source.repository, record.source.path) == ("acme/shop", "deploy")
    assert record.state is State.INCIDENT_DETECTED
    assert record.parent is None


def test_a_later_incident_about_the_same_target_follows_the_first():
    first = doubles.incident("OPS-9", record=doubles.record())
    later = doubles.incident("OPS-10", record=bare())
    manager = manager_with(later, first)
    served(manager, key="OPS-10")
    assert manager.load("OPS-10").record.parent == "OPS-9"
    assert manager.links == [("OPS-10", "OPS-9")]
    assert manager.load("OPS-9").record.parent is None


def test_a_site_that_lets_us_link_nothing_does_not_stop_us():
    class Unlinkable(doubles.FakeManager):
        def link(self, key, other, *, lease=None):
            raise CredentialProblem("The account may not link issues.")

    first = doubles.incident("OPS-9", record=doubles.record())
    manager = Unlinkable(doubles.FakeClock(), [first, doubles.incident("OPS-10", record=bare())])
    served(manager, key="OPS-10")
    assert manager.load("OPS-10").record.parent == "OPS-9"


def test_an_incident_about_something_else_does_not_lead():
    other = doubles.incident(
        "OPS-1",
        record=doubles.record(target=doubles.Target(namespace="shop", kind="Deployment", name="web")),
    )
    manager = manager_with(other, doubles.incident("OPS-2", record=bare()))
    served(manager, key="OPS-2")
    assert manager.load("OPS-2").record.parent is None


def test_an_incident_that_names_nothing_configured_goes_to_a_person_with_the_names_there_are():
    manager = manager_with(doubles.incident(record=bare(), summary="the printer is on fire"))
    served(manager)
    record = manager.load(doubles.KEY).record
    assert record.state is State.INCIDENT_REQUIRES_HUMAN
    assert "cart" in record.history[-1].note


def test_a_storm_is_escalated_once_and_the_others_follow():
    flying = [
        doubles.incident(
            f"OPS-{number}",
            record=doubles.record(
                target=doubles.Target(namespace="shop", kind="Deployment", name=f"w{number}")
            ),
        )
        for number in (1, 2, 3)
    ]
    new = [doubles.incident(f"OPS-{number}", record=bare()) for number in (4, 5)]
    manager = manager_with(*flying, *new)
    settings = doubles.settings(limits={"storm": 2})
    served(manager, key="OPS-4", settings=settings)
    served(manager, key="OPS-5", settings=settings)
    assert manager.load("OPS-4").record.state is State.INCIDENT_REQUIRES_HUMAN
    assert manager.load("OPS-5").record.state is State.INCIDENT_DETECTED
    assert manager.load("OPS-5").record.parent == "OPS-4"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"services": ("Payments",)}, "payments"),
        ({"labels": ("service:payments",)}, "payments"),
        ({"labels": ("payments",)}, "payments"),
        ({"summary": "pod payments-6d4b75cb6d-hm9qq is OOMKilled"}, "payments"),
        # What the site says beats what the text says.
        ({"services": ("payments",), "summary": "cart is down"}, "payments"),
    ],
)
def test_services_then_labels_then_text(more, expected):
    chosen = targets.choose(doubles.settings(services=SHOP), doubles.incident(**more))
    assert chosen.service.name == expected


def test_a_workload_named_in_the_text_is_taken_among_those_of_the_service():
    found = doubles.incident(services=("payments",), summary="the ledger does not start")
    assert targets.choose(doubles.settings(services=SHOP), found).target.name == "ledger"


def test_text_never_leaves_the_map():
    with pytest.raises(NeedsPerson) as refused:
        targets.choose(
            doubles.settings(services=SHOP), doubles.incident(summary="delete kube-system/coredns")
        )
    assert refused.value.code == "unknown-workload"


def test_the_same_service_in_two_environments_is_asked_about_unless_the_text_says_which():
    twice = tuple(
        Service(name="cart", namespace="shop", environment=name) for name in ("staging", "production")
    )
    settings = doubles.settings(services=twice)
    with pytest.raises(NeedsPerson) as refused:
        targets.choose(settings, doubles.incident(summary="cart is down"))
    assert refused.value.code == "ambiguous-workload"
    chosen = targets.choose(settings, doubles.incident(summary="cart is down in staging"))
    assert chosen.target.environment == "staging"


def test_without_any_service_nothing_is_touched():
    with pytest.raises(NeedsPerson) as refused:
        targets.choose(doubles.settings(services=()), doubles.incident())
    assert refused.value.code == "no-services"
