"""Incidents that follow another one: they wait for it, and are looked at by themselves when it has ended."""

from __future__ import annotations

from selfheal.incidents.record import Record
from selfheal.incidents.states import State
from selfheal.stages.work import Work

#: States of the leader in which a follower goes on by itself. With a person, it stays that person's matter.
_OVER = frozenset({State.INCIDENT_RESOLVED, State.INCIDENT_FAILED, State.INCIDENT_RELEASED})


def waits_for(work: Work, record: Record) -> str:
    """Why the incident waits, "" when it does not. Only one that has not been begun follows."""
    if not record.parent or record.state is not State.INCIDENT_DETECTED:
        return ""
    leader = work.manager.load(record.parent)
    if leader.record is None or leader.record.state in _OVER:
        return ""
    return f"{record.parent} is about the same and comes first; it is in {leader.record.state}."
