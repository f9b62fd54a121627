"""What GitHub shows of our repository: who we are, branches, commits, pull requests, reviews, checks. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote

from selfheal.errors import CredentialProblem, NotFound, Outage
from selfheal.pulls import checks, reviews
from selfheal.pulls.checks import Checks
from selfheal.pulls.client import Client
from selfheal.pulls.errors import Rejection
from selfheal.pulls.trees import TreeReader

#: Who a workflow's own GITHUB_TOKEN writes as. What it makes starts no further workflows.
WORKFLOW_LOGIN = "github-actions[bot]"


@dataclass(frozen=True)
class Commit:
    """A commit. ``author`` is the login GitHub attributes it to, or the plain name where it knows no account."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: str


@dataclass
class Reader:
    """Asks GitHub. What git hashes is remembered; everything else is asked anew each time."""

    client: Client
    _commits: dict[str, Commit] = field(default_factory=dict)
    _authors: dict[tuple[int, str], tuple[str, ...]] = field(default_factory=dict)
    _learned: str = ""
    _written: dict[str, str] = field(default_factory=dict)

    @cached_property
    def trees(self) -> TreeReader:
        """Trees and blobs."""
        return TreeReader(self.client)

    # -- who and where -------------------------------------------------------------------------------------

    @cached_property
    def repository(self) -> Mapping[str, Any]:
        """The repository's own document."""
        found = self.client.get(self.client.of_repository(""))
        if not isinstance(found, dict) or not found.get("full_name"):
            raise Outage("GitHub did not describe the repository.", hint="Check GITHUB_API_URL.")
        return found

    @property
    def full_name(self) -> str:
        """``owner/name`` as GitHub spells it."""
        return str(self.repository["full_name"])

    @property
    def owner(self) -> str:
        """The owner's login."""
        return self.full_name.split("/")[0]

    @cached_property
    def _asked(self) -> str:
        # An installation's token is no user to the REST API; GraphQL names users and installations alike.
        viewer = self.client.viewer()
        if viewer:
            return viewer
        try:
            user = self.client.get("/user")
        except (CredentialProblem, NotFound, Rejection) as error:
            if isinstance(error, CredentialProblem) and error.code != "forbidden":
                raise
            return WORKFLOW_LOGIN
        return str(user.get("login") or "") if isinstance(user, dict) else ""

    @property
    def identity(self) -> str:
        """The login that what we write carries. What GitHub showed as author of our own writing wins."""
        return self._learned or self._asked

    def learn(self, user: Any) -> None:
        """Notes whom GitHub names as author of something we have just written."""
        login = str(user.get("login") or "") if isinstance(user, Mapping) else ""
        if login:
            self._learned = login

    def is_us(self, login: str) -> bool:
        """Whether a login is ours. Logins do not differ by case."""
        return bool(login) and login.lower() == self.identity.lower()

    @property
    def triggers_workflows(self) -> bool:
        """Whether what we make starts workflows; a workflow's own GITHUB_TOKEN does not."""
        return self.identity.lower() != WORKFLOW_LOGIN

    # -- git -----------------------------------------------------------------------------------------------

    def branch_head(self, branch: str) -> str | None:
        """The commit a branch points at, None when there is no such branch."""
        path = self.client.of_repository(f"/git/ref/heads/{quote(branch, safe='/')}")
        try:
            found = self.client.get(path)
        except NotFound:
            return None
        target = found.get("object") if isinstance(found, dict) else None
        sha = target.get("sha") if isinstance(target, dict) else None
        return str(sha) if sha and found.get("ref") == f"refs/heads/{branch}" else None

    def commit(self, sha: str) -> Commit:
        """A commit with the account GitHub attributes it to."""
        if sha not in self._commits:
            # The page size concerns the changed files, of which none is needed.
            found = self.client.get(self.client.of_repository(f"/commits/{quote(sha, safe='')}"), per_page=1)
            self._commits[sha] = _commit(found)
        return self._commits[sha]

    def wrote(self, sha: str, tree: str) -> None:
        """Notes the tree of a commit that GitHub has just made for us."""
        self._written[sha] = tree

    def tree_of(self, sha: str) -> str:
        """The tree of a commit."""
        return self._written.get(sha) or self.commit(sha).tree

    def is_behind(self, sha: str, branch: str) -> bool:
        """Whether ``sha`` is part of ``branch``'s history."""
        return self._compared(sha, branch).get("status") in ("ahead", "identical")

    def merge_base(self, branch: str, sha: str) -> str:
        """The newest commit that ``sha`` has in common with ``branch``, "" when there is none."""
        common = self._compared(branch, sha).get("merge_base_commit")
        return str(common.get("sha") or "") if isinstance(common, Mapping) else ""

    def _compared(self, base: str, head: str) -> Mapping[str, Any]:
        basehead = f"{quote(base, safe='')}...{quote(head, safe='')}"
        try:
            found = self.client.get(self.client.of_repository(f"/compare/{basehead}"), per_page=1)
        except NotFound:
            return {}
        return found if isinstance(found, dict) else {}

    # -- pull requests -------------------------------------------------------------------------------------

    def pull(self, number: int) -> Mapping[str, Any]:
        """One pull request."""
        found = self.client.get(self.client.of_repository(f"/pulls/{number}"))
        if not isinstance(found, dict) or found.get("number") != number:
            raise Outage(f"GitHub did not describe pull request #{number}.")
        return found

    def pulls_from(self, branch: str) -> list[Mapping[str, Any]]:
        """Pull requests from a branch of our repository, newest first. Those from forks are none of ours."""
        found = self.client.get_all(
            self.client.of_repository("/pulls"), head=f"{self.owner}:{branch}", state="all"
        )
        mine = [pull for pull in found if self.is_from(pull, branch)]
        return sorted(mine, key=lambda pull: int(pull.get("number") or 0), reverse=True)

    def is_from(self, pull: Mapping[str, Any], branch: str) -> bool:
        """Whether the pull request's head is ``branch`` of our own repository."""
        return head_ref(pull) == branch and head_repository(pull).lower() == self.full_name.lower()

    def open_of_ours(self, prefix: str) -> int:
        """How many pull requests of ours are open."""
        found = self.client.get_all(self.client.of_repository("/pulls"), state="open")
        return sum(
            head_ref(pull).startswith(prefix) and self.is_us(login_of(pull.get("user"))) for pull in found
        )

    def authors(self, number: int, head: str) -> tuple[str, ...]:
        """Who has commits in a pull request whose head is ``head``."""
        if (number, head) not in self._authors:
            items = self.client.get_all(self.client.of_repository(f"/pulls/{number}/commits"))
            self._authors[number, head] = tuple(dict.fromkeys(_author(item) for item in items))
        return self._authors[number, head]

    def reviews(self, number: int, head: str, writers: tuple[str, ...]) -> tuple[reviews.Review, ...]:
        """Where each reviewer stands; permissions are read anew at each call."""
        items = self.client.get_all(self.client.of_repository(f"/pulls/{number}/reviews"))
        return reviews.standing(items, head=head, writers=writers, permission=self.permission)

    def permission(self, login: str) -> str:
        """``admin``, ``maintain``, ``write``, ``triage``, ``read`` or ``none``; "" when our token may not ask."""
        try:
            found = self.client.get(
                self.client.of_repository(f"/collaborators/{quote(login, safe='')}/permission")
            )
        except NotFound:
            return "none"
        except CredentialProblem as error:
            if error.code != "forbidden":
                raise
            return ""
        # ``role_name`` may be a custom role; ``permission`` is what it amounts to.
        return str(found.get("permission") or "none") if isinstance(found, dict) else "none"

    def checks(self, sha: str) -> Checks:
        """The checks of a commit: check runs and statuses."""
        try:
            runs = self.client.get_all(
                self.client.of_repository(f"/commits/{sha}/check-runs"), "check_runs", filter="latest"
            )
            combined = self.client.get_all(self.client.of_repository(f"/commits/{sha}/status"), "statuses")
        except CredentialProblem as error:
            if error.code != "forbidden":
                raise
            return Checks("unknown", why=f"The checks cannot be read. {error.hint}")
        return checks.judge(runs, combined)

    def closed_by(self, number: int) -> tuple[str, bool]:
        """Who closed a pull request, and whether that is a person."""
        found = self.client.get(self.client.of_repository(f"/issues/{number}"))
        user = found.get("closed_by") if isinstance(found, dict) else None
        return login_of(user), isinstance(user, dict) and not reviews.is_bot(user)


