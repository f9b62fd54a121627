"""What waits, for a run whose stages are jobs of their own: coordinate new incidents, then say who serves which next.

Schedules come late or not at all, jobs die, people answer at night: so this looks at everything in flight, never only at
what started the run. Nothing here imports CrewAI until there is a new incident to coordinate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from selfheal.config import Settings
from selfheal.errors import NotFound, UsageProblem
from selfheal.incidents.errors import IncidentError
from selfheal.incidents.states import ENDED, Stage, State
from selfheal.jsm.manager import Incident, JSMStateManager
from selfheal.stages.dispatch import Dispatcher
from selfheal.stages.eligible import whose, why_not
from selfheal.stages.report import StageReport
from selfheal.stages.turns import LOOKED_AT, in_turn

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Item:
    """An incident and the stage that serves it next; ``repository`` is set where another repository owns its service."""

    key: str
    stage: str
    repository: str = ""


@dataclass
class Listing:
    """``items`` are for this repository, ``elsewhere`` for others; ``refused`` says why a named incident is not served."""

    items: list[Item] = field(default_factory=list)
    elsewhere: list[Item] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    left_for_next_run: int = 0
    reports: list[StageReport] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """JSON for a job matrix and for people: keys, stages and configured names, no text of an incident."""
        return {
            "schema_version": SCHEMA_VERSION,
            "incidents": [{"key": item.key, "stage": item.stage} for item in self.items],
            "elsewhere": [_elsewhere(item) for item in self.elsewhere],
            "refused": [{"key": key, "reason": reason} for key, reason in self.refused.items()],
            "left_for_next_run": self.left_for_next_run,
        }


def _elsewhere(item: Item) -> dict[str, str]:
    """With owner and name apart: a workflow's expressions cannot split text."""
    owner, _slash, name = item.repository.partition("/")
    return {"key": item.key, "repository": item.repository, "owner": owner, "name": name}


def listing(
    dispatcher: Dispatcher, *, keys: tuple[str, ...] = (), priority: str = "", adopts: bool = True
) -> Listing:
    """Named incidents, or all that are new or in flight, each coordinated where nobody has done that yet.

    ``adopts`` is False in a repository that serves only what an operations repository hands to it.
    """
    settings = dispatcher.settings
    manager = JSMStateManager.connect(settings, clock=dispatcher.clock, run_id=dispatcher.run_id)
    found = Listing()
    limit = settings.limits.max_incidents
    candidates = list(_candidates(manager, found, keys, priority, settings, adopts=adopts))
    if not keys:
        candidates = in_turn(candidates, limit, dispatcher.clock.now())
    for incident in candidates:
        reason = (
            why_not(incident, settings, manager.me(), adopts=adopts)
            if incident.record is None or keys
            else ""
        )
        if reason and not _belongs_elsewhere(incident, settings, adopts):
            if keys:
                found.refused[incident.key] = reason
            continue
        if len(found.items) + len(found.elsewhere) >= limit:
            found.left_for_next_run += 1
            continue
        current: Incident | None = incident
        if incident.record is None:
            report = dispatcher.alone(Stage.COORDINATE, incident.key)
            found.reports.append(report)
            current = _read(manager, incident.key)
        if current is not None:
            _sort(current, found, dispatcher, adopts)
    return found


def _candidates(
    manager: JSMStateManager,
    found: Listing,
    keys: tuple[str, ...],
    priority: str,
    settings: Settings,
    *,
    adopts: bool,
) -> Iterator[Incident]:
    """Each incident once, read and with people's commands carried out; others' stay as they are for those whose they are."""
    for key in keys:
        try:
            yield manager.show(key)
        except (NotFound, UsageProblem) as error:
            found.refused[key] = error.message
    if keys:
        return
    seen = set()
    limit = settings.limits.max_incidents
    for incident in manager.search(max_results=max(limit * 4, LOOKED_AT)):
        seen.add(incident.key)
        if not adopts and whose(incident, settings, adopts=adopts):
            continue
        current = _heeded(manager, incident)
        if current is not None:
            yield current
    if adopts:
        for incident in manager.fetch(priority=priority, max_results=limit * 2):
            if incident.key not in seen:
                yield incident


def _heeded(manager: JSMStateManager, incident: Incident) -> Incident | None:
    """As people left it. None: its record cannot be read, and people were told."""
    try:
        return manager.heed(incident.key)
    except (IncidentError, NotFound):
        return None


def _read(manager: JSMStateManager, key: str) -> Incident | None:
    try:
        return manager.load(key)
    except NotFound:
        return None


def _belongs_elsewhere(incident: Incident, settings: Any, adopts: bool) -> bool:
    """Whether an operations repository passes it on, instead of refusing it."""
    return adopts and incident.record is not None and bool(whose(incident, settings))


def _sort(incident: Incident, found: Listing, dispatcher: Dispatcher, adopts: bool) -> None:
    record = incident.record
    if record is None or record.state in ENDED or record.served_by is None:
        return
    if record.not_before is not None and record.not_before > dispatcher.clock.now():
        return
    if whose(incident, dispatcher.settings, adopts=adopts):
        # Once begun it is the other repository's matter; its own schedule continues it.
        if (
            adopts
            and record.state is State.INCIDENT_DETECTED
            and record.claim is None
            and record.source is not None
        ):
            found.elsewhere.append(Item(incident.key, record.served_by.value, record.source.repository))
        return
    found.items.append(Item(incident.key, record.served_by.value))
