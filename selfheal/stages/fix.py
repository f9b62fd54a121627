"""fix: from a root cause to a change that waits for the gate, or to a person with what speaks against it."""

from __future__ import annotations

from selfheal.incidents.states import State
from selfheal.stages import comments, storms
from selfheal.stages.context import context_of
from selfheal.stages.work import Work

STEPS = (State.FIX_IN_PROGRESS, State.INCIDENT_REQUIRES_HUMAN)


def serve(work: Work) -> None:
    """ANALYSIS_COMPLETE or FIX_IN_PROGRESS becomes a stored change in FIX_IN_PROGRESS, or INCIDENT_REQUIRES_HUMAN.

    One whose cause was analysed for another incident first goes back and follows that one.
    """
    # Its comment may have been lost with the stage that wrote it; what was told already is not told again.
    work.manager.tell(work.key, "analysis", comments.analysis(work.record), lease=work.lease)
    storms.step_back(work)
    context = context_of(work, steps=STEPS, goal=lambda record: record.change_waits_for_gate)
    work.crew(context, "Code Fix Generator")
    change = work.record.change
    if work.record.change_waits_for_gate and change is not None:
        work.summary = f"{change.title} ({', '.join(change.paths)})"
