"""Requests, which are issues as customers see them: filing, comments, participants, SLAs, approvals."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from werkzeug.wrappers import Response

from selfheal.sandbox.emulator import json_response
from selfheal.sandbox.jira import adf
from selfheal.sandbox.jira.calls import READ_DESK, WRITE_DESK, Call, Route
from selfheal.sandbox.jira.desk_shapes import FORM, REQUEST_TYPE, DeskShapes
from selfheal.sandbox.jira.edits import Wrong, comment_body, read_edit
from selfheal.sandbox.jira.errors import Refused, desk_refused
from selfheal.sandbox.jira.routes_issues import move
from selfheal.sandbox.jira.site import PARTICIPANTS_FIELD, REQUEST_TYPE_FIELD
from selfheal.sandbox.jira.store import Comment, Issue

#: Hours to resolution by priority rank, the most urgent first.
_GOALS = (4, 8, 24, 72, 120)


class RequestRoutes(DeskShapes):
    """Handlers on the store; customers reach only their own requests."""

    def table(self) -> list[Route]:
        api = "/rest/servicedeskapi"
        request = f"{api}/request/<key>"
        return [
            ("POST", f"{api}/request", self.create, WRITE_DESK),
            ("GET", request, self.read, READ_DESK),
            ("GET", f"{request}/status", self.statuses, READ_DESK),
            ("GET", f"{request}/comment", self.comments, READ_DESK),
            ("POST", f"{request}/comment", self.add_comment, WRITE_DESK),
            ("GET", f"{request}/participant", self.participants, READ_DESK),
            ("POST", f"{request}/participant", self.add_participants, WRITE_DESK),
            ("DELETE", f"{request}/participant", self.remove_participants, WRITE_DESK),
            ("GET", f"{request}/sla", self.slas, READ_DESK),
            ("GET", f"{request}/sla/<number>", self.sla, READ_DESK),
            ("GET", f"{request}/transition", self.transitions, READ_DESK),
            ("POST", f"{request}/transition", self.transition, WRITE_DESK),
            ("GET", f"{request}/approval", self.approvals, READ_DESK),
            ("GET", f"{request}/approval/<number>", self.approval, READ_DESK),
            ("POST", f"{request}/approval/<number>", self.answer_approval, WRITE_DESK),
        ]

    def create(self, call: Call) -> Response:
        """``description`` is plain text here, or a document with ``isAdfRequest``."""
        body = call.body()
        values = dict(body.get("requestFieldValues") or {})
        if str(body.get("serviceDeskId", "")) != self.store.site.desk_id:
            raise desk_refused(
                404, "The Service Desk does not exist or you do not have permission to see it."
            )
        if str(body.get("requestTypeId", "")) != REQUEST_TYPE:
            raise desk_refused(400, "The request type does not belong to the Service Desk.")
        if isinstance(values.get("description"), str) and not body.get("isAdfRequest"):
            values["description"] = adf.from_text(values["description"])
        try:
            edit = read_edit({"fields": values}, self.store, None, frozenset(FORM))
        except Refused as error:
            raise desk_refused(400, "; ".join(error.body["errors"].values())) from None
        if "summary" not in edit.values:
            raise desk_refused(400, "You must specify a summary of the issue.")
        reporter = call.account
        behalf = body.get("raiseOnBehalfOf")
        if behalf:
            found = self.store.site.by_id(behalf)
            if found is None:
                raise desk_refused(400, "The user to raise the request for does not exist.")
            reporter = found
        participants = self._accounts(body.get("requestParticipants") or [])
        extra = {
            REQUEST_TYPE_FIELD: REQUEST_TYPE,
            PARTICIPANTS_FIELD: participants,
            "creator": call.account.id,
        }
        issue = self.store.create(reporter, {**edit.values, **extra})
        return json_response(self.request(call, issue), 201)

    def read(self, call: Call, key: str) -> Response:
        return json_response(self.request(call, self.find(call, key)))

    def statuses(self, call: Call, key: str) -> Response:
        """The newest first."""
        issue = self.find(call, key)
        shown = [self.status(issue, self.store.workflow.statuses[0].id, issue.fields["created"])]
        for entry in issue.history:
            shown += [
                self.status(issue, str(change.after), entry.created)
                for change in entry.changes
                if change.field.id == "status"
            ]
        return self.page(call, shown[::-1])

    # -- comments ------------------------------------------------------------------------------------------

    def _comment(self, call: Call, comment: Comment) -> dict[str, Any]:
        return {
            "_expands": ["attachment", "renderedBody"],
            "id": comment.id,
            "body": adf.plain(comment.body),
            "public": not comment.internal,
            "author": self.user(call, comment.author),
            "created": self.date(comment.created),
            "_links": {},
        }

    def comments(self, call: Call, key: str) -> Response:
        issue = self.find(call, key)
        shown = [
            self._comment(call, one)
            for one in issue.comments
            if (call.account.kind != "customer" or not one.internal)
            and call.flag("internal" if one.internal else "public", True)
        ]
        return self.page(call, shown)

    def add_comment(self, call: Call, key: str) -> Response:
        issue = self.find(call, key)
        body = call.body()
        text, public = body.get("body"), body.get("public", True)
        if not isinstance(text, str) or not text:
            raise desk_refused(400, "Comment body can not be empty!")
        if call.account.kind == "customer" and not public:
            raise desk_refused(403, "You do not have permission to add an internal comment.")
        try:
            document = comment_body(adf.from_text(text))
        except Wrong as wrong:
            raise desk_refused(400, str(wrong)) from None
        properties = {} if public else {"sd.public.comment": {"internal": True}}
        comment = self.store.comment(issue, call.account, document, properties)
        return json_response(self._comment(call, comment), 201)

    # -- participants --------------------------------------------------------------------------------------

    def _accounts(self, ids: Any) -> tuple[str, ...]:
        if not isinstance(ids, list) or any(self.store.site.by_id(one) is None for one in ids):
            raise desk_refused(400, "One or more of the users does not exist.")
        return tuple(ids)

    def _show_participants(self, call: Call, issue: Issue) -> Response:
        return self.page(call, [self.user(call, one) for one in issue.fields[PARTICIPANTS_FIELD]])

    def participants(self, call: Call, key: str) -> Response:
        return self._show_participants(call, self.find(call, key))

    def add_participants(self, call: Call, key: str) -> Response:
        issue = self.find(call, key)
        wanted = (*issue.fields[PARTICIPANTS_FIELD], *self._accounts(call.body().get("accountIds")))
        self.store.change(issue, call.account, {PARTICIPANTS_FIELD: tuple(dict.fromkeys(wanted))})
        return self._show_participants(call, issue)

    def remove_participants(self, call: Call, key: str) -> Response:
        issue = self.find(call, key)
        gone = self._accounts(call.body().get("accountIds"))
        left = tuple(one for one in issue.fields[PARTICIPANTS_FIELD] if one not in gone)
        self.store.change(issue, call.account, {PARTICIPANTS_FIELD: left})
        return self._show_participants(call, issue)

    # -- SLA -----------------------------------------------------------------------------------------------

    def _sla(self, call: Call, issue: Issue) -> dict[str, Any]:
        """Time to resolution, around the clock, by priority."""
        ranks = [one.id for one in self.store.site.priorities]
        hours = _GOALS[min(ranks.index(issue.fields["priority"]), len(_GOALS) - 1)]
        start, goal = issue.fields["created"], timedelta(hours=hours)
        done = self.store.status(issue).category == "done"
        stop = issue.fields["statuscategorychangedate"] if done else self.store.now()
        cycle: dict[str, Any] = {
            "startTime": self.date(start),
            "breachTime": self.date(start + goal),
            "breached": stop > start + goal,
            "goalDuration": self._duration(goal),
            "elapsedTime": self._duration(stop - start),
            "remainingTime": self._duration(start + goal - stop),
        }
        shown: dict[str, Any] = {"id": "1", "name": "Time to resolution", "completedCycles": [], "_links": {}}
        if done:
            shown["completedCycles"] = [{**cycle, "stopTime": self.date(stop)}]
        else:
            paused = self.store.status(issue).name == "Pending"
            shown["ongoingCycle"] = {**cycle, "paused": paused, "withinCalendarHours": True}
        return shown

    def _duration(self, span: timedelta) -> dict[str, Any]:
        minutes = int(span.total_seconds() // 60)
        return {"millis": int(span.total_seconds() * 1000), "friendly": f"{minutes // 60}h {minutes % 60}m"}

    def slas(self, call: Call, key: str) -> Response:
        return self.page(call, [self._sla(call, self.find(call, key))])

    def sla(self, call: Call, key: str, number: str) -> Response:
        issue = self.find(call, key)
        if number != "1":
            raise desk_refused(404, f"The SLA metric '{number}' does not exist.")
        return json_response(self._sla(call, issue))

    # -- transitions and approvals -------------------------------------------------------------------------

    def transitions(self, call: Call, key: str) -> Response:
        issue = self.find(call, key)
        agent = call.account.kind != "customer"
        possible = self.store.workflow.from_status(self.store.status(issue)) if agent else []
        return self.page(call, [{"id": one.id, "name": one.name} for one in possible])

    def transition(self, call: Call, key: str) -> Response:
        issue = self.find(call, key)
        possible = self.store.workflow.from_status(self.store.status(issue))
        wanted = str(call.body().get("id", ""))
        found = next((one for one in possible if one.id == wanted and call.account.kind != "customer"), None)
        if found is None:
            raise desk_refused(400, f"The transition '{wanted}' is not possible.")
        values: dict[str, Any] = {}
        move(self.store, issue, found, values)
        self.store.change(issue, call.account, values)
        return json_response(None, 204)

    def approvals(self, call: Call, key: str) -> Response:
        return self.page(call, [self._approval(call, one) for one in self.find(call, key).approvals])

    def _approval(self, call: Call, approval: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": approval["id"],
            "name": approval["name"],
            "finalDecision": approval["decision"],
            "canAnswerApproval": call.account.id in approval["approvers"]
            and approval["decision"] == "pending",
            "approvers": [
                {"approver": self.user(call, one), "approverDecision": decision}
                for one, decision in approval["approvers"].items()
            ],
            "createdDate": self.date(approval["created"]),
            "_links": {},
        }

    def _find_approval(self, call: Call, key: str, number: str) -> dict[str, Any]:
        found = next((one for one in self.find(call, key).approvals if one["id"] == number), None)
        if found is None:
            raise desk_refused(404, f"The approval '{number}' does not exist.")
        return found

    def approval(self, call: Call, key: str, number: str) -> Response:
        return json_response(self._approval(call, self._find_approval(call, key, number)))

    def answer_approval(self, call: Call, key: str, number: str) -> Response:
        approval = self._find_approval(call, key, number)
        decision = call.body().get("decision")
        if decision not in ("approve", "decline"):
            raise desk_refused(400, "The decision is 'approve' or 'decline'.")
        if call.account.id not in approval["approvers"] or approval["decision"] != "pending":
            raise desk_refused(403, "You cannot answer this approval.")
        answer = "approved" if decision == "approve" else "declined"
        approval["approvers"][call.account.id] = answer
        if answer == "declined" or all(one == "approved" for one in approval["approvers"].values()):
            approval["decision"] = answer
        return json_response(self._approval(call, approval))
