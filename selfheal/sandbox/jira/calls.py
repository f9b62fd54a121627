"""One request to the site: who asks, what for, and how the answer is addressed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from werkzeug.wrappers import Request, Response

from selfheal.sandbox.jira.errors import refused
from selfheal.sandbox.jira.site import Account
from selfheal.sandbox.jira.views import View

Handler = Callable[..., Response]
#: (method, path, handler, classic OAuth scope it needs; "" for none)
Route = tuple[str, str, Handler, str]

READ, WRITE, USERS = "read:jira-work", "write:jira-work", "read:jira-user"
READ_DESK, WRITE_DESK = "read:servicedesk-request", "write:servicedesk-request"


@dataclass
class Call:
    """``transitions_seen``: how often the issue had moved when the request arrived, before it waited its turn."""

    request: Request
    account: Account
    view: View
    transitions_seen: int = 0

    def body(self) -> dict[str, Any]:
        """The JSON object sent; raises Refused for anything else."""
        found = self.value()
        if not isinstance(found, dict):
            raise refused(400, "Invalid request payload. Refer to the REST API documentation and try again.")
        return found

    def value(self) -> Any:
        """The JSON value sent."""
        try:
            return json.loads(self.request.get_data(), parse_constant=_no_number)
        except (ValueError, RecursionError):
            raise refused(
                400, "There was an error parsing JSON. Check that your request body is valid."
            ) from None

    def number(self, name: str, default: int, most: int) -> int:
        """A count or offset of the query string."""
        text = self.request.args.get(name, str(default))
        if not text.isdecimal() or len(text) > 18:
            raise refused(400, f"The value '{text}' of the parameter '{name}' is not a number.")
        return min(int(text), most)

    def names(self, name: str) -> list[str]:
        """A list in the query string: repeated, comma-separated, or both."""
        return [one for given in self.request.args.getlist(name) for one in given.split(",") if one]

    def text(self, name: str) -> str:
        return self.request.args.get(name, "")

    def flag(self, name: str, default: bool) -> bool:
        return self.request.args.get(name, str(default)).casefold() == "true"

    def page(self, values: list[Any], path: str, most: int = 100) -> dict[str, Any]:
        """Jira's ``PageBean`` over all ``values``."""
        start, size = self.number("startAt", 0, 10**9), self.number("maxResults", min(50, most), most)
        last = start + size >= len(values)
        shown: dict[str, Any] = {
            "self": self.view.link(f"{path}?maxResults={size}&startAt={start}"),
            "maxResults": size,
            "startAt": start,
            "total": len(values),
            "isLast": last,
            "values": values[start : start + size],
        }
        if not last:
            shown["nextPage"] = self.view.link(f"{path}?maxResults={size}&startAt={start + size}")
        return shown


def _no_number(text: str) -> None:
    """JSON has no NaN and no infinities; Python's parser would take them."""
    raise ValueError(text)
