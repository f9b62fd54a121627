"""What the site remembers: issues with their fields, properties, comments, history and links.

Values in ``Issue.fields`` are raw (ids, names, documents, datetimes) and are replaced, never changed in place, so a
shallow copy is a version that search can go on showing after the issue has moved on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from selfheal.sandbox.jira import adf
from selfheal.sandbox.jira.behaviour import Behaviour
from selfheal.sandbox.jira.errors import refused
from selfheal.sandbox.jira.site import PARTICIPANTS_FIELD, SERVICES_FIELD, Account, FieldInfo, Site
from selfheal.sandbox.jira.workflow import ITSM, Status, Workflow

_KEPT_VERSIONS = 16
UNSEEN = "Issue does not exist or you do not have permission to see it."


@dataclass
class Comment:
    """``properties`` as set; ``sd.public.comment`` with ``internal`` true hides it from customers."""

    id: str
    author: str
    body: dict[str, Any]
    created: datetime
    updated: datetime
    update_author: str
    properties: dict[str, Any] = field(default_factory=dict)

    @property
    def internal(self) -> bool:
        public = self.properties.get("sd.public.comment")
        return isinstance(public, dict) and public.get("internal") in (True, "true")


@dataclass(frozen=True)
class Change:
    """One field of a history entry; ids and texts, before and after."""

    field: FieldInfo
    before: str | None
    before_text: str | None
    after: str | None
    after_text: str | None


@dataclass(frozen=True)
class History:
    """One write as the changelog shows it."""

    id: str
    author: str
    created: datetime
    changes: tuple[Change, ...]
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True)
class Version:
    """What the search index holds of an issue after one write."""

    operation: int
    at: datetime
    fields: dict[str, Any]
    properties: dict[str, Any]


@dataclass
class Issue:
    """An issue. ``left`` is the status before the last transition and when that was."""

    id: int
    key: str
    fields: dict[str, Any]
    properties: dict[str, Any] = field(default_factory=dict)
    comments: list[Comment] = field(default_factory=list)
    history: list[History] = field(default_factory=list)
    approvals: list[dict[str, Any]] = field(default_factory=list)
    versions: deque[Version] = field(default_factory=lambda: deque(maxlen=_KEPT_VERSIONS))
    versions_dropped: bool = False
    transitions: int = 0
    left: tuple[Status, datetime] | None = None


@dataclass(frozen=True)
class Link:
    """``inward`` *blocks* ``outward``: keys, named as in the request that made it, the wrong way round as in Jira."""

    id: str
    type_id: str
    inward: str
    outward: str


class Store:
    """All state of the site that requests change. Callers hold the emulator's lock."""

    def __init__(self, site: Site, behaviour: Behaviour, now: Callable[[], datetime]) -> None:
        self.site = site
        self.behaviour = behaviour
        self.now = now
        self.workflow: Workflow = ITSM
        self.reset()

    def reset(self) -> None:
        self.issues: dict[str, Issue] = {}
        self.links: list[Link] = []
        self.operations = 0
        self._ids = 10_000
        self._filed = 0

    def next_id(self) -> int:
        self._ids += 1
        return self._ids

    # -- finding -------------------------------------------------------------------------------------------

    def find(self, id_or_key: str, account: Account) -> Issue:
        """The issue, for somebody who may see it; Jira tells absence and invisibility apart for nobody."""
        issue = self.issues.get(id_or_key.upper())
        if issue is None:
            issue = self.by_id(id_or_key)
        if issue is None or "BROWSE_PROJECTS" in account.lacks or not self.reaches(issue, account):
            raise refused(404, UNSEEN)
        return issue

    def reaches(self, issue: Issue, account: Account) -> bool:
        """Customers see their own requests and those they take part in."""
        participants = issue.fields.get(PARTICIPANTS_FIELD) or ()
        return account.kind != "customer" or account.id in (issue.fields["reporter"], *participants)

    def transitions_of(self, id_or_key: str) -> int:
        """How often an issue has moved so far; read without the lock, hence over a copy."""
        for issue in list(self.issues.values()):
            if id_or_key.upper() == issue.key or id_or_key == str(issue.id):
                return issue.transitions
        return 0

    def by_id(self, issue_id: int | str) -> Issue | None:
        """The id as text may be anything that was sent, of any length."""
        return next((issue for issue in self.issues.values() if str(issue.id) == str(issue_id)), None)

    def status(self, issue: Issue) -> Status:
        found = self.workflow.status(issue.fields["status"])
        assert found is not None  # noqa: S101 - only statuses of the workflow are ever stored
        return found

    def visible_version(self, issue: Issue) -> Version | None:
        """What search shows of an issue now, given its lag; None while it is not indexed at all."""
        behaviour = self.behaviour
        operation = self.operations - behaviour.search_lag_operations
        now = self.now()
        for version in reversed(issue.versions):
            age = (now - version.at).total_seconds()
            if version.operation <= operation and age >= behaviour.search_lag_seconds:
                return version
        return issue.versions[0] if issue.versions_dropped else None

    # -- writing -------------------------------------------------------------------------------------------

    def create(self, reporter: Account, values: dict[str, Any]) -> Issue:
        """A new issue in the first status; ``values`` are raw and already checked."""
        now = self.now()
        self._filed += 1
        issue = Issue(
            self.next_id(),
            f"{self.site.project_key}-{self._filed}",
            {
                "summary": "",
                "description": None,
                "issuetype": self.site.issue_types[0].id,
                "status": self.workflow.statuses[0].id,
                "priority": self.site.default_priority,
                "resolution": None,
                "labels": (),
                "assignee": None,
                "duedate": None,
                "creator": reporter.id,
                "reporter": reporter.id,
                "created": now,
                "updated": now,
                "statuscategorychangedate": now,
                PARTICIPANTS_FIELD: (),
                SERVICES_FIELD: (),
                **values,
            },
        )
        self.issues[issue.key] = issue
        self.indexed(issue)
        return issue

    def delete(self, issue: Issue) -> None:
        """Gone with its links; its key is never given again."""
        del self.issues[issue.key]
        self.links = [link for link in self.links if issue.key not in (link.inward, link.outward)]

    def change(
        self, issue: Issue, account: Account, values: dict[str, Any], metadata: dict[str, Any] | None = None
    ) -> None:
        """Set raw values as one write with one history entry; what does not differ leaves no trace."""
        changes = []
        for field_id, value in values.items():
            before = issue.fields.get(field_id)
            info = self.site.field_info(field_id)
            if value == before or info is None:
                continue
            changes.append(Change(info, *self._told(field_id, before), *self._told(field_id, value)))
            issue.fields = {**issue.fields, field_id: value}
        if not changes:
            return
        now = self.now()
        issue.fields = {**issue.fields, "updated": now}
        if "status" in values:
            issue.fields = {**issue.fields, "statuscategorychangedate": now}
        issue.history.append(History(str(self.next_id()), account.id, now, tuple(changes), metadata))
        self.indexed(issue)

    def comment(
        self, issue: Issue, account: Account, body: dict[str, Any], properties: dict[str, Any] | None = None
    ) -> Comment:
        now = self.now()
        comment = Comment(str(self.next_id()), account.id, body, now, now, account.id, dict(properties or {}))
        issue.comments.append(comment)
        self.touched(issue)
        return comment

    def link(self, type_id: str, inward: str, outward: str) -> None:
        """A link; the same one again is no second one, as in Jira."""
        if not any(
            (one.type_id, one.inward, one.outward) == (type_id, inward, outward) for one in self.links
        ):
            self.links.append(Link(str(self.next_id()), type_id, inward, outward))

    def touched(self, issue: Issue) -> None:
        """A write that no field tells of."""
        issue.fields = {**issue.fields, "updated": self.now()}
        self.indexed(issue)

    def set_property(self, issue: Issue, key: str, value: Any) -> bool:
        """Whether it is new. Entity properties leave no history and no new ``updated``, as in Jira."""
        new = key not in issue.properties
        issue.properties = {**issue.properties, key: value}
        self.indexed(issue)
        return new

    def delete_property(self, issue: Issue, key: str) -> bool:
        """Whether it was there."""
        if key not in issue.properties:
            return False
        issue.properties = {name: value for name, value in issue.properties.items() if name != key}
        self.indexed(issue)
        return True

    def indexed(self, issue: Issue) -> None:
        """File what search will show of this write."""
        if len(issue.versions) == _KEPT_VERSIONS:
            issue.versions_dropped = True
        issue.versions.append(Version(self.operations, self.now(), issue.fields, issue.properties))

    # -- what the changelog tells --------------------------------------------------------------------------

    def _told(self, field_id: str, value: Any) -> tuple[str | None, str | None]:
        """Id and text of a raw value, as history entries hold them."""
        if field_id == "labels":
            return None, " ".join(value or ())
        if value is None:
            return None, None
        if field_id == "description":
            return None, adf.plain(value)
        if field_id in ("assignee", "reporter"):
            account = self.site.by_id(value)
            return value, account.name if account else value
        if field_id == "status":
            status = self.workflow.status(value)
            return value, status.name if status else value
        if field_id in ("priority", "resolution"):
            named = self.site.priority(value) if field_id == "priority" else self.site.resolution(value)
            return value, named.name if named else value
        if isinstance(value, list | tuple):
            return None, ", ".join(str(one) for one in value)
        return None, str(value)


def utc_now() -> datetime:
    return datetime.now(UTC)
