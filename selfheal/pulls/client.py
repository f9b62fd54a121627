"""GitHub's REST API by way of PyGithub: one retry policy, one mapping of failures, every request counted.

PyGithub's requester carries authentication, connections and API versions. Its typed objects are not used: they
complete themselves by requests that nobody asked for, and its own retries repeat writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import requests
from github import Auth, Github
from github.GithubException import GithubException
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester

from selfheal.clock import Clock
from selfheal.config import Settings, is_loopback
from selfheal.errors import ConfigurationProblem, CredentialProblem, NotFound, Outage, Refused, SelfhealError
from selfheal.pulls.errors import Rejection, Unclear
from selfheal.redaction import redactor

#: Seconds until an answer must begin.
TIMEOUT = 20
#: Times a request is sent in all, and seconds between; a rate limit is waited for only this long in place.
ATTEMPTS = 3
PAUSES = (1.0, 3.0)
PATIENCE = 15.0
PAGE = 100
#: Pages read of any list. What lies beyond is an error, never silently left out.
PAGES = 30

_SAFE_METHODS = frozenset({"GET", "HEAD"})


class Client:
    """One repository on one GitHub.

    Every method raises CredentialProblem (401, 403), NotFound (404), Rejection (other 4xx), Outage (5xx, timeouts,
    rate limits, with ``retry_after``) and ConfigurationProblem (moved repository, no API at this address).
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        endpoints = settings.endpoints
        token = endpoints.github_token.get_secret_value()
        if not token:
            raise CredentialProblem("No GitHub token is set.", hint="Set GITHUB_TOKEN.")
        if endpoints.github_repository.count("/") != 1 or not all(endpoints.github_repository.split("/")):
            raise ConfigurationProblem(
                "No repository is configured.",
                hint="Set GITHUB_REPOSITORY to owner/name, or GITHUB_OWNER and GITHUB_REPO.",
            )
        self.repository = endpoints.github_repository
        self.url = endpoints.github_url.rstrip("/")
        self.requests = 0
        self.writes = 0
        self._clock = clock
        self._dry_run = settings.dry_run
        if is_loopback(self.url):
            # A proxy of the machine is of no use to a server on it. The classes are looked at once, here.
            Requester.injectConnectionClasses(_Direct, HTTPSRequestsConnectionClass)
        try:
            self._requester = Github(
                auth=Auth.Token(token), base_url=self.url, timeout=TIMEOUT, user_agent="selfheal", retry=0,
                seconds_between_requests=0, seconds_between_writes=0,
            ).requester  # fmt: skip
        finally:
            Requester.resetConnectionClasses()

    # -- requests ------------------------------------------------------------------------------------------

    def of_repository(self, path: str) -> str:
        """The path of something in our repository."""
        owner, name = self.repository.split("/")
        return f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}{path}"

    def get(self, path: str, **parameters: Any) -> Any:
        """A JSON document."""
        return self._send("GET", path, parameters, None, repeatable=True)

    def get_all(self, path: str, key: str = "", **parameters: Any) -> list[dict[str, Any]]:
        """All items of a paged list; ``key`` names the list where the page is an object."""
        found: list[dict[str, Any]] = []
        for page in range(1, PAGES + 1):
            answer = self.get(path, **parameters, per_page=PAGE, page=page)
            items = answer.get(key) if key and isinstance(answer, dict) else answer
            if not isinstance(items, list):
                raise _strange(self.url, path)
            found += [item for item in items if isinstance(item, dict)]
            if len(items) < PAGE:
                return found
        raise SelfhealError(
            f"GitHub lists more than {PAGES * PAGE} entries under {path}.",
            hint="A person has to look at this pull request.",
            code="list-too-long",
        )

    def write(self, method: str, path: str, body: Mapping[str, Any], *, repeatable: bool = False) -> Any:
        """A request with an effect. Only a ``repeatable`` one, whose repetition changes nothing, is sent again.

        Raises Unclear when the answer to any other was lost. Never called in a dry run.
        """
        if self._dry_run:
            raise Refused(f"A dry run may not send {method} {path}.", code="dry-run")
        return self._send(method, path, {}, dict(body), repeatable=repeatable)

    def viewer(self) -> str:
        """The login GraphQL knows us by; "" where it does not answer that. Works for installation tokens too."""
        path = "/graphql" if not self.url.endswith("/api/v3") else f"{self.url.removesuffix('/v3')}/graphql"
        try:
            answer = self._send("POST", path, {}, {"query": "query { viewer { login } }"}, repeatable=True)
        except (CredentialProblem, NotFound, Rejection):
            return ""
        data = answer.get("data") if isinstance(answer, dict) else None
        viewer = data.get("viewer") if isinstance(data, dict) else None
        return str(viewer.get("login") or "") if isinstance(viewer, dict) else ""

    def _send(
        self, method: str, path: str, parameters: dict[str, Any], body: Any, *, repeatable: bool
    ) -> Any:
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            try:
                return self._once(method, path, parameters, body)
            except _LimitedError as limit:
                # A refused request had no effect, so even a write may be sent again.
                if last or limit.wait > PATIENCE:
                    raise Outage(
                        f"GitHub's rate limit is used up ({method} {path}).",
                        hint=f"Its answer asks to wait {limit.wait:.0f} s.",
                        retry_after=limit.wait,
                    ) from limit
                self._clock.sleep(limit.wait)
            except Outage as outage:
                if not repeatable:
                    raise Unclear(
                        outage.message, hint=outage.hint, retry_after=outage.retry_after
                    ) from outage
                if last:
                    raise
                self._clock.sleep(PAUSES[attempt])
        raise AssertionError("every attempt returns or raises")

    def _once(self, method: str, path: str, parameters: dict[str, Any], body: Any) -> Any:
        self.requests += 1
        if method not in _SAFE_METHODS and not path.endswith("/graphql"):
            self.writes += 1
        try:
            status, headers, text = self._requester.requestJson(method, path, parameters, None, body)
        except requests.exceptions.SSLError as error:
            raise ConfigurationProblem(
                f"{self.url} shows a certificate that is expired or not trusted.",
                hint="Mend the server's certificate, or name its authority in SSL_CERT_FILE.",
                code="certificate",
            ) from error
        except (requests.exceptions.RequestException, OSError) as error:
            raise Outage(
                f"GitHub cannot be reached at {self.url} ({type(error).__name__}).",
                hint="Check GITHUB_API_URL and the network.",
                retry_after=30,
            ) from error
        except (RuntimeError, GithubException) as error:
            # PyGithub follows redirects on the same host only, and says so by a bare RuntimeError.
            raise _moved(self.repository) from error
        if 200 <= status < 300:
            return self._document(path, text)
        raise self._failure(method, path, status, headers, text)

    def _document(self, path: str, text: str) -> Any:
        if not text:
            return {}
        try:
            return json.loads(text)
        except ValueError as error:
            raise _strange(self.url, path) from error

    # -- failures ------------------------------------------------------------------------------------------

    def _failure(
        self, method: str, path: str, status: int, headers: Mapping[str, Any], text: str
    ) -> SelfhealError:
        message = _message(text)
        told = f"GitHub answers {method} {path} with {status}"
        if 300 <= status < 400:
            return _moved(self.repository)
        wait = _limited(status, headers, message, self._clock)
        if wait is not None:
            return _LimitedError(wait)
        if status == 401:
            return CredentialProblem(
                f"GitHub at {self.url} refuses our token (401).",
                hint="Set a valid GITHUB_TOKEN; it may have expired.",
            )
        if status == 403:
            return CredentialProblem(f"{told}: {message}", hint=_lacking(headers), code="forbidden")
        if status == 404:
            return NotFound(
                f"{told}: {message}",
                hint="Does it exist, and may our token see it? GitHub says 404 for both.",
            )
        if status >= 500:
            return Outage(f"{told}.", hint="Try again later.", retry_after=_seconds(headers) or 30)
        return Rejection(f"{told}: {message}", status=status)


