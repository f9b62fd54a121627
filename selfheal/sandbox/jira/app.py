"""The server: who may call, what is served, and the sandbox's own controls."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from werkzeug.wrappers import Request, Response

from selfheal.sandbox.emulator import Emulator, Handler, json_response
from selfheal.sandbox.jira import adf
from selfheal.sandbox.jira.behaviour import Behaviour
from selfheal.sandbox.jira.calls import Call
from selfheal.sandbox.jira.desk_shapes import REQUEST_TYPE
from selfheal.sandbox.jira.edits import read_edit
from selfheal.sandbox.jira.errors import Refused, gateway
from selfheal.sandbox.jira.limits import Limits
from selfheal.sandbox.jira.people import ACTIONS, Person
from selfheal.sandbox.jira.routes_comments import CommentRoutes
from selfheal.sandbox.jira.routes_desk import DeskRoutes
from selfheal.sandbox.jira.routes_issues import IssueRoutes
from selfheal.sandbox.jira.routes_properties import PropertyRoutes
from selfheal.sandbox.jira.routes_requests import RequestRoutes
from selfheal.sandbox.jira.routes_search import SearchRoutes
from selfheal.sandbox.jira.routes_site import SiteRoutes
from selfheal.sandbox.jira.site import REQUEST_TYPE_FIELD, SERVICES_FIELD, Account, Site
from selfheal.sandbox.jira.store import Store, utc_now
from selfheal.sandbox.jira.views import View

_GATEWAY = re.compile(r"(/ex/jira/([^/]+))(/.*)?$")
_ACCOUNT = "selfheal.sandbox.account"


class JiraEmulator(Emulator):
    """A Jira Service Management site with one service project; see the package for what people can do to it.

    ``now`` gives aware UTC times and may be replaced at any time, also ``behaviour``'s switches. ``cloud_id`` is the
    only one served under ``/ex/jira/``; "" serves any.
    """

    name = "jira"

    def __init__(
        self, *, project: str = "INC", cloud_id: str = "", now: Callable[[], datetime] = utc_now
    ) -> None:
        super().__init__()
        self.behaviour = Behaviour()
        self._project, self._cloud_id = project, cloud_id
        self.site = Site(project_key=project, cloud_id=cloud_id)
        self.store = Store(self.site, self.behaviour, now)
        self.limits = Limits(self.store)
        issues = IssueRoutes(self.store)
        self._properties = PropertyRoutes(self.store)
        self._search = SearchRoutes(self.store, issues)
        for part in (
            issues,
            self._properties,
            self._search,
            CommentRoutes(self.store),
            SiteRoutes(self.store),
            DeskRoutes(self.store),
            RequestRoutes(self.store),
        ):
            for method, path, handler, scope in part.table():
                self.route(method, path, self._served(handler, scope))
        self._add_controls()

    @property
    def now(self) -> Callable[[], datetime]:
        """The clock."""
        return self.store.now

    @now.setter
    def now(self, clock: Callable[[], datetime]) -> None:
        self.store.now = clock

    def reset(self) -> None:
        """Forget issues, changed accounts and switches; the clock stays."""
        with self.lock:
            super().reset()
            fresh = Site(project_key=self._project, cloud_id=self._cloud_id)
            vars(self.site).update(vars(fresh))
            vars(self.behaviour).update(vars(Behaviour()))
            self.store.reset()
            self._properties.tasks.clear()
            self.limits = Limits(self.store)

    # -- serving -------------------------------------------------------------------------------------------

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        match = _GATEWAY.match(environ.get("PATH_INFO", ""))
        if match:
            environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + match[1]
            environ["PATH_INFO"] = match[3] or "/"
        return super().__call__(environ, start_response)

    def date(self) -> float:
        return self.now().timestamp() + self.behaviour.date_offset_seconds

    def _served(self, handler: Handler, scope: str) -> Handler:
        def serve(request: Request, **arguments: Any) -> Response:
            account: Account = request.environ[_ACCOUNT]
            seen = self.store.transitions_of(arguments.get("key", ""))
            call = Call(request, account, View(self.store, request.url_root), seen)
            with self.lock:
                self.store.operations += 1
                self._properties.run_due()
                try:
                    if scope and account.scopes is not None and scope not in account.scopes:
                        raise gateway(401, "Unauthorized; scope does not match")
                    return handler(call, **arguments)
                except Refused as refusal:
                    return refusal.response()

        return serve

    def authenticate(self, request: Request) -> Response | str:
        via_gateway = bool(request.root_path)
        if via_gateway and self.site.cloud_id not in ("", request.root_path.rpartition("/")[2]):
            return gateway(404, "The requested cloud id does not exist").response()
        account = self._account(request.headers.get("Authorization", ""))
        if account is None or (self.behaviour.gateway_only and not via_gateway):
            if via_gateway:
                return gateway(401, "Unauthorized").response()
            message = "Client must be authenticated to access this resource."
            headers = {
                "WWW-Authenticate": 'OAuth realm="sandbox"',
                "X-Seraph-Loginreason": "AUTHENTICATED_FAILED",
            }
            return json_response({"message": message, "status-code": 401}, 401, headers)
        request.environ[_ACCOUNT] = account
        return account.login

    def _account(self, header: str) -> Account | None:
        """Bearer token, or Basic with the account's own e-mail address."""
        kind, _, credentials = header.partition(" ")
        if kind.casefold() == "bearer":
            return self.site.by_token(credentials.strip())
        if kind.casefold() != "basic":
            return None
        try:
            email, _, token = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        account = self.site.by_token(token)
        return account if account and account.email.casefold() == email.casefold() else None

    def not_found(self, request: Request) -> Response:
        if request.root_path:
            return gateway(404, "Not Found").response()
        return json_response(
            {"errorMessages": [f"No endpoint {request.method} {request.path}."], "errors": {}}, 404
        )

    def changes(self, request: Request) -> bool:
        """A search is a question, whatever its method."""
        return super().changes(request) and not request.path.endswith("/search/jql")

    def limit(self, request: Request, who: str) -> Response | None:
        with self.lock:
            return self.limits.refusal(request)

    # -- what happens in the world -------------------------------------------------------------------------

    def token(self, login: str) -> str:
        """The API token of an account."""
        return self.site.by_login(login).secret

    def as_person(self, login: str) -> Person:
        """Somebody who works in Jira's screens."""
        return Person(self.store, self.lock, self.site.by_login(login))

    def file_incident(
        self,
        *,
        summary: str,
        description: str = "",
        priority: str = "High",
        labels: Iterable[str] = (),
        assignee: str | None = "bot",
        reporter: str = "customer",
        services: Iterable[str] = (),
        issue_type: str = "[System] Incident",
        fields: dict[str, Any] | None = None,
    ) -> str:
        """File an incident and answer its key.

        ``description`` is plain text; ``assignee`` and ``reporter`` are logins (``assignee`` None or "": nobody);
        ``services`` are names of affected services; ``fields`` are further fields as in the REST API. Raises
        ValueError saying what the site does not take.
        """
        asked: dict[str, Any] = {
            "summary": summary,
            "description": adf.from_text(description) if description else None,
            "priority": {"name": priority},
            "labels": list(labels),
            "issuetype": {"name": issue_type},
            "assignee": {"accountId": self.site.by_login(assignee).id} if assignee else None,
            SERVICES_FIELD: [{"name": name} for name in services],
            **(fields or {}),
        }
        with self.lock:
            try:
                edit = read_edit({"fields": asked}, self.store, None, frozenset(asked))
            except Refused as refusal:
                raise ValueError(f"the incident cannot be filed: {refusal.body['errors']}") from refusal
            values = {REQUEST_TYPE_FIELD: REQUEST_TYPE, **edit.values}
            return self.store.create(self.site.by_login(reporter), values).key

    # -- control endpoints ---------------------------------------------------------------------------------

    def _add_controls(self) -> None:
        for method, path, handler in (
            ("POST", "/_sandbox/incidents", self._file),
            ("GET", "/_sandbox/incidents", self._list),
            ("POST", "/_sandbox/people/<login>/<action>", self._act),
            ("GET", "/_sandbox/accounts", self._accounts),
            ("POST", "/_sandbox/accounts", self._change_account),
            ("GET", "/_sandbox/behaviour", lambda _request: json_response(vars(self.behaviour))),
            ("POST", "/_sandbox/behaviour", self._switch),
        ):
            self.route(method, path, self._controlled(handler))

    def _controlled(self, handler: Handler) -> Handler:
        def serve(request: Request, **arguments: Any) -> Response:
            try:
                with self.lock:
                    return handler(request, **arguments)
            except (ValueError, TypeError) as error:
                return json_response({"message": str(error)}, 400)

        return serve

    def _file(self, request: Request) -> Response:
        return json_response({"key": self.file_incident(**json.loads(request.get_data()))}, 201)

    def _list(self, _request: Request) -> Response:
        shown = []
        for issue in self.store.issues.values():
            logins = {account.id: account.login for account in self.site.accounts.values()}
            shown.append(
                {
                    "key": issue.key,
                    "id": issue.id,
                    "summary": issue.fields["summary"],
                    "status": self.store.status(issue).name,
                    "assignee": logins.get(issue.fields["assignee"] or ""),
                    "labels": list(issue.fields["labels"]),
                    "properties": issue.properties,
                    "comments": [
                        {
                            "author": logins.get(comment.author),
                            "internal": comment.internal,
                            "text": adf.plain(comment.body),
                        }
                        for comment in issue.comments
                    ],
                }
            )
        return json_response(shown)

    def _act(self, request: Request, login: str, action: str) -> Response:
        if action not in ACTIONS:
            raise ValueError(f"people do not {action}; they do: {', '.join(ACTIONS)}")
        done = getattr(self.as_person(login), action)(**json.loads(request.get_data()))
        return json_response({"done": done})

    def _accounts(self, _request: Request) -> Response:
        shown = [
            {
                "login": one.login,
                "name": one.name,
                "email": one.email,
                "account_id": one.id,
                "token": one.secret,
                "groups": list(one.groups),
            }
            for one in self.site.accounts.values()
        ]
        return json_response(shown)

    def _change_account(self, request: Request) -> Response:
        asked = json.loads(request.get_data())
        for name in ("scopes", "lacks"):
            if asked.get(name) is not None:
                asked[name] = frozenset(asked[name])
        if "groups" in asked:
            asked["groups"] = tuple(asked["groups"])
        account = self.site.add_account(**asked)
        return json_response({"login": account.login, "account_id": account.id, "token": account.secret}, 201)

    def _switch(self, request: Request) -> Response:
        self.behaviour.change(json.loads(request.get_data()))
        return json_response(vars(self.behaviour))
