"""Recovery without a change of ours: the target is watched as after a deployment, and closed only when it stays well.

For an incident that follows another one, and for any that is found healthy where ``jira.close_healthy`` is set.
"""

from __future__ import annotations

from selfheal import progress
from selfheal.incidents.record import Outcome, Record, Verification
from selfheal.incidents.states import State
from selfheal.rollout import RolloutVerification
from selfheal.stages import comments, following
from selfheal.stages.work import Waiting, Work


def closes(work: Work) -> bool:
    """Whether the incident may be closed when it is found healthy. One that had changes of ours is a person's."""
    record = work.record
    if record.pull_requests:
        return False
    return work.settings.jira.close_healthy or following.recovered_with(work, record)


def found_healthy(record: Record) -> bool:
    """Whether the analysis ended with a healthy target and nobody has decided on it yet."""
    analysis = record.analysis
    return (
        record.state is State.ANALYSIS_IN_PROGRESS and analysis is not None and analysis.verdict == "healthy"
    )


def measure(work: Work) -> None:
    """ANALYSIS_IN_PROGRESS, found healthy, becomes INCIDENT_RESOLVED; or a person's, when it does not stay well.

    Raises Waiting when the stage's time is over before it can be told.
    """
    record = work.record
    watch = RolloutVerification(
        work.cluster, work.key, record, (), work.settings, work.clock,
        on_sample=lambda _state, *, phase, text, reason: _sampled(work, phase, text, reason),
    )  # fmt: skip
    work.verifies(State.INCIDENT_RESOLVED, watch.verifiers()[State.INCIDENT_RESOLVED])
    found = watch.run()
    if found.outcome is None:
        raise Waiting("It looked well, but for too short a time to prove it; the next run watches it again.")
    if found.outcome is not Outcome.SUCCESSFUL:
        work.hand_over(
            "not-steady",
            "Everything looked healthy at first and did not stay so.",
            "; ".join(found.reasons) or "It could not be measured for long enough.",
        )
        return
    work.manager.tell(work.key, "recovered", comments.recovered(record, found), lease=work.lease)
    work.step(State.INCIDENT_RESOLVED, {"note": _why(record, found)})
    work.summary = _why(record, found)


def _why(record: Record, found: Verification) -> str:
    with_whom = f"It recovered with {record.parent}" if record.parent else "It is healthy"
    return f"{with_whom}: well in {found.good_samples} looks in a row."


def _sampled(work: Work, phase: str, text: str, reason: str) -> None:
    work.keep_claim()
    progress.emit("sample", phase=phase, text=text, reason=reason)
