"""Requests that are saved, and what each saving must not cost: people win, nobody works on what another holds."""

from __future__ import annotations

import pytest

from selfheal.errors import Conflict, Outage, SelfhealError
from selfheal.incidents.errors import ProofRefused
from selfheal.incidents.record import Source, Target
from selfheal.incidents.states import Stage, State
from selfheal.jsm import labels
from tests.jsm.support import analysis, change, inject


@pytest.fixture
def key(jira, manager) -> str:
    key = jira.file_incident(summary="cart is down")
    manager.adopt(key)
    return key


def sent(jira, method: str, end: str = "") -> int:
    return sum(row["method"] == method and row["path"].endswith(end) for row in jira.requests)


def said(jira, key: str) -> list[str]:
    return [comment.properties["selfheal.comment"]["name"] for comment in jira.store.issues[key].comments]


def cause(_record):
    return "cause", ["cart is killed"]


# -- the first record is written by the first claim ------------------------------------------------------------


def test_a_new_incident_becomes_ours_with_the_claim(jira, manager) -> None:
    key = jira.file_incident(summary="x")
    assert manager.heed(key).record is None
    begun = manager.begin(key)
    assert begun.record.state is State.INCIDENT_DETECTED
    assert "selfheal" not in jira.store.issues[key].properties
    with manager.claim(key, Stage.COORDINATE) as lease:
        manager.update(key, "target", Target(name="cart"), lease=lease)
    now = manager.load(key)
    assert now.record.mirror["site"] == begun.record.mirror["site"] != ""
    assert {labels.MARK, labels.of(State.INCIDENT_DETECTED)} <= set(now.labels)


def test_who_died_right_after_the_first_claim_is_found_again_when_it_has_run_out(
    jira, connect, clock
) -> None:
    """Its record is there, its label is not."""
    key = jira.file_incident(summary="x")
    dead = connect(run_id="dead")
    dead.begin(key)
    dead.claim(key, Stage.COORDINATE)
    assert labels.MARK not in dead.load(key).labels
    assert connect().fetch() == []
    clock.pass_(700)
    assert [found.key for found in connect().fetch()] == [key]
    with connect(run_id="next").claim(key, Stage.COORDINATE) as taken:
        assert taken.epoch == 2


def test_another_projects_issue_does_not_become_ours(jira, connect) -> None:
    from selfheal.errors import Refused

    key = jira.file_incident(summary="x")
    with pytest.raises(Refused):
        connect(jira={"issue_type": "Problem"}).begin(key)
    assert "selfheal" not in jira.store.issues[key].properties


# -- a claim enters the work state -----------------------------------------------------------------------------


def test_claim_and_work_state_are_one_write(jira, key, manager) -> None:
    jira.requests.clear()
    lease = manager.claim(key, Stage.ANALYZE, enter=State.ANALYSIS_IN_PROGRESS)
    assert sent(jira, "PUT") == 1
    incident = manager.load(key)
    assert incident.record.state is State.ANALYSIS_IN_PROGRESS
    assert incident.record.claim.nonce == lease.nonce
    assert incident.status == "Work in progress"
    assert [step.stage for step in incident.record.history] == ["analyze"]


def test_who_does_not_get_the_claim_enters_nothing(key, connect) -> None:
    first, second = connect(run_id="first"), connect(run_id="second")
    first.claim(key, Stage.COORDINATE)
    with pytest.raises(Conflict, match="first works on"):
        second.claim(key, Stage.ANALYZE, enter=State.ANALYSIS_IN_PROGRESS)
    incident = second.load(key)
    assert (incident.record.state, incident.status) == (State.INCIDENT_DETECTED, "Open")


def test_a_state_that_others_went_on_to_is_not_entered(key, manager) -> None:
    manager.force(key, State.PR_CREATED, "x")
    with pytest.raises(Conflict, match="PR_CREATED by now"):
        manager.claim(key, Stage.ANALYZE, enter=State.ANALYSIS_IN_PROGRESS)
    assert manager.load(key).record.claim is None


def test_a_claim_for_another_stage_enters_no_work_state(key, manager) -> None:
    from selfheal.incidents.errors import TransitionRefused

    with pytest.raises(TransitionRefused, match="stage"):
        manager.claim(key, Stage.DEPLOY, enter=State.ANALYSIS_IN_PROGRESS)


