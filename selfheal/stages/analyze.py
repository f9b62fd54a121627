"""analyze: from a reported incident to a root cause whose evidence stands in the snapshot, or to a person."""

from __future__ import annotations

from selfheal import progress
from selfheal.diagnosis.evidence import EvidenceVerifier
from selfheal.diagnosis.target import resolve
from selfheal.incidents.proofs import Proof
from selfheal.incidents.record import Record
from selfheal.incidents.states import State
from selfheal.stages import comments, coordinate, recovery, storms
from selfheal.stages.context import context_of
from selfheal.stages.work import Work
from selfheal.tools.context import Comment, StageContext

STEPS = (State.ANALYSIS_IN_PROGRESS, State.ANALYSIS_COMPLETE, State.INCIDENT_REQUIRES_HUMAN)


class SnapshotEvidence:
    """Proves ANALYSIS_COMPLETE against the one snapshot that the stage took."""

    def __init__(self, context: StageContext) -> None:
        self._context = context

    def verify(self, key: str, record: Record) -> Proof:
        """Raises ProofRefused naming what the snapshot does not hold."""
        return EvidenceVerifier(self._context.snapshot()).verify(key, record)


def serve(work: Work) -> None:
    """INCIDENT_DETECTED or ANALYSIS_IN_PROGRESS becomes ANALYSIS_COMPLETE or INCIDENT_REQUIRES_HUMAN.

    What is healthy becomes INCIDENT_RESOLVED where it may be closed and its recovery was measured. One whose cause another
    incident has follows that one, unfinished.
    """
    if work.record.target is None:
        # Whoever adopted it was stopped before it knew what the incident is about.
        work.incident = work.manager.show(work.key)
        if not coordinate.settle(work):
            return
    closes = recovery.closes(work)
    context = context_of(
        work,
        steps=STEPS,
        last=(State.ANALYSIS_COMPLETE,),
        tells=_tells,
        goal=lambda record: (
            record.state is State.ANALYSIS_COMPLETE or (closes and recovery.found_healthy(record))
        ),
        facts={"parent": work.record.parent or "", "healthy_is_measured": closes},
    )
    work.verifies(State.ANALYSIS_COMPLETE, SnapshotEvidence(context))
    _complete_target(work, context)
    if storms.grouped(work, context):
        return
    work.crew(context, "Root Cause Analyzer")
    record, analysis = work.record, work.record.analysis
    if analysis is None:
        return
    if closes and recovery.found_healthy(record):
        recovery.measure(work)
        return
    if analysis.verdict == "fault":
        progress.emit(
            "finding",
            fault=analysis.fault,
            object=str(analysis.object),
            confidence=analysis.confidence,
            summary=analysis.summary,
            evidence=[item.message for item in analysis.evidence],
        )
        work.summary = analysis.summary


def _tells(to: State, record: Record) -> Comment | None:
    return ("analysis", comments.analysis(record)) if to is State.ANALYSIS_COMPLETE else None


def _complete_target(work: Work, context: StageContext) -> None:
    """The target's kind and uid, where coordinate had no cluster to look them up in."""
    target = work.record.target
    if target is None or (target.kind and target.uid):
        return
    found = resolve(context.snapshot(), target, "")
    if found is not None and found != target:
        work.incident = context.incident = work.manager.update(work.key, "target", found, lease=work.lease)
