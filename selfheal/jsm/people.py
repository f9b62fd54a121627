"""What people did to an incident since our last write, read from Jira itself.

The record's ``mirror`` holds status and assignee as our own last write left them. A difference is either a person's
change, which is a command, or our own write that did not finish, which is mended. The changelog's authors decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from selfheal.incidents.record import Record
from selfheal.incidents.states import ENDED, RETRYABLE, State
from selfheal.jsm import labels
from selfheal.jsm.incident import Account, Incident, time_of
from selfheal.jsm.site import JiraSite

#: Jira's Date header is cut to seconds, the changelog is not.
_SLACK: Final = timedelta(seconds=1)


@dataclass(frozen=True)
class Act:
    """What a person did. ``command`` is what follows from it."""

    command: Literal["release", "retry"]
    who: str
    action: str
    at: datetime | None = None


def mirror_of(incident: Incident, at: datetime, **known: str) -> dict[str, str]:
    """Status and assignee as they stand, for the record; ``known`` overrides."""
    return {
        "status": incident.status,
        "was": incident.status,
        "assignee": incident.assignee.id if incident.assignee else "",
        "at": at.isoformat(),
        **known,
    }


def seems_touched(incident: Incident, record: Record) -> bool:
    """Whether anything differs from how we left it; costs no request."""
    return _differs(incident, record) != "" or bool({labels.STOP, labels.RETRY} & set(incident.labels))


def seems_unfinished(incident: Incident, record: Record) -> bool:
    """Whether the status is what it was before our last write meant to move it; costs no request."""
    mirror = record.mirror
    return bool(mirror) and incident.status != mirror.get("status") and incident.status == mirror.get("was")


def unfinished(site: JiraSite, incident: Incident, record: Record) -> bool:
    """Whether our move of the status did not come about, rather than that a person moved it back."""
    if not seems_unfinished(incident, record):
        return False
    change = _latest(site, incident.key, "status")
    return change is None or change.at <= _mirror_time(record) + _SLACK


def act_of(site: JiraSite, me: Account, incident: Incident, record: Record) -> Act | None:
    """The command in what people did, None when there is none."""
    present = set(incident.labels)
    if labels.STOP in present and record.state not in (State.INCIDENT_RESOLVED, State.INCIDENT_RELEASED):
        who, at = _who_labelled(site, incident, labels.STOP)
        return Act("release", who, "stop", at)
    if labels.RETRY in present and labels.STOP not in present and record.state in RETRYABLE:
        who, at = _who_labelled(site, incident, labels.RETRY)
        return Act("retry", who, "retry", at)
    field = _differs(incident, record)
    if not field:
        return None
    # What was handed to a person is theirs to assign and move about; only closing it says that it is over.
    if record.state in ENDED and (
        record.state not in (State.INCIDENT_REQUIRES_HUMAN, State.INCIDENT_FAILED)
        or incident.status_category != "done"
    ):
        return None
    change = _latest(site, incident.key, field)
    if change is None or change.author_id == me.id:
        return None
    if (
        seems_unfinished(incident, record)
        and field == "status"
        and change.at <= _mirror_time(record) + _SLACK
    ):
        return None
    action = "closed" if incident.status_category == "done" else "took" if field == "assignee" else "moved"
    return Act("release", change.author, f"{action}: {change.text}", change.at)


def _differs(incident: Incident, record: Record) -> str:
    """The first field that is not as our last write left it, "" when all are."""
    mirror = record.mirror
    if not mirror:
        return ""
    if incident.status != mirror.get("status"):
        return "status"
    if (incident.assignee.id if incident.assignee else "") != mirror.get("assignee", ""):
        return "assignee"
    if incident.resolution and incident.resolution != mirror.get("resolution", ""):
        return "resolution" if record.state is not State.INCIDENT_RESOLVED else ""
    return ""


def _mirror_time(record: Record) -> datetime:
    try:
        return datetime.fromisoformat(record.mirror.get("at", ""))
    except ValueError:
        return record.entered


@dataclass(frozen=True)
class _Change:
    author_id: str
    author: str
    at: datetime
    text: str
    added: frozenset[str] = frozenset()


def _changes(site: JiraSite, key: str, field: str) -> list[_Change]:
    found = []
    for entry in site.changelog(key):
        author = entry.get("author") or {}
        for item in entry.get("items") or ():
            if field not in (item.get("fieldId"), item.get("field")):
                continue
            before, after = str(item.get("fromString") or ""), str(item.get("toString") or "")
            found.append(
                _Change(
                    str(author.get("accountId") or ""),
                    str(author.get("displayName") or author.get("accountId") or "somebody"),
                    time_of(entry.get("created")),
                    f"{field} from {before or 'none'} to {after or 'none'}",
                    frozenset(after.split()) - frozenset(before.split()),
                )
            )
    return found


def _latest(site: JiraSite, key: str, field: str) -> _Change | None:
    changes = _changes(site, key, field)
    return changes[-1] if changes else None


def _who_labelled(site: JiraSite, incident: Incident, label: str) -> tuple[str, datetime | None]:
    """Who added a label, and when. Labels given at creation are the reporter's."""
    for change in reversed(_changes(site, incident.key, "labels")):
        if label in change.added:
            return change.author, change.at
    return (incident.reporter.name if incident.reporter else "somebody"), None
