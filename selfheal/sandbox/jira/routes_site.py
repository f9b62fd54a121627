"""What does not change with issues: people, groups, fields, priorities, statuses, the project, the server."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from selfheal.sandbox.emulator import json_response
from selfheal.sandbox.jira.calls import READ, USERS, Call, Route
from selfheal.sandbox.jira.errors import refused
from selfheal.sandbox.jira.site import Account, stable_id
from selfheal.sandbox.jira.store import Store
from selfheal.sandbox.jira.views import timestamp
from selfheal.sandbox.jira.workflow import CATEGORIES

PERMISSIONS = (
    "BROWSE_PROJECTS",
    "CREATE_ISSUES",
    "EDIT_ISSUES",
    "TRANSITION_ISSUES",
    "ASSIGN_ISSUES",
    "ASSIGNABLE_USER",
    "ADD_COMMENTS",
    "LINK_ISSUES",
    "SERVICEDESK_AGENT",
)
_CATEGORY_NAMES = {"new": "TODO", "indeterminate": "IN_PROGRESS", "done": "DONE"}


class SiteRoutes:
    """Handlers on the site; the emulator's lock is held."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.site = store.site

    def table(self) -> list[Route]:
        api = "/rest/api/3"
        return [
            ("GET", f"{api}/myself", self.myself, USERS),
            ("GET", f"{api}/user", self.user, USERS),
            ("GET", f"{api}/user/search", self.find_users, USERS),
            ("GET", f"{api}/users/search", self.all_users, USERS),
            ("GET", f"{api}/user/assignable/search", self.assignable, USERS),
            ("GET", f"{api}/user/groups", self.user_groups, USERS),
            ("GET", f"{api}/group/member", self.members, USERS),
            ("GET", f"{api}/group/bulk", self.groups, USERS),
            ("GET", f"{api}/groups/picker", self.pick_groups, USERS),
            ("GET", f"{api}/mypermissions", self.my_permissions, READ),
            ("GET", f"{api}/field", self.fields, READ),
            ("GET", f"{api}/field/search", self.search_fields, READ),
            ("GET", f"{api}/priority", self.priorities, READ),
            ("GET", f"{api}/priority/search", self.search_priorities, READ),
            ("GET", f"{api}/status", self.statuses, READ),
            ("GET", f"{api}/statuses/search", self.search_statuses, READ),
            ("GET", f"{api}/statuscategory", self.categories, READ),
            ("GET", f"{api}/resolution", self.resolutions, READ),
            ("GET", f"{api}/issuetype", self.issue_types, READ),
            ("GET", f"{api}/label", self.labels, READ),
            ("GET", f"{api}/project", self.projects, READ),
            ("GET", f"{api}/project/search", self.search_projects, READ),
            ("GET", f"{api}/project/<key>", self.project, READ),
            ("GET", f"{api}/project/<key>/statuses", self.project_statuses, READ),
            ("GET", f"{api}/serverInfo", self.server_info, ""),
        ]

    # -- people --------------------------------------------------------------------------------------------

    def myself(self, call: Call) -> Response:
        return json_response(call.view.myself(call.account, call.names("expand")))

    def _account(self, account_id: str) -> Account:
        found = self.site.by_id(account_id)
        if found is None:
            raise refused(404, "Specified user does not exist or you do not have required permissions")
        return found

    def user(self, call: Call) -> Response:
        return json_response(call.view.user(self._account(call.text("accountId"))))

    def user_groups(self, call: Call) -> Response:
        account = self._account(call.text("accountId"))
        return json_response([call.view.group(name) for name in account.groups])

    def _users(self, call: Call, accounts: list[Account]) -> Response:
        start, size = call.number("startAt", 0, 10**9), call.number("maxResults", 50, 1000)
        return json_response([call.view.user(one) for one in accounts[start : start + size]])

    def find_users(self, call: Call) -> Response:
        if call.text("accountId"):
            found = self.site.by_id(call.text("accountId"))
            return self._users(call, [found] if found else [])
        if "query" not in call.request.args:
            raise refused(400, "Either accountId, query or property is required.")
        return self._users(call, [one for one in self.site.found_users(call.text("query")) if one.active])

    def all_users(self, call: Call) -> Response:
        return self._users(call, list(self.site.accounts.values()))

    def assignable(self, call: Call) -> Response:
        """Needs a project or an issue, as in Jira."""
        key, project = call.text("issueKey") or call.text("issueId"), call.text("project")
        if key:
            self.store.find(key, call.account)
        elif project:
            self._project(project)
        else:
            raise refused(400, "Either a project or an issue key is required.")
        accounts = self.site.found_users(call.text("query"))
        if call.text("accountId"):
            accounts = [one for one in accounts if one.id == call.text("accountId")]
        return self._users(call, [one for one in accounts if self.site.assignable(one)])

    def _group(self, call: Call) -> str:
        wanted = call.text("groupname"), call.text("groupId")
        for name in self.site.groups():
            if name == wanted[0] or stable_id(f"group {name}") == wanted[1]:
                return name
        raise refused(404, f"The group named '{wanted[0] or wanted[1]}' does not exist.")

    def members(self, call: Call) -> Response:
        accounts = self.site.members(self._group(call))
        if not call.flag("includeInactiveUsers", False):
            accounts = [one for one in accounts if one.active]
        return json_response(call.page([call.view.user(one) for one in accounts], "group/member"))

    def groups(self, call: Call) -> Response:
        names = call.request.args.getlist("groupName") or self.site.groups()
        ids = call.request.args.getlist("groupId")
        found = [
            {"name": name, "groupId": stable_id(f"group {name}")}
            for name in self.site.groups()
            if name in names and (not ids or stable_id(f"group {name}") in ids)
        ]
        return json_response(call.page(found, "group/bulk"))

    def pick_groups(self, call: Call) -> Response:
        query = call.text("query").casefold()
        names = [name for name in self.site.groups() if query in name.casefold()]
        groups = [
            {"name": name, "groupId": stable_id(f"group {name}"), "html": name, "labels": []}
            for name in names
        ]
        size = call.number("maxResults", 20, 1000)
        header = f"Showing {min(size, len(names))} of {len(names)} matching groups"
        return json_response({"header": header, "total": len(names), "groups": groups[:size]})

    def my_permissions(self, call: Call) -> Response:
        wanted = call.names("permissions")
        if not wanted:
            raise refused(400, "The permissions query parameter is required.")
        unknown = [name for name in wanted if name not in PERMISSIONS]
        if unknown:
            raise refused(400, f"Unrecognized permission: {unknown[0]}")
        customer = call.account.kind == "customer"
        shown = {
            name: {
                "id": str(number),
                "key": name,
                "name": name.replace("_", " ").capitalize(),
                "type": "PROJECT",
                "description": "",
                "havePermission": name not in call.account.lacks
                and (not customer or name == "BROWSE_PROJECTS"),
            }
            for number, name in enumerate(PERMISSIONS, 10)
            if name in wanted
        }
        return json_response({"permissions": shown})

    # -- things --------------------------------------------------------------------------------------------

    def fields(self, call: Call) -> Response:
        return json_response([call.view.field(info) for info in self.site.fields])

    def search_fields(self, call: Call) -> Response:
        query = call.text("query").casefold()
        found = [
            {"id": info.id, "key": info.id, "name": info.name, "schema": call.view.field_schema(info)}
            for info in self.site.fields
            if query in info.name.casefold()
        ]
        return json_response(call.page(found, "field/search"))

    def priorities(self, call: Call) -> Response:
        return json_response([call.view.priority(one, full=True) for one in self.site.priorities])

    def search_priorities(self, call: Call) -> Response:
        shown = [call.view.priority(one, full=True) for one in self.site.priorities]
        return json_response(call.page(shown, "priority/search"))

    def statuses(self, call: Call) -> Response:
        return json_response([call.view.status(one) for one in self.store.workflow.statuses])

    def search_statuses(self, call: Call) -> Response:
        found: list[Any] = [
            {
                "id": one.id,
                "name": one.name,
                "statusCategory": _CATEGORY_NAMES[one.category],
                "scope": {"type": "GLOBAL"},
                "description": "",
            }
            for one in self.store.workflow.statuses
        ]
        return json_response(call.page(found, "statuses/search", 200))

    def categories(self, call: Call) -> Response:
        return json_response([call.view.category(key) for key in CATEGORIES])

    def resolutions(self, call: Call) -> Response:
        return json_response([call.view.resolution(one) for one in self.site.resolutions])

    def issue_types(self, call: Call) -> Response:
        return json_response([call.view.issue_type(one) for one in self.site.issue_types])

    def labels(self, call: Call) -> Response:
        used = {label for issue in self.store.issues.values() for label in issue.fields["labels"]}
        return json_response(call.page(sorted(used), "label", 1000))

    # -- project and server --------------------------------------------------------------------------------

    def _project(self, key: str) -> None:
        if key.upper() != self.site.project_key and key != self.site.project_id:
            raise refused(404, f"No project could be found with key '{key}'.")

    def project(self, call: Call, key: str) -> Response:
        self._project(key)
        lead = self.site.by_login("admin") if "admin" in self.site.accounts else None
        shown = call.view.project() | {
            "description": "",
            "issueTypes": [call.view.issue_type(one) for one in self.site.issue_types],
            "assigneeType": "UNASSIGNED",
            "components": [],
            "versions": [],
            "roles": {},
            "style": "classic",
            "isPrivate": False,
            "properties": {},
        }
        if lead:
            shown["lead"] = call.view.user(lead)
        return json_response(shown)

    def projects(self, call: Call) -> Response:
        return json_response([call.view.project()])

    def search_projects(self, call: Call) -> Response:
        keys = [key.upper() for key in call.request.args.getlist("keys")]
        found = [call.view.project()] if not keys or self.site.project_key in keys else []
        return json_response(call.page(found, "project/search"))

    def project_statuses(self, call: Call, key: str) -> Response:
        self._project(key)
        statuses = [call.view.status(one) for one in self.store.workflow.statuses]
        shown = [
            {
                "self": call.view.link(f"issuetype/{one.id}"),
                "id": one.id,
                "name": one.name,
                "subtask": False,
                "statuses": statuses,
            }
            for one in self.site.issue_types
        ]
        return json_response(shown)

    def server_info(self, call: Call) -> Response:
        now = timestamp(self.store.now())
        return json_response(
            {
                "baseUrl": call.view.base,
                "version": "1001.0.0-SNAPSHOT",
                "versionNumbers": [1001, 0, 0],
                "deploymentType": "Cloud",
                "buildNumber": 100_290,
                "buildDate": now,
                "serverTime": now,
                "scmInfo": "sandbox",
                "serverTitle": "Jira",
                "serverTimeZone": "Etc/UTC",
            }
        )
