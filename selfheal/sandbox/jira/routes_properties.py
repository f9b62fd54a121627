"""Entity properties of issues, one at a time and in bulk, and the tasks that bulk writes run in."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from werkzeug.wrappers import Response

from selfheal.sandbox.emulator import json_response
from selfheal.sandbox.jira.calls import READ, WRITE, Call, Route
from selfheal.sandbox.jira.errors import refused
from selfheal.sandbox.jira.store import Issue, Store

MAX_CHARACTERS = 32_768
MAX_KEY = 255
_ABSENT = object()


def property_value(call: Call) -> Any:
    """The JSON value sent as a property; nothing sent is refused."""
    if not call.request.get_data().strip():
        raise refused(400, "The property value cannot be empty.")
    return call.value()


def check_property(name: str, value: Any) -> None:
    """Raises Refused for a key or value over Jira's limits; length counts the compact JSON text."""
    if not name or len(name) > MAX_KEY:
        raise refused(400, f"The property key cannot be empty or longer than {MAX_KEY} characters.")
    length = len(json.dumps(value, separators=(",", ":"), ensure_ascii=False))
    if length > MAX_CHARACTERS:
        raise refused(
            400, f"The property value cannot be longer than {MAX_CHARACTERS} characters; it has {length}."
        )


@dataclass
class Task:
    """A bulk write that waits for its turn."""

    id: str
    description: str
    submitted: datetime
    due: int
    work: Callable[[], None]
    finished: datetime | None = None


