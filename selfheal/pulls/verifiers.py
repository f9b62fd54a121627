"""Proofs that come from GitHub. Each asks at the moment of the step; the record only says what to ask about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfheal.errors import Refused
from selfheal.incidents.errors import ProofRefused
from selfheal.incidents.proofs import (
    PersonActed,
    Proof,
    PullRequestMerged,
    PullRequestOpen,
    Reworked,
    Verifier,
)
from selfheal.incidents.record import PullRequest, Record
from selfheal.incidents.states import State
from selfheal.pulls.errors import NotReady
from selfheal.pulls.names import Role
from selfheal.pulls.status import PullStatus, wants_rework

if TYPE_CHECKING:
    from selfheal.pulls.manager import PullRequests


def verifiers(pulls: PullRequests) -> dict[State, Verifier]:
    """One for each state that GitHub proves."""
    return {
        State.PR_CREATED: OpenVerifier(pulls),
        State.PR_MERGED: MergedVerifier(pulls),
        State.FIX_IN_PROGRESS: ReworkVerifier(pulls),
    }


class OpenVerifier:
    """PR_CREATED: GitHub shows the pull request that this process made or took over, its head as we wrote it.

    One that was merged in the meantime has been open; the next step proves the merge.
    """

    def __init__(self, pulls: PullRequests) -> None:
        self._pulls = pulls

    def verify(self, key: str, record: Record) -> Proof:
        """Raises ProofRefused when nothing was made here, it is closed, or its head is not ours."""
        role: Role = "revert" if record.revert_due else "fix"
        made = self._pulls.made(key, record.attempt, role)
        if made is None:
            raise ProofRefused(
                f"No pull request of {key} attempt {record.attempt} was made or proven ours in this process.",
                hint="Create it first; creating finds the one there is.",
            )
        status = self._pulls.status(made, brief=True)
        if status.state == "closed":
            raise ProofRefused(f"Pull request #{made.number} is closed.", code="pull-request-closed")
        if not status.ours or not status.as_written:
            raise ProofRefused(_not_ours(made, status))
        shown = made.model_copy(update={"state": "open", "url": status.url or made.url})
        return PullRequestOpen(incident=key, attempt=record.attempt, pull_request=shown)


class MergedVerifier:
    """PR_MERGED: GitHub says so, of the pull request that belongs to this incident and attempt."""

    def __init__(self, pulls: PullRequests) -> None:
        self._pulls = pulls

    def verify(self, key: str, record: Record) -> Proof:
        """Raises ProofRefused when it is not merged or not this incident's."""
        try:
            entry = self._pulls.own(key, record)
            status, merged = self._pulls.merged_now(entry)
            if not status.ours:
                raise ProofRefused(_not_ours(entry, status))
        except (Refused, NotReady) as error:
            raise ProofRefused(error.message, hint=error.hint, code=error.code) from error
        return PullRequestMerged(incident=key, attempt=record.attempt, pull_request=merged)


class ReworkVerifier:
    """FIX_IN_PROGRESS again: requested changes, red checks, a stale base, or a signature this run cannot check."""

    def __init__(self, pulls: PullRequests) -> None:
        self._pulls = pulls

    def verify(self, key: str, record: Record) -> Proof:
        """Raises ProofRefused when GitHub shows no reason to make the change again."""
        entry = record.pull_request if record.state is State.PR_CREATED else None
        unsigned = not self._pulls.signature_holds(key, record)
        if entry is not None:
            status = self._pulls.status(self._pulls.own(key, record))
            reason = wants_rework(status)
            # A revert has no signature, and what people wrote to the branch is never made again.
            unsigned &= entry.role == "fix" and status.state == "open" and status.ours and status.as_written
        else:
            reason = "" if unsigned else self._pulls.stale(key, record)
        if unsigned and not reason:
            reason = "This run cannot check the signature on the change; the gate judges it again."
        if not reason:
            raise ProofRefused(f"GitHub shows no reason to make the change of {key} again.")
        return Reworked(incident=key, attempt=record.attempt, reason=reason)


class ReleasedVerifier:
    """INCIDENT_RELEASED: a person closed the pull request unmerged."""

    def __init__(self, pulls: PullRequests) -> None:
        self._pulls = pulls

    def verify(self, key: str, record: Record) -> Proof:
        """Raises ProofRefused when it is open, merged, or was closed by a bot or by us."""
        found = person_acted(self._pulls, key, record)
        if found is None:
            raise ProofRefused(f"No person closed the pull request of {key}.")
        return found


def person_acted(pulls: PullRequests, key: str, record: Record) -> PersonActed | None:
    """Who closed the incident's pull request unmerged, None when no person did."""
    if record.pull_request is None:
        return None
    status = pulls.status(pulls.own(key, record), brief=True)
    if status.state != "closed" or not status.closed_by_person:
        return None
    return PersonActed(
        incident=key,
        attempt=record.attempt,
        who=status.closed_by,
        action="closed the pull request",
        at=status.closed_at,
    )


def _not_ours(entry: PullRequest, status: PullStatus) -> str:
    reasons = " ".join(blocker.text for blocker in status.blockers if blocker.code in _OURS)
    return reasons or f"Pull request #{entry.number} is not as we wrote it."


_OURS = ("not-ours", "touched", "head-changed")