class _Direct(HTTPRequestsConnectionClass):
    """A connection that no proxy of the environment stands in."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.session.trust_env = False


class _LimitedError(SelfhealError):
    """A rate limit: the request had no effect and may be sent again after ``wait`` seconds."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"rate limit, {wait:.0f} s")
        self.wait = wait


def _limited(status: int, headers: Mapping[str, Any], message: str, clock: Clock) -> float | None:
    """Seconds to wait when the answer is a primary or secondary rate limit, else None."""
    if status not in (403, 429):
        return None
    after = _seconds(headers)
    spent = str(headers.get("x-ratelimit-remaining", "")) == "0"
    if after is not None:
        return after
    if spent:
        reset = str(headers.get("x-ratelimit-reset", ""))
        return max(1.0, float(reset) - clock.now().timestamp()) if reset.isdecimal() else 60.0
    # Without a header GitHub asks for a minute at least.
    return 60.0 if status == 429 or "rate limit" in message.lower() else None


def _seconds(headers: Mapping[str, Any]) -> float | None:
    text = str(headers.get("retry-after", ""))
    return float(text) if text.isdecimal() else None


def _lacking(headers: Mapping[str, Any]) -> str:
    """What the token lacks, as far as GitHub tells."""
    sso = str(headers.get("x-github-sso", ""))
    if sso:
        return "The organisation wants the token authorised for single sign-on."
    needed = str(headers.get("x-accepted-github-permissions", ""))
    if needed:
        return f"Grant the token {redactor().text(needed)[:200]}."
    return "Grant the token contents: write, pull-requests: write, checks: read and statuses: read."


def _message(text: str) -> str:
    """GitHub's own words with the details of its validation, redacted and bounded."""
    try:
        document = json.loads(text)
    except ValueError:
        return ""
    if not isinstance(document, dict):
        return ""
    parts = [str(document.get("message") or "")]
    errors = document.get("errors")
    for error in errors if isinstance(errors, list) else ():
        parts.append(
            str(error.get("message") or error.get("code") or "") if isinstance(error, dict) else str(error)
        )
    return redactor().text("; ".join(part for part in parts if part))[:300]


def _moved(repository: str) -> ConfigurationProblem:
    return ConfigurationProblem(
        f"GitHub sends us elsewhere for {repository}: it was renamed or moved.",
        hint="Set GITHUB_REPOSITORY to its present name and GITHUB_API_URL to the present address.",
        code="repository-moved",
    )


def _strange(url: str, path: str) -> Outage:
    return Outage(
        f"{url} answers {path} with something that is not GitHub's API.",
        hint="Check GITHUB_API_URL; a proxy or a login page may stand in between.",
    )
