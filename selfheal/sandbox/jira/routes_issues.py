"""Issues: create, read, edit, assign, transitions, changelog, links."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from selfheal.sandbox.emulator import json_response
from selfheal.sandbox.jira.calls import READ, WRITE, Call, Route
from selfheal.sandbox.jira.edits import Wrong, entity_properties, read_edit
from selfheal.sandbox.jira.errors import refused
from selfheal.sandbox.jira.routes_properties import check_property
from selfheal.sandbox.jira.site import LINK_TYPES
from selfheal.sandbox.jira.store import Issue, Store
from selfheal.sandbox.jira.workflow import Transition

NOT_EDITABLE = "The issue is no longer editable."


class IssueRoutes:
    """Handlers on the store; the emulator's lock is held."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def table(self) -> list[Route]:
        issue = "/rest/api/3/issue/<key>"
        return [
            ("POST", "/rest/api/3/issue", self.create, WRITE),
            ("GET", issue, self.read, READ),
            ("PUT", issue, self.edit, WRITE),
            ("PUT", f"{issue}/assignee", self.assign, WRITE),
            ("GET", f"{issue}/editmeta", self.edit_meta, READ),
            ("GET", f"{issue}/transitions", self.transitions, READ),
            ("POST", f"{issue}/transitions", self.transition, WRITE),
            ("GET", f"{issue}/changelog", self.changelog, READ),
            ("POST", "/rest/api/3/issueLink", self.link, WRITE),
            ("GET", "/rest/api/3/issueLink/<link_id>", self.read_link, READ),
            ("DELETE", "/rest/api/3/issueLink/<link_id>", self.delete_link, WRITE),
            ("GET", "/rest/api/3/issueLinkType", self.link_types, READ),
        ]

    # -- reading -------------------------------------------------------------------------------------------

    def read(self, call: Call, key: str) -> Response:
        issue = self.store.find(key, call.account)
        view, expand = call.view, call.names("expand")
        shown = view.issue_head(issue) | {"fields": view.picked(issue, issue.fields, call.names("fields"))}
        wanted = call.names("properties")
        if wanted:
            shown["properties"] = {
                name: value for name, value in issue.properties.items() if name in wanted or "*all" in wanted
            }
        self.expanded(call, issue, shown, expand)
        return json_response(shown)

    def expanded(self, call: Call, issue: Issue, shown: dict[str, Any], expand: list[str]) -> None:
        """Add to an issue what ``expand`` asks for."""
        view = call.view
        infos = [info for info in self.store.site.fields if info.id in shown.get("fields", {})]
        if "names" in expand:
            shown["names"] = {info.id: info.name for info in infos}
        if "schema" in expand:
            shown["schema"] = {info.id: view.field_schema(info) for info in infos}
        if "transitions" in expand:
            shown["transitions"] = self._possible(call, issue, fields=False)
        if "editmeta" in expand:
            shown["editmeta"] = {"fields": self._editable(call, issue)}
        if "changelog" in expand:
            histories = [view.history(one) for one in reversed(issue.history)][:100]
            shown["changelog"] = {
                "startAt": 0,
                "maxResults": len(histories),
                "total": len(issue.history),
                "histories": histories,
            }

    def changelog(self, call: Call, key: str) -> Response:
        """Oldest first."""
        issue = self.store.find(key, call.account)
        return json_response(
            call.page([call.view.history(one) for one in issue.history], f"issue/{issue.key}/changelog")
        )

    def edit_meta(self, call: Call, key: str) -> Response:
        return json_response({"fields": self._editable(call, self.store.find(key, call.account))})

    def _editable(self, call: Call, issue: Issue) -> dict[str, Any]:
        if not self.store.status(issue).editable:
            return {}
        return {
            info.id: call.view.field_meta(info, required=info.id == "summary")
            for info in self.store.site.fields
            if info.editable
        }

    # -- writing -------------------------------------------------------------------------------------------

    def create(self, call: Call) -> Response:
        body = call.body()
        if "CREATE_ISSUES" in call.account.lacks or call.account.kind == "customer":
            raise refused(400, project="You do not have permission to create issues in this project.")
        allowed = frozenset(info.id for info in self.store.site.fields if info.editable) | {
            "project",
            "issuetype",
        }
        edit = read_edit(body, self.store, None, allowed)
        missing = {"project": "valid project is required", "issuetype": "Specify an issue type"}
        missing["summary"] = "You must specify a summary of the issue."
        absent = {name: text for name, text in missing.items() if name not in edit.values}
        if absent:
            raise refused(400, **absent)
        properties = self._properties(body)
        edit.values.pop("project")
        issue = self.store.create(call.account, edit.values)
        for name, value in properties.items():
            self.store.set_property(issue, name, value)
        for comment, about in edit.comments:
            self.store.comment(issue, call.account, comment, about)
        shown = call.view.issue_head(issue)
        del shown["expand"]
        return json_response(shown, 201)

    def edit(self, call: Call, key: str) -> Response:
        issue = self._to_edit(call, key)
        body = call.body()
        if "transition" in body:
            raise refused(400, "A transition cannot be made by an edit.")
        edit = read_edit(
            body, self.store, issue, frozenset(info.id for info in self.store.site.fields if info.editable)
        )
        properties = self._properties(body)
        if not (edit.values or edit.comments or edit.links or properties):
            raise refused(400, "one of 'fields' or 'update' required")
        edit.apply(self.store, issue, call.account, body.get("historyMetadata"))
        for name, value in properties.items():
            self.store.set_property(issue, name, value)
        if call.flag("returnIssue", False):
            shown = call.view.issue_head(issue) | {"fields": call.view.fields(issue, issue.fields)}
            return json_response(shown)
        return json_response(None, 204)

    def assign(self, call: Call, key: str) -> Response:
        issue = self.store.find(key, call.account)
        if "ASSIGN_ISSUES" in call.account.lacks:
            raise refused(403, "You do not have permission to assign issues.")
        if not self.store.status(issue).editable:
            raise refused(400, NOT_EDITABLE)
        body = call.body()
        if "accountId" not in body:
            raise refused(400, "accountId is required.")
        wanted = body["accountId"]
        if wanted in (None, "-1"):
            self.store.change(issue, call.account, {"assignee": None})
            return json_response(None, 204)
        account = self.store.site.by_id(wanted)
        if account is None:
            raise refused(404, "Specified user does not exist or you do not have required permissions")
        if not self.store.site.assignable(account):
            raise refused(400, assignee=f"User '{account.name}' cannot be assigned issues.")
        self.store.change(issue, call.account, {"assignee": account.id})
        return json_response(None, 204)

    def _to_edit(self, call: Call, key: str) -> Issue:
        issue = self.store.find(key, call.account)
        if "EDIT_ISSUES" in call.account.lacks or call.account.kind == "customer":
            raise refused(403, "You do not have permission to edit issues in this project.")
        if not self.store.status(issue).editable:
            raise refused(400, NOT_EDITABLE)
        return issue

    def _properties(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            found = entity_properties(body.get("properties"))
        except Wrong as wrong:
            raise refused(400, str(wrong)) from None
        for name, value in found.items():
            check_property(name, value)
        return found

    # -- transitions ---------------------------------------------------------------------------------------

    def _screen(self, transition: Transition) -> frozenset[str]:
        extra = (
            {"resolution"}
            if transition.takes_resolution and self.store.behaviour.resolution_on_screen
            else set()
        )
        return transition.screen | extra

    def _possible(self, call: Call, issue: Issue, *, fields: bool) -> list[dict[str, Any]]:
        if "TRANSITION_ISSUES" in call.account.lacks or call.account.kind == "customer":
            return []
        possible = self.store.workflow.from_status(self.store.status(issue))
        return [call.view.transition(one, self._screen(one), fields=fields) for one in possible]

    def transitions(self, call: Call, key: str) -> Response:
        issue = self.store.find(key, call.account)
        possible = self._possible(call, issue, fields="transitions.fields" in call.names("expand"))
        wanted = call.text("transitionId")
        if wanted:
            possible = [one for one in possible if one["id"] == wanted]
        return json_response({"expand": "transitions", "transitions": possible})

    def transition(self, call: Call, key: str) -> Response:
        """One write: the new status, what is set along with it, and its comments."""
        issue = self.store.find(key, call.account)
        body = call.body()
        wanted = body.get("transition")
        wanted_id = str(wanted.get("id", "")) if isinstance(wanted, dict) else ""
        if not wanted_id:
            raise refused(400, "Missing 'transition' identifier")
        if "TRANSITION_ISSUES" in call.account.lacks or call.account.kind == "customer":
            raise refused(403, "You do not have permission to transition issues in this project.")
        if issue.transitions != call.transitions_seen or self._just_lost(issue, wanted_id):
            raise refused(
                self.store.behaviour.conflict_status,
                "The issue could not be transitioned: another transition of it was in progress.",
            )
        possible = self.store.workflow.from_status(self.store.status(issue))
        transition = next((one for one in possible if one.id == wanted_id), None)
        if transition is None:
            raise refused(400, transition=f"Transition id '{wanted_id}' is not valid for this issue.")
        edit = read_edit(body, self.store, issue, self._screen(transition))
        properties = self._properties(body)
        move(self.store, issue, transition, edit.values)
        edit.apply(self.store, issue, call.account, body.get("historyMetadata"))
        for name, value in properties.items():
            self.store.set_property(issue, name, value)
        return json_response(None, 204)

    def _just_lost(self, issue: Issue, wanted: str) -> bool:
        """Whether the transition was possible a moment ago, before another one won."""
        window = self.store.behaviour.transition_conflict_seconds
        if not window or issue.left is None:
            return False
        before, at = issue.left
        if (self.store.now() - at).total_seconds() > window:
            return False
        return any(one.id == wanted for one in self.store.workflow.from_status(before))

    # -- links ---------------------------------------------------------------------------------------------

    def link(self, call: Call) -> Response:
        body = call.body()
        ends = []
        for side in ("inwardIssue", "outwardIssue"):
            end = body.get(side)
            if not isinstance(end, dict):
                raise refused(400, f"{side} is required.")
            ends.append(self.store.find(str(end.get("key") or end.get("id") or ""), call.account))
        named = body.get("type") if isinstance(body.get("type"), dict) else {}
        wanted = str((named or {}).get("name") or (named or {}).get("id") or "")
        kind = next((one for one in LINK_TYPES if wanted.casefold() in (one[0], one[1].casefold())), None)
        if kind is None:
            raise refused(404, f"No issue link type with name '{wanted}' found.")
        if ends[0] is ends[1]:
            raise refused(400, "You cannot link an issue to itself.")
        if "LINK_ISSUES" in call.account.lacks:
            raise refused(401, "You do not have permission to link issues.")
        self.store.link(kind[0], ends[0].key, ends[1].key)
        for issue, comment in ((ends[0], body.get("comment")),):
            if comment:
                edit = read_edit(
                    {"update": {"comment": [{"add": comment}]}}, self.store, issue, frozenset({"comment"})
                )
                edit.apply(self.store, issue, call.account)
        return json_response(None, 201)

    def read_link(self, call: Call, link_id: str) -> Response:
        return json_response(call.view.whole_link(self._link(link_id)))

    def delete_link(self, call: Call, link_id: str) -> Response:
        self.store.links.remove(self._link(link_id))
        return json_response(None, 204)

    def _link(self, link_id: str) -> Any:
        found = next((one for one in self.store.links if one.id == link_id), None)
        if found is None:
            raise refused(404, f"No issue link with id '{link_id}' exists.")
        return found

    def link_types(self, call: Call) -> Response:
        return json_response({"issueLinkTypes": [call.view.link_type(one[0]) for one in LINK_TYPES]})


def move(store: Store, issue: Issue, transition: Transition, values: dict[str, Any]) -> None:
    """Put the transition's target among the values of the write and remember what was left."""
    target = store.workflow.status(transition.target)
    assert target is not None  # noqa: S101 - a transition leads to a status of its workflow
    values["status"] = target.id
    issue.left = (store.status(issue), store.now())
    issue.transitions += 1
