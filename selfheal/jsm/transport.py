"""One connection to Jira and one retry policy. No vendor error leaves this module.

What is retried: reads and repeatable writes (PUT, DELETE) on lost connections, 5xx and short 429s. A request that
creates something is repeated only when it certainly did not arrive (a refused connection, a 429); otherwise
`LostAnswer` tells the caller to look at the state. A 429 for an exhausted quota fails at once.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

import requests
from requests import HTTPError, Response
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError

from selfheal.clock import Clock
from selfheal.config import Settings
from selfheal.errors import ConfigurationProblem, CredentialProblem, Outage, SelfhealError
from selfheal.jsm.pace import Pace
from selfheal.jsm.problems import problem

#: Seconds for one request; whole, the library accepts no fraction. Far below a third of the shortest lease plus the
#: taker's wait, so a write of ours never lands after somebody else took the claim.
TIMEOUT: Final = 20
TRIES: Final = 4
#: Seconds that all waits of one call may take together. Longer ones become an Outage with ``retry_after``.
PATIENCE: Final = 45.0
_FIRST_WAIT: Final = 0.5
_WRITES = frozenset({"POST", "PUT", "DELETE", "PATCH"})


class LostAnswer(Outage):
    """The request may have had its effect or not: look before doing it again."""

    code = "lost-answer"


class _Session(requests.Session):
    """Counts, notes Jira's clock, and never follows a redirect: credentials stay with the host they are for."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.requests = 0
        self.writes = 0
        self.server_date: tuple[datetime, float] | None = None

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> Response:
        kwargs["allow_redirects"] = False
        self.requests += 1
        # The search is a POST that writes nothing.
        if str(method).upper() in _WRITES and not str(url).partition("?")[0].endswith("/search/jql"):
            self.writes += 1
        response = super().request(method, url, *args, **kwargs)
        self._note_date(response.headers.get("Date", ""))
        # A conditional property set answers 303 with the address of its task; any other redirect is a wrong address.
        if 300 <= response.status_code < 400 and not (
            response.status_code == 303 and "/issue/properties/" in str(url)
        ):
            raise HTTPError("redirect", response=response)
        return response

    def _note_date(self, header: str) -> None:
        try:
            said = parsedate_to_datetime(header)
        except (TypeError, ValueError):
            return
        self.server_date = (said if said.tzinfo else said.replace(tzinfo=UTC), self._clock.monotonic())


