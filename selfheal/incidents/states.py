"""The states of an incident, who serves which, and which step may follow which (design: life of an incident)."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where an incident stands. The values are what the record, the labels and other programs spell."""

    INCIDENT_DETECTED = "INCIDENT_DETECTED"
    ANALYSIS_IN_PROGRESS = "ANALYSIS_IN_PROGRESS"
    ANALYSIS_COMPLETE = "ANALYSIS_COMPLETE"
    FIX_IN_PROGRESS = "FIX_IN_PROGRESS"
    FIX_GENERATED = "FIX_GENERATED"
    PR_CREATED = "PR_CREATED"
    PR_MERGED = "PR_MERGED"
    VERIFICATION_IN_PROGRESS = "VERIFICATION_IN_PROGRESS"
    INCIDENT_RESOLVED = "INCIDENT_RESOLVED"
    INCIDENT_REQUIRES_HUMAN = "INCIDENT_REQUIRES_HUMAN"
    INCIDENT_FAILED = "INCIDENT_FAILED"
    INCIDENT_RELEASED = "INCIDENT_RELEASED"


class Stage(StrEnum):
    """The kinds of job. A stage is what runs; a state is what it leaves behind."""

    COORDINATE = "coordinate"
    ANALYZE = "analyze"
    FIX = "fix"
    GATE = "gate"
    PR = "pr"
    DEPLOY = "deploy"


#: States nobody works on any more until a person asks for it.
ENDED = frozenset(
    {State.INCIDENT_RESOLVED, State.INCIDENT_REQUIRES_HUMAN, State.INCIDENT_FAILED, State.INCIDENT_RELEASED}
)

#: States from which the label ``selfheal-retry`` starts the incident again. A resolved one is filed anew instead.
RETRYABLE = ENDED - {State.INCIDENT_RESOLVED}

_S = State
_STOPS = frozenset({_S.INCIDENT_REQUIRES_HUMAN, _S.INCIDENT_FAILED, _S.INCIDENT_RELEASED})

#: The steps that exist. An outage is no step: the state stays. ``X -> X`` is no step either.
TRANSITIONS: dict[State, frozenset[State]] = {
    _S.INCIDENT_DETECTED: _STOPS | {_S.ANALYSIS_IN_PROGRESS},
    # A killed analysis is taken up again in the same state, under a new claim. Resolved: it is well without a fix of its
    # own, because it followed another incident or because the site closes such incidents.
    _S.ANALYSIS_IN_PROGRESS: _STOPS | {_S.ANALYSIS_COMPLETE, _S.INCIDENT_RESOLVED},
    _S.ANALYSIS_COMPLETE: _STOPS | {_S.FIX_IN_PROGRESS},
    # Back to ANALYSIS_IN_PROGRESS: another incident of the same cause was analysed first, and this one follows it.
    _S.FIX_IN_PROGRESS: _STOPS | {_S.FIX_GENERATED, _S.ANALYSIS_IN_PROGRESS},
    # Back to FIX_IN_PROGRESS: the base moved on before the pull request was made.
    _S.FIX_GENERATED: _STOPS | {_S.PR_CREATED, _S.FIX_IN_PROGRESS},
    # Back to FIX_IN_PROGRESS: requested changes, red checks, stale base.
    _S.PR_CREATED: _STOPS | {_S.PR_MERGED, _S.FIX_IN_PROGRESS},
    _S.PR_MERGED: _STOPS | {_S.VERIFICATION_IN_PROGRESS},
    # Ineffective: ANALYSIS_IN_PROGRESS with attempt + 1. Regressed: PR_CREATED with a revert.
    _S.VERIFICATION_IN_PROGRESS: _STOPS | {_S.INCIDENT_RESOLVED, _S.ANALYSIS_IN_PROGRESS, _S.PR_CREATED},
    _S.INCIDENT_RESOLVED: frozenset(),
    _S.INCIDENT_REQUIRES_HUMAN: frozenset({_S.INCIDENT_DETECTED, _S.INCIDENT_RELEASED}),
    _S.INCIDENT_FAILED: frozenset({_S.INCIDENT_DETECTED, _S.INCIDENT_RELEASED}),
    _S.INCIDENT_RELEASED: frozenset({_S.INCIDENT_DETECTED}),
}

#: Which stage serves a state next. Two states are split by more than their name: see `Record.served_by`.
SERVED_BY: dict[State, Stage] = {
    _S.INCIDENT_DETECTED: Stage.ANALYZE,
    _S.ANALYSIS_IN_PROGRESS: Stage.ANALYZE,
    _S.ANALYSIS_COMPLETE: Stage.FIX,
    _S.FIX_IN_PROGRESS: Stage.FIX,
    _S.FIX_GENERATED: Stage.PR,
    _S.PR_CREATED: Stage.PR,
    _S.PR_MERGED: Stage.DEPLOY,
    _S.VERIFICATION_IN_PROGRESS: Stage.DEPLOY,
}
