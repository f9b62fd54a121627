"""The issue's status as a projection of the state: the record decides, the workflow is followed where it has a way.

A status nobody can reach is no error; the incident's state does not depend on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from selfheal.config.model import Jira
from selfheal.errors import Conflict, SelfhealError
from selfheal.incidents.states import State
from selfheal.jsm.incident import Incident
from selfheal.jsm.site import JiraSite
from selfheal.jsm.transport import LostAnswer


@dataclass(frozen=True)
class Move:
    """A workflow step to take after the record is written."""

    transition: str
    status: str
    fields: Mapping[str, Any] = field(default_factory=dict)


def wanted_status(state: State, settings: Jira) -> tuple[str, ...]:
    """The statuses that fit a state, the best first; () where any does (design: life of an incident)."""
    working, pending = settings.working_status, settings.pending_status
    match state:
        case State.INCIDENT_DETECTED | State.INCIDENT_RELEASED:
            return ()
        case State.INCIDENT_RESOLVED:
            return (settings.resolved_status,)
        case State.INCIDENT_REQUIRES_HUMAN | State.INCIDENT_FAILED:
            return (working, pending)
        case _:
            return (working,)


def plan(site: JiraSite, incident: Incident, state: State, settings: Jira) -> Move | None:
    """The step that brings the status in line with ``state``; None when it is, or when the workflow has no such step."""
    fitting = wanted_status(state, settings)
    if not fitting or incident.status.casefold() in (name.casefold() for name in fitting):
        return None
    # A done issue is never reopened by us, whatever state we are in: that is for people.
    if incident.status_category == "done":
        return None
    steps = site.transitions(incident.key)
    for name in fitting:
        for step in steps:
            target = str((step.get("to") or {}).get("name") or "")
            fields = _fields(step)
            if target.casefold() == name.casefold() and fields is not None:
                return Move(str(step.get("id", "")), target, fields)
    return None


def _fields(step: Mapping[str, Any]) -> dict[str, Any] | None:
    """What to fill in on the step's screen: the resolution where it is asked for. None when we cannot fill it in."""
    found: dict[str, Any] = {}
    for name, meta in (step.get("fields") or {}).items():
        # Naming a field that is on no screen is a 400, so only what the screen shows is ever sent.
        if name == "resolution":
            allowed = [value for value in meta.get("allowedValues") or () if value.get("name")]
            best = next((value for value in allowed if value["name"].casefold() in ("done", "fixed")), None)
            if best is None and meta.get("required") and not meta.get("hasDefaultValue"):
                best = allowed[0] if allowed else None
                if best is None:
                    return None
            if best is not None:
                found[name] = {"name": best["name"]}
        elif meta.get("required") and not meta.get("hasDefaultValue"):
            return None
    return found


def take(site: JiraSite, key: str, move: Move) -> bool:
    """Takes the step, unless somebody else moved the issue first. False: the answer was lost; look at the issue.

    Never repeated blindly: a second identical step may be a different one.
    """
    try:
        site.transition(key, move.transition, move.fields)
    except Conflict:
        return True
    except LostAnswer:
        return False
    except SelfhealError as error:
        # Older sites answer 400 where newer ones say 409.
        if error.code != "jira-refused":
            raise
    return True
