"""People win: whatever anyone but us does to an incident is a command."""

from __future__ import annotations

import pytest

from selfheal.errors import Conflict
from selfheal.incidents import record as records
from selfheal.incidents.errors import RecordInvalid
from selfheal.incidents.record import Record
from selfheal.incidents.states import ENDED, Stage, State
from selfheal.jsm import labels
from selfheal.sandbox.jira.workflow import ITSM
from tests.jsm.support import analysis, change, inject
from tests.jsm.test_whole_life import heal

IN_FLIGHT = [state for state in State if state not in ENDED]


def at(manager, key: str, state: State) -> None:
    """The incident in ``state``, as the usual way leaves it there."""
    manager.adopt(key)
    steps = {
        State.ANALYSIS_IN_PROGRESS: (Stage.ANALYZE, None, None),
        State.ANALYSIS_COMPLETE: (Stage.ANALYZE, "analysis", analysis()),
        State.FIX_IN_PROGRESS: (Stage.FIX, None, None),
        State.FIX_GENERATED: (Stage.FIX, "change", change()),
        State.PR_CREATED: (Stage.PR, None, None),
        State.PR_MERGED: (Stage.PR, None, None),
        State.VERIFICATION_IN_PROGRESS: (Stage.DEPLOY, None, None),
    }
    for to, (stage, section, value) in steps.items():
        if manager.load(key).record.state is state:
            return
        with manager.claim(key, stage) as lease:
            if section:
                manager.update(key, section, value, lease=lease)
            manager.transition(key, to, lease=lease)


@pytest.fixture
def incident(jira, manager):
    def made(state: State) -> str:
        key = jira.file_incident(summary="cart is down")
        at(manager, key, state)
        assert manager.heed(key).record.state is state
        return key

    return made


@pytest.mark.parametrize("state", IN_FLIGHT)
@pytest.mark.parametrize("deed", ["reassigns", "closes", "stops"])
def test_a_person_takes_it_at_every_state(deed, state, incident, jira, connect) -> None:
    key = incident(state)
    maria = jira.as_person("maria")
    {
        "reassigns": lambda: maria.reassign(key, "maria"),
        "closes": lambda: maria.transition(key, "Canceled"),
        "stops": lambda: maria.add_label(key, labels.STOP),
    }[deed]()
    seen = connect(run_id="next").heed(key)
    record = seen.record
    assert record.state is State.INCIDENT_RELEASED
    assert record.claim is None
    assert "Maria" in record.history[-1].note
    # Nothing of the person's is undone.
    now = connect().load(key)
    if deed == "reassigns":
        assert "Maria" in now.assignee.name
    if deed == "closes":
        assert now.status == "Canceled"
    if deed == "stops":
        assert labels.STOP in now.labels


def test_moving_it_to_pending_takes_it_too(incident, jira, manager) -> None:
    key = incident(State.ANALYSIS_COMPLETE)
    jira.as_person("jonas").transition(key, "Pending")
    assert manager.heed(key).record.state is State.INCIDENT_RELEASED
    assert manager.load(key).status == "Pending"


def test_a_person_interrupts_whoever_holds_the_claim(incident, jira, connect) -> None:
    key = incident(State.ANALYSIS_COMPLETE)
    holder = connect(run_id="holder")
    lease = holder.claim(key, Stage.FIX)
    jira.as_person("maria").add_label(key, labels.STOP)
    with pytest.raises(Conflict, match="person acted"):
        holder.transition(key, State.FIX_IN_PROGRESS, lease=lease)
    assert lease.over
    assert holder.load(key).record.state is State.INCIDENT_RELEASED


def test_a_command_seen_by_another_crew_stops_the_holder_at_its_next_write(incident, jira, connect) -> None:
    key = incident(State.ANALYSIS_COMPLETE)
    holder = connect(run_id="holder")
    lease = holder.claim(key, Stage.FIX)
    jira.as_person("maria").reassign(key, "jonas")
    connect(run_id="other").heed(key)
    with pytest.raises(Conflict):
        holder.update(key, "change", change(), lease=lease)
    assert holder.load(key).record.state is State.INCIDENT_RELEASED
    assert holder.load(key).record.claim is None


