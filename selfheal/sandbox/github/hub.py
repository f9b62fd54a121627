"""What happens on GitHub: refs move, pull requests open and close, reviews come in; and what follows from each.

Every method runs under the emulator's lock. Things that happen later (a simulated reviewer, a simulated build) wait in
a list and are carried out before the next call is served, so a test decides with its clock when they happen.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from selfheal.sandbox.github.limits import Limits
from selfheal.sandbox.github.merging import Merged, merge_commits
from selfheal.sandbox.github.repos import ZERO, BareRepository, GitCommit, Signature
from selfheal.sandbox.github.store import (
    BLACK_HOLE,
    Account,
    Comment,
    Issue,
    Pull,
    Repository,
    Review,
    Store,
)
from selfheal.sandbox.github.timing import Agenda, Clock, MachineClock
from selfheal.sandbox.github.web import Refused, invalid

REVIEW_STATES = {
    "APPROVE": "APPROVED",
    "REQUEST_CHANGES": "CHANGES_REQUESTED",
    "COMMENT": "COMMENTED",
    "": "PENDING",
}
BODY_LIMIT = 65_536
HeadListener = Callable[[Repository, str, str, "Issue | None"], None]
HistoryEntry = tuple[str, Mapping[str, "bytes | str | None"], str, datetime]


class Hub:
    """The state and its rules, without HTTP."""

    def __init__(self, root: Path, lock: threading.RLock, clock: Clock | None = None) -> None:
        self.root = root
        self.lock = lock
        self.clock = clock or MachineClock()
        self.limits = Limits(self.clock)
        self.bot = "selfheal[bot]"
        self.bot_token = "sandbox-github-bot"  # noqa: S105 - opens nothing but this server
        self.store = Store()
        self.on_head: list[HeadListener] = []
        self.agenda = Agenda(self.clock)
        self._merges: dict[tuple[Path, str, str], Merged] = {}
        self.clear()

    def clear(self) -> None:
        """Forget everything but the accounts that are always there, and set all switches back."""
        #: An app's installation token cannot ask ``GET /user``; a machine user's can.
        self.bot_is_app = True
        self.app_permissions = dict.fromkeys(
            ("contents", "pull_requests", "issues", "checks", "statuses", "actions"), "write"
        ) | {"administration": "read", "metadata": "read"}
        #: How many times a pull request answers ``mergeable: null`` after its head or base moved.
        self.unknown_mergeability = 0
        for repository in self.store.repositories.values():
            repository.git.remove()
        self.store = Store()
        self.agenda.clear()
        self._merges.clear()
        self.limits.clear()
        self.store.ensure_account(self.bot, type="Bot")
        self.store.ensure_account("web-flow", name="GitHub")
        self.store.tokens[self.bot_token] = self.bot

    # -- time ------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """Wall-clock time."""
        return self.clock.now()

    def record(
        self, who: str, what: str, repository: Repository, *, simulated: bool = False, **facts: Any
    ) -> None:
        """Note something that a person (or who stands in for one) did."""
        self.store.activity.append(
            {
                "at": self.now().isoformat(),
                "who": who,
                "what": what,
                "repository": repository.full_name,
                "simulated": simulated,
                **facts,
            }
        )

    # -- people and repositories -----------------------------------------------------------------------------

    def person(self, login: str, repository: Repository | None = None, permission: str = "write") -> Account:
        """The account of a person; one not known yet gets ``permission`` on ``repository``."""
        known = self.store.account(login)
        account = known or self.store.ensure_account(login)
        if known is None and repository is not None:
            repository.collaborators[account.login] = permission
        return account

    def signature(self, login: str) -> Signature:
        """How a person or bot signs commits."""
        account = self.store.ensure_account(login)
        return Signature(account.name or account.login, account.email, self.now())

    def github_signature(self) -> Signature:
        """How GitHub signs the commits it makes itself."""
        return Signature("GitHub", BLACK_HOLE, self.now())

    def add_repository(
        self,
        full_name: str,
        files: Mapping[str, bytes | str],
        *,
        history: Sequence[HistoryEntry] = (),
        default_branch: str = "main",
        private: bool = False,
        description: str | None = None,
    ) -> Repository:
        """Make a repository: ``files`` as the first commit, then ``history``, oldest first."""
        owner, _, name = full_name.partition("/")
        if not owner or not name or "/" in name or self.store.repository(full_name):
            raise ValueError(f"{full_name!r} is no free owner/name for a repository")
        self.store.ensure_account(owner, type="Organization")
        git = BareRepository.create(self.root / owner / f"{name}.git", default_branch)
        now = self.now()
        repository = Repository(
            self.store.next_id(), owner, name, git, default_branch, now, now, description, private
        )
        repository.collaborators[self.bot] = "write"
        began = (history[0][3] - timedelta(days=1)) if history else now
        entries: list[HistoryEntry] = [("Initial commit", files, owner, began)] if files else []
        tip = ""
        for message, changed, author, when in [*entries, *history]:
            tip = git.commit_files(tip, changed, message, self._author(author, when))
        if tip:
            git.update_ref(f"refs/heads/{default_branch}", tip)
        self.store.repositories[full_name.lower()] = repository
        return repository

    def _author(self, text: str, when: datetime) -> Signature:
        """From ``Name <email>`` or a login."""
        name, bracket, rest = text.partition("<")
        if bracket:
            return Signature(name.strip(), rest.rstrip("> "), when)
        account = self.store.ensure_account(text)
        return Signature(account.name or account.login, account.email, when)

    def fork(self, repository: Repository, login: str) -> Repository:
        """A person's copy of a repository."""
        self.person(login)
        copy = self.add_repository(f"{login}/{repository.name}", {}, default_branch=repository.default_branch)
        copy.parent = repository.full_name
        copy.collaborators.pop(self.bot)
        for name, sha in repository.git.refs("refs/heads/").items():
            copy.git.fetch(repository.git, sha, name)
        return copy

    # -- refs ------------------------------------------------------------------------------------------------

    def move_ref(self, repository: Repository, ref: str, old: str, new: str, actor: str) -> None:
        """Point a ref elsewhere (``new`` empty: delete it), and let follow what follows."""
        if new:
            repository.git.update_ref(ref, new, old or ZERO)
        else:
            repository.git.delete_ref(ref)
        self.refs_changed(repository, [(ref, old, new)], actor)

    def refs_changed(
        self, repository: Repository, changes: Iterable[tuple[str, str, str]], actor: str
    ) -> None:
        """Refs have moved (``ref, old, new``; empty for none): pull requests, builds and dates follow."""
        for ref, _old, new in changes:
            repository.pushed = self.now()
            if not ref.startswith("refs/heads/"):
                continue
            branch = ref.removeprefix("refs/heads/")
            self._heads_follow(repository, branch, new, actor)
            self._bases_follow(repository, branch, new, actor)
            if new:
                self._announce(repository, branch, new, None)

    def _heads_follow(self, repository: Repository, branch: str, new: str, actor: str) -> None:
        for home in list(self.store.repositories.values()):
            for issue, pull in list(home.open_pulls()):
                if (pull.head_repository, pull.head_ref) != (repository.full_name, branch):
                    continue
                if not new:
                    self.close(home, issue, actor)
                    continue
                self._keep_head(home, issue.number, repository, new)
                pull.head_sha = new
                pull.unknown_left = self.unknown_mergeability
                issue.updated = self.now()
                rules = home.protections.get(pull.base_ref)
                if rules is not None and rules.dismiss_stale:
                    for review in pull.reviews:
                        if review.state == "APPROVED":
                            review.state = "DISMISSED"
                self._announce(home, branch, new, issue)

    def _bases_follow(self, repository: Repository, branch: str, new: str, actor: str) -> None:
        for issue, pull in list(repository.open_pulls()):
            if pull.base_ref != branch:
                continue
            if not new:
                self.close(repository, issue, actor)
            elif repository.git.contains(new, pull.head_sha):
                self.mark_merged(repository, issue, pull, actor, pull.head_sha)
            else:
                pull.base_sha = new
                pull.unknown_left = self.unknown_mergeability

    def _announce(self, repository: Repository, branch: str, sha: str, issue: Issue | None) -> None:
        for listener in self.on_head:
            listener(repository, branch, sha, issue)

    def _keep_head(self, home: Repository, number: int, source: Repository, sha: str) -> None:
        name = f"refs/pull/{number}/head"
        if source is home:
            home.git.update_ref(name, sha)
        else:
            home.git.fetch(source.git, sha, name)

    # -- issues and pull requests ----------------------------------------------------------------------------

    def open_issue(self, repository: Repository, login: str, title: str, body: str) -> Issue:
        """File an issue (or the issue side of a pull request)."""
        if len(body) > BODY_LIMIT:
            raise invalid(
                "Issue", field="body", message=f"body is too long (maximum is {BODY_LIMIT} characters)"
            )
        repository.last_number += 1
        now = self.now()
        issue = Issue(self.store.next_id(), repository.last_number, login, title, body, now, now)
        repository.issues[issue.number] = issue
        return issue

    def open_pull(
        self,
        repository: Repository,
        login: str,
        *,
        title: str,
        body: str,
        head: str,
        base: str,
        draft: bool = False,
    ) -> Issue:
        """Open a pull request; ``head`` is a branch here or ``owner:branch``."""
        base_sha = repository.git.branch(base)
        if not base_sha:
            raise invalid("PullRequest", field="base", code="invalid")
        source, branch = self.head(repository, head)
        head_sha = source.git.branch(branch) if source is not None else ""
        if source is None or not head_sha:
            raise invalid("PullRequest", field="head", code="invalid")
        for _issue, pull in repository.open_pulls():
            if (pull.head_repository, pull.head_ref, pull.base_ref) == (source.full_name, branch, base):
                raise invalid(
                    "PullRequest", message=f"A pull request already exists for {source.owner}:{branch}."
                )
        number = repository.last_number + 1
        self._keep_head(repository, number, source, head_sha)
        if repository.git.contains(base_sha, head_sha):
            raise invalid("PullRequest", message=f"No commits between {base} and {branch}")
        issue = self.open_issue(repository, login, title, body)
        issue.pull = Pull(base, base_sha, source.full_name, branch, head_sha, draft)
        issue.pull.unknown_left = self.unknown_mergeability
        self._announce(repository, branch, head_sha, issue)
        return issue

    def head(self, repository: Repository, head: str) -> tuple[Repository | None, str]:
        """The repository and branch that ``branch`` or ``owner:branch`` means."""
        owner, colon, branch = head.rpartition(":")
        if not colon or owner.lower() == repository.owner.lower():
            return repository, branch
        for other in self.store.repositories.values():
            if other.owner.lower() == owner.lower() and repository.full_name in (
                other.parent,
                other.full_name,
            ):
                return other, branch
        return None, branch

    def close(self, repository: Repository, issue: Issue, login: str) -> None:
        """Close without merging."""
        if issue.state == "open":
            issue.state, issue.closed, issue.closed_by = "closed", self.now(), login
            issue.updated = issue.closed
            if issue.pull is not None:
                self.freeze(repository, issue.pull)

    def reopen(self, repository: Repository, issue: Issue) -> None:
        """Open again what was closed; a merged pull request, or one whose branch is gone, stays closed."""
        if issue.state == "open":
            return
        pull = issue.pull
        if pull is not None:
            source = self.store.repository(pull.head_repository)
            sha = source.git.branch(pull.head_ref) if source is not None else ""
            if pull.merged or source is None or not sha:
                raise invalid("PullRequest", field="state", message="state cannot be changed.")
            self._keep_head(repository, issue.number, source, sha)
            pull.head_sha, pull.commits_frozen = sha, None
            pull.base_sha = repository.git.branch(pull.base_ref)
        issue.state, issue.closed, issue.closed_by, issue.updated = "open", None, "", self.now()

    def freeze(self, repository: Repository, pull: Pull) -> None:
        """Keep the range of commits as it is now."""
        pull.commits_frozen = self.commit_range(repository, pull)

    def mark_merged(self, repository: Repository, issue: Issue, pull: Pull, login: str, sha: str) -> None:
        """The pull request's commits are on its base as of ``sha``."""
        self.close(repository, issue, login)
        pull.merged, pull.merged_by, pull.merge_sha = issue.closed, login, sha

    def commit_range(self, repository: Repository, pull: Pull) -> tuple[str, str]:
        """``(merge base, head)``: what the pull request brings."""
        if pull.commits_frozen is not None:
            return pull.commits_frozen
        return repository.git.merge_base(pull.base_sha, pull.head_sha), pull.head_sha

    def commits(self, repository: Repository, pull: Pull) -> list[GitCommit]:
        """Its commits, oldest first."""
        base, head = self.commit_range(repository, pull)
        return repository.git.log(f"{base}..{head}" if base else head, options=["--reverse", "--topo-order"])

    def trial_merge(self, repository: Repository, pull: Pull) -> Merged:
        """What merging now would give."""
        key = (repository.git.path, pull.base_sha, pull.head_sha)
        if key not in self._merges:
            self._merges[key] = merge_commits(repository.git, pull.base_sha, pull.head_sha)
        return self._merges[key]

    def review(
        self,
        repository: Repository,
        issue: Issue,
        login: str,
        event: str,
        body: str = "",
        commit: str = "",
    ) -> Review:
        """Submit a review of the head (or of ``commit``)."""
        pull = issue.pull
        if pull is None or event not in REVIEW_STATES:
            raise Refused(422, "Unprocessable Entity", ["Variable $event was provided invalid value"])
        if login == issue.user and event in ("APPROVE", "REQUEST_CHANGES"):
            verb = "approve" if event == "APPROVE" else "request changes on"
            raise Refused(422, "Unprocessable Entity", [f"Review Can not {verb} your own pull request"])
        if event in ("REQUEST_CHANGES", "COMMENT") and not body:
            raise Refused(422, "Unprocessable Entity", ["Review Body can't be blank"])
        if commit and commit not in {found.sha for found in self.commits(repository, pull)}:
            raise Refused(422, "Unprocessable Entity", ["The commit_id is not part of the pull request"])
        state = REVIEW_STATES[event]
        when = self.now() if event else None
        review = Review(self.store.next_id(), login, body, state, commit or pull.head_sha, when)
        pull.reviews.append(review)
        if login in pull.requested and event:
            pull.requested.remove(login)
        issue.updated = self.now()
        return review

    def comment(self, issue: Issue, login: str, body: str) -> Comment:
        """Comment on an issue or pull request."""
        if len(body) > BODY_LIMIT:
            raise invalid(
                "IssueComment", field="body", message=f"body is too long (maximum is {BODY_LIMIT} characters)"
            )
        now = self.now()
        comment = Comment(self.store.next_id(), login, body, now, now)
        issue.comments.append(comment)
        issue.updated = now
        return comment
