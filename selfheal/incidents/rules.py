"""The guards: which proof a step asks for, and the record that results. Pure functions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from selfheal.incidents.errors import TransitionRefused
from selfheal.incidents.proofs import (
    ClaimLive,
    DefectSeen,
    EvidenceResolved,
    FixIneffective,
    Follows,
    GateSigned,
    HandoverReason,
    PersonActed,
    Proof,
    PullRequestMerged,
    PullRequestOpen,
    RecoveryMeasured,
    Reworked,
)
from selfheal.incidents.record import Outcome, Record, Step, Tried
from selfheal.incidents.states import TRANSITIONS, Stage, State

#: The proof a state asks for, by the state that is entered.
PROOFS: dict[State, tuple[type[Proof], ...]] = {
    State.INCIDENT_DETECTED: (PersonActed,),
    State.ANALYSIS_IN_PROGRESS: (ClaimLive, FixIneffective, Follows),
    State.ANALYSIS_COMPLETE: (EvidenceResolved,),
    State.FIX_IN_PROGRESS: (ClaimLive, Reworked),
    State.FIX_GENERATED: (GateSigned,),
    State.PR_CREATED: (PullRequestOpen,),
    State.PR_MERGED: (PullRequestMerged,),
    State.VERIFICATION_IN_PROGRESS: (ClaimLive,),
    State.INCIDENT_RESOLVED: (RecoveryMeasured,),
    State.INCIDENT_REQUIRES_HUMAN: (HandoverReason,),
    State.INCIDENT_FAILED: (DefectSeen,),
    State.INCIDENT_RELEASED: (PersonActed,),
}

#: Steps for which the general proof of the entered state is not enough.
_SPECIAL: dict[tuple[State, State], type[Proof]] = {
    (State.VERIFICATION_IN_PROGRESS, State.ANALYSIS_IN_PROGRESS): FixIneffective,
    (State.FIX_IN_PROGRESS, State.ANALYSIS_IN_PROGRESS): Follows,
    (State.FIX_GENERATED, State.FIX_IN_PROGRESS): Reworked,
    (State.PR_CREATED, State.FIX_IN_PROGRESS): Reworked,
}

#: The stage under whose claim a work state is entered.
_CLAIM_STAGE = {
    State.ANALYSIS_IN_PROGRESS: Stage.ANALYZE,
    State.FIX_IN_PROGRESS: Stage.FIX,
    State.VERIFICATION_IN_PROGRESS: Stage.DEPLOY,
}


def proof_for(current: State, to: State) -> tuple[type[Proof], ...]:
    """The proof types that ``current -> to`` accepts.

    Raises TransitionRefused when the step does not exist.
    """
    if to not in TRANSITIONS[current]:
        ways = ", ".join(sorted(TRANSITIONS[current])) or "none: it has ended"
        raise TransitionRefused(
            f"No step leads from {current} to {to}.",
            hint=f"Steps from {current}: {ways}.",
            code="no-such-step",
        )
    special = _SPECIAL.get((current, to))
    if special is not None:
        return (special,)
    return tuple(kind for kind in PROOFS[to] if kind not in (FixIneffective, Follows, Reworked))


def check(key: str, record: Record, to: State, proof: object) -> Proof:
    """Raises TransitionRefused unless ``proof`` is what ``record.state -> to`` asks for, about this very incident.

    A dict, a model's metadata or a proof about another incident or attempt is refused.
    """
    wanted = proof_for(record.state, to)
    if type(proof) not in wanted:
        names = " or ".join(kind.__name__ for kind in wanted)
        raise TransitionRefused(
            f"{record.state} -> {to} needs the proof {names}; {type(proof).__name__} is none.",
            hint="Proofs come from a verifier that asks the source; metadata is not a proof.",
            code="proof-missing",
        )
    assert isinstance(proof, Proof)  # noqa: S101 - narrows for the type checker; the line above has decided
    if (proof.incident, proof.attempt) != (key, record.attempt):
        raise TransitionRefused(
            f"The proof is about {proof.incident} attempt {proof.attempt}, not {key} attempt {record.attempt}.",
            code="proof-foreign",
        )
    _check_content(key, record, to, proof)
    return proof


def _check_content(key: str, record: Record, to: State, proof: Proof) -> None:
    problem = ""
    match proof:
        case ClaimLive(stage=stage) if stage is not _CLAIM_STAGE[to]:
            problem = f"the claim is for stage {stage}, {to} is entered by {_CLAIM_STAGE[to]}"
        case EvidenceResolved(evidence_ids=ids):
            analysis = record.analysis
            if analysis is None:
                problem = "no analysis is stored"
            elif analysis.verdict != "fault":
                problem = f"the verdict is {analysis.verdict}, which goes to a person"
            elif not analysis.evidence:
                problem = "the analysis cites no evidence"
            elif {item.id for item in analysis.evidence} - set(ids):
                problem = "some cited evidence was not found in the snapshot"
        case GateSigned(change=change):
            if not change.signature or change.attempt != record.attempt:
                problem = "the change is unsigned or signed for another attempt"
        case PullRequestOpen(pull_request=request):
            if request.state != "open":
                problem = f"pull request #{request.number} is {request.state}"
            elif (request.role == "revert") is not record.revert_due:
                problem = f"a {request.role} is not what is due from {record.state}"
        case PullRequestMerged(pull_request=request):
            if request.state != "merged" or not request.merge_sha:
                problem = f"pull request #{request.number} is {request.state}"
        case RecoveryMeasured(verification=verification):
            if verification.outcome is not Outcome.SUCCESSFUL:
                problem = f"the verification is {verification.outcome or 'unfinished'}"
            elif record.state is State.ANALYSIS_IN_PROGRESS:
                problem = _unless_well_by_itself(record, proof)
            elif record.pull_request is not None and record.pull_request.role == "revert":
                problem = "a revert undoes the fix, it does not mend the fault; it ends with a person"
        case FixIneffective(verification=verification):
            if verification.outcome is not Outcome.INEFFECTIVE:
                problem = f"the verification is {verification.outcome or 'unfinished'}"
        case Follows(parent=parent):
            if not parent or parent == key:
                problem = "it names no other incident"
            elif record.change is not None or record.pull_requests:
                problem = "a change was made for it already"
        case HandoverReason(reason=reason):
            if not reason.strip():
                problem = "no reason was given"
        case PersonActed(action=action):
            if to is State.INCIDENT_DETECTED and action != "retry":
                problem = "only a person's selfheal-retry label starts an incident again"
    if problem:
        raise TransitionRefused(f"{record.state} -> {to} is refused: {problem}.", code="proof-insufficient")


def _unless_well_by_itself(record: Record, proof: RecoveryMeasured) -> str:
    """What speaks against resolving an incident for which nothing was merged."""
    if record.analysis is None or record.analysis.verdict != "healthy":
        return "the analysis does not say that all is healthy"
    if record.pull_requests:
        return "changes were merged for it, so a person has to say what they did"
    if not record.parent and not proof.closes_healthy:
        return "it follows no other incident, and closing healthy ones is not switched on"
    if proof.verification.pull_request or not proof.verification.good_samples:
        return "the measurement is not one of the target as it is"
    return ""


def advance(
    key: str,
    record: Record,
    to: State,
    proof: object,
    *,
    at: datetime,
    stage: str = "",
    run: str = "",
    note: str = "",
) -> Record:
    """The record after the step. The proof's content becomes part of it; nothing else does.

    Raises TransitionRefused as `check` does.
    """
    accepted = check(key, record, to, proof)
    step = Step(at=at, from_state=record.state, to_state=to, stage=stage, run=run, note=note[:300])
    update: dict[str, Any] = {
        "state": to,
        "entered": at,
        "not_before": None,
        "history": (*record.history, step),
        **_consequences(record, to, accepted),
    }
    return record.model_copy(update=update)


def _consequences(record: Record, to: State, proof: Proof) -> dict[str, Any]:
    match proof:
        case GateSigned(change=change):
            return {"change": change}
        case PullRequestOpen(pull_request=request) | PullRequestMerged(pull_request=request):
            others = tuple(entry for entry in record.pull_requests if entry.number != request.number)
            return {"pull_requests": (*others, request)}
        case RecoveryMeasured(verification=verification):
            return {"verification": verification}
        case FixIneffective(verification=verification):
            return {**_next_attempt(record), "tried": (*record.tried, _tried(record, verification.reasons))}
        case Reworked():
            return {"change": None}
        case Follows(parent=parent):
            # What is still ill when the parent is over is analysed by itself.
            return {"parent": parent, "analysis": None, "told": ()}
        case PersonActed() if to is State.INCIDENT_DETECTED:
            return {**_next_attempt(record), "failures": (), "parent": None}
        case _:
            return {}


def _next_attempt(record: Record) -> dict[str, Any]:
    return {
        "attempt": record.attempt + 1,
        "analysis": None,
        "change": None,
        "verification": None,
        "claim": record.claim,
        "told": (),
    }


def _tried(record: Record, learned: tuple[str, ...]) -> Tried:
    analysis, change = record.analysis, record.change
    return Tried(
        attempt=record.attempt,
        fault=analysis.fault if analysis else "",
        object=analysis.object if analysis else None,
        rendered=change.rendered if change else (),
        outcome=Outcome.INEFFECTIVE,
        learned="; ".join(learned)[:500],
    )