class Transport:
    """The library's clients over one session, and `call`, through which every request goes."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Raises ConfigurationProblem naming the variable that is missing. Sends nothing yet."""
        from atlassian.jira import JiraCloud, JiraServiceManagement

        endpoints = settings.endpoints
        token = endpoints.jira_token.get_secret_value().strip()
        if not endpoints.jira_url:
            raise ConfigurationProblem(
                "The address of Jira is not set.", hint="Set ATLASSIAN_CLOUD_ID (or ATLASSIAN_API_URL)."
            )
        if not token:
            raise CredentialProblem("No token for Jira is set.", hint="Set ATLASSIAN_TOKEN.")
        self._clock = clock
        self._session = _Session(clock)
        self._pace = Pace(clock)
        self._jitter = random.Random()  # noqa: S311 - spreads retries, keeps no secret
        options: dict[str, Any] = {
            "session": self._session,
            "timeout": TIMEOUT,
            # Both would sleep and repeat on their own, POSTs included.
            "retry_with_header": False,
            "backoff_and_retry": False,
        }
        if endpoints.jira_email:
            options |= {"username": endpoints.jira_email, "password": token}
        else:
            options["token"] = token
        self.url = endpoints.jira_url.rstrip("/")
        self.jira: Any = JiraCloud(self.url, **options)
        self.service_management: Any = JiraServiceManagement(self.url, **options)

    @property
    def requests(self) -> int:
        """Requests sent so far."""
        return self._session.requests

    @property
    def writes(self) -> int:
        """Requests sent so far that change something."""
        return self._session.writes

    def server_now(self) -> datetime:
        """The time by Jira's own ``Date`` header, carried on by the monotonic clock; ours before the first answer."""
        if self._session.server_date is None:
            return self._clock.now()
        said, then = self._session.server_date
        return said + timedelta(seconds=max(0.0, self._clock.monotonic() - then))

    def call(
        self,
        doing: str,
        request: Callable[[], Any],
        *,
        repeatable: bool = True,
        writes_to: str = "",
        before_each: Callable[[], None] | None = None,
    ) -> Any:
        """What ``request`` answers.

        ``doing`` completes "Jira refused to …". ``repeatable`` is False for what must not happen twice. ``writes_to``
        is the issue that is written to. ``before_each`` is asked before every try (a lease still held); what it raises
        ends the call. Raises the house's errors only.
        """
        deadline = self._clock.monotonic() + PATIENCE
        for number in range(1, TRIES + 1):
            if writes_to:
                self._pace.before_write(writes_to)
            if before_each is not None:
                before_each()
            try:
                return request()
            except HTTPError as error:
                failure, wait = self._refused(error, doing, number, repeatable=repeatable)
                cause: Exception = error
            except requests.exceptions.SSLError as error:
                raise ConfigurationProblem(
                    f"Jira's certificate at {self.url} is not valid: cannot {doing}.",
                    hint="Check the address; where a proxy re-signs traffic, set REQUESTS_CA_BUNDLE.",
                ) from error
            except (
                requests.ConnectionError,
                requests.Timeout,
                requests.exceptions.ChunkedEncodingError,
            ) as error:
                failure, wait = self._lost(error, doing, number, repeatable=repeatable)
                cause = error
            except requests.RequestException as error:
                raise SelfhealError(
                    f"The request to {doing} could not be made: {type(error).__name__}."
                ) from error
            if wait is None or number == TRIES or self._clock.monotonic() + wait > deadline:
                raise failure from cause
            self._clock.sleep(wait)
        raise AssertionError("unreachable")  # pragma: no cover - the last try returns or raises

    def _refused(
        self, error: HTTPError, doing: str, number: int, *, repeatable: bool
    ) -> tuple[SelfhealError, float | None]:
        response = error.response
        if response is None:
            return SelfhealError(f"Jira refused to {doing}."), None
        failure = problem(response, doing)
        if not isinstance(failure, Outage):
            return failure, None
        wait = self._asked_wait(response)
        failure.retry_after = wait
        if response.status_code == 429:
            reason = response.headers.get("RateLimit-Reason", "")
            if "quota" in reason:
                text = f"The site's quota of requests is used up ({reason}): cannot {doing} now."
                return Outage(text, code="jira-quota", retry_after=wait or 3600.0), None
            return failure, wait if wait is not None else self._backoff(number)
        if not repeatable:
            return LostAnswer(failure.message, retry_after=wait), None
        return failure, wait if wait is not None else self._backoff(number)

    def _lost(
        self, error: Exception, doing: str, number: int, *, repeatable: bool
    ) -> tuple[SelfhealError, float | None]:
        host = self.url.partition("://")[2].partition("/")[0]
        hint = "Check the address and the network; the next run goes on."
        if repeatable or _never_sent(error):
            return Outage(f"Jira at {host} cannot be reached to {doing}.", hint=hint), self._backoff(number)
        return LostAnswer(f"The answer was lost when Jira at {host} was asked to {doing}.", hint=hint), None

    def _backoff(self, number: int) -> float:
        return float(_FIRST_WAIT * 2 ** (number - 1) * self._jitter.uniform(0.75, 1.25))

    def _asked_wait(self, response: Response) -> float | None:
        """Seconds of a Retry-After header, in either of its forms."""
        value = response.headers.get("Retry-After", "").strip()
        if not value:
            return None
        try:
            return max(0.0, float(value))
        except ValueError:
            pass
        try:
            until = parsedate_to_datetime(value)
        except (TypeError, ValueError):
            return None
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        return max(0.0, (until - self.server_now()).total_seconds())


def _never_sent(error: BaseException) -> bool:
    """Whether no connection came about, so that the request cannot have had an effect."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    inner = error.args[0] if error.args else None
    reason = inner.reason if isinstance(inner, MaxRetryError) else inner
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)
