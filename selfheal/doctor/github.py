"""GitHub: who we are, what we may do, what our token will not start, who must approve, whether the schedule lives."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from selfheal.clock import Clock
from selfheal.config import Settings
from selfheal.doctor.finding import Check

#: The file that `selfheal init` writes.
WORKFLOW = "selfheal.yml"
#: A schedule of four times an hour that did not start for this long does not live.
SILENT = timedelta(hours=6)
_APP = "Use a GitHub App: actions/create-github-app-token in the pr job (secrets SELFHEAL_APP_CLIENT_ID, SELFHEAL_APP_PRIVATE_KEY)."


def checks(settings: Settings, clock: Clock) -> Iterator[Check]:
    """Raises CredentialProblem, NotFound, Outage as GitHub answers."""
    endpoints = settings.endpoints
    if not endpoints.github_token.get_secret_value():
        yield Check(
            "github", "missing", "no GitHub token is set", "Pull requests need one.", "Set GITHUB_TOKEN."
        )
        return
    if not endpoints.github_repository:
        yield Check(
            "github", "missing", "no repository is set", "The fix has to go somewhere.",
            "Set GITHUB_REPOSITORY to owner/name, or GITHUB_OWNER and GITHUB_REPO.",
        )  # fmt: skip
        return
    yield from _token(settings, clock)
    yield from _branch(settings, clock)
    yield from _schedule(settings, clock)


def _token(settings: Settings, clock: Clock) -> Iterator[Check]:
    from selfheal.pulls.manager import PullRequests

    repository = settings.endpoints.github_repository
    pulls = PullRequests.connect(settings, clock)
    who = pulls.whoami()
    yield Check("github", "ok", f"{settings.endpoints.github_url} answers as {who}")
    if pulls.can_write():
        yield Check("github", "ok", f"{who} may write to {repository}")
    else:
        yield Check(
            "github", "failed", f"{who} may not write to {repository}", "Branches and pull requests need it.",
            "Grant contents: write and pull-requests: write.",
        )  # fmt: skip
    if not pulls.triggers_workflows():
        yield Check(
            "github", "warning", "this is a workflow's own GITHUB_TOKEN",
            "GitHub starts no checks for pull requests made with it, and no workflow for the merge.", _APP,
        )  # fmt: skip


def _branch(settings: Settings, clock: Clock) -> Iterator[Check]:
    from selfheal.pulls.setting import Setting

    guard = Setting(settings, clock).guard()
    if guard.approvals is None:
        yield Check(
            "github", "warning", f"the rules of {guard.branch} cannot be seen with this token",
            "Whether a person must approve is then unknown here; selfheal asks for an approval by itself in any case.",
            "Look at the repository's rules, or use a token that may read its administration.",
        )  # fmt: skip
    elif guard.approvals < 1:
        yield Check(
            "github", "warning" if settings.mode != "heal" else "failed", f"{guard.branch} can be changed without anybody's approval",
            "selfheal merges only what a person approved, but nothing stops anybody else, or a stolen token.",
            f"Add a ruleset for {guard.branch}: require a pull request with 1 approval.",
        )  # fmt: skip
    else:
        yield Check("github", "ok", f"{guard.branch} needs {guard.approvals} approval(s)")
    if not guard.checks and not settings.github.allow_no_checks:
        yield Check(
            "github", "warning", f"{guard.branch} requires no check", "A pull request without any check is not green, so nothing would be merged.",
            "Require a check in the rules, or set github.allow_no_checks: true.",
        )  # fmt: skip
    elif guard.checks:
        yield Check("github", "ok", f"{guard.branch} requires the checks {', '.join(guard.checks)}")


def _schedule(settings: Settings, clock: Clock) -> Iterator[Check]:
    from selfheal.pulls.setting import Setting

    found = Setting(settings, clock).schedule(WORKFLOW)
    if not found.state:
        yield Check(
            "schedule", "warning", f".github/workflows/{WORKFLOW} is not on the default branch",
            "Nothing starts by itself in this repository.", "Run `selfheal init` and commit what it writes.",
        )  # fmt: skip
    elif found.state != "active":
        yield Check(
            "schedule", "failed", f"the workflow is {found.state}",
            "GitHub disables schedules of public repositories after 60 days without a commit; what is in flight then stays.",
            f"Enable it: gh workflow enable {WORKFLOW}",
        )  # fmt: skip
    elif found.last is None:
        yield Check(
            "schedule", "warning", "the schedule has not started a run yet", "A new one takes up to an hour.",
            f"Look again later, or start one: gh workflow run {WORKFLOW}",
        )  # fmt: skip
    elif clock.now() - found.last > SILENT:
        yield Check(
            "schedule", "failed", f"the last scheduled run was on {found.last:%Y-%m-%d %H:%M} UTC",
            "What people or dead jobs left is taken up by the schedule alone.",
            f"Look at the workflow's page; gh workflow disable and enable {WORKFLOW} wakes a stuck schedule.",
        )  # fmt: skip
    else:
        yield Check("schedule", "ok", f"alive; last run {found.last:%Y-%m-%d %H:%M} UTC")
