"""What a run takes up: only what is ours, whoever names it; what people asked to be tried again."""

from __future__ import annotations

import subprocess

import pytest

from selfheal.errors import NotFound
from selfheal.incidents.states import Stage, State
from selfheal.jsm.manager import JSMStateManager
from selfheal.sandbox.world import World
from selfheal.stages.dispatch import Dispatcher


@pytest.fixture
def world():
    with World(scenarios=("catalog-out-of-memory",), only=("jira", "github")) as found:
        yield found


@pytest.fixture
def dispatcher(world, tmp_path):
    (app,) = world.applications.values()
    directory = tmp_path / "checkout"
    subprocess.run(["git", "clone", "-q", str(world.github.bare(app.repository)), str(directory)], check=True)
    environ = {**world.environ(), "SELFHEAL_REPOSITORY_DIR": str(directory)}
    return Dispatcher(environ, {}, lambda *_: None)


def test_a_new_incident_begins_with_coordinate(world, dispatcher):
    (key,) = world.incidents
    queue = dispatcher.queue()
    assert queue.items == [(key, Stage.COORDINATE)]
    assert dispatcher.queue(keys=(key,)).items == queue.items


def test_an_incident_of_somebody_else_is_refused_and_untouched(world, dispatcher):
    key = world.jira.file_incident(summary="Printer on fire", assignee="jonas")
    world.jira.requests.clear()
    queue = dispatcher.queue(keys=(key,))
    assert queue.items == []
    assert "assigned to" in queue.refused[key]
    assert not any(row["effect"] for row in world.jira.requests)


def test_an_ended_incident_is_taken_up_again_when_a_person_asks_for_it(world, dispatcher):
    (key,) = world.incidents
    manager = JSMStateManager.connect(dispatcher.settings, clock=dispatcher.clock)
    manager.adopt(key)
    manager.transition(key, State.INCIDENT_REQUIRES_HUMAN, {"code": "test", "reason": "for a person"})
    assert dispatcher.queue().items == []
    world.jira.as_person("maria").reassign(key, "bot")
    world.jira.as_person("maria").add_label(key, "selfheal-retry")
    assert dispatcher.queue().items == [(key, Stage.ANALYZE)]


def test_what_is_too_much_for_one_run_is_counted(world, dispatcher):
    for number in range(dispatcher.settings.limits.max_incidents + 1):
        world.jira.file_incident(summary=f"Another one, {number}")
    queue = dispatcher.queue()
    assert len(queue.items) == dispatcher.settings.limits.max_incidents
    assert queue.left_for_next_run == 2


def test_one_that_is_gone_before_it_is_tried_again_ends_no_run(world, dispatcher, monkeypatch, caplog):
    (key,) = world.incidents
    gone = world.jira.file_incident(summary="moved away meanwhile")
    manager = JSMStateManager.connect(dispatcher.settings, clock=dispatcher.clock)
    manager.adopt(gone)
    manager.transition(gone, State.INCIDENT_REQUIRES_HUMAN, {"code": "test", "reason": "for a person"})
    world.jira.as_person("maria").add_label(gone, "selfheal-retry")

    def heed(_manager, key):
        raise NotFound(f"There is no {key} any more.")

    monkeypatch.setattr(JSMStateManager, "heed", heed)
    assert dispatcher.queue().items == [(key, Stage.COORDINATE)]
    assert gone in caplog.text