def login_of(user: Any) -> str:
    """The login of an account, "" for a deleted one."""
    return str(user.get("login") or "") if isinstance(user, Mapping) else ""


def moment(text: Any) -> datetime | None:
    """GitHub's timestamp as an aware UTC time, None for anything else."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found.astimezone(UTC) if found is not None and found.tzinfo is not None else None


def head_ref(pull: Mapping[str, Any]) -> str:
    """The name of the branch a pull request comes from."""
    return str(_head(pull).get("ref") or "")


def head_sha(pull: Mapping[str, Any]) -> str:
    """The commit at the head of a pull request."""
    return str(_head(pull).get("sha") or "")


def head_repository(pull: Mapping[str, Any]) -> str:
    """``owner/name`` a pull request comes from, "" when that repository is gone."""
    repo = _head(pull).get("repo")
    return str(repo.get("full_name") or "") if isinstance(repo, Mapping) else ""


def _head(pull: Mapping[str, Any]) -> Mapping[str, Any]:
    head = pull.get("head")
    return head if isinstance(head, Mapping) else {}


def _author(item: Mapping[str, Any]) -> str:
    """The account of a commit's author; where GitHub knows none, the name it carries, which is no login."""
    login = login_of(item.get("author"))
    if login:
        return login
    commit = item.get("commit")
    author = commit.get("author") if isinstance(commit, Mapping) else None
    return (
        f"{author.get('name') or 'unknown'} (no account)"
        if isinstance(author, Mapping)
        else "unknown (no account)"
    )


def _commit(found: Any) -> Commit:
    try:
        return Commit(
            sha=str(found["sha"]),
            tree=str(found["commit"]["tree"]["sha"]),
            parents=tuple(str(parent["sha"]) for parent in found["parents"]),
            author=_author(found),
        )
    except (KeyError, TypeError) as error:
        raise Outage("GitHub did not describe a commit completely.") from error
