"""What is asked of a site once, while it is set up: who we are and which id a project has; what its workflow offers."""

from __future__ import annotations

from typing import Any

from selfheal.clock import Clock
from selfheal.config import Settings
from selfheal.errors import NotFound, SelfhealError
from selfheal.jsm.site import JiraSite
from selfheal.jsm.transport import Transport


def project_id(settings: Settings, clock: Clock, key: str) -> tuple[str, str]:
    """The token's account id and the id of the project ``key``. Raises NotFound, CredentialProblem, Outage."""
    transport = Transport(settings, clock)
    account = str(JiraSite(transport).myself().get("accountId", ""))
    found = _get(transport, f"read project {key}", f"rest/api/3/project/{key}")
    identifier = str(found.get("id", ""))
    if not account or not identifier:
        raise NotFound(f"Jira says neither who we are nor what {key} is.", hint="Check the project's key.")
    return account, identifier


def statuses_of(settings: Settings, clock: Clock) -> list[str]:
    """Names of the statuses that the project's incident type can have; [] when the project has no such type."""
    transport = Transport(settings, clock)
    jira = settings.jira
    answer = transport.call(
        f"list the statuses of {jira.project}",
        lambda: transport.jira.get(f"rest/api/3/project/{jira.project}/statuses"),
    )
    for kind in answer or ():
        if str(kind.get("name", "")).casefold() == jira.issue_type.casefold():
            return [str(status.get("name", "")) for status in kind.get("statuses") or ()]
    return []


def server_skew(settings: Settings, clock: Clock) -> float:
    """Seconds that this machine's clock is ahead of Jira's."""
    transport = Transport(settings, clock)
    JiraSite(transport).myself()
    return (clock.now() - transport.server_now()).total_seconds()


def _get(transport: Transport, doing: str, path: str) -> dict[str, Any]:
    answer = transport.call(doing, lambda: transport.jira.get(path))
    if not isinstance(answer, dict):
        raise SelfhealError(
            f"Jira's answer is no document: cannot {doing}.", hint="Check the site's address."
        )
    return answer
