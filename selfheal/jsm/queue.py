"""Which incidents there are: new ones assigned to us, and ours in flight by their label.

JQL is built here and nowhere else. The index lags by seconds to minutes and anyone may set a label, so every result is
read again and checked against what was asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from typing import Final

from selfheal.config import Settings
from selfheal.errors import ConfigurationProblem, NotFound, Refused
from selfheal.incidents.record import Record
from selfheal.incidents.states import ENDED, RETRYABLE, State
from selfheal.jsm import labels, people
from selfheal.jsm.directory import Directory
from selfheal.jsm.incident import Incident
from selfheal.jsm.keys import all_of, checked, one_of, quoted
from selfheal.jsm.ledger import Ledger
from selfheal.jsm.site import JiraSite, Unreadable

LOGGER = logging.getLogger(__name__)
#: Results asked for beyond what is wanted, since some will not be what the index says any more.
_SPARE: Final = 20
_IN_FLIGHT: Final = tuple(state for state in State if state not in ENDED)


class Queue:
    """Searches one project for incidents."""

    def __init__(
        self, site: JiraSite, directory: Directory, ledger: Ledger, settings: Settings,
        held: Callable[[Record], bool],
    ) -> None:  # fmt: skip
        """``held`` says whether a record's claim still keeps others off."""
        self._site = site
        self._held = held
        self._directory = directory
        self._ledger = ledger
        self._settings = settings.jira

    def new(self, assignee: str, priority: str, status: str, limit: int, *, brief: bool) -> list[Incident]:
        """Open incidents of one assignee that have no record yet, or one that nobody has gone on from.

        ``brief``: without the affected services, whose field has to be looked up first.
        """
        who = self._directory.person(assignee or self._settings.assignee)
        priorities = self._directory.priorities(priority)
        statuses = self._directory.statuses(status)
        if not brief:
            self._site.learn_fields()
        jql = all_of(
            [
                *self._ours(),
                f"assignee = {quoted(who.id)}",
                one_of("priority", priorities) if priorities else "",
                one_of("status", statuses) if statuses else "statusCategory != Done",
                f"(labels IS EMPTY OR labels != {quoted(labels.MARK)} OR labels = {quoted(labels.of(State.INCIDENT_DETECTED))})",
            ],
            "created ASC",
        )

        def fits(incident: Incident) -> bool:
            record = incident.record
            return (
                incident.assignee is not None
                and incident.assignee.id == who.id
                and labels.STOP not in incident.labels
                and (not priorities or incident.priority in priorities)
                and (incident.status in statuses if statuses else incident.status_category != "done")
                and not (incident.record_problem and labels.INVALID in incident.labels)
                # One who died right after the claim leaves a first record without our label.
                and (record is None or (record.state is State.INCIDENT_DETECTED and not self._held(record)))
            )

        return self._read(jql, fits, limit)

    def flying(self, states: Sequence[State], limit: int, ours: Collection[str] = ()) -> list[Incident]:
        """Incidents with our label, in ``states``; by default all in flight, ended ones to be retried, and resolved ones
        whose issue a run of ours did not come to close. Those in ``ours`` are claimed by this process, which knows them.
        """
        wanted = tuple(State(state) for state in states) or _IN_FLIGHT
        names = one_of("labels", [labels.of(state) for state in wanted])
        resolved = f"labels = {quoted(labels.of(State.INCIDENT_RESOLVED))} AND statusCategory != Done"
        jql = all_of(
            [
                *self._ours(),
                f"labels = {quoted(labels.MARK)}",
                names if states else f"({names} OR labels = {quoted(labels.RETRY)} OR ({resolved}))",
                # What a person closed for good may not be editable, and would be looked at for ever.
                "" if states else "(statusCategory != Done OR updated >= -7d)",
            ],
            "created ASC",
        )

        def fits(incident: Incident) -> bool:
            if labels.MARK not in incident.labels:
                return False
            record = incident.record
            retry = labels.RETRY in incident.labels
            if record is None:
                return not states and (retry or labels.INVALID not in incident.labels)
            if record.state in wanted:
                return True
            return not states and (
                (retry and record.state in RETRYABLE)
                or (record.state is State.INCIDENT_RESOLVED and people.seems_unfinished(incident, record))
            )

        return self._read(jql, fits, limit, settled=bool(states) and set(wanted) <= ENDED, ours=ours)

    def recent(self, days: int, limit: int) -> list[Incident]:
        """Incidents with our label and a record that changed in the last days, newest first, not read again."""
        jql = all_of(
            [*self._ours(), f"labels = {quoted(labels.MARK)}", f"updated >= -{int(days)}d"], "updated DESC"
        )
        return self._read(jql, lambda incident: incident.record is not None, limit, settled=True)

    def refuse_foreign(self, incident: Incident) -> None:
        """Raises Refused for an issue that is not an incident of the configured project and type."""
        if not self._is_ours(incident):
            raise Refused(
                f"{incident.key} is a {incident.issue_type or 'thing without a type'} in {incident.project}, "
                f"not a {self._settings.issue_type} in {self._settings.project or 'any project we serve'}.",
                hint="Set SELFHEAL_JIRA_PROJECT and SELFHEAL_JIRA_ISSUE_TYPE to what the site uses.",
                code="foreign-issue",
            )

    def _ours(self) -> list[str]:
        if not self._settings.project:
            raise ConfigurationProblem(
                "No project is set, and a search must be bound to one.", hint="Set SELFHEAL_JIRA_PROJECT."
            )
        return [
            f"project = {quoted(self._settings.project)}",
            f"issuetype = {quoted(self._settings.issue_type)}",
        ]

    def _is_ours(self, incident: Incident) -> bool:
        project, kind = self._settings.project, self._settings.issue_type
        return (
            not project or incident.project == project
        ) and incident.issue_type.casefold() == kind.casefold()

    def _read(
        self,
        jql: str,
        fits: Callable[[Incident], bool],
        limit: int,
        *,
        settled: bool = False,
        ours: Collection[str] = (),
    ) -> list[Incident]:
        """What fits, read again first unless it is ``settled``: nobody acts on it, it is looked up."""
        found: list[Incident] = []
        for issue in self._site.search(jql, limit=limit + _SPARE, reconcile=self._ledger.written_ids):
            if len(found) >= limit:
                break
            try:
                key = checked(issue["key"])
                if settled:
                    view = self._ledger.parsed(issue, 0.0)
                else:
                    view = self._ledger.peek(key) if key in ours else self._ledger.read(key)
            except (NotFound, Unreadable) as error:
                # Deleted or moved since it was indexed, or made so that nobody can read it; the others are not its hostages.
                LOGGER.warning("An incident is passed over: %s", error.message)
                continue
            incident = view.incident
            if self._is_ours(incident) and fits(incident):
                found.append(incident)
        return found
