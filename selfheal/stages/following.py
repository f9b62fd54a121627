"""Incidents that follow another one: they wait for it, and are looked at by themselves when it has ended.

A leader that a person has (handed over, released, not closed yet) keeps its followers: taking one of them up would work
against that person on the same target, and handing each of them over would be a storm of its own. They are linked to
the leader, go on when the person closes it, and go to a person themselves past their own deadline.
"""

from __future__ import annotations

from selfheal.errors import NotFound
from selfheal.incidents.record import Record
from selfheal.incidents.states import State
from selfheal.jsm.manager import Incident
from selfheal.stages.work import Work


def waits_for(work: Work, record: Record) -> str:
    """Why the incident waits, "" when it does not. Only one follows that was not begun, or has no analysis of its own."""
    waiting = record.state is State.INCIDENT_DETECTED or (
        record.state is State.ANALYSIS_IN_PROGRESS and record.analysis is None
    )
    if not record.parent or not waiting:
        return ""
    leader = _leader(work, record.parent)
    # What the crew could not do for the leader out of a defect of its own, it tries for the follower.
    if (
        leader is None
        or leader.record is None
        or leader.record.state is State.INCIDENT_FAILED
        or _over(leader)
    ):
        return ""
    return f"It follows {record.parent}, which comes first and is in {leader.record.state}."


def recovered_with(work: Work, record: Record) -> bool:
    """Whether the incident follows one that is over: then it is closed as well once its own recovery is measured."""
    leader = _leader(work, record.parent) if record.parent else None
    return leader is not None and _over(leader)


def _leader(work: Work, key: str) -> Incident | None:
    """The leader as of now; None when it was deleted, or moved to a project where it is no matter of ours."""
    try:
        return work.manager.load(key)
    except NotFound:
        return None


def _over(leader: Incident) -> bool:
    """Resolved by the crew, or closed by people."""
    resolved = leader.record is not None and leader.record.state is State.INCIDENT_RESOLVED
    return resolved or leader.status_category == "done"