@pytest.mark.parametrize("deed", ["stops", "reassigns", "moves"])
def test_what_people_did_until_the_claim_was_read_back_comes_first(
    deed, jira, key, connect, clock, monkeypatch
) -> None:
    """While the claim settles, a person acts: nothing is begun and the person's change stands."""
    maria = jira.as_person("maria")
    deeds = {
        "stops": lambda: maria.add_label(key, labels.STOP),
        "reassigns": lambda: maria.reassign(key, "maria"),
        "moves": lambda: maria.transition(key, "Pending"),
    }
    manager = connect()
    slept = clock.sleep
    monkeypatch.setattr(clock, "sleep", lambda seconds: (slept(seconds), deeds.pop(deed, lambda: None)()))
    with pytest.raises(Conflict, match="person acted"):
        manager.claim(key, Stage.ANALYZE, enter=State.ANALYSIS_IN_PROGRESS)
    incident = connect().load(key)
    assert (incident.record.state, incident.record.claim) == (State.INCIDENT_RELEASED, None)
    assert incident.status == ("Pending" if deed == "moves" else "Open")


def test_who_died_between_claim_and_status_is_mended(jira, key, connect, clock) -> None:
    inject(jira, "/transitions", "drop-before", "POST")
    connect(run_id="dead").claim(key, Stage.ANALYZE, enter=State.ANALYSIS_IN_PROGRESS)
    assert connect().load(key).status == "Open"
    clock.pass_(700)
    seen = connect().heed(key)
    assert (seen.record.state, seen.status) == (State.ANALYSIS_IN_PROGRESS, "Work in progress")
    with connect().claim(key, Stage.ANALYZE, enter=State.ANALYSIS_IN_PROGRESS) as lease:
        assert lease.epoch == 2
    assert len(connect().load(key).record.history) == 1


# -- sections wait for the next write --------------------------------------------------------------------------


def test_a_section_that_waits_goes_along_with_the_next_write(jira, key, manager) -> None:
    with manager.claim(key, Stage.ANALYZE, enter=State.ANALYSIS_IN_PROGRESS) as lease:
        jira.requests.clear()
        kept = manager.update(key, "analysis", analysis(), lease=lease, later=True)
        assert kept.record.analysis is not None
        assert jira.requests == []
        assert manager.load(key).record.analysis is not None, "whoever keeps it sees it"
        manager.transition(key, State.ANALYSIS_COMPLETE, lease=lease, last=True)
        assert sent(jira, "PUT") == 1
    assert manager.load(key).record.analysis is not None


def test_what_waits_is_written_when_the_claim_is_let_go(key, manager, connect) -> None:
    with manager.claim(key, Stage.FIX) as lease:
        manager.update(key, "change", change(), lease=lease, later=True)
        stored = manager.release(lease)
    assert stored.record.change is not None and stored.record.claim is None
    with pytest.raises(SelfhealError), manager.claim(key, Stage.FIX) as lease:
        manager.update(key, "change", change(title="another"), lease=lease, later=True)
        raise SelfhealError("the stage failed")
    assert connect().load(key).record.change.title == "another"


def test_a_write_that_fails_at_the_end_of_a_claim_is_an_error(jira, key, manager) -> None:
    with manager.claim(key, Stage.FIX) as lease:
        manager.update(key, "change", change(), lease=lease, later=True)
        inject(jira, "/issue/INC-1", "status", "PUT", status=503, times=0)
        with pytest.raises(Outage):
            manager.release(lease)
        jira.faults.clear()


def test_what_waits_under_a_lost_claim_is_never_written(key, connect, clock) -> None:
    slow = connect(run_id="slow")
    lease = slow.claim(key, Stage.FIX)
    slow.update(key, "change", change(title="of the slow one"), lease=lease, later=True)
    clock.pass_(700)
    quick = connect(run_id="quick")
    with quick.claim(key, Stage.FIX):
        pass
    lease.renewed(clock.monotonic())
    with pytest.raises(Conflict):
        slow.release(lease)
    with slow.claim(key, Stage.FIX) as again:
        assert slow.release(again) is None
    assert connect().load(key).record.change is None


def test_a_persons_stop_outweighs_what_waits(jira, key, manager, clock) -> None:
    lease = manager.claim(key, Stage.COORDINATE)
    manager.update(key, "source", Source(path="deploy"), lease=lease, later=True)
    jira.as_person("maria").add_label(key, labels.STOP)
    clock.pass_(10)
    with pytest.raises(Conflict):
        manager.release(lease)
    record = manager.load(key).record
    assert (record.state, record.source) == (State.INCIDENT_RELEASED, None)