def test_what_was_done_before_the_incident_was_ours_is_no_command(jira, manager) -> None:
    key = jira.file_incident(summary="x", assignee=None)
    jira.as_person("maria").reassign(key, "bot")
    jira.as_person("maria").transition(key, "Work in progress")
    manager.adopt(key)
    assert manager.heed(key).record.state is State.INCIDENT_DETECTED


def test_comments_and_descriptions_by_people_are_no_command(incident, jira, manager) -> None:
    key = incident(State.PR_CREATED)
    jira.as_person("maria").comment(key, "looking at it")
    jira.as_person("maria").edit(key, {"summary": "cart is down again"})
    jira.as_person("maria").add_label(key, "checkout-team")
    assert manager.heed(key).record.state is State.PR_CREATED


def test_what_was_handed_over_may_be_moved_about(incident, jira, manager) -> None:
    key = incident(State.ANALYSIS_COMPLETE)
    manager.transition(key, State.INCIDENT_REQUIRES_HUMAN, {"code": "x", "reason": "unsure"})
    jira.as_person("maria").reassign(key, "maria")
    jira.as_person("maria").transition(key, "Pending")
    assert manager.heed(key).record.state is State.INCIDENT_REQUIRES_HUMAN
    jira.as_person("maria").transition(key, "Canceled")
    assert manager.heed(key).record.state is State.INCIDENT_RELEASED


def test_retry_starts_an_ended_incident_again(incident, jira, manager) -> None:
    key = incident(State.PR_CREATED)
    manager.transition(key, State.INCIDENT_REQUIRES_HUMAN, {"code": "x", "reason": "unsure"})
    jira.as_person("maria").add_label(key, labels.RETRY)
    assert [found.key for found in manager.search()] == [key]
    again = manager.heed(key)
    assert (again.record.state, again.record.attempt) == (State.INCIDENT_DETECTED, 2)
    assert labels.RETRY not in again.labels
    assert labels.of(State.INCIDENT_DETECTED) in again.labels
    # The assignment by our own handing over is not taken for a person's.
    assert manager.heed(key).record.state is State.INCIDENT_DETECTED


def test_a_stop_outweighs_a_retry(incident, jira, manager) -> None:
    key = incident(State.ANALYSIS_COMPLETE)
    jira.as_person("maria").add_label(key, labels.STOP)
    manager.heed(key)
    jira.as_person("maria").add_label(key, labels.RETRY)
    assert manager.heed(key).record.state is State.INCIDENT_RELEASED
    jira.as_person("maria").remove_label(key, labels.STOP)
    assert manager.heed(key).record.state is State.INCIDENT_DETECTED


def test_a_retry_on_a_running_or_resolved_incident_does_nothing(incident, jira, manager) -> None:
    key = incident(State.PR_MERGED)
    jira.as_person("maria").add_label(key, labels.RETRY)
    assert manager.heed(key).record.state is State.PR_MERGED


def test_our_own_half_done_status_is_mended_not_taken_for_a_person(incident, jira, connect) -> None:
    key = jira.file_incident(summary="x")
    manager = connect()
    manager.adopt(key)
    lease = manager.claim(key, Stage.ANALYZE)
    inject(jira, "/transitions", "drop-before", "POST", times=3)
    manager.transition(key, State.ANALYSIS_IN_PROGRESS, lease=lease)
    assert manager.load(key).status == "Open"
    seen = connect(run_id="next").heed(key)
    assert (seen.record.state, seen.status) == (State.ANALYSIS_IN_PROGRESS, "Work in progress")


