"""A state is granted on proof: anything else is refused, for every step there is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from selfheal.incidents import proofs
from selfheal.incidents.errors import OverBudget, RecordInvalid, TransitionRefused
from selfheal.incidents.record import (
    Analysis,
    Change,
    Evidence,
    ObjectRef,
    Outcome,
    PullRequest,
    Record,
    Verification,
    dump,
    load,
)  # fmt: skip
from selfheal.incidents.rules import advance, proof_for
from selfheal.incidents.states import TRANSITIONS, Stage, State

KEY = "INC-7"
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
POD = ObjectRef(kind="Deployment", namespace="shop", name="cart")
STEPS = [(here, there) for here, ways in TRANSITIONS.items() for there in sorted(ways)]


def record(state: State, **more) -> Record:
    return Record(state=state, entered=NOW, **more)


@pytest.mark.parametrize(("here", "there"), STEPS)
@pytest.mark.parametrize(
    "forged",
    [
        None,
        {},
        {
            "approved": True,
            "merged": True,
            "signature": "f00",
            "outcome": "successful",
            "incident": KEY,
            "attempt": 1,
        },
        "the model says it is proven",
        proofs.Proof(incident=KEY, attempt=1),
    ],
    ids=["nothing", "empty", "metadata", "text", "bare"],
)
def test_metadata_is_never_a_proof(here, there, forged):
    with pytest.raises(TransitionRefused) as refused:
        advance(KEY, record(here), there, forged, at=NOW)
    assert refused.value.code == "proof-missing"


@pytest.mark.parametrize("here", list(State))
@pytest.mark.parametrize("there", list(State))
def test_steps_that_do_not_exist_are_refused_by_name(here, there):
    if there in TRANSITIONS[here]:
        assert proof_for(here, there)
        return
    with pytest.raises(TransitionRefused) as refused:
        proof_for(here, there)
    assert refused.value.code == "no-such-step"


@pytest.mark.parametrize(("incident", "attempt"), [("INC-8", 1), (KEY, 2)])
def test_a_proof_about_something_else_is_refused(incident, attempt):
    proof = proofs.HandoverReason(incident=incident, attempt=attempt, code="x", reason="because")
    with pytest.raises(TransitionRefused) as refused:
        advance(KEY, record(State.PR_CREATED), State.INCIDENT_REQUIRES_HUMAN, proof, at=NOW)
    assert refused.value.code == "proof-foreign"


def _insufficient():
    about = {"incident": KEY, "attempt": 1}
    fault = Analysis(
        verdict="fault",
        fault="oom-killed",
        object=POD,
        evidence=(Evidence(id="e1", source="object", object=POD),),
    )
    revert = PullRequest(number=2, role="revert", state="merged", merge_sha="b")
    good = Verification(outcome=Outcome.SUCCESSFUL)
    well, watched = Analysis(verdict="healthy"), good.model_copy(update={"good_samples": 5})
    return [
        (record(State.INCIDENT_DETECTED), State.ANALYSIS_IN_PROGRESS,
         proofs.ClaimLive(**about, stage=Stage.FIX, nonce="n", epoch=1)),
        (record(State.ANALYSIS_IN_PROGRESS), State.ANALYSIS_COMPLETE,
         proofs.EvidenceResolved(**about, snapshot_digest="d", evidence_ids=("e1",))),
        (record(State.ANALYSIS_IN_PROGRESS, analysis=fault), State.ANALYSIS_COMPLETE,
         proofs.EvidenceResolved(**about, snapshot_digest="d", evidence_ids=())),
        (record(State.ANALYSIS_IN_PROGRESS, analysis=Analysis(verdict="healthy")), State.ANALYSIS_COMPLETE,
         proofs.EvidenceResolved(**about, snapshot_digest="d", evidence_ids=())),
        (record(State.FIX_IN_PROGRESS), State.FIX_GENERATED,
         proofs.GateSigned(**about, change=Change(decision="propose"))),
        (record(State.FIX_IN_PROGRESS), State.FIX_GENERATED,
         proofs.GateSigned(**about, change=Change(decision="propose", signature="s", attempt=2))),
        (record(State.FIX_GENERATED), State.PR_CREATED,
         proofs.PullRequestOpen(**about, pull_request=PullRequest(number=1, state="closed"))),
        (record(State.FIX_GENERATED), State.PR_CREATED,
         proofs.PullRequestOpen(**about, pull_request=PullRequest(number=1, role="revert"))),
        (record(State.PR_CREATED), State.PR_MERGED,
         proofs.PullRequestMerged(**about, pull_request=PullRequest(number=1, state="merged"))),
        (record(State.VERIFICATION_IN_PROGRESS), State.INCIDENT_RESOLVED,
         proofs.RecoveryMeasured(**about, verification=Verification(outcome=Outcome.INCONCLUSIVE))),
        (record(State.VERIFICATION_IN_PROGRESS, pull_requests=(revert,)), State.INCIDENT_RESOLVED,
         proofs.RecoveryMeasured(**about, verification=good)),
        *[(record(State.ANALYSIS_IN_PROGRESS, **{"analysis": well, "parent": "INC-1", **more}), State.INCIDENT_RESOLVED,
           proofs.RecoveryMeasured(**about, verification=seen))
          for more, seen in (
              ({}, Verification(outcome=Outcome.INEFFECTIVE, good_samples=5)),
              ({}, good),
              ({}, watched.model_copy(update={"pull_request": 4})),
              ({"parent": None}, watched),
              ({"analysis": None}, watched),
              ({"analysis": fault}, watched),
              ({"pull_requests": (PullRequest(number=1, state="merged", merge_sha="b"),)}, watched),
          )],
        (record(State.VERIFICATION_IN_PROGRESS), State.ANALYSIS_IN_PROGRESS,
         proofs.FixIneffective(**about, verification=good)),
        *[(record(State.FIX_IN_PROGRESS, **more), State.ANALYSIS_IN_PROGRESS, proofs.Follows(**about, parent=parent))
          for more, parent in (
              ({}, ""),
              ({}, KEY),
              ({"change": Change(decision="propose")}, "INC-1"),
              ({"pull_requests": (PullRequest(number=1),)}, "INC-1"),
          )],
        (record(State.PR_CREATED), State.INCIDENT_REQUIRES_HUMAN,
         proofs.HandoverReason(**about, code="x", reason=" ")),
        (record(State.INCIDENT_FAILED), State.INCIDENT_DETECTED,
         proofs.PersonActed(**about, who="ana", action="comment")),
    ]  # fmt: skip


@pytest.mark.parametrize(("before", "to", "proof"), _insufficient())
def test_a_proof_that_does_not_say_enough_is_refused(before, to, proof):
    with pytest.raises(TransitionRefused) as refused:
        advance(KEY, before, to, proof, at=NOW)
    assert refused.value.code == "proof-insufficient"


@pytest.mark.parametrize(("parent", "closes_healthy"), [("INC-1", False), (None, True)])
def test_what_is_well_without_a_fix_is_resolved_as_a_follower_or_where_that_is_switched_on(
    parent, closes_healthy
):
    before = record(State.ANALYSIS_IN_PROGRESS, analysis=Analysis(verdict="healthy"), parent=parent)
    measured = Verification(outcome=Outcome.SUCCESSFUL, good_samples=5)
    proof = proofs.RecoveryMeasured(
        incident=KEY, attempt=1, verification=measured, closes_healthy=closes_healthy
    )
    after = advance(KEY, before, State.INCIDENT_RESOLVED, proof, at=NOW)
    assert after.state is State.INCIDENT_RESOLVED
    assert after.verification == measured


def test_an_ineffective_fix_starts_the_next_attempt_and_remembers_what_was_tried():
    before = record(
        State.VERIFICATION_IN_PROGRESS,
        analysis=Analysis(verdict="fault", fault="oom-killed", object=POD),
        change=Change(decision="propose", signature="s"),
    )
    measured = Verification(outcome=Outcome.INEFFECTIVE, reasons=("killed again at 512Mi",))
    proof = proofs.FixIneffective(incident=KEY, attempt=1, verification=measured)
    after = advance(KEY, before, State.ANALYSIS_IN_PROGRESS, proof, at=NOW)
    assert (after.attempt, after.analysis, after.change) == (2, None, None)
    assert after.tried[0].fault == "oom-killed"
    assert after.tried[0].learned == "killed again at 512Mi"


def test_one_that_steps_back_behind_another_is_analysed_by_itself_later():
    before = record(State.FIX_IN_PROGRESS, analysis=Analysis(verdict="fault"), told=("analysis",))
    after = advance(
        KEY,
        before,
        State.ANALYSIS_IN_PROGRESS,
        proofs.Follows(incident=KEY, attempt=1, parent="INC-1"),
        at=NOW,
    )
    assert (after.parent, after.analysis, after.attempt, after.told) == ("INC-1", None, 1, ())


def test_a_record_survives_the_way_to_jira_and_back():
    before = record(State.PR_CREATED, pull_requests=(PullRequest(number=3),), told=("analysis",))
    assert load(dump(before)) == before


def test_a_section_over_its_budget_is_refused_by_name():
    with pytest.raises(OverBudget, match="analysis"):
        dump(record(State.ANALYSIS_IN_PROGRESS, analysis=Analysis(verdict="fault", summary="x" * 9_000)))


@pytest.mark.parametrize(
    "document", [None, [], "x", {}, {"version": 2}, {"version": 1, "state": "DONE", "entered": "2026"}]
)
def test_a_broken_record_is_refused(document):
    with pytest.raises(RecordInvalid):
        load(document)
