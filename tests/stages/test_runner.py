"""The order that is the same for every stage: people, claim, work, what became of it."""

from __future__ import annotations

import sys

import pytest

from selfheal.errors import Conflict, CredentialProblem, NeedsPerson, Outage, SelfhealError
from selfheal.incidents.states import Stage, State
from selfheal.jsm.ledger import IssueMoved
from selfheal.stages import runner
from selfheal.stages.report import Outcome
from selfheal.stages.work import Waiting
from tests.crew import doubles


@pytest.fixture
def serve(monkeypatch):
    """Runs a stage whose body is the given function."""

    def run(record, body, *, stage=Stage.ANALYZE, others=(), **more):
        manager = doubles.FakeManager(doubles.FakeClock(), [doubles.incident(record=record, **more), *others])
        monkeypatch.setattr(runner.JSMStateManager, "connect", lambda *_given, **_named: manager)
        monkeypatch.setattr(runner, "body", lambda _stage: body)
        return runner.run_stage(stage, doubles.KEY, doubles.settings(), clock=manager.clock), manager

    return run


def raising(error):
    def body(_work):
        raise error

    return body


def test_progress_names_the_stage_that_follows(serve):
    report, manager = serve(doubles.record(State.INCIDENT_DETECTED), lambda _work: None)
    assert report.state == State.ANALYSIS_IN_PROGRESS
    assert manager.holders == {}


@pytest.mark.parametrize(
    ("error", "outcome", "code"),
    [
        (Outage("Jira answers 503.", retry_after=30), Outcome.POSTPONED, 1),
        (Conflict("Another crew is faster."), Outcome.BUSY, 0),
        (Waiting("a review is missing"), Outcome.WAITING, 0),
        (CredentialProblem("The token is refused."), Outcome.FAILED, 3),
        (NeedsPerson("Two services fit.", code="ambiguous-workload"), Outcome.PERSON, 4),
        (SelfhealError("A defect of ours."), Outcome.FAILED, 1),
        (IssueMoved("It is SEC-9 now."), Outcome.ENDED, 0),
    ],
)
def test_what_an_error_means(serve, error, outcome, code):
    report, manager = serve(doubles.record(), raising(error))
    assert (report.outcome, report.exit_code) == (outcome, code)
    assert report.summary == error.message
    assert manager.holders == {}, "the claim is let go whatever happens"


def test_who_follows_an_incident_that_is_gone_goes_on_alone(serve):
    served = []
    serve(doubles.record(parent="OPS-404"), served.append)
    assert len(served) == 1


def test_an_outage_uses_no_attempt_and_is_noted(serve):
    _report, manager = serve(doubles.record(), raising(Outage("503", retry_after=30)))
    assert manager.postponed == [(doubles.KEY, 30, "503")]
    assert manager.load(doubles.KEY).record.attempt == 1


def test_a_defect_is_counted_and_a_missing_token_is_not(serve):
    _report, manager = serve(doubles.record(), raising(SelfhealError("boom", code="defect")))
    assert manager.failures == [(doubles.KEY, Stage.ANALYZE, "defect")]
    _report, manager = serve(doubles.record(), raising(CredentialProblem("no token")))
    assert manager.failures == []


def test_another_stages_incident_is_left_alone(serve):
    report, manager = serve(doubles.record(State.PR_CREATED), raising(AssertionError("not served")))
    assert report.next_stage == Stage.PR
    assert manager.claims == []


def test_an_ended_incident_is_left_alone(serve):
    report, manager = serve(doubles.record(State.INCIDENT_RELEASED), raising(AssertionError("not served")))
    assert report.outcome is Outcome.ENDED
    assert manager.claims == []


def test_a_follower_waits_for_its_leader_without_a_write(serve):
    leader = doubles.incident("OPS-0", record=doubles.record(State.PR_CREATED))
    report, manager = serve(
        doubles.record(parent="OPS-0"), raising(AssertionError("not served")), others=[leader]
    )
    assert report.outcome is Outcome.WAITING
    assert manager.claims == []
    assert manager.writes == 0


@pytest.mark.parametrize(
    ("state", "category"),
    [
        (State.INCIDENT_RESOLVED, "done"),
        (State.INCIDENT_FAILED, "new"),
        (State.INCIDENT_RELEASED, "done"),
        (State.INCIDENT_REQUIRES_HUMAN, "done"),
    ],
)
def test_a_follower_goes_on_when_its_leader_is_over(serve, state, category):
    leader = doubles.incident("OPS-0", record=doubles.record(state), status_category=category)
    served = []
    serve(doubles.record(parent="OPS-0"), served.append, others=[leader])
    assert served


@pytest.mark.parametrize("state", [State.INCIDENT_REQUIRES_HUMAN, State.INCIDENT_RELEASED])
def test_a_follower_leaves_the_matter_to_the_person_who_has_the_leader(serve, state):
    leader = doubles.incident("OPS-0", record=doubles.record(state))
    report, _manager = serve(
        doubles.record(parent="OPS-0"), raising(AssertionError("not served")), others=[leader]
    )
    assert report.outcome is Outcome.WAITING


def test_coordinate_serves_a_new_incident_and_no_later_one(serve):
    served = []
    report, manager = serve(None, served.append, stage=Stage.COORDINATE)
    assert served
    assert manager.load(doubles.KEY).record is not None
    assert (report.outcome, report.next_stage) == (Outcome.PROGRESS, Stage.ANALYZE)
    served.clear()
    serve(doubles.record(State.PR_CREATED), served.append, stage=Stage.COORDINATE)
    assert not served


def test_the_runner_itself_knows_no_crewai():
    import subprocess

    code = "import sys, selfheal.stages.runner; sys.exit('crewai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
