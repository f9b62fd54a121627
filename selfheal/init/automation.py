"""Makes rules through Jira's rule API: created disabled, looked up by name first, enabled only when asked."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from selfheal.config import Settings, is_loopback
from selfheal.errors import ConfigurationProblem, CredentialProblem, NotFound, Outage, SelfhealError
from selfheal.init.jira_rules import Site

API = "https://api.atlassian.com/automation/public/jira"
TIMEOUT = 20
_ANSWER = 4 * 1024 * 1024


class _Stays(urllib.request.HTTPRedirectHandler):
    """A redirect is never followed: credentials stay with the host they are for."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


class Automation:
    """The rules of one site. Needs an administrator's e-mail address and token, which nothing else of selfheal does.

    Every method raises CredentialProblem, NotFound, Outage.
    """

    def __init__(self, settings: Settings, *, url: str = "") -> None:
        endpoints = settings.endpoints
        token = endpoints.jira_token.get_secret_value()
        if not (endpoints.jira_cloud_id and endpoints.jira_email and token):
            raise CredentialProblem(
                "Making a rule needs a Jira administrator's account.",
                hint="Set ATLASSIAN_CLOUD_ID, ATLASSIAN_EMAIL and ATLASSIAN_TOKEN to it for this call; the bot's account does not do.",
            )
        base = url or API
        if not base.startswith("https://") and not is_loopback(base):
            raise ConfigurationProblem(
                "The rule API is reached without TLS; a token would travel readable.", hint="Use https."
            )
        self._base = f"{base.rstrip('/')}/{endpoints.jira_cloud_id}/rest/v1"
        self._cloud = endpoints.jira_cloud_id
        coded = base64.b64encode(f"{endpoints.jira_email}:{token}".encode()).decode()
        self._headers = {
            "Authorization": f"Basic {coded}",
            "Accept": "application/json",
            "Content-Type": "application/json",
        }
        handlers: list[Any] = [_Stays()]
        if is_loopback(base):
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)

    def names(self) -> dict[str, str]:
        """Rules that exist: name -> uuid."""
        found: dict[str, str] = {}
        cursor = ""
        for _page in range(50):
            answer = self._send("GET", f"/rule/summary{f'?cursor={cursor}' if cursor else ''}", None)
            for rule in answer.get("data") or ():
                found[str(rule.get("name", ""))] = str(rule.get("uuid", ""))
            cursor = str((answer.get("links") or {}).get("next") or "").rpartition("cursor=")[2]
            if not cursor:
                break
        return found

    def make(self, rule: Mapping[str, Any], site: Site, *, author: str, project_id: str) -> str:
        """Creates the rule, disabled, for one project; answers its uuid."""
        scope = f"ari:cloud:jira:{self._cloud}:project/{project_id}"
        body = {
            **{name: value for name, value in rule.items() if name != "labels"},
            "authorAccountId": author,
            "actor": {"type": "ACCOUNT_ID", "actor": author},
            "ruleScopeARIs": [scope],
        }
        trigger = dict(rule["trigger"])
        if "eventFilters" in (trigger.get("value") or {}):
            trigger["value"] = {**trigger["value"], "eventFilters": [scope]}
        body["trigger"] = trigger
        answer = self._send("POST", "/rule", {"rule": body})
        return str(answer.get("ruleUuid") or answer.get("uuid") or "")

    def enable(self, uuid: str) -> None:
        """Switches it on."""
        self._send("PUT", f"/rule/{uuid}/state", {"value": "ENABLED"})

    def _send(self, method: str, path: str, body: Any) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked in the constructor
            self._base + path, method=method, headers=self._headers,
            data=None if body is None else json.dumps(body).encode(),
        )  # fmt: skip
        try:
            with self._opener.open(request, timeout=TIMEOUT) as response:
                raw = response.read(_ANSWER)
        except urllib.error.HTTPError as error:
            error.close()
            raise _mapped(error.code, method, path) from error
        except (urllib.error.URLError, OSError) as error:
            raise Outage(
                "Jira's rule API cannot be reached.",
                hint="Check the network, or import the rule's file instead.",
            ) from error
        try:
            answer = json.loads(raw) if raw.strip() else {}
        except ValueError as error:
            raise Outage(
                "Jira's rule API answered something that is not JSON.", hint="Import the rule's file instead."
            ) from error
        return answer if isinstance(answer, dict) else {}


def _mapped(status: int, method: str, path: str) -> SelfhealError:
    doing = f"{method} {path.partition('?')[0]}"
    if status in (401, 403):
        return CredentialProblem(
            f"Jira's rule API refuses this account ({status}, {doing}).",
            hint="It takes a Jira administrator's e-mail address and API token. Importing the rule's file works too.",
        )
    if status == 404:
        return NotFound(f"Jira's rule API does not know {doing}.", hint="Check ATLASSIAN_CLOUD_ID.")
    if status == 500 and method == "POST":
        # That is how it answers a component whose value it does not know, too.
        return Outage(
            f"Jira's rule API answers 500 ({doing}).",
            hint="Try again later; when it stays, import the file instead: Project settings, Automation, Import rules.",
        )
    if status == 429 or status >= 500:
        return Outage(f"Jira's rule API answers {status} ({doing}).", hint="Try again later.")
    return SelfhealError(
        f"Jira's rule API refuses the rule ({status}, {doing}).",
        hint="Writes with a token that ran out are answered like this, too: make a new one. Else import the file instead: "
        "Project settings, Automation, Import rules.",
    )