class PropertyRoutes:
    """Handlers on the store; the emulator's lock is held. :meth:`run_due` is called before each operation."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.tasks: dict[str, Task] = {}

    def table(self) -> list[Route]:
        one = "/rest/api/3/issue/<key>/properties"
        bulk = "/rest/api/3/issue/properties/<name>"
        return [
            ("GET", one, self.keys, READ),
            ("GET", f"{one}/<name>", self.read, READ),
            ("PUT", f"{one}/<name>", self.set, WRITE),
            ("DELETE", f"{one}/<name>", self.delete, WRITE),
            ("PUT", bulk, self.bulk_set, WRITE),
            ("DELETE", bulk, self.bulk_delete, WRITE),
            ("GET", "/rest/api/3/task/<task_id>", self.task, READ),
        ]

    # -- one issue -----------------------------------------------------------------------------------------

    def keys(self, call: Call, key: str) -> Response:
        issue = self.store.find(key, call.account)
        path = call.view.link(f"issue/{issue.id}/properties")
        return json_response({"keys": [{"self": f"{path}/{name}", "key": name} for name in issue.properties]})

    def read(self, call: Call, key: str, name: str) -> Response:
        issue = self.store.find(key, call.account)
        if name not in issue.properties:
            raise refused(404, f"The property {name} does not exist.")
        return json_response({"key": name, "value": issue.properties[name]})

    def set(self, call: Call, key: str, name: str) -> Response:
        """The last write wins."""
        issue = self._to_edit(call, key)
        value = property_value(call)
        check_property(name, value)
        return json_response({}, 201 if self.store.set_property(issue, name, value) else 200)

    def delete(self, call: Call, key: str, name: str) -> Response:
        issue = self._to_edit(call, key)
        if not self.store.delete_property(issue, name):
            raise refused(404, f"The property {name} does not exist.")
        return json_response(None, 204)

    def _to_edit(self, call: Call, key: str) -> Issue:
        issue = self.store.find(key, call.account)
        if not self._may_edit(call, issue):
            raise refused(403, "You do not have permission to edit this issue.")
        return issue

    def _may_edit(self, call: Call, issue: Issue) -> bool:
        account = call.account
        return (
            "EDIT_ISSUES" not in account.lacks
            and account.kind != "customer"
            and self.store.status(issue).editable
        )

    # -- in bulk -------------------------------------------------------------------------------------------

    def bulk_set(self, call: Call, name: str) -> Response:
        body = call.body()
        if "value" not in body:
            raise refused(
                400, "Either 'value' or 'expression' is required; the sandbox computes no expressions."
            )
        check_property(name, body["value"])
        return self._file(call, name, body.get("filter"), body["value"])

    def bulk_delete(self, call: Call, name: str) -> Response:
        body = call.body() if call.request.get_data().strip() else {}
        return self._file(call, name, body, _ABSENT)

    def _file(self, call: Call, name: str, condition: Any, value: Any) -> Response:
        """File the task; without a filter it reaches every issue the caller may edit, as in Jira."""
        behaviour = self.store.behaviour
        condition = self._checked(condition)
        if behaviour.conditional_writes == "off":
            raise refused(403, "Setting issue properties in bulk is not available on this site.")
        window = behaviour.conditional_writes == "window"
        early = self._eligible(call, name, condition) if window else []

        def work() -> None:
            for issue in early if window else self._eligible(call, name, condition):
                if value is _ABSENT:
                    self.store.delete_property(issue, name)
                else:
                    self.store.set_property(issue, name, value)

        # Two tasks can only both pass the filter if the second is filed before the first has worked.
        delay = max(behaviour.task_operations, 2) if window else behaviour.task_operations
        task = Task(
            str(self.store.next_id()),
            f"Bulk change of the issue property {name}",
            self.store.now(),
            self.store.operations + delay,
            work,
        )
        self.tasks[task.id] = task
        self.run_due()
        return Response(status=303, headers={"Location": call.view.link(f"task/{task.id}")})

    def _checked(self, condition: Any) -> dict[str, Any]:
        if condition is None:
            return {}
        known = {"entityIds", "currentValue", "hasProperty"}
        if not isinstance(condition, dict) or set(condition) - known:
            raise refused(400, "The filter has entityIds, currentValue and hasProperty.")
        ids = condition.get("entityIds", [])
        if not isinstance(ids, list) or not all(
            isinstance(one, int) and not isinstance(one, bool) for one in ids
        ):
            raise refused(400, "entityIds is a list of issue ids.")
        if len(ids) > 10_000:
            raise refused(400, "entityIds takes at most 10,000 ids.")
        if "currentValue" in condition and condition.get("hasProperty") is False:
            raise refused(400, "A filter with a current value and without the property matches no issue.")
        return condition

    def _eligible(self, call: Call, name: str, condition: dict[str, Any]) -> list[Issue]:
        return [issue for issue in self.store.issues.values() if self._holds(call, name, condition, issue)]

    def _holds(self, call: Call, name: str, condition: dict[str, Any], issue: Issue) -> bool:
        if not self._may_edit(call, issue) or (
            "entityIds" in condition and issue.id not in condition["entityIds"]
        ):
            return False
        has = condition.get("hasProperty")
        if has is not None and has != (name in issue.properties):
            return False
        return "currentValue" not in condition or _same(
            issue.properties.get(name, _ABSENT), condition["currentValue"]
        )

    # -- tasks ---------------------------------------------------------------------------------------------

    def run_due(self) -> None:
        for task in self.tasks.values():
            if task.finished is None and task.due <= self.store.operations:
                task.work()
                task.finished = self.store.now()

    def task(self, call: Call, task_id: str) -> Response:
        """A task that wrote to nothing is complete all the same: read back to learn who won."""
        task = self.tasks.get(task_id)
        if task is None:
            raise refused(404, f"The task {task_id} does not exist.")
        done = task.finished is not None
        submitted, now = _millis(task.submitted), _millis(task.finished or self.store.now())
        shown: dict[str, Any] = {
            "self": call.view.link(f"task/{task.id}"),
            "id": task.id,
            "description": task.description,
            "status": "COMPLETE" if done else "ENQUEUED",
            "submittedBy": 10_000,
            "progress": 100 if done else 0,
            "elapsedRuntime": now - submitted,
            "submitted": submitted,
            "lastUpdate": now,
        }
        if done:
            shown |= {"started": submitted, "finished": now}
        return json_response(shown)


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1."""
    if one is _ABSENT:
        return False
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)