def test_a_stop_in_the_moment_of_the_last_write_is_found_by_whoever_comes_next(
    jira, key, manager, connect
) -> None:
    lease = manager.claim(key, Stage.COORDINATE)
    manager.update(key, "source", Source(path="deploy"), lease=lease, later=True)
    jira.as_person("maria").add_label(key, labels.STOP)
    assert manager.release(lease) is not None
    assert connect().heed(key).record.state is State.INCIDENT_RELEASED


def test_a_section_over_its_budget_is_refused_at_once(key, manager) -> None:
    from selfheal.incidents.errors import OverBudget

    with manager.claim(key, Stage.FIX) as lease:
        with pytest.raises(OverBudget):
            manager.update(key, "change", change(reason="x" * 7_000), lease=lease, later=True)
        assert manager.release(lease) is None


# -- the last step lets the claim go ---------------------------------------------------------------------------


def test_the_last_step_frees_the_claim_and_says_what_it_found(jira, key, manager, connect) -> None:
    with manager.claim(key, Stage.ANALYZE, enter=State.ANALYSIS_IN_PROGRESS) as lease:
        manager.update(key, "analysis", analysis(), lease=lease, later=True)
        manager.transition(key, State.ANALYSIS_COMPLETE, lease=lease, last=True, tells=cause)
        assert lease.over and lease.done
        jira.requests.clear()
    assert jira.requests == [], "there is nothing left to free"
    record = manager.load(key).record
    assert (record.claim, record.told) == (None, ("cause",))
    with connect(run_id="next").claim(key, Stage.FIX, enter=State.FIX_IN_PROGRESS) as taken:
        assert taken.smooth


def test_a_step_that_is_refused_tells_nobody(jira, key, manager) -> None:
    class No:
        def verify(self, key, record):
            raise ProofRefused("e1 is not in the snapshot")

    manager.verifiers[State.ANALYSIS_COMPLETE] = No()
    with manager.claim(key, Stage.ANALYZE, enter=State.ANALYSIS_IN_PROGRESS) as lease:
        manager.update(key, "analysis", analysis(), lease=lease, later=True)
        with pytest.raises(ProofRefused):
            manager.transition(key, State.ANALYSIS_COMPLETE, lease=lease, last=True, tells=cause)
        assert not lease.over
    assert said(jira, key) == []


def test_a_state_forced_while_the_proof_was_asked_for_stays(key, manager, connect, clock) -> None:
    """Asking may take long: what the write relies on is looked at after it."""
    plain = manager.verifiers[State.ANALYSIS_COMPLETE]

    class Slow:
        def verify(self, key, record):
            clock.pass_(30)
            connect(run_id="person").force(key, State.INCIDENT_REQUIRES_HUMAN, "mine now")
            return plain.verify(key, record)

    manager.verifiers[State.ANALYSIS_COMPLETE] = Slow()
    lease = manager.claim(key, Stage.ANALYZE, enter=State.ANALYSIS_IN_PROGRESS)
    manager.update(key, "analysis", analysis(), lease=lease, later=True)
    with pytest.raises(Conflict):
        manager.transition(key, State.ANALYSIS_COMPLETE, lease=lease, last=True)
    assert connect().load(key).record.state is State.INCIDENT_REQUIRES_HUMAN


# -- comments are looked through only where one may be unrecorded ----------------------------------------------


def test_after_an_orderly_end_comments_are_not_looked_through(jira, key, manager) -> None:
    jira.requests.clear()
    with manager.claim(key, Stage.ANALYZE) as lease:
        manager.tell(key, "cause", ["x"], lease=lease)
        manager.tell(key, "cause", ["x"], lease=lease)
    assert sent(jira, "GET", "/comment") == 0
    assert said(jira, key) == ["1:cause"]


@pytest.mark.parametrize("end", ["dies", "is forced out", "is put off"])
def test_a_comment_left_behind_is_found(end, jira, key, connect, clock, monkeypatch) -> None:
    """Told, but not in the record: whatever ended the one who told it, the next finds it on the issue."""
    first = connect(run_id="first")
    lease = first.claim(key, Stage.ANALYZE, enter=State.ANALYSIS_IN_PROGRESS)
    first.tell(key, "cause", ["x"], lease=lease)
    if end == "dies":
        clock.pass_(700)
    elif end == "is forced out":
        connect(run_id="person").force(key, State.ANALYSIS_IN_PROGRESS, "again")
    else:
        # Another process notes it, as the dispatcher's next run does, and knows nothing of the comment.
        clock.pass_(700)
        connect().postpone(key, 1, "down")
    next_one = connect(run_id="next")
    with next_one.claim(key, Stage.ANALYZE) as again:
        assert not again.smooth
        next_one.tell(key, "cause", ["x"], lease=again)
    assert said(jira, key) == ["1:cause"]
    assert "cause" in connect().load(key).record.told


