"""GitHub's rate limits: so many calls an hour for each caller, and the secondary limit when a test switches it on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

from selfheal.sandbox.emulator import json_response
from selfheal.sandbox.github.web import DOCS

if TYPE_CHECKING:
    from selfheal.sandbox.github.timing import Clock

HOUR = 3600
ANONYMOUS = 60
_SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
    "If you reach out to GitHub Support for help, please include the request ID."
)


class Limits:
    """Counts calls. ``limit`` is for a caller with a token; a caller without one has 60."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.limit = 5000
        self._used: dict[str, int] = {}
        self._reset: dict[str, int] = {}
        self._secondary: tuple[int, int, int | None, bool] | None = None

    def clear(self) -> None:
        """Back to unused, full limits."""
        self.limit = 5000
        self._used.clear()
        self._reset.clear()
        self._secondary = None

    def secondary(
        self, times: int = 1, *, status: int = 403, retry_after: int | None = 60, writes_only: bool = False
    ) -> None:
        """Refuse the next ``times`` calls as a secondary limit does; ``retry_after`` None leaves the header out."""
        self._secondary = (times, status, retry_after, writes_only) if times > 0 else None

    def state(self, login: str) -> dict[str, int | str]:
        """``limit``, ``used``, ``remaining``, ``reset`` (epoch seconds) and ``resource`` of a caller."""
        now = int(self.clock.now().timestamp())
        if self._reset.get(login, 0) <= now:
            self._reset[login], self._used[login] = now + HOUR, 0
        limit = self.limit if login else min(ANONYMOUS, self.limit)
        used = min(self._used[login], limit)
        return {
            "limit": limit,
            "used": used,
            "remaining": limit - used,
            "reset": self._reset[login],
            "resource": "core",
        }

    def headers(self, login: str) -> dict[str, str]:
        """The ``x-ratelimit-…`` headers of an answer."""
        return {f"x-ratelimit-{name}": str(value) for name, value in self.state(login).items()}

    def count(self, login: str, calls: int = 1) -> None:
        """Count a call; a call answered with 304 is given back with -1."""
        self.state(login)
        self._used[login] += calls

    def refusal(self, login: str, method: str) -> Response | None:
        """403 or 429 when the caller is over a limit, else None (and the call is counted)."""
        if self._secondary is not None:
            times, status, retry_after, writes_only = self._secondary
            if not writes_only or method not in ("GET", "HEAD"):
                self.secondary(times - 1, status=status, retry_after=retry_after, writes_only=writes_only)
                headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
                return json_response({"message": _SECONDARY, "documentation_url": DOCS}, status, headers)
        if self.state(login)["remaining"] == 0:
            message = f"API rate limit exceeded for {login or '127.0.0.1'}."
            return json_response({"message": message, "documentation_url": DOCS}, 403)
        self.count(login)
        return None
