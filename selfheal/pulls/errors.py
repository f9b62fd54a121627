"""What may stand in the way of a pull request, as errors of the house."""

from __future__ import annotations

from selfheal.errors import Outage, SelfhealError


class Rejection(SelfhealError):
    """GitHub understood a request and said no. ``status`` is 405, 409, 410, 422 or another 4xx."""

    code = "github-rejected"

    def __init__(self, message: str, *, status: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class Unclear(Outage):
    """A write whose answer was lost: it may have had its effect. It is looked up, never sent again blindly."""

    code = "answer-lost"


class StaleBase(SelfhealError):
    """The base branch moved on and touches what we change, or conflicts with it: the change is made again."""

    code = "stale-base"


class NotReady(SelfhealError):
    """A pull request may not be merged yet; people or checks come first. Trying again later may succeed."""

    code = "not-ready"
    exit_code = 0
