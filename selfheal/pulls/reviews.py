"""Who approved, who wants changes: the rules by which a review counts. Pure.

A person's latest review that says something counts; a mere comment changes nothing. An approval counts only on the
very head that would be merged, from a person who may write to the repository, and never from who wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from selfheal.incidents.record import PullRequest

_SAYING = frozenset({"APPROVED", "CHANGES_REQUESTED", "DISMISSED"})
#: Permissions (as the collaborators API spells them) that let a person's review count.
WRITERS = frozenset({"admin", "maintain", "write"})


@dataclass(frozen=True)
class Review:
    """A person's latest review. ``counts``: as an approval or as a request for changes; ``why`` not, else."""

    login: str
    id: int
    state: str
    sha: str
    at: str
    counts: bool
    why: str = ""


def standing(
    reviews: Iterable[Mapping[str, Any]],
    *,
    head: str,
    writers: Collection[str],
    permission: Callable[[str], str],
) -> tuple[Review, ...]:
    """Each person's latest saying review, ordered by login.

    ``writers`` are the logins of commit authors and of the pull request's author; ``permission`` is asked for each
    person whose review might count, and answers "" when it cannot tell.
    """
    latest: dict[str, Mapping[str, Any]] = {}
    for review in reviews:
        login = _login(review)
        if login and str(review.get("state")) in _SAYING:
            held = latest.get(login.lower())
            if held is None or _order(review) >= _order(held):
                latest[login.lower()] = review
    wrote = {name.lower() for name in writers}
    return tuple(_judged(review, head, wrote, permission) for _login_, review in sorted(latest.items()))


def _judged(
    review: Mapping[str, Any], head: str, wrote: Collection[str], permission: Callable[[str], str]
) -> Review:
    login, state, sha = _login(review), str(review.get("state")), str(review.get("commit_id") or "")
    why = ""
    if state == "DISMISSED":
        why = "it was dismissed"
    elif is_bot(review.get("user")):
        why = "a bot's review does not count"
    elif login.lower() in wrote:
        why = "who wrote the change cannot review it"
    elif state == "APPROVED" and sha != head:
        why = f"it approves {sha[:12] or 'no commit'}, not the head {head[:12]}"
    else:
        held = permission(login)
        if held not in WRITERS:
            why = f"its author may only {held}" if held else "its author's permission cannot be read"
    return Review(login, _id(review), state, sha, str(review.get("submitted_at") or ""), not why, why)


def is_bot(user: Any) -> bool:
    """Whether an account is no person."""
    if not isinstance(user, Mapping):
        return True
    return user.get("type") not in ("User", None) or str(user.get("login", "")).endswith("[bot]")


def with_reviews(pull_request: PullRequest, reviews: Iterable[Review]) -> PullRequest:
    """The record's entry with who approved by which review."""
    counted = [review for review in reviews if review.counts and review.state == "APPROVED"]
    return pull_request.model_copy(
        update={
            "approved_by": tuple(review.login for review in counted),
            "review_ids": tuple(review.id for review in counted),
        }
    )


def _login(review: Mapping[str, Any]) -> str:
    user = review.get("user")
    # A deleted account leaves a review without a user; it is nobody's.
    return str(user.get("login") or "") if isinstance(user, Mapping) else ""


def _id(review: Mapping[str, Any]) -> int:
    found = review.get("id")
    return found if isinstance(found, int) else 0


def _order(review: Mapping[str, Any]) -> tuple[str, int]:
    return str(review.get("submitted_at") or ""), _id(review)
