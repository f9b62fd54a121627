"""How the repository is set up, as far as reading shows it: what guards its branch, whether its schedule lives.

For `selfheal doctor`. Asks only; what our token may not see is said to be unknown, never assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from selfheal.clock import Clock
from selfheal.config import Settings
from selfheal.errors import CredentialProblem, NotFound
from selfheal.pulls.client import Client
from selfheal.pulls.errors import Rejection
from selfheal.pulls.reader import Reader, moment

_UNSEEN = (CredentialProblem, NotFound, Rejection)


@dataclass(frozen=True)
class Guard:
    """What a merge into the default branch needs. ``approvals`` is None where our token may not see it."""

    branch: str
    protected: bool
    approvals: int | None
    checks: tuple[str, ...]


@dataclass(frozen=True)
class Schedule:
    """A workflow file. ``state`` is GitHub's word, "" when there is no such file; ``last`` its last scheduled run."""

    state: str
    last: datetime | None


class Setting:
    """Asks about the configured repository. Raises Outage and, where nothing at all can be read, CredentialProblem."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._client = Client(settings, clock)
        self._reader = Reader(self._client)

    @property
    def private(self) -> bool:
        """Whether it is; required reviewers of environments exist for public ones and in Enterprise only."""
        return self._reader.repository.get("private") is True

    def guard(self) -> Guard:
        """Rules of the default branch, from its rulesets and its classic protection."""
        branch = str(self._reader.repository.get("default_branch") or "main")
        place = quote(branch, safe="")
        seen = self._ask(f"/branches/{place}")
        protected = isinstance(seen, Mapping) and seen.get("protected") is True
        approvals, checks = _ruled(self._ask(f"/rules/branches/{place}"))
        if protected:
            classic = self._ask(f"/branches/{place}/protection")
            asked, named = _classic(classic)
            approvals = max((item for item in (approvals, asked) if item is not None), default=None)
            checks = (*checks, *named)
        elif approvals is None:
            approvals = 0
        return Guard(branch, protected or bool(approvals), approvals, tuple(dict.fromkeys(checks)))

    def schedule(self, file: str) -> Schedule:
        """The workflow ``file`` (its name below .github/workflows) and when its schedule last started it."""
        path = f"/actions/workflows/{quote(file, safe='')}"
        found = self._ask(path)
        if not isinstance(found, Mapping):
            return Schedule("", None)
        runs = self._ask(f"{path}/runs", event="schedule", per_page=1)
        entries = runs.get("workflow_runs") if isinstance(runs, Mapping) else None
        last = entries[0] if isinstance(entries, list) and entries and isinstance(entries[0], Mapping) else {}
        return Schedule(str(found.get("state") or ""), moment(last.get("created_at")))

    def _ask(self, path: str, **parameters: Any) -> Any:
        """The answer, None for what our token may not see or what is not there."""
        try:
            return self._client.get(self._client.of_repository(path), **parameters)
        except CredentialProblem as error:
            if error.code != "forbidden":
                raise
            return None
        except _UNSEEN:
            return None


def _ruled(rules: Any) -> tuple[int | None, tuple[str, ...]]:
    """Approvals and checks out of the rules that rulesets set for a branch."""
    approvals: int | None = None
    checks: list[str] = []
    for rule in rules if isinstance(rules, list) else ():
        given = rule.get("parameters") if isinstance(rule, Mapping) else None
        if not isinstance(given, Mapping):
            continue
        if rule.get("type") == "pull_request":
            approvals = max(approvals or 0, int(given.get("required_approving_review_count") or 0))
        if rule.get("type") == "required_status_checks":
            entries = given.get("required_status_checks")
            checks += [str(item.get("context")) for item in entries or () if isinstance(item, Mapping)]
    return approvals, tuple(checks)


def _classic(protection: Any) -> tuple[int | None, tuple[str, ...]]:
    """The same out of a branch's classic protection, which only administrators see."""
    if not isinstance(protection, Mapping):
        return None, ()
    reviews = protection.get("required_pull_request_reviews")
    status = protection.get("required_status_checks")
    approvals = (
        int(reviews.get("required_approving_review_count") or 0) if isinstance(reviews, Mapping) else 0
    )
    contexts = status.get("contexts") if isinstance(status, Mapping) else None
    return approvals, tuple(str(item) for item in contexts or ())
