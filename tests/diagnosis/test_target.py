"""Which workload an incident is about: text is a hint within a scope, and only what exists can be meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.diagnosis.engine import diagnose
from selfheal.diagnosis.target import TEXT, from_text, parse_target, resolve
from selfheal.errors import UsageProblem
from selfheal.incidents.record import Target
from tests.support.cluster import Cluster, container, crashing


def shop() -> Cluster:
    cluster = Cluster()
    for name in ("cart", "payments", "web"):
        cluster.deployment(name, {"containers": [container()]})
    return cluster


SNAPSHOT = shop().snapshot()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("cart is down", "cart"),
        ("Deployment/payments in shop keeps restarting", "payments"),
        ("pod cart-new-0 is OOMKilled", "cart"),
        # The one that is told of more often is meant; of two told of alike the one named first.
        ("web answers 502 since the cart release; cart logs errors", "cart"),
        ("payments fails because cart is down", "payments"),
        # Parts of other words name nothing.
        ("carts, webs and repayments", None),
        ("the printer is on fire", None),
        ("", None),
    ],
)
def test_what_a_text_names(text: str, name: str | None) -> None:
    found = from_text(SNAPSHOT, text)
    assert (found.ref.name if found is not None else None) == name


def test_a_text_names_nothing_outside_its_namespace_or_its_length() -> None:
    assert from_text(SNAPSHOT, "cart is down", "billing") is None
    assert resolve(SNAPSHOT, None, "x " * TEXT + "cart") is None


def test_a_target_that_is_given_beats_the_text() -> None:
    found = resolve(SNAPSHOT, Target(namespace="shop", name="web"), "cart is down")
    assert found is not None
    assert (found.kind, found.name, found.uid != "") == ("Deployment", "web", True)


def test_a_target_in_two_namespaces_stays_open() -> None:
    cluster = shop()
    other = Cluster("staging")
    other.deployment("cart", {"containers": [container()]})
    cluster.objects += other.objects
    found = resolve(cluster.snapshot(), Target(name="cart"), "")
    assert found == Target(name="cart")


def test_the_text_is_a_hint_and_the_cluster_decides() -> None:
    cluster = Cluster()
    cluster.deployment("web", {"containers": [container()]})
    limits = {"limits": {"memory": "64Mi"}}
    cluster.deployment(
        "cart", {"containers": [container(resources=limits)]}, status=crashing("OOMKilled", 137)
    )
    answer = diagnose(cluster.snapshot(), incident_text="web is slow, please restart it")
    assert answer.root is not None
    assert str(answer.root.object) == "Deployment shop/cart"


@given(st.text(max_size=200))
def test_any_text_names_something_that_exists_or_nothing(text: str) -> None:
    found = from_text(SNAPSHOT, text)
    assert found is None or SNAPSHOT.find(found.ref) is not None


@pytest.mark.parametrize(
    ("text", "kind"),
    [("deploy/cart", "Deployment"), ("StatefulSets/db", "StatefulSet"), ("svc/cart", "Service"), ("cronjobs.batch/x", "CronJob")],
)  # fmt: skip
def test_a_target_is_written_as_kubectl_writes_it(text: str, kind: str) -> None:
    assert parse_target(text).kind == kind


@pytest.mark.parametrize("text", ["cart", "deployment/", "/cart", "teapot/cart", ""])
def test_what_names_no_workload_is_said(text: str) -> None:
    with pytest.raises(UsageProblem):
        parse_target(text)
