"""What GitHub remembers beside git: accounts, repositories, issues, pull requests, reviews, checks, runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from selfheal.sandbox.github.repos import BareRepository

PERMISSIONS = ("none", "read", "triage", "write", "maintain", "admin")
BLACK_HOLE = "noreply@github.com"


def rank(permission: str) -> int:
    """Order of permissions, ``none`` being 0."""
    return PERMISSIONS.index(permission)


@dataclass
class Account:
    """A user, a bot (an app's identity) or an organization."""

    login: str
    id: int
    type: str = "User"
    name: str = ""
    created: datetime | None = None

    @property
    def email(self) -> str:
        """The address GitHub gives out instead of a private one."""
        return f"{self.id}+{self.login}@users.noreply.github.com"


@dataclass
class Comment:
    """On an issue, or (with ``path``) on a line of a pull request."""

    id: int
    user: str
    body: str
    created: datetime
    updated: datetime
    path: str = ""
    line: int | None = None
    side: str = "RIGHT"
    commit: str = ""
    review: int | None = None
    reply_to: int | None = None
    hunk: str = ""


@dataclass
class Review:
    """``state``: PENDING, COMMENTED, APPROVED, CHANGES_REQUESTED or DISMISSED; ``commit`` is the head reviewed."""

    id: int
    user: str
    body: str
    state: str
    commit: str
    submitted: datetime | None


@dataclass
class Pull:
    """What makes an issue a pull request. Heads and bases stay as they were once it is closed."""

    base_ref: str
    base_sha: str
    head_repository: str
    head_ref: str
    head_sha: str
    draft: bool = False
    merged: datetime | None = None
    merged_by: str = ""
    merge_sha: str = ""
    commits_frozen: tuple[str, str] | None = None
    requested: list[str] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    maintainer_can_modify: bool = False
    unknown_left: int = 0


@dataclass
class Issue:
    """An issue or a pull request."""

    id: int
    number: int
    user: str
    title: str
    body: str
    created: datetime
    updated: datetime
    state: str = "open"
    closed: datetime | None = None
    closed_by: str = ""
    labels: list[str] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    pull: Pull | None = None


@dataclass
class Label:
    """A label of a repository."""

    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass
class Status:
    """A commit status."""

    id: int
    sha: str
    state: str
    context: str
    description: str | None
    target_url: str | None
    creator: str
    created: datetime


@dataclass
class CheckRun:
    """A check run; ``conclusion`` is ``""`` until it is completed."""

    id: int
    suite: int
    name: str
    sha: str
    status: str
    conclusion: str
    started: datetime
    completed: datetime | None
    app: str
    external_id: str = ""
    details_url: str = ""
    output: dict[str, Any] = field(default_factory=dict)


@dataclass
class CheckSuite:
    """All runs of one app on one commit."""

    id: int
    app: str
    sha: str
    branch: str
    before: str
    created: datetime
    updated: datetime


@dataclass
class Workflow:
    """A workflow file."""

    id: int
    path: str
    name: str
    created: datetime
    state: str = "active"


@dataclass
class WorkflowRun:
    """A run of a workflow."""

    id: int
    workflow: int
    number: int
    event: str
    branch: str
    sha: str
    status: str
    conclusion: str
    actor: str
    title: str
    created: datetime
    updated: datetime
    inputs: dict[str, Any] = field(default_factory=dict)
    suite: int = 0


@dataclass
class Protection:
    """Rules of a protected branch. ``checks`` are names of contexts; ``approvals`` 0 asks for none."""

    approvals: int = 0
    checks: tuple[str, ...] = ()
    strict: bool = False
    dismiss_stale: bool = False
    code_owners: bool = False
    enforce_admins: bool = False
    reviews: bool = True
    linear: bool = False
    force_pushes: bool = False
    deletions: bool = False
    status_checks: bool = False


@dataclass
class Repository:
    """A repository and all that hangs on it."""

    id: int
    owner: str
    name: str
    git: BareRepository
    default_branch: str
    created: datetime
    pushed: datetime
    description: str | None = None
    private: bool = False
    parent: str = ""
    archived: bool = False
    collaborators: dict[str, str] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    protections: dict[str, Protection] = field(default_factory=dict)
    statuses: list[Status] = field(default_factory=list)
    check_runs: list[CheckRun] = field(default_factory=list)
    check_suites: list[CheckSuite] = field(default_factory=list)
    workflows: dict[str, Workflow] = field(default_factory=dict)
    runs: list[WorkflowRun] = field(default_factory=list)
    dispatches: list[dict[str, Any]] = field(default_factory=list)
    verified: set[str] = field(default_factory=set)
    merge_methods: set[str] = field(default_factory=lambda: {"merge", "squash", "rebase"})
    delete_branch_on_merge: bool = False
    last_number: int = 0

    @property
    def full_name(self) -> str:
        """``owner/name``."""
        return f"{self.owner}/{self.name}"

    def permission(self, login: str) -> str:
        """What ``login`` may do here; reading a public repository is for everybody."""
        if login.lower() == self.owner.lower():
            return "admin"
        given = next(
            (level for who, level in self.collaborators.items() if who.lower() == login.lower()), "none"
        )
        return given if given != "none" or self.private else "read"

    def pulls(self) -> Iterator[tuple[Issue, Pull]]:
        """All pull requests, oldest first."""
        for issue in self.issues.values():
            if issue.pull is not None:
                yield issue, issue.pull

    def open_pulls(self) -> Iterator[tuple[Issue, Pull]]:
        """Those that are open."""
        return ((issue, pull) for issue, pull in self.pulls() if issue.state == "open")


class Store:
    """Everything, with one counter for ids. Names of repositories and accounts do not depend on case."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.repositories: dict[str, Repository] = {}
        self.tokens: dict[str, str] = {}
        self.activity: list[dict[str, Any]] = []
        self._last_id = 41_000_000

    def next_id(self) -> int:
        """A fresh id."""
        self._last_id += 1
        return self._last_id

    def account(self, login: str) -> Account | None:
        """The account of that login, or None."""
        return self.accounts.get(login.lower())

    def ensure_account(self, login: str, *, type: str = "User", name: str = "") -> Account:
        """The account of that login, made when it is not there."""
        found = self.account(login)
        if found is None:
            found = Account(login, self.next_id(), type, name)
            self.accounts[login.lower()] = found
        return found

    def repository(self, full_name: str) -> Repository | None:
        """The repository of that ``owner/name``, or None."""
        return self.repositories.get(full_name.lower())

    def by_email(self, email: str) -> Account | None:
        """Whose commits carry this address."""
        if email == BLACK_HOLE:
            return self.account("web-flow")
        return next((account for account in self.accounts.values() if account.email == email), None)
