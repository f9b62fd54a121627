"""Rate limits as Atlassian documents them for Jira Cloud: bursts per endpoint, writes per issue, quotas."""

from __future__ import annotations

import math
import re
from collections import deque
from datetime import datetime
from typing import Any

from werkzeug.wrappers import Request, Response

from selfheal.sandbox.emulator import WRITES, json_response
from selfheal.sandbox.jira.store import Store

#: (calls, seconds)
ISSUE_WINDOWS = ((20, 2.0), (100, 30.0))
BURST_READS = ((100, 1.0),)
BURST_WRITES = ((50, 1.0),)
QUOTA_SECONDS = 1800
_ISSUE = re.compile(r"/(?:issue|request)/([A-Za-z][A-Za-z0-9_]*-\d+|\d+)(?:/|$)")


class Windows:
    """Counts calls by name in sliding windows; a refused call does not count."""

    def __init__(self) -> None:
        self._calls: dict[str, deque[float]] = {}

    def wait(self, name: str, windows: tuple[tuple[int, float], ...], now: float) -> float:
        """Seconds until one more call is within all windows; 0.0 when it is now, and then it is counted."""
        calls = self._calls.setdefault(name, deque())
        longest = max(seconds for _, seconds in windows)
        while calls and calls[0] <= now - longest:
            calls.popleft()
        waits = [0.0]
        for most, seconds in windows:
            if len(calls) >= most and calls[-most] > now - seconds:
                waits.append(calls[-most] + seconds - now)
        if max(waits) == 0.0:
            calls.append(now)
        return max(waits)


class Limits:
    """Asked for every request, with the emulator's lock held."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.windows = Windows()

    def refusal(self, request: Request) -> Response | None:
        """A 429, or None."""
        behaviour, now = self.store.behaviour, self.store.now()
        if behaviour.quota_reason:
            return self._too_many(behaviour.quota_reason, QUOTA_SECONDS, 0, now)
        method, seconds = request.method, now.timestamp()
        if behaviour.burst_limit:
            windows = BURST_WRITES if method in ("PUT", "DELETE") else BURST_READS
            endpoint = re.sub(r"/([A-Za-z][A-Za-z0-9_]*-\d+|\d+)(?=/|$)", "/{}", request.path)
            wait = self.windows.wait(f"{method} {endpoint}", windows, seconds)
            if wait:
                return self._too_many("jira-burst-based", wait, windows[0][0], now)
        if behaviour.per_issue_limit and method in WRITES:
            for key in self._issues(request):
                wait = self.windows.wait(key, ISSUE_WINDOWS, seconds)
                if wait:
                    return self._too_many("jira-per-issue-on-write", wait, ISSUE_WINDOWS[0][0], now)
        return None

    def _issues(self, request: Request) -> list[str]:
        """The keys of the issue that a request writes to; bulk writes are not counted by issue."""
        match = _ISSUE.search(request.path)
        if not match:
            return []
        issue = self.store.by_id(match[1])
        return [issue.key if issue else match[1].upper()]

    def _too_many(self, reason: str, wait: float, limit: int, now: datetime) -> Response:
        seconds = max(1, math.ceil(wait))
        headers = {
            "Retry-After": str(seconds),
            "RateLimit-Reason": reason,
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": f"{datetime.fromtimestamp(now.timestamp() + seconds, now.tzinfo):%Y-%m-%dT%H:%MZ}",
        }
        body: dict[str, Any] = {"errorMessages": ["Rate limit exceeded."], "errors": {}}
        return json_response(body, 429, headers)
