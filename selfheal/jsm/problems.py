"""What Jira's refusals mean, read from the response itself.

The library reduces gateway bodies (``{"code","message"}``) and JSM bodies (``{"errorMessage"}``) to "Unknown error",
so every known shape is parsed here.
"""

from __future__ import annotations

from typing import Any

from requests import Response

from selfheal.errors import Conflict, CredentialProblem, NotFound, Outage, Refused, SelfhealError
from selfheal.redaction import redactor

_LONGEST = 400


def said(response: Response) -> str:
    """What the body says, on one line, redacted; "" when it says nothing readable."""
    try:
        body = response.json()
    except ValueError:
        return ""
    parts = [text.strip() for text in _texts(body) if text.strip()]
    return redactor().text("; ".join(dict.fromkeys(parts)))[:_LONGEST]


def field_errors(response: Response) -> dict[str, str]:
    """The complaints of a 400 by field: ``{"assignee": "cannot be assigned"}``."""
    try:
        errors = response.json().get("errors")
    except (ValueError, AttributeError):
        return {}
    return {str(name): str(text) for name, text in errors.items()} if isinstance(errors, dict) else {}


def _texts(body: Any) -> list[str]:
    if isinstance(body, str):
        return [body]
    if isinstance(body, list):
        return [text for item in body for text in _texts(item)]
    if not isinstance(body, dict):
        return []
    found = [str(text) for text in body.get("errorMessages") or ()]
    errors = body.get("errors")
    if isinstance(errors, dict):
        found += [f"{name}: {text}" for name, text in errors.items()]
    elif isinstance(errors, list):
        found += [text for item in errors for text in _texts(item)]
    for name in ("errorMessage", "message", "error_description", "error", "detail", "title"):
        if isinstance(body.get(name), str):
            found.append(body[name])
    return found


def problem(response: Response, doing: str) -> SelfhealError:
    """The house's error for a refusal. ``doing`` says what was tried on which object ("read INC-1")."""
    status, why = response.status_code, said(response)
    because = f": {why}" if why else "."
    match status:
        case 401:
            return CredentialProblem(
                f"Jira does not accept the token (401) when asked to {doing}{because}",
                hint="Set ATLASSIAN_TOKEN to a valid token; a user's API token also needs ATLASSIAN_EMAIL.",
            )
        case 403:
            return CredentialProblem(
                f"Jira forbids to {doing} (403){because}",
                hint="The account needs the project permissions Browse, Edit, Assign, Transition and Add comments; a "
                "scoped token needs read:jira-work, write:jira-work, read:jira-user and write:servicedesk-request.",
            )
        case 404:
            return NotFound(
                f"Jira knows nothing to {doing} (404){because}",
                hint="Check the key, the cloud id, and that the account may browse the project.",
            )
        case 409:
            return Conflict(
                f"Somebody changed it first: Jira refused to {doing} (409){because}",
                hint="Read it again before deciding.",
            )
        case 410:
            return SelfhealError(
                f"Jira has removed what is needed to {doing} (410){because}",
                hint="The site retired this API; a newer selfheal is needed.",
                code="jira-gone",
            )
        case 429:
            return Outage(
                f"Jira limits the rate of requests (429): cannot {doing} now{because}", code="jira-rate-limit"
            )
        case 413:
            return Refused(f"Too large for Jira to {doing} (413){because}", code="jira-too-large")
    if 300 <= status < 400:
        return Refused(
            f"Jira answered with a redirect ({status}) when asked to {doing}; credentials are never sent elsewhere.",
            hint="Set ATLASSIAN_CLOUD_ID or ATLASSIAN_API_URL to the address of the API itself.",
            code="jira-redirect",
        )
    if status >= 500:
        return Outage(f"Jira has a problem of its own ({status}): cannot {doing} now{because}")
    return SelfhealError(
        f"Jira refused to {doing} ({status}){because}",
        hint="What Jira names here has to be mended in the site or in the configuration.",
        code="jira-refused",
    )
