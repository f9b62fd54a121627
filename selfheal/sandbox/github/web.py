"""One call of the REST API: who calls, what they may, the body, the page asked for, and GitHub's ways of refusing."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from werkzeug.wrappers import Request, Response

from selfheal.sandbox.emulator import json_response
from selfheal.sandbox.github.store import Account, Issue, Pull, Repository, rank

if TYPE_CHECKING:
    from selfheal.sandbox.github.hub import Hub

Json = dict[str, Any]
T = TypeVar("T")
DOCS = "https://docs.github.com/rest"
LOGIN = "selfheal.sandbox.login"

# The level of an app's permission and the permission of a person that the same call needs.
_PEOPLE = {
    ("contents", "write"): "write",
    ("pull_requests", "write"): "read",
    ("issues", "write"): "read",
    ("statuses", "write"): "write",
    ("checks", "write"): "write",
    ("actions", "write"): "write",
    ("administration", "read"): "admin",
    ("administration", "write"): "admin",
}


class Refused(Exception):
    """An answer other than success, raised from anywhere in a call."""

    def __init__(
        self, status: int, message: str, errors: Sequence[Any] = (), headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = list(errors)
        self.headers = headers

    def response(self) -> Response:
        """GitHub's error body."""
        body: Json = {"message": self.message}
        if self.errors:
            body["errors"] = self.errors
        body |= {"documentation_url": DOCS, "status": str(self.status)}
        return json_response(body, self.status, self.headers)


def not_found() -> Refused:
    """404, also for what the caller may not know about."""
    return Refused(404, "Not Found")


def invalid(resource: str, *, field: str = "", code: str = "custom", message: str = "") -> Refused:
    """422 Validation Failed with one error."""
    error = {"resource": resource, "code": code}
    if field:
        error["field"] = field
    if message:
        error["message"] = message
    return Refused(422, "Validation Failed", [error])


class Call:
    """A request with its caller."""

    def __init__(self, hub: Hub, request: Request) -> None:
        self.hub = hub
        self.request = request
        self.login: str = request.environ.get(LOGIN, "")
        self.api = request.root_url.rstrip("/")
        self.web = request.host_url.rstrip("/")
        self._body: Any = None

    # -- who -------------------------------------------------------------------------------------------------

    @property
    def account(self) -> Account:
        """The caller; refuses an anonymous one."""
        found = self.hub.store.account(self.login)
        if found is None:
            raise Refused(401, "Requires authentication")
        return found

    @property
    def is_app(self) -> bool:
        """Does an app's installation call (its rights are the app's, not a person's)?"""
        return self.login == self.hub.bot and self.hub.bot_is_app

    def repository(self, owner: str, name: str, scope: str = "contents", level: str = "read") -> Repository:
        """The repository, when the caller may do this there."""
        found = self.hub.store.repository(f"{owner}/{name}")
        if found is None or found.permission(self.login) == "none":
            raise not_found()
        self.need(found, scope, level)
        return found

    def need(self, repository: Repository, scope: str, level: str) -> None:
        """Refuse a caller without this right."""
        asks_person = level == "write" or scope == "administration"
        if self.is_app:
            allowed = rank(self.hub.app_permissions.get(scope, "none")) >= rank(level)
            installed = not asks_person or rank(repository.permission(self.login)) >= rank("write")
            if not allowed or not installed:
                raise Refused(403, "Resource not accessible by integration")
        elif asks_person:
            self.person(repository, _PEOPLE[scope, level])
        if level == "write" and repository.archived:
            raise Refused(403, "Repository was archived so is read-only.")

    def person(self, repository: Repository, permission: str) -> None:
        """Refuse a person with less than this permission; what an app may is :meth:`need`'s to say."""
        if self.is_app or rank(repository.permission(self.account.login)) >= rank(permission):
            return
        wanted = (
            "admin rights to Repository." if permission == "admin" else f"{permission} access to repository"
        )
        raise Refused(403, f"Must have {wanted}")

    def issue(self, repository: Repository, number: int) -> Issue:
        """An issue or pull request by number."""
        found = repository.issues.get(number)
        if found is None:
            raise not_found()
        return found

    def pull(self, repository: Repository, number: int) -> tuple[Issue, Pull]:
        """A pull request by number."""
        issue = self.issue(repository, number)
        if issue.pull is None:
            raise not_found()
        return issue, issue.pull

    # -- what ------------------------------------------------------------------------------------------------

    @property
    def parsed(self) -> Any:
        """The JSON body, ``{}`` for none."""
        if self._body is None:
            data = self.request.get_data()
            try:
                self._body = json.loads(data) if data else {}
            except ValueError:
                raise Refused(400, "Problems parsing JSON") from None
        return self._body

    @property
    def body(self) -> Json:
        """The JSON body, which must be an object."""
        if not isinstance(self.parsed, dict):
            raise Refused(400, "Body should be a JSON object")
        return self.parsed

    def field(self, name: str, resource: str, kind: type[T], *, required: bool = True) -> T | None:
        """A member of the body of this type; a missing or wrong one is refused."""
        value = self.body.get(name)
        if value is None:
            if required:
                raise invalid(resource, field=name, code="missing_field")
            return None
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise Refused(
                422, f"Invalid request.\n\nFor 'properties/{name}', {value!r} is not of the type expected."
            )
        return value

    def text(self, name: str, resource: str) -> str:
        """A required string of the body that is not empty."""
        value = self.field(name, resource, str)
        if not value:
            raise invalid(resource, field=name, code="missing_field")
        return value

    def query(self, name: str, default: str = "") -> str:
        """A query parameter."""
        return self.request.args.get(name, default)

    def number(self, name: str, default: int) -> int:
        """A query parameter as a number."""
        value = self.request.args.get(name, "")
        return int(value) if value.isdigit() else default

    def accepts(self, media: str) -> bool:
        """Does the Accept header ask for ``application/vnd.github.<media>``?"""
        return f".{media}" in self.request.headers.get("Accept", "")

    # -- answers ---------------------------------------------------------------------------------------------

    def window(self) -> tuple[int, int]:
        """``(page, per_page)`` as asked for, within GitHub's bounds."""
        return max(1, self.number("page", 1)), min(100, max(1, self.number("per_page", 30)))

    def page(
        self, items: Sequence[T], shape: Callable[[T], Any], *, key: str = "", extra: Json | None = None
    ) -> Response:
        """One page, shaped; with ``key`` as ``{"total_count", key: […]}``."""
        page, size = self.window()
        shown = [shape(item) for item in items[(page - 1) * size : page * size]]
        document: Any = {"total_count": len(items), key: shown, **(extra or {})} if key else shown
        return json_response(document, headers=self.links(len(items)))

    def links(self, total: int) -> dict[str, str]:
        """The ``Link`` header for ``total`` items, or nothing when all fit on one page."""
        page, size = self.window()
        last = max(1, -(-total // size))
        targets = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
        wanted = {
            name: number
            for name, number in targets.items()
            if (name in ("prev", "first") and page > 1) or (name in ("next", "last") and page < last)
        }
        if not wanted:
            return {}
        here = f"{self.api}{self.request.path}"
        arguments = self.request.args.to_dict()
        return {
            "Link": ", ".join(
                f'<{here}?{urlencode({**arguments, "page": number})}>; rel="{name}"'
                for name, number in wanted.items()
            )
        }


View = Callable[..., Response]
Routes = tuple[tuple[str, str, View], ...]
"""``(method, path in werkzeug's rule syntax, function(call, **arguments))`` of one group of routes."""


def no_content() -> Response:
    """204 without a body."""
    return Response(status=204)