def test_a_run_that_died_before_closing_is_finished_by_the_next_search(jira, connect, monkeypatch) -> None:
    key = jira.file_incident(summary="x")
    dying = connect()
    monkeypatch.setattr(dying._site, "transition", lambda *args: None)
    heal(dying, key)
    assert dying.load(key).status == "Open"
    assert connect().search() == []
    assert connect().load(key).status == "Completed"


def test_a_resolved_incident_that_a_person_opens_again_stays_open(jira, connect, clock, manager) -> None:
    key = jira.file_incident(summary="x")
    heal(manager, key)
    clock.pass_(60)
    # The stock workflow has no way back from Completed; a site's own may.
    maria = jira.site.by_login("maria")
    issue = jira.store.issues[key]
    jira.store.change(issue, maria, {"status": ITSM.status("Work in progress").id})
    assert connect().heed(key).status == "Work in progress"
    assert connect().search() == []
    assert connect().load(key).status == "Work in progress"


def test_a_person_who_sets_our_status_back_is_not_overruled(incident, jira, manager, clock) -> None:
    key = incident(State.ANALYSIS_IN_PROGRESS)
    clock.pass_(5)
    jira.as_person("maria").transition(key, "Pending")
    assert manager.heed(key).record.state is State.INCIDENT_RELEASED
    assert manager.load(key).status == "Pending"


# -- a record that people edited -------------------------------------------------------------------------------

GARBAGE = [
    "text",
    7,
    [],
    {},
    {"version": 2},
    {"version": 1, "state": "MADE_UP"},
    {"version": 1, "attempt": "x" * 30},
]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_garbled_record_is_left_alone_said_once_and_started_afresh_on_retry(
    garbage, incident, jira, connect
) -> None:
    key = incident(State.ANALYSIS_COMPLETE)
    maria = jira.as_person("maria")
    maria.edit_property(key, "selfheal", garbage)
    manager = connect()
    for _time in range(3):
        with pytest.raises(RecordInvalid, match="cannot be read"):
            manager.heed(key)
    incident_now = manager.load(key)
    assert incident_now.record is None and incident_now.record_problem
    assert [comment.internal for comment in jira.store.issues[key].comments] == [True]
    with pytest.raises(RecordInvalid):
        manager.claim(key, Stage.FIX)
    maria.add_label(key, labels.RETRY)
    afresh = manager.heed(key)
    assert afresh.record.state is State.INCIDENT_DETECTED
    assert afresh.record.attempt >= 2
    assert not {labels.RETRY, labels.INVALID} & set(afresh.labels)


def test_one_garbled_record_does_not_hide_the_other_incidents(incident, jira, manager) -> None:
    broken, well = incident(State.ANALYSIS_COMPLETE), incident(State.ANALYSIS_COMPLETE)
    jira.as_person("maria").edit_property(broken, "selfheal", {"version": 99})
    assert {found.key for found in manager.search()} == {broken, well}
    with pytest.raises(RecordInvalid):
        manager.heed(broken)
    assert {found.key for found in manager.search()} == {well}


def test_a_deleted_record_makes_it_a_new_incident(incident, jira, manager) -> None:
    key = incident(State.PR_CREATED)
    jira.as_person("maria").delete_property(key, "selfheal")
    assert manager.heed(key).record is None


def test_a_forged_record_grants_no_step(incident, jira, connect) -> None:
    """Whoever may edit the issue may write any state into the record; the next step still asks its source."""
    from selfheal.incidents.errors import TransitionRefused

    key = incident(State.ANALYSIS_COMPLETE)
    manager = connect()
    manager.verifiers.clear()
    forged = Record.model_validate(
        {**records.dump(manager.load(key).record), "state": "VERIFICATION_IN_PROGRESS"}
    )
    jira.as_person("maria").edit_property(key, "selfheal", records.dump(forged))
    with (
        manager.claim(key, Stage.DEPLOY) as lease,
        pytest.raises(TransitionRefused, match="RecoveryMeasured"),
    ):
        manager.transition(key, State.INCIDENT_RESOLVED, {"note": "it is fine"}, lease=lease)
