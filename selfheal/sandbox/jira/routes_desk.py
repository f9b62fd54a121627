"""The service desk: its request types and queues."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from selfheal.sandbox.emulator import json_response
from selfheal.sandbox.jira.calls import READ_DESK, Call, Route
from selfheal.sandbox.jira.desk_shapes import FORM, REQUEST_TYPE, DeskShapes
from selfheal.sandbox.jira.errors import desk_refused


class DeskRoutes(DeskShapes):
    """Handlers on the site's one service desk."""

    def table(self) -> list[Route]:
        api = "/rest/servicedeskapi"
        desk = f"{api}/servicedesk/<desk>"
        return [
            ("GET", f"{api}/info", self.info, READ_DESK),
            ("GET", f"{api}/servicedesk", self.desks, READ_DESK),
            ("GET", desk, self.desk, READ_DESK),
            ("GET", f"{desk}/requesttype", self.request_types, READ_DESK),
            ("GET", f"{desk}/requesttype/<number>", self.request_type, READ_DESK),
            ("GET", f"{desk}/requesttype/<number>/field", self.request_fields, READ_DESK),
            ("GET", f"{desk}/queue", self.queues, READ_DESK),
            ("GET", f"{desk}/queue/<number>/issue", self.queue, READ_DESK),
        ]

    def info(self, call: Call) -> Response:
        return json_response(
            {"version": "5.12.0", "platformVersion": "1001.0.0", "isLicensedForUse": True, "_links": {}}
        )

    def _desk(self) -> dict[str, Any]:
        site = self.store.site
        return {
            "id": site.desk_id,
            "projectId": site.project_id,
            "projectName": site.project_name,
            "projectKey": site.project_key,
            "_links": {},
        }

    def _known_desk(self, desk: str) -> None:
        if desk not in (self.store.site.desk_id, self.store.site.project_key):
            raise desk_refused(
                404, f"Service Desk with ID '{desk}' does not exist or you do not have permission to see it."
            )

    def desks(self, call: Call) -> Response:
        return self.page(call, [self._desk()])

    def desk(self, call: Call, desk: str) -> Response:
        self._known_desk(desk)
        return json_response(self._desk())

    def _type(self) -> dict[str, Any]:
        return {
            "_expands": ["field"],
            "id": REQUEST_TYPE,
            "name": "Report a system problem",
            "description": "Let us know if something isn't working properly and we'll aim to get it back up quickly.",
            "helpText": "",
            "issueTypeId": self.store.site.issue_types[0].id,
            "serviceDeskId": self.store.site.desk_id,
            "portalId": self.store.site.desk_id,
            "groupIds": ["1"],
            "icon": {"id": "10515", "_links": {"iconUrls": {}}},
            "_links": {},
        }

    def request_types(self, call: Call, desk: str) -> Response:
        self._known_desk(desk)
        query = call.text("searchQuery").casefold()
        return self.page(call, [self._type()] if query in self._type()["name"].casefold() else [])

    def _known_type(self, number: str) -> None:
        if number != REQUEST_TYPE:
            raise desk_refused(404, f"The request type '{number}' does not exist.")

    def request_type(self, call: Call, desk: str, number: str) -> Response:
        self._known_desk(desk)
        self._known_type(number)
        return json_response(self._type())

    def request_fields(self, call: Call, desk: str, number: str) -> Response:
        self._known_desk(desk)
        self._known_type(number)
        infos = [info for info in self.store.site.fields if info.id in FORM]
        fields = [
            {
                "fieldId": info.id,
                "name": info.name,
                "description": "",
                "required": info.id == "summary",
                "defaultValues": [],
                "validValues": [],
                "jiraSchema": call.view.field_schema(info),
                "visible": True,
            }
            for info in infos
        ]
        shown = {"requestTypeFields": fields, "canRaiseOnBehalfOf": True, "canAddRequestParticipants": True}
        return json_response(shown)

    def queues(self, call: Call, desk: str) -> Response:
        self._known_desk(desk)
        jql = f"project = {self.store.site.project_key} AND statusCategory != Done"
        return self.page(
            call, [{"id": "1", "name": "All open", "jql": jql, "fields": ["issuekey"], "_links": {}}]
        )

    def queue(self, call: Call, desk: str, number: str) -> Response:
        self._known_desk(desk)
        if number != "1":
            raise desk_refused(404, f"The queue '{number}' does not exist.")
        open_ones = [one for one in self.store.issues.values() if self.store.status(one).category != "done"]
        shown = [
            call.view.issue_head(one, "")
            | {"fields": call.view.picked(one, one.fields, ["summary", "status"])}
            for one in open_ones
            if self.store.reaches(one, call.account)
        ]
        return self.page(call, shown)
