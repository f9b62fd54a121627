"""A request that Jira refuses, in the body shapes that Jira uses."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from selfheal.sandbox.emulator import json_response


class Refused(Exception):
    """Ends a handler with an error answer; ``body`` is the vendor's document."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.headers = headers

    def response(self) -> Response:
        return json_response(self.body, self.status, self.headers)


def refused(status: int, *messages: str, **errors: str) -> Refused:
    """The platform API's ``ErrorCollection``: sentences, and sentences by field."""
    return Refused(status, {"errorMessages": list(messages), "errors": errors})


def gateway(status: int, message: str) -> Refused:
    """What api.atlassian.com answers before Jira is reached."""
    return Refused(status, {"code": status, "message": message})


def desk_refused(status: int, message: str) -> Refused:
    """The service desk API's error."""
    return Refused(
        status, {"errorMessage": message, "i18nErrorMessage": {"i18nKey": message, "parameters": []}}
    )
