"""The most careful of all modes that apply."""

from __future__ import annotations

import pytest

from selfheal.incidents.record import Analysis, Change, ObjectRef, RenderedChange, Target
from selfheal.stages.modes import mode_for
from tests.crew import doubles


@pytest.mark.parametrize(
    ("general", "service", "by_fault", "free", "expected"),
    [
        ("heal", None, {}, False, "heal"),
        ("heal", "propose", {}, False, "propose"),
        ("propose", "heal", {}, False, "propose"),
        ("heal", "heal", {"oom-killed": "observe"}, False, "observe"),
        ("heal", "heal", {"bad-release": "observe"}, False, "heal"),
        ("heal", "heal", {}, True, "propose"),
        ("observe", None, {}, True, "observe"),
    ],
)
def test_the_most_careful_mode_counts(general, service, by_fault, free, expected):
    entry = {"name": "cart", "namespace": "shop", "mode": service, "modes_by_fault": by_fault}
    record = doubles.record(
        analysis=Analysis(verdict="fault", fault="oom-killed"),
        change=Change(decision="propose", free=free),
    )
    assert mode_for(doubles.settings(mode=general, services=[entry]), record) == expected


ELSEWHERE = Target(namespace="shop", kind="Deployment", name="nothing")
CART = ObjectRef(kind="Deployment", namespace="shop", name="cart")


@pytest.mark.parametrize(
    "kept",
    [
        {"analysis": Analysis(verdict="fault", fault="oom-killed", object=CART)},
        {"change": Change(decision="propose", rendered=(RenderedChange(object=CART, field="/spec"),))},
    ],
)
def test_a_target_that_was_edited_leads_to_no_looser_mode(kept):
    entry = {"name": "cart", "namespace": "shop", "mode": "observe"}
    settings = doubles.settings(mode="heal", services=[entry])
    assert mode_for(settings, doubles.record(target=ELSEWHERE, **kept)) == "observe"


def test_what_is_not_in_the_map_is_merged_by_people():
    settings = doubles.settings(mode="heal", services=[{"name": "cart", "namespace": "shop"}])
    assert mode_for(settings, doubles.record(target=ELSEWHERE)) == "propose"
