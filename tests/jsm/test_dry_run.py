"""A dry run writes nothing, says everything, and goes on in another process."""

from __future__ import annotations

import json

from selfheal.incidents.states import Stage, State
from selfheal.jsm import labels
from tests.jsm.support import analysis
from tests.jsm.test_whole_life import heal


def writes(jira) -> list:
    return [
        entry for entry in jira.requests
        if entry["method"] in ("PUT", "DELETE") or (entry["method"] == "POST" and "search" not in entry["path"])
    ]  # fmt: skip


def test_a_whole_life_writes_nothing_and_reads_as_if_it_had(jira, connect) -> None:
    key = jira.file_incident(summary="x")
    before = json.dumps(jira.store.issues[key].fields, default=str)
    manager = connect(dry_run=True)
    heal(manager, key)
    incident = manager.load(key)
    assert incident.record.state is State.INCIDENT_RESOLVED
    assert incident.status == "Completed"
    assert labels.of(State.INCIDENT_RESOLVED) in incident.labels
    assert manager.get_patch(key, incident.record.change.patch) == b"the patch"
    assert writes(jira) == []
    assert manager.writes == 0
    assert json.dumps(jira.store.issues[key].fields, default=str) == before
    assert connect().load(key).record is None


def test_every_write_is_described(jira, connect) -> None:
    key = jira.file_incident(summary="x")
    manager = connect(dry_run=True, jira={"escalation": "Maria Okafor"})
    manager.adopt(key)
    with manager.claim(key, Stage.ANALYZE) as lease:
        manager.tell(key, "cause", ["cart is killed"], lease=lease)
        manager.transition(key, State.ANALYSIS_IN_PROGRESS, lease=lease)
    manager.transition(key, State.INCIDENT_REQUIRES_HUMAN, {"reason": "unsure"})
    said = "\n".join(manager.described())
    for word in (
        "cart is killed",
        "Work in progress",
        "add the label selfheal",
        "assign it",
        "ANALYSIS_IN_PROGRESS",
        "unsure",
    ):
        assert word in said
    assert all(line.startswith(f"{key}: ") for line in manager.described())


def test_the_next_process_goes_on_from_the_overlay(jira, connect) -> None:
    key = jira.file_incident(summary="x")
    first = connect(dry_run=True)
    first.adopt(key)
    with first.claim(key, Stage.ANALYZE) as lease:
        first.transition(key, State.ANALYSIS_IN_PROGRESS, lease=lease)
        first.update(key, "analysis", analysis(), lease=lease)
        first.transition(key, State.ANALYSIS_COMPLETE, lease=lease)
    overlay = json.loads(json.dumps(first.overlay()))
    second = connect(dry_run=True, overlay=overlay)
    assert second.heed(key).record.state is State.ANALYSIS_COMPLETE
    with second.claim(key, Stage.FIX) as lease:
        second.transition(key, State.FIX_IN_PROGRESS, lease=lease)
    assert second.load(key).record.state is State.FIX_IN_PROGRESS
    assert overlay == json.loads(json.dumps(first.overlay()))
    assert writes(jira) == []


def test_people_still_win_in_a_dry_run(jira, connect) -> None:
    key = jira.file_incident(summary="x")
    manager = connect(dry_run=True)
    manager.adopt(key)
    jira.as_person("maria").add_label(key, labels.STOP)
    assert manager.heed(key).record.state is State.INCIDENT_RELEASED
    assert labels.STOP in manager.load(key).labels


def test_outside_a_dry_run_nothing_is_described(jira, manager) -> None:
    manager.adopt(jira.file_incident(summary="x"))
    assert (manager.described(), manager.overlay()) == ([], {})
