"""An incident as the rest of the house sees it, read out of Jira's JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from selfheal.errors import Outage
from selfheal.incidents import record as records
from selfheal.incidents.errors import RecordInvalid
from selfheal.incidents.record import Record
from selfheal.jsm.adf import plain
from selfheal.jsm.services import names_in
from selfheal.jsm.site import RECORD


@dataclass(frozen=True)
class Account:
    """A person or a bot. ``id`` is the account id."""

    id: str
    name: str


@dataclass(frozen=True)
class Incident:
    """One issue. ``description`` is plain text; ``status_category`` is new, indeterminate or done.

    ``record`` is None when the incident is not ours yet, or when what is stored cannot be read; then
    ``record_problem`` says why.
    """

    key: str
    summary: str
    description: str
    status: str
    status_category: str
    priority: str
    issue_type: str
    project: str
    assignee: Account | None
    reporter: Account | None
    labels: tuple[str, ...]
    services: tuple[str, ...]
    created: datetime
    updated: datetime
    url: str
    record: Record | None
    resolution: str = ""
    record_problem: str = ""


@dataclass(frozen=True)
class View:
    """An issue as read at ``read_at`` (monotonic seconds, before the request was sent), with its stored document."""

    incident: Incident
    issue_id: int
    document: Any
    read_at: float

    @property
    def record(self) -> Record:
        """The record. Raises RecordInvalid when there is none that can be read."""
        if self.incident.record is None:
            raise RecordInvalid(
                self.incident.record_problem or f"{self.incident.key} has no record.",
                hint="Add the label selfheal-retry to start it afresh, or use `selfheal state set … --force`.",
            )
        return self.incident.record


def account(document: Any) -> Account | None:
    """The account in a user document, None for nobody."""
    if not isinstance(document, dict) or not document.get("accountId"):
        return None
    return Account(str(document["accountId"]), str(document.get("displayName") or document["accountId"]))


def parse(issue: dict[str, Any], *, site_url: str, services_field: str, read_at: float) -> View:
    """The view of an issue document as `JiraSite.issue` answers it.

    Raises Outage when the document is not an issue at all.
    """
    fields = issue.get("fields")
    key = str(issue.get("key", ""))
    if not isinstance(fields, dict) or not key or not str(issue.get("id", "")).isdigit():
        raise Outage("Jira answered with something that is not an issue.")
    stored = (issue.get("properties") or {}).get(RECORD)
    record: Record | None = None
    trouble = ""
    if stored is not None:
        try:
            record = records.load(stored)
        except RecordInvalid as error:
            trouble = error.message
    site = _trusted(record.mirror.get("site", ""), site_url) if record is not None else site_url
    status = fields.get("status") or {}
    incident = Incident(
        key=key,
        summary=str(fields.get("summary") or ""),
        description=plain(fields.get("description") or ""),
        status=str(status.get("name") or ""),
        status_category=str((status.get("statusCategory") or {}).get("key") or ""),
        priority=_name(fields.get("priority")),
        issue_type=_name(fields.get("issuetype")),
        project=str((fields.get("project") or {}).get("key") or ""),
        assignee=account(fields.get("assignee")),
        reporter=account(fields.get("reporter")),
        labels=tuple(str(label) for label in fields.get("labels") or ()),
        services=names_in(fields.get(services_field)) if services_field else (),
        created=time_of(fields.get("created")),
        updated=time_of(fields.get("updated")),
        url=f"{site.rstrip('/')}/browse/{key}",
        record=record,
        resolution=_name(fields.get("resolution")),
        record_problem=trouble,
    )
    return View(incident, int(issue["id"]), stored, read_at)


def _trusted(site: str, asked: str) -> str:
    """The address people know the site by. The record may be edited, and the link stands in pull requests: only Jira
    Cloud's own hosts and the host that was asked are taken from it.
    """
    parts = urlsplit(site)
    host = (parts.hostname or "").lower()
    ours = host.endswith(".atlassian.net") or host == urlsplit(asked).hostname
    return site if parts.scheme == "https" and ours and not parts.username else asked


def _name(value: Any) -> str:
    return str(value.get("name") or "") if isinstance(value, dict) else ""


def time_of(value: Any) -> datetime:
    """A time of Jira's in UTC; the epoch for what is none."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return datetime(1970, 1, 1, tzinfo=UTC)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
