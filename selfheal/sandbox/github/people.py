"""What people do, as a Python API and as control endpoints for a sandbox in another process.

==========================  ==========================================================================================
``POST repositories``       ``{"name": "owner/name", "files": {path: text}, "default_branch"?, "private"?}``
``POST people``             ``{"login", "repository"?, "permission"?}``; answers ``{"token"}``
``POST reviews``            ``{"repository", "number", "login", "event": "APPROVE|REQUEST_CHANGES|COMMENT", "body"?}``
``POST comments``           ``{"repository", "number", "login", "body"}``
``POST close``, ``reopen``  ``{"repository", "number", "login"}``
``POST merge``              ``{"repository", "number", "login", "method"?}``
``POST push``               ``{"repository", "login", "branch", "files": {path: text or null}, "message"?}``
``POST checks``             ``{"repository", "sha", "conclusion", "name"?}``
``POST ci``                 ``{"conclusion" or null, "name"?, "delay"?, "repository"?}``
``POST auto-approve``       ``{"login", "after_seconds"?, "repository"?}``
``POST protection``         ``{"repository", "branch", "approvals"?, "checks"?, …}`` (fields of ``Protection``)
``POST limits``             ``{"limit"?, "secondary"?: times, "status"?, "retry_after"?}``
``GET activity``            what was done by people, and what was simulated
``GET dispatches``          ``?repository=owner/name``: the repository dispatches received
==========================  ==========================================================================================
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from selfheal.sandbox.github.checks import CONCLUSIONS, add_check
from selfheal.sandbox.github.hub import Hub
from selfheal.sandbox.github.merge import merge
from selfheal.sandbox.github.store import (
    PERMISSIONS,
    CheckRun,
    Comment,
    Issue,
    Protection,
    Repository,
    Review,
    Status,
)


class People:
    """Acts on the hub in the name of a login. A login seen for the first time may write to that repository."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    def _repository(self, name: str) -> Repository:
        found = self.hub.store.repository(name)
        if found is None:
            raise LookupError(f"the sandbox has no repository {name}")
        return found

    def _issue(self, name: str, number: int) -> tuple[Repository, Issue]:
        repository = self._repository(name)
        if number not in repository.issues:
            raise LookupError(f"{name} has no issue or pull request {number}")
        return repository, repository.issues[number]

    def add_person(self, login: str, repository: str = "", permission: str = "write") -> str:
        """Make a person known, with this permission where a repository is named; answers a token of theirs."""
        if permission not in PERMISSIONS:
            raise ValueError(f"{permission!r} is no permission; there are: {', '.join(PERMISSIONS)}")
        account = self.hub.store.ensure_account(login)
        if repository:
            self._repository(repository).collaborators[account.login] = permission
        token = f"sandbox-person-{secrets.token_hex(8)}"
        self.hub.store.tokens[token] = account.login
        return token

    def review(self, name: str, number: int, login: str, event: str, body: str, commit: str = "") -> Review:
        """Submit a review."""
        repository, issue = self._issue(name, number)
        login = self.hub.person(login, repository).login
        review = self.hub.review(repository, issue, login, event, body, commit)
        self.hub.record(login, event.lower().replace("_", "-"), repository, number=number)
        return review

    def comment(self, name: str, number: int, login: str, body: str) -> Comment:
        """Comment."""
        repository, issue = self._issue(name, number)
        login = self.hub.person(login, repository).login
        self.hub.record(login, "comment", repository, number=number)
        return self.hub.comment(issue, login, body)

    def close(self, name: str, number: int, login: str) -> None:
        """Close without merging."""
        repository, issue = self._issue(name, number)
        login = self.hub.person(login, repository).login
        self.hub.close(repository, issue, login)
        self.hub.record(login, "close", repository, number=number)

    def reopen(self, name: str, number: int, login: str) -> None:
        """Open again."""
        repository, issue = self._issue(name, number)
        login = self.hub.person(login, repository).login
        self.hub.reopen(repository, issue)
        self.hub.record(login, "reopen", repository, number=number)

    def merge(self, name: str, number: int, login: str, method: str = "merge") -> str:
        """Merge; the SHA of the base then."""
        repository, issue = self._issue(name, number)
        login = self.hub.person(login, repository).login
        sha = merge(self.hub, repository, issue, login, method=method)
        self.hub.record(login, "merge", repository, number=number)
        return sha

    def push(
        self, name: str, login: str, branch: str, files: Mapping[str, bytes | str | None], message: str
    ) -> str:
        """Commit to a branch (made from the default branch when it is not there); the new head."""
        repository = self._repository(name)
        login = self.hub.person(login, repository).login
        git = repository.git
        old = git.branch(branch)
        sha = git.commit_files(
            old or git.branch(repository.default_branch), files, message, self.hub.signature(login)
        )
        self.hub.move_ref(repository, f"refs/heads/{branch}", old, sha, login)
        self.hub.record(login, "push", repository, branch=branch, sha=sha)
        return sha

    def set_checks(self, name: str, sha: str, conclusion: str, check: str = "ci") -> CheckRun:
        """Report a check on a commit; an empty conclusion or ``pending`` leaves it in progress."""
        repository = self._repository(name)
        conclusion = "" if conclusion == "pending" else conclusion
        if conclusion and conclusion not in CONCLUSIONS:
            raise ValueError(f"{conclusion!r} is no conclusion; there are: {', '.join(CONCLUSIONS)}")
        full = repository.git.resolve(sha)
        if not full:
            raise LookupError(f"{name} has no commit {sha}")
        return add_check(self.hub, repository, full, check, conclusion, app="github-actions")

    def set_status(self, name: str, sha: str, state: str, context: str = "default") -> None:
        """Report a commit status (the older kind): error, failure, pending or success."""
        repository = self._repository(name)
        identity = self.hub.store.next_id()
        creator = repository.owner
        now = self.hub.now()
        repository.statuses.append(Status(identity, sha, state, context, None, None, creator, now))

    def protect(self, name: str, branch: str, **rules: Any) -> Protection:
        """Protect a branch; the fields of :class:`Protection`."""
        if "checks" in rules:
            rules["checks"] = tuple(rules["checks"])
            rules.setdefault("status_checks", bool(rules["checks"]))
        made = Protection(**rules)
        self._repository(name).protections[branch] = made
        return made
