"""Search: the living endpoint with page tokens, and the removed one that says where to go."""

from __future__ import annotations

import re
import secrets
from collections import OrderedDict
from typing import Any

from werkzeug.wrappers import Response

from selfheal.sandbox.emulator import json_response
from selfheal.sandbox.jira import jql
from selfheal.sandbox.jira.calls import READ, Call, Route
from selfheal.sandbox.jira.errors import refused
from selfheal.sandbox.jira.jql_tokens import JqlError
from selfheal.sandbox.jira.routes_issues import IssueRoutes
from selfheal.sandbox.jira.search import Row, prepare
from selfheal.sandbox.jira.store import UNSEEN, Issue, Store, Version

MAX_RESULTS = 5000
#: The most issues a page holds when more than ids and keys are asked for.
MAX_WITH_FIELDS = 100
MAX_PROPERTIES = 5
MAX_RECONCILED = 50
_KEPT_CURSORS = 500

REMOVED = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration guideline is "
    "available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)


class SearchRoutes:
    """Handlers on the store; the emulator's lock is held."""

    def __init__(self, store: Store, issues: IssueRoutes) -> None:
        self.store = store
        self.issues = issues
        self._cursors: OrderedDict[str, tuple[str, list[int]]] = OrderedDict()

    def table(self) -> list[Route]:
        routes: list[Route] = [
            ("POST", "/rest/api/3/search/jql", self.post, READ),
            ("GET", "/rest/api/3/search/jql", self.get, READ),
            ("POST", "/rest/api/3/search/approximate-count", self.count, READ),
        ]
        for version in ("2", "3", "latest"):
            routes += [
                (method, f"/rest/api/{version}/search", self.removed, "") for method in ("GET", "POST")
            ]
        return routes

    def removed(self, call: Call) -> Response:
        raise refused(410, REMOVED)

    def post(self, call: Call) -> Response:
        body = call.body()
        known = {
            "jql",
            "fields",
            "maxResults",
            "nextPageToken",
            "properties",
            "reconcileIssues",
            "expand",
            "fieldsByKeys",
        }
        if set(body) - known:
            raise refused(
                400, f'Unrecognized field "{min(set(body) - known)}"; see the REST API documentation.'
            )
        for name in ("fields", "properties", "reconcileIssues"):
            if not isinstance(body.get(name) or [], list):
                raise refused(400, f"'{name}' is a list.")
        return self._search(call, body, str(body.get("expand") or ""))

    def get(self, call: Call) -> Response:
        asked: dict[str, Any] = {
            "jql": call.text("jql"),
            "fields": call.names("fields"),
            "properties": call.names("properties"),
            "reconcileIssues": call.names("reconcileIssues"),
            "maxResults": call.number("maxResults", 50, MAX_RESULTS),
        }
        if call.text("nextPageToken"):
            asked["nextPageToken"] = call.text("nextPageToken")
        return self._search(call, asked, call.text("expand"))

    def count(self, call: Call) -> Response:
        return json_response(
            {"count": len(self._found(call, str(call.body().get("jql") or ""), frozenset()))}
        )

    # -- one page ------------------------------------------------------------------------------------------

    def _search(self, call: Call, asked: dict[str, Any], expand: str) -> Response:
        fields = [str(one) for one in asked.get("fields") or ["id"]]
        properties = [str(one) for one in asked.get("properties") or []]
        if len(properties) > MAX_PROPERTIES:
            raise refused(400, f"At most {MAX_PROPERTIES} properties can be requested.")
        reconciled = self._reconciled(asked.get("reconcileIssues") or [])
        size = asked.get("maxResults", 50)
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise refused(400, f"The value for maxResults must be between 1 and {MAX_RESULTS}.")
        bare = set(fields) <= {"id", "key"} and not properties
        size = min(size, MAX_RESULTS if bare else MAX_WITH_FIELDS)
        query = str(asked.get("jql") or "")
        token = asked.get("nextPageToken")
        ids = (
            self._continued(token, query)
            if token
            else [one.id for one in self._found(call, query, reconciled)]
        )
        shown: dict[str, Any] = {"issues": []}
        for issue_id in ids[:size]:
            issue = self.store.by_id(issue_id)
            version = self._version(issue, reconciled) if issue else None
            if issue and version:
                shown["issues"].append(
                    self._issue(call, issue, version, fields, properties, expand.split(","))
                )
        shown["isLast"] = len(ids) <= size
        if len(ids) > size:
            shown["nextPageToken"] = self._keep(query, ids[size:])
        return json_response(shown)

    def _reconciled(self, ids: list[Any]) -> frozenset[int]:
        if len(ids) > MAX_RECONCILED:
            raise refused(400, f"At most {MAX_RECONCILED} issues can be reconciled.")
        if not all(re.fullmatch(r"[0-9]{1,18}", str(one)) for one in ids):
            raise refused(400, "reconcileIssues takes issue ids, not keys.")
        return frozenset(int(one) for one in ids)

    def _found(self, call: Call, query: str, reconciled: frozenset[int]) -> list[Issue]:
        try:
            search = prepare(jql.parse(query), self.store, call.account)
        except JqlError as error:
            raise refused(400, str(error)) from None
        rows: list[Row] = []
        for issue in self._seen(call):
            version = self._version(issue, reconciled)
            if version is None:
                continue
            row = {**version.fields, "key": issue.key, "id": issue.id}
            if search.matches(row):
                rows.append(row)
        search.sort(rows)
        return [self.store.issues[row["key"]] for row in rows]

    def _seen(self, call: Call) -> list[Issue]:
        if "BROWSE_PROJECTS" in call.account.lacks:
            raise refused(400, UNSEEN)
        return [issue for issue in self.store.issues.values() if self.store.reaches(issue, call.account)]

    def _version(self, issue: Issue, reconciled: frozenset[int]) -> Version | None:
        return issue.versions[-1] if issue.id in reconciled else self.store.visible_version(issue)

    def _issue(
        self,
        call: Call,
        issue: Issue,
        version: Version,
        fields: list[str],
        properties: list[str],
        expand: list[str],
    ) -> dict[str, Any]:
        """As the index has it: what the issue is by now, only a read of the issue tells."""
        if fields == ["id"] and not properties:
            return {"id": str(issue.id)}
        shown = call.view.issue_head(issue)
        if not set(fields) <= {"id", "key"}:
            shown["fields"] = call.view.picked(issue, version.fields, fields)
        if properties:
            shown["properties"] = {
                name: version.properties[name] for name in properties if name in version.properties
            }
        self.issues.expanded(call, issue, shown, expand)
        return shown

    # -- page tokens ---------------------------------------------------------------------------------------

    def _keep(self, query: str, ids: list[int]) -> str:
        token = secrets.token_urlsafe(18)
        self._cursors[token] = (query, ids)
        while len(self._cursors) > _KEPT_CURSORS:
            self._cursors.popitem(last=False)
        return token

    def _continued(self, token: Any, query: str) -> list[int]:
        known = self._cursors.get(str(token))
        if known is None or known[0] != query:
            raise refused(400, "The provided next page token is invalid or was made for another query.")
        return known[1]
