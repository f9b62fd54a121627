"""Whose turn it is, where more incidents are in flight than a run serves.

Pull requests wait for people for days, followers for their leader. Each run looks at some of them; were they served in the
order of their age, ten open pull requests would keep every later incident from ever being looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from selfheal.incidents.states import State
from selfheal.jsm.manager import Incident

#: Schedules come four times an hour.
_TURN = 900
#: The part of a run that is kept for those that wait: what people decided has to be noticed under load, too.
_SHARE = 4
#: In flight that a run looks at, at least. In a project that several repositories share most of them may be others'.
LOOKED_AT = 200


def in_turn(incidents: Sequence[Incident], limit: int, now: datetime) -> list[Incident]:
    """All of ``incidents``, those first that a run of ``limit`` serves.

    Where there is work to do, in the given order; of those that wait for somebody a share, and each time other ones.
    """
    waiting = [incident for incident in incidents if _waits(incident)]
    busy = [incident for incident in incidents if not _waits(incident)]
    kept = min(len(waiting), max(1, limit // _SHARE)) if limit > 1 else 0
    first = max(0, limit - kept)
    seats = max(1, limit - min(len(busy), first))
    start = int(now.timestamp()) // _TURN * seats % len(waiting) if len(waiting) > seats else 0
    return [*busy[:first], *waiting[start:], *waiting[:start], *busy[first:]]


def _waits(incident: Incident) -> bool:
    """Whether most looks at it find nothing to do."""
    record = incident.record
    if record is None:
        return False
    if record.state is State.PR_CREATED:
        return not record.change_waits_for_gate
    begun = record.state is State.ANALYSIS_IN_PROGRESS and record.analysis is not None
    return bool(record.parent) and not begun and record.state in (
        State.INCIDENT_DETECTED, State.ANALYSIS_IN_PROGRESS,
    )  # fmt: skip
