"""What we ask of a Jira site, one small method a call, over `Transport`. Documents go in and out as plain JSON.

The library is used through `JiraCloud` (REST v3). Calls it has no safe form for (a conditional property set without
following its redirect) go through the client's own ``request``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import requests

from selfheal.errors import NotFound, Outage, Refused, SelfhealError
from selfheal.jsm import services
from selfheal.jsm.adf import Node
from selfheal.jsm.keys import checked
from selfheal.jsm.transport import Transport

RECORD: Final = "selfheal"
#: Names the comment among ours, so that a second run finds it.
COMMENT_NAME: Final = "selfheal.comment"
#: Fields every read asks for; the site's field of affected services is added once it is known.
FIELDS: Final = (
    "summary", "description", "status", "priority", "issuetype", "project", "assignee", "reporter", "labels",
    "resolution", "created", "updated",
)  # fmt: skip
#: The type of link that every site has.
LINK_TYPE: Final = "Relates"
PAGE: Final = 50
MAX_PAGES: Final = 40
_CHANGELOG_PAGES: Final = 20


class ConditionalSetUnsupported(SelfhealError):
    """The site does not allow a conditional bulk set; the caller goes by last-write-wins."""

    code = "no-compare-and-set"


class Unreadable(Outage):
    """An answer that is no JSON, or none that can be taken apart; anyone may store such a thing on an issue."""

    code = "answer-unreadable"


class JiraSite:
    """The site. ``services_field`` is the id of the field of affected services, "" where there is none.

    ``configured`` is its id or name on sites where it is not JSM's own.
    """

    def __init__(self, transport: Transport, configured: str = "") -> None:
        self._transport = transport
        self._jira = transport.jira
        self._configured = configured
        self.services_field: str | None = None

    @property
    def transport(self) -> Transport:
        """The connection, for its counters and Jira's time."""
        return self._transport

    # -- reading -------------------------------------------------------------------------------------------

    def myself(self) -> dict[str, Any]:
        """The account of the token."""
        answer = self._transport.call("say whose token this is", self._jira.get_current_user)
        return _document(answer, "who we are")

    def server_info(self) -> dict[str, Any]:
        """``baseUrl`` and what else the site says of itself."""
        return _document(
            self._transport.call("say where the site is", self._jira.get_server_info), "the site's address"
        )

    def learn_fields(self) -> None:
        """Finds the field of affected services: the configured one, else JSM's own by what it is, never by its id.

        Raises ConfigurationProblem when the configured one is not there.
        """
        if self.services_field is None:
            fields = self._transport.call("list the fields", self._jira.get_fields) or []
            self.services_field = services.field_of(fields, self._configured)

    def issue(self, key: str) -> dict[str, Any]:
        """The issue with `FIELDS` and our record, as of now."""
        fields = self._fields()
        answer = self._transport.call(
            f"read {key}",
            lambda: self._jira.get_issue(checked(key), fields=",".join(fields), properties=RECORD),
        )
        return _document(answer, key)

    def search(self, jql: str, *, limit: int, reconcile: Sequence[int] = ()) -> list[dict[str, Any]]:
        """At most ``limit`` issues as the index knows them, which lags; read each one before acting.

        Stops at a repeated page token and at `MAX_PAGES`, whatever the site says.
        """
        found: dict[str, dict[str, Any]] = {}
        token: str | None = None
        seen: set[str] = set()
        for _page in range(MAX_PAGES):
            body: dict[str, Any] = {
                "jql": jql, "fields": list(self._fields()), "properties": [RECORD], "maxResults": min(PAGE, limit),
            }  # fmt: skip
            if token:
                body["nextPageToken"] = token
            if reconcile:
                body["reconcileIssues"] = list(reconcile)[:50]
            answer = self._search_page(body)
            if not isinstance(answer, dict):
                # One issue's record must not hide all the others: without records, each is read by itself.
                answer = self._search_page({**body, "properties": []})
            page = _document(answer, "a page of search results")
            for issue in page.get("issues") or ():
                found.setdefault(str(issue.get("key", "")), issue)
            token = page.get("nextPageToken")
            if len(found) >= limit or not token or token in seen or page.get("isLast") is True:
                break
            seen.add(token)
        return [issue for key, issue in found.items() if key][:limit]

    def _search_page(self, body: dict[str, Any]) -> Any:
        return self._transport.call(
            "search for incidents", lambda: self._jira.search_and_reconsile_issues_using_jql_post(data=body)
        )

    def _fields(self) -> tuple[str, ...]:
        return (*FIELDS, *((self.services_field,) if self.services_field else ()))

    def property(self, key: str, name: str) -> Any:
        """The value of an entity property, None when it is not there."""
        try:
            answer = self._transport.call(
                f"read property {name} of {key}", lambda: self._jira.get_issue_property(checked(key), name)
            )
        except NotFound:
            return None
        return answer.get("value") if isinstance(answer, dict) else None

    def transitions(self, key: str) -> list[dict[str, Any]]:
        """The workflow steps open to us now, with the fields on their screens."""
        answer = self._transport.call(
            f"list the workflow steps of {key}",
            lambda: self._jira.get_transitions(checked(key), expand="transitions.fields"),
        )
        return list((answer or {}).get("transitions") or ())

    def comments(self, key: str) -> list[dict[str, Any]]:
        """The newest comments with their properties, newest first."""
        answer = self._transport.call(
            f"read the comments of {key}",
            lambda: self._jira.get_comments(
                checked(key), max_results=100, order_by="-created", expand="properties"
            ),
        )
        return list((answer or {}).get("comments") or ())

    def changelog(self, key: str) -> list[dict[str, Any]]:
        """All changes, oldest first: ``{"author", "created", "items"}``."""
        found: list[dict[str, Any]] = []
        for _page in range(_CHANGELOG_PAGES):
            answer = self._changelog_page(key, len(found)) or {}
            values = answer.get("values") or []
            found += values
            if not values or answer.get("isLast") is not False:
                break
        return sorted(found, key=lambda entry: str(entry.get("created", "")))

    def _changelog_page(self, key: str, start: int) -> Any:
        return self._transport.call(
            f"read the history of {key}",
            lambda: self._jira.get_change_logs(checked(key), start_at=start, max_results=100),
        )

    def priorities(self) -> list[str]:
        """Names of the site's priorities, highest first."""
        answer = self._transport.call("list the priorities", self._jira.get_priorities)
        return [str(entry["name"]) for entry in answer or () if entry.get("name")]

    def statuses(self, project: str) -> list[str]:
        """Names of the statuses that the project's workflows have."""
        answer = self._transport.call(
            f"list the statuses of {project}", lambda: self._jira.get_all_statuses(project)
        )
        names = [str(status["name"]) for kind in answer or () for status in kind.get("statuses") or ()]
        return list(dict.fromkeys(names))

    def users(self, query: str) -> list[dict[str, Any]]:
        """Active accounts that match a name or an address, or the one with that account id."""
        found = self._transport.call(
            "look up an account", lambda: self._jira.find_users(query=query, max_results=50)
        )
        if not found:
            # The query looks at names and addresses only.
            found = self._transport.call(
                "look up an account", lambda: self._jira.find_users(account_id=query, max_results=2)
            )
        return [user for user in found or () if user.get("active", True)]

    def group_members(self, group: str) -> list[dict[str, Any]]:
        """Active members of a group, [] when there is no such group or we may not see it."""
        try:
            answer = self._transport.call(
                "look up a group", lambda: self._jira.get_users_from_group(groupname=group, max_results=50)
            )
        except (NotFound, Refused):
            return []
        return [user for user in (answer or {}).get("values") or () if user.get("active", True)]

    # -- writing -------------------------------------------------------------------------------------------

    def edit(
        self,
        key: str,
        *,
        fields: Mapping[str, Any] | None = None,
        labels: Mapping[str, Sequence[str]] | None = None,
        properties: Mapping[str, Any] | None = None,
        before_each: Callable[[], None] | None = None,
    ) -> None:
        """One edit of the issue; nobody is notified. ``labels`` is ``{"add": …, "remove": …}``."""
        data: dict[str, Any] = {}
        if fields:
            data["fields"] = dict(fields)
        changes = [{verb: name} for verb, names in (labels or {}).items() for name in names]
        if changes:
            data["update"] = {"labels": changes}
        if properties:
            data["properties"] = [{"key": name, "value": value} for name, value in properties.items()]
        self._transport.call(
            f"edit {key}",
            lambda: self._jira.edit_issue(checked(key), notify_users="false", data=data),
            writes_to=key,
            before_each=before_each,
        )

    def set_property(
        self, key: str, name: str, value: Any, *, before_each: Callable[[], None] | None = None
    ) -> None:
        """An entity property; the last writer wins."""
        self._transport.call(
            f"write property {name} of {key}",
            lambda: self._jira.set_issue_property(checked(key), name, data=value),
            writes_to=key,
            before_each=before_each,
        )

    def delete_property(self, key: str, name: str) -> None:
        """Removes an entity property; it not being there is fine."""
        try:
            self._transport.call(
                f"remove property {name} of {key}",
                lambda: self._jira.delete_issue_property(checked(key), name),
                writes_to=key,
            )
        except NotFound:
            return

    def set_if(self, key: str, issue_id: int, name: str, value: Any, *, expected: Any = None) -> str:
        """Asks Jira to set a property only where it is ``expected`` now (None: only where it is not there).

        Answers the task's id; the task may still run, and may match nothing: read back. Raises
        ConditionalSetUnsupported, and LostAnswer when only a look at the property can tell.
        """
        # Without a filter this writes to every issue we can see.
        condition: dict[str, Any] = {"entityIds": [issue_id]}
        condition |= {"hasProperty": False} if expected is None else {"currentValue": expected}
        path = self._jira.resource_url(f"issue/properties/{name}")

        def request() -> requests.Response:
            response: requests.Response = self._jira.request(
                "PUT",
                path,
                data={"filter": condition, "value": value},
                allow_redirects=False,
                advanced_mode=True,
            )
            # ``advanced_mode`` never raises by itself.
            if response.status_code >= 400:
                raise requests.HTTPError(response=response)
            return response

        try:
            response = self._transport.call(f"claim {key}", request, repeatable=False, writes_to=key)
        except (Outage, Refused):
            raise
        except SelfhealError as error:
            status = getattr(getattr(error.__cause__, "response", None), "status_code", 0)
            if status in (400, 403, 404, 405, 410, 501):
                raise ConditionalSetUnsupported(
                    f"This site has no conditional property set ({status})."
                ) from error
            raise
        return str(response.headers.get("Location", "")).rstrip("/").rpartition("/")[2]

    def task_finished(self, task: str) -> bool:
        """Whether a task of Jira's has ended, well or not. One that is forgotten has."""
        if not task.isalnum() and not task.replace("-", "").isalnum():
            return True
        try:
            answer = self._transport.call("look at a task", lambda: self._jira.get_task(task))
        except NotFound:
            return True
        return str((answer or {}).get("status", "")) not in ("ENQUEUED", "RUNNING", "CANCEL_REQUESTED")

    def transition(self, key: str, transition_id: str, fields: Mapping[str, Any]) -> None:
        """One workflow step. Raises Conflict (409, or 400 on older sites) when it is not open any more."""
        data: dict[str, Any] = {"transition": {"id": transition_id}}
        if fields:
            data["fields"] = dict(fields)
        self._transport.call(
            f"move {key} through its workflow",
            lambda: self._jira.do_transition(checked(key), data=data),
            repeatable=False,
            writes_to=key,
        )

    def link(self, key: str, other: str) -> None:
        """Relates two issues; Jira keeps one such link however often it is asked."""
        data = {
            "type": {"name": LINK_TYPE},
            "inwardIssue": {"key": checked(key)},
            "outwardIssue": {"key": checked(other)},
        }
        self._transport.call(
            f"link {key} with {other}", lambda: self._jira.link_issues(data=data), writes_to=key
        )

    def comment(self, key: str, body: Node, name: str) -> None:
        """An internal comment called ``name``. ``body`` is ADF; a plain string would be refused by v3."""
        data = {
            "body": body,
            "properties": [
                # Without it customers see the comment.
                {"key": "sd.public.comment", "value": {"internal": True}},
                {"key": COMMENT_NAME, "value": {"name": name}},
            ],
        }
        self._transport.call(
            f"comment on {key}",
            lambda: self._jira.add_comment(checked(key), data=data),
            repeatable=False,
            writes_to=key,
        )


def _document(answer: Any, what: str) -> dict[str, Any]:
    """Raises Unreadable for what is not JSON: the library passes on text and None where a proxy answered."""
    if not isinstance(answer, dict):
        raise Unreadable(
            f"Jira's answer about {what} is not JSON.",
            hint="A proxy or a wrong address answered instead of Jira.",
        )
    return answer