def test_a_comment_whose_answer_was_lost_is_looked_for_in_the_same_run(jira, key, manager) -> None:
    with manager.claim(key, Stage.ANALYZE) as lease:
        inject(jira, "/comment", "drop-before", "POST")
        with pytest.raises(Outage):
            manager.tell(key, "cause", ["x"], lease=lease)
        jira.requests.clear()
        manager.tell(key, "cause", ["x"], lease=lease)
        assert sent(jira, "GET", "/comment") == 1
    assert said(jira, key) == ["1:cause"]


# -- one process goes on where another ended -------------------------------------------------------------------


@pytest.fixture
def ended(key, manager):
    """What the process that ended the analysis hands on."""
    with manager.claim(key, Stage.ANALYZE, enter=State.ANALYSIS_IN_PROGRESS) as lease:
        manager.update(key, "analysis", analysis(), lease=lease, later=True)
        manager.transition(key, State.ANALYSIS_COMPLETE, lease=lease, last=True)
    return manager.handed(key)


def test_the_next_process_starts_from_the_last_look(ended, jira, key, connect) -> None:
    following = connect(run_id="next", overlay=ended)
    jira.requests.clear()
    assert following.heed(key).record.state is State.ANALYSIS_COMPLETE
    assert jira.requests == []
    with following.claim(key, Stage.FIX, enter=State.FIX_IN_PROGRESS) as lease:
        lease.check()
        assert sent(jira, "PUT") == 1
    assert connect().load(key).record.state is State.FIX_IN_PROGRESS


@pytest.mark.parametrize("deed", ["stops", "reassigns", "closes"])
def test_what_people_did_between_two_processes_comes_first(deed, ended, jira, key, connect) -> None:
    maria = jira.as_person("maria")
    {
        "stops": lambda: maria.add_label(key, labels.STOP),
        "reassigns": lambda: maria.reassign(key, "maria"),
        "closes": lambda: maria.transition(key, "Canceled"),
    }[deed]()
    following = connect(run_id="next", overlay=ended)
    following.heed(key)
    with pytest.raises(Conflict, match="person acted"):
        following.claim(key, Stage.FIX, enter=State.FIX_IN_PROGRESS)
    assert following.heed(key).record.state is State.INCIDENT_RELEASED
    assert following.load(key).status == ("Canceled" if deed == "closes" else "Work in progress")


def test_a_record_that_moved_on_is_read_anew(ended, key, connect) -> None:
    connect(run_id="person").force(key, State.INCIDENT_REQUIRES_HUMAN, "mine")
    following = connect(run_id="next", overlay=ended)
    following.heed(key)
    with pytest.raises(Conflict, match="INCIDENT_REQUIRES_HUMAN by now"):
        following.claim(key, Stage.FIX, enter=State.FIX_IN_PROGRESS)
    assert connect().load(key).record.state is State.INCIDENT_REQUIRES_HUMAN


def test_another_holder_is_not_overwritten_from_an_old_look(ended, key, connect) -> None:
    connect(run_id="quick").claim(key, Stage.FIX)
    with pytest.raises(Conflict, match="quick works on"):
        connect(run_id="next", overlay=ended).claim(key, Stage.FIX)
    assert connect().load(key).record.claim.owner == "quick"


def test_without_conditional_sets_no_look_is_handed_on_or_decided_on(ended, jira, key, connect) -> None:
    jira.behaviour.conditional_writes = "off"
    following = connect(run_id="next", overlay=ended)
    following.heed(key)
    with following.claim(key, Stage.FIX) as lease:
        following.update(key, "source", Source(path="deploy"), lease=lease)
    assert following.handed(key) == {}
    record = connect().load(key).record
    assert (record.source.path, record.claim) == ("deploy", None)


def test_a_look_under_a_claim_is_not_handed_on(key, manager) -> None:
    manager.claim(key, Stage.ANALYZE)
    assert manager.handed(key) == {}
