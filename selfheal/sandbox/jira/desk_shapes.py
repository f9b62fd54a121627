"""Shapes that all of the service desk API shares: pages, dates, users, requests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from werkzeug.wrappers import Response

from selfheal.sandbox.emulator import json_response
from selfheal.sandbox.jira.calls import Call
from selfheal.sandbox.jira.errors import Refused, desk_refused
from selfheal.sandbox.jira.site import REQUEST_TYPE_FIELD, SERVICES_FIELD
from selfheal.sandbox.jira.store import Issue, Store
from selfheal.sandbox.jira.views import timestamp

REQUEST_TYPE = "11"
#: The fields on the form of the one request type.
FORM = ("summary", "description", "priority", SERVICES_FIELD)


class DeskShapes:
    """Base of the handlers; the emulator's lock is held."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def page(self, call: Call, values: list[Any]) -> Response:
        start, limit = call.number("start", 0, 10**9), call.number("limit", 50, 100)
        shown = values[start : start + limit]
        return json_response(
            {
                "_expands": [],
                "size": len(shown),
                "start": start,
                "limit": limit,
                "isLastPage": start + limit >= len(values),
                "_links": {
                    "base": call.view.base,
                    "context": "",
                    "self": f"{call.view.base}{call.request.path}",
                },
                "values": shown,
            }
        )

    def date(self, at: datetime) -> dict[str, Any]:
        return {
            "iso8601": f"{at:%Y-%m-%dT%H:%M:%S}+0000",
            "jira": timestamp(at),
            "friendly": f"{at:%d/%b/%y %I:%M %p}",
            "epochMillis": int(at.timestamp() * 1000),
        }

    def user(self, call: Call, account_id: str | None) -> dict[str, Any] | None:
        account = self.store.site.by_id(account_id)
        if account is None:
            return None
        shown = call.view.user(account)
        return {
            "accountId": account.id,
            "emailAddress": account.email,
            "displayName": account.name,
            "active": account.active,
            "timeZone": "Etc/UTC",
            "_links": {"jiraRest": shown["self"], "avatarUrls": shown["avatarUrls"], "self": shown["self"]},
        }

    def request(self, call: Call, issue: Issue) -> dict[str, Any]:
        base = f"{call.view.base}/rest/servicedeskapi/request/{issue.id}"
        return {
            "_expands": ["participant", "status", "sla", "requestType", "serviceDesk", "comment", "action"],
            "issueId": str(issue.id),
            "issueKey": issue.key,
            "requestTypeId": issue.fields.get(REQUEST_TYPE_FIELD) or REQUEST_TYPE,
            "serviceDeskId": self.store.site.desk_id,
            "summary": issue.fields["summary"],
            "createdDate": self.date(issue.fields["created"]),
            "reporter": self.user(call, issue.fields["reporter"]),
            "requestFieldValues": [
                {"fieldId": "summary", "label": "Summary", "value": issue.fields["summary"]},
                {
                    "fieldId": "description",
                    "label": "Description",
                    "value": call.view.plain_description(issue),
                },
            ],
            "currentStatus": self.status(
                issue, issue.fields["status"], issue.fields["statuscategorychangedate"]
            ),
            "_links": {
                "self": base,
                "jiraRest": call.view.link(f"issue/{issue.id}"),
                "web": f"{call.view.base}/servicedesk/customer/portal/{self.store.site.desk_id}/{issue.key}",
                "agent": f"{call.view.base}/browse/{issue.key}",
            },
        }

    def status(self, issue: Issue, status_id: str, at: datetime) -> dict[str, Any]:
        status = self.store.workflow.status(status_id)
        assert status is not None  # noqa: S101 - only statuses of the workflow are ever stored
        return {
            "status": status.name,
            "statusCategory": status.category.upper(),
            "statusDate": self.date(at),
        }

    def find(self, call: Call, key: str) -> Issue:
        try:
            return self.store.find(key, call.account)
        except Refused:
            raise desk_refused(
                404, f"Issue '{key}' does not exist or you do not have permission to see it."
            ) from None
