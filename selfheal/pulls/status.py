"""How a pull request stands, and what is in the way of merging it. Pure values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from selfheal.pulls.checks import Checks
from selfheal.pulls.reviews import Review

NO_CHECKS = Checks("none")


@dataclass(frozen=True)
class Blocker:
    """One thing in the way. ``waits``: time, people or checks may clear it; else a person has to decide."""

    code: str
    text: str
    waits: bool


@dataclass(frozen=True)
class PullStatus:
    """What GitHub shows of a pull request just now.

    ``ours``: it comes from our own repository and account, under our branch name. ``as_written``: its head is the
    commit we wrote and every commit in it is ours. ``touched_by``: who else has commits in it. ``stale``: the base
    moved on and touches the same files or conflicts. ``closed_by``, ``merged_by`` are logins.
    """

    number: int
    url: str
    branch: str
    state: Literal["open", "merged", "closed"]
    draft: bool
    head_sha: str
    ours: bool
    as_written: bool
    touched_by: tuple[str, ...] = ()
    merged_by: str = ""
    closed_by: str = ""
    closed_by_person: bool = False
    closed_at: datetime | None = None
    merge_sha: str = ""
    merged_at: datetime | None = None
    reviews: tuple[Review, ...] = ()
    checks: Checks = NO_CHECKS
    mergeable: bool | None = None
    stale: str = ""
    #: Approvals wanted, and whether a head without any check counts as green.
    approvals_wanted: int = 1
    allow_no_checks: bool = False
    #: The branch it goes into.
    base: str = ""
    #: Whether its text says that an agent edited the change freely.
    free: bool = False

    @property
    def approvals(self) -> tuple[Review, ...]:
        """Approvals that count."""
        return tuple(review for review in self.reviews if review.counts and review.state == "APPROVED")

    @property
    def changes_requested(self) -> tuple[Review, ...]:
        """Requests for changes that stand. One on an older head stands until its author says otherwise."""
        return tuple(
            review for review in self.reviews if review.counts and review.state == "CHANGES_REQUESTED"
        )

    @property
    def ready(self) -> bool:
        """Whether the rules allow the merge."""
        return self.state == "open" and not self.blockers

    @property
    def blockers(self) -> tuple[Blocker, ...]:
        """What is in the way, what a person has to decide first."""
        found: list[Blocker] = []
        if self.state != "open":
            if not self.ours:
                return (Blocker("not-ours", f"Pull request #{self.number} is not one of ours.", False),)
            who = f" by {self.closed_by}" if self.closed_by else ""
            return (Blocker("not-open", f"Pull request #{self.number} is {self.state}{who}.", False),)
        if not self.ours:
            found.append(Blocker("not-ours", f"Pull request #{self.number} is not one of ours.", False))
        if self.touched_by:
            names = ", ".join(self.touched_by)
            found.append(
                Blocker(
                    "touched",
                    f"There are commits of {names} on {self.branch}, so it is theirs to merge.",
                    False,
                )
            )
        elif not self.as_written:
            text = f"The head {self.head_sha[:12]} of {self.branch} is not the commit we wrote."
            found.append(Blocker("head-changed", text, False))
        if self.changes_requested:
            names = ", ".join(review.login for review in self.changes_requested)
            found.append(Blocker("changes-requested", f"{names} asked for changes.", False))
        if self.stale:
            found.append(Blocker("stale-base", self.stale, False))
        found += self._waiting()
        return tuple(found)

    def _waiting(self) -> list[Blocker]:
        found: list[Blocker] = []
        match self.checks.colour:
            case "red":
                names = ", ".join(self.checks.failed[:5])
                found.append(Blocker("checks-red", f"Checks failed: {names}.", False))
            case "pending":
                names = ", ".join(self.checks.pending[:5])
                found.append(Blocker("checks-pending", f"Checks are running: {names}.", True))
            case "none" if not self.allow_no_checks:
                text = "The head has no checks, and no checks are not green (setting github.allow_no_checks)."
                found.append(Blocker("checks-none", text, True))
            case "unknown":
                found.append(Blocker("checks-unknown", self.checks.why, True))
        missing = self.approvals_wanted - len(self.approvals)
        if missing > 0:
            ignored = "; ".join(
                f"{review.login}: {review.why}"
                for review in self.reviews
                if review.why and review.state == "APPROVED"
            )
            text = f"{missing} more approval{'s' if missing > 1 else ''} needed on {self.head_sha[:12]}."
            found.append(Blocker("approvals-missing", f"{text} ({ignored})" if ignored else text, True))
        if self.draft:
            found.append(Blocker("draft", "It is a draft.", True))
        if self.mergeable is None:
            found.append(
                Blocker("mergeable-unknown", "GitHub has not worked out yet whether it merges cleanly.", True)
            )
        return found

    def document(self) -> dict[str, Any]:
        """What tools answer with: JSON-able."""
        return {
            "number": self.number,
            "url": self.url,
            "branch": self.branch,
            "state": self.state,
            "draft": self.draft,
            "head_sha": self.head_sha,
            "as_written": self.as_written,
            "touched_by": list(self.touched_by),
            "merged_by": self.merged_by,
            "closed_by": self.closed_by,
            "merge_sha": self.merge_sha,
            "approved_by": [review.login for review in self.approvals],
            "changes_requested_by": [review.login for review in self.changes_requested],
            "checks": self.checks.colour,
            "failed_checks": list(self.checks.failed),
            "mergeable": self.mergeable,
            "ready": self.ready,
            "blockers": [
                {"code": blocker.code, "text": blocker.text, "waits": blocker.waits}
                for blocker in self.blockers
            ],
        }


#: Blockers that go to a person for now instead of back to the fix stage.
_TO_PERSON = ("not-ours", "touched", "head-changed", "changes-requested", "checks-red")
_REWORK = ("changes-requested", "checks-red", "stale-base")


def wants_person(status: PullStatus) -> tuple[str, str] | None:
    """(code, reason) when a person has to go on: requested changes, red checks, someone else's commits. Else None."""
    if status.state != "open":
        return None
    found = [blocker for blocker in status.blockers if blocker.code in _TO_PERSON]
    return (found[0].code, " ".join(blocker.text for blocker in found)) if found else None


def wants_rework(status: PullStatus) -> str:
    """Why the change has to be made again, "" when it has not. Someone else's commits are never overwritten."""
    if status.state != "open" or status.touched_by or not status.ours:
        return ""
    return " ".join(blocker.text for blocker in status.blockers if blocker.code in _REWORK)
