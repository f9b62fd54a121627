"""What acts on pull requests by itself: a simulated build, and a simulated reviewer that calls itself one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from selfheal.sandbox.github.actions import add_run, workflows
from selfheal.sandbox.github.checks import CONCLUSIONS, add_check
from selfheal.sandbox.github.hub import Hub
from selfheal.sandbox.github.store import Issue, Repository, Workflow

#: ``(owner/name, sha) -> conclusion``, or always the same conclusion.
Outcome = str | Callable[[str, str], str]
SIMULATED_REVIEW = "Simulated review: the sandbox approves this pull request in the place of a person."


@dataclass(frozen=True)
class Build:
    """A simulated build of every new head."""

    outcome: Outcome
    name: str
    delay: float


@dataclass(frozen=True)
class Reviewer:
    """A simulated person who approves whatever opens, in one repository or (``""``) all."""

    login: str
    delay: float
    repository: str


class Automation:
    """Listens for heads. Each build reports once for a commit."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.builds: dict[str, Build] = {}
        self.reviewers: list[Reviewer] = []
        hub.on_head.append(self._built)
        hub.on_head.append(self._reviewed)

    def clear(self) -> None:
        """No builds, no reviewers."""
        self.builds.clear()
        self.reviewers.clear()

    def build(
        self, outcome: Outcome | None, *, name: str = "ci", delay: float = 0.0, repository: str = ""
    ) -> None:
        """Build every new head of ``repository`` (``""``: of all); None switches it off."""
        if isinstance(outcome, str) and outcome not in CONCLUSIONS:
            raise ValueError(f"{outcome!r} is no conclusion; there are: {', '.join(CONCLUSIONS)}")
        if outcome is None:
            self.builds.pop(repository.lower(), None)
        else:
            self.builds[repository.lower()] = Build(outcome, name, delay)

    def approve(self, login: str, delay: float, repository: str = "") -> None:
        """Approve what opens, and what is open now, ``delay`` seconds later."""
        reviewer = Reviewer(login, delay, repository)
        self.reviewers.append(reviewer)
        for home in self.hub.store.repositories.values():
            for issue, pull in home.open_pulls():
                self._plan_review(reviewer, home, pull.head_sha, issue)

    def _built(self, repository: Repository, branch: str, sha: str, issue: Issue | None) -> None:
        build = self.builds.get(repository.full_name.lower()) or self.builds.get("")
        if build is None or any((run.sha, run.name) == (sha, build.name) for run in repository.check_runs):
            return
        run = add_check(self.hub, repository, sha, build.name, "", app="github-actions", branch=branch)
        actor = issue.user if issue is not None else self.hub.bot
        event = "pull_request" if issue is not None else "push"
        record = add_run(
            self.hub,
            repository,
            self._workflow(repository, build.name),
            event=event,
            branch=branch,
            sha=sha,
            actor=actor,
            suite=run.suite,
        )
        record.status = "in_progress"

        def finish() -> None:
            conclusion = (
                build.outcome if isinstance(build.outcome, str) else build.outcome(repository.full_name, sha)
            )
            now = self.hub.now()
            for item in (run, record):
                item.status, item.conclusion = "completed", conclusion
            run.completed = record.updated = now
            self.hub.record(build.name, "check", repository, simulated=True, sha=sha, conclusion=conclusion)

        self.hub.agenda.later(build.delay, finish)

    def _workflow(self, repository: Repository, name: str) -> Workflow:
        """The workflow of that name, or one that only the sandbox knows."""
        for workflow in workflows(self.hub, repository):
            if workflow.name.lower() == name.lower():
                return workflow
        path = f".github/workflows/{name}.yml"
        if path not in repository.workflows:
            repository.workflows[path] = Workflow(self.hub.store.next_id(), path, name, self.hub.now())
        return repository.workflows[path]

    def _reviewed(self, repository: Repository, _branch: str, sha: str, issue: Issue | None) -> None:
        if issue is not None:
            for reviewer in self.reviewers:
                self._plan_review(reviewer, repository, sha, issue)

    def _plan_review(self, reviewer: Reviewer, repository: Repository, sha: str, issue: Issue) -> None:
        if reviewer.repository and reviewer.repository.lower() != repository.full_name.lower():
            return
        if issue.user == reviewer.login:
            return

        def approve() -> None:
            pull = issue.pull
            if pull is None or issue.state != "open" or pull.head_sha != sha or pull.draft:
                return
            login = self.hub.person(reviewer.login, repository).login
            if any(
                (review.user, review.commit, review.state) == (login, sha, "APPROVED")
                for review in pull.reviews
            ):
                return
            self.hub.review(repository, issue, login, "APPROVE", SIMULATED_REVIEW)
            self.hub.record(login, "approve", repository, simulated=True, number=issue.number)

        self.hub.agenda.later(reviewer.delay, approve)
