"""Whether an incident is ours to serve, whoever started the run: project, type, assignee, repository.

A run can be started by anyone who may send an event or press a button. What starts it names a key and is believed in
nothing; the incident itself, read from Jira, decides.
"""

from __future__ import annotations

from selfheal.config import Settings
from selfheal.jsm.manager import Account, Incident


def why_not(incident: Incident, settings: Settings, me: Account, *, adopts: bool = True) -> str:
    """The reason why this repository does not serve the incident; "" when it does.

    ``me`` is the account of the token. ``adopts`` is False where a central repository decides whose an incident is: then one
    that nobody has looked at yet is not ours.
    """
    jira = settings.jira
    if jira.project and incident.project != jira.project:
        return f"It is filed in {incident.project}; the project served here is {jira.project}."
    if incident.issue_type.casefold() != jira.issue_type.casefold():
        return f"It is a {incident.issue_type or 'thing without a type'}, not a {jira.issue_type}."
    record = incident.record
    if record is None:
        if incident.record_problem:
            return f"Its record cannot be read: {incident.record_problem}"
        if incident.status_category == "done":
            return "It is closed."
        if not _is_assigned(incident, settings, me):
            whom = incident.assignee.name if incident.assignee else "nobody"
            return f"It is assigned to {whom}, not to {settings.jira.assignee or me.name}."
        return "" if adopts else "The operations repository has not handed it over."
    return whose(incident, settings, adopts=adopts)


def whose(incident: Incident, settings: Settings, *, adopts: bool = True) -> str:
    """Why an incident with a record is another repository's; "" when it is this one's."""
    ours = settings.endpoints.github_repository
    source = incident.record.source.repository if incident.record and incident.record.source else ""
    if not source:
        return "" if adopts else "The operations repository has not handed it over."
    if ours and source.casefold() != ours.casefold():
        return f"Its service is deployed from {source}, not from {ours}."
    return ""


def _is_assigned(incident: Incident, settings: Settings, me: Account) -> bool:
    if incident.assignee is None:
        return False
    named = settings.jira.assignee.strip().casefold()
    if not named or named in ("me", "currentuser()"):
        return incident.assignee.id == me.id
    return named in (incident.assignee.id.casefold(), incident.assignee.name.casefold())
