"""Where a pull request stands, as the decisions that follow. Knows no CrewAI: the stage asks too, while it waits."""

from __future__ import annotations

from typing import Any

from selfheal.errors import NotFound
from selfheal.incidents.record import PullRequest, Record
from selfheal.pulls.status import PullStatus, wants_person


def current(record: Record) -> PullRequest:
    """The pull request that is being worked on. Raises NotFound when there is none."""
    found = record.pull_request
    if found is None:
        raise NotFound("The incident has no pull request yet.", hint="Create it first.")
    return found


def stands(status: PullStatus) -> dict[str, Any]:
    """A status as the decisions it allows: state, mergeable, refused (a code), rework, reason."""
    person = wants_person(status)
    stale = next((blocker for blocker in status.blockers if blocker.code == "stale-base"), None)
    rework = status.state == "open" and person is None and stale is not None
    if person is not None:
        reason = person[1]
    elif stale is not None:
        reason = stale.text
    else:
        reason = " ".join(blocker.text for blocker in status.blockers if blocker.waits)[:600]
    return {
        "number": status.number,
        "state": status.state,
        "mergeable": status.ready,
        "refused": person[0] if person else "",
        "rework": rework,
        "reason": reason,
        "closed_by": status.closed_by,
        "closed_by_person": status.closed_by_person,
        "merged_by": status.merged_by,
    }
