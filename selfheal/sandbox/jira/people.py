"""What people do to incidents, without HTTP: in Jira's screens they are held by the workflow, but by no rate limit."""

from __future__ import annotations

import threading
from typing import Any

from selfheal.sandbox.jira import adf
from selfheal.sandbox.jira.edits import read_edit
from selfheal.sandbox.jira.errors import Refused
from selfheal.sandbox.jira.routes_issues import move
from selfheal.sandbox.jira.site import Account
from selfheal.sandbox.jira.store import Issue, Store

ACTIONS = (
    "reassign",
    "transition",
    "comment",
    "add_label",
    "remove_label",
    "edit",
    "edit_property",
    "delete_property",
    "ask_approval",
    "delete",
)


class Person:
    """One account acting on issues. Every method raises ValueError saying what is not possible."""

    def __init__(self, store: Store, lock: threading.RLock, account: Account) -> None:
        self.store = store
        self.lock = lock
        self.account = account

    def _issue(self, key: str) -> Issue:
        if key not in self.store.issues:
            raise ValueError(f"no issue {key}")
        return self.store.issues[key]

    def _editable(self, key: str) -> Issue:
        issue = self._issue(key)
        if not self.store.status(issue).editable:
            raise ValueError(f"{key} is {self.store.status(issue).name} and cannot be edited")
        return issue

    def reassign(self, key: str, to: str | None) -> None:
        """To a login; None or "" leaves it unassigned."""
        with self.lock:
            assignee = self.store.site.by_login(to).id if to else None
            self.store.change(self._editable(key), self.account, {"assignee": assignee})

    def transition(self, key: str, to: str) -> None:
        """By the name of a transition, or of the status it leads to."""
        with self.lock:
            issue = self._issue(key)
            possible = self.store.workflow.from_status(self.store.status(issue))
            wanted = to.casefold()
            found = next(
                (one for one in possible if wanted in (one.name.casefold(), one.target.casefold())), None
            )
            if found is None:
                names = ", ".join(f"{one.name} -> {one.target}" for one in possible) or "none"
                raise ValueError(
                    f"{key} is in {self.store.status(issue).name}; no way to {to}; possible: {names}"
                )
            values: dict[str, Any] = {}
            move(self.store, issue, found, values)
            self.store.change(issue, self.account, values)

    def comment(self, key: str, text: str, *, internal: bool = False) -> str:
        """The comment's id."""
        with self.lock:
            properties = {"sd.public.comment": {"internal": True}} if internal else {}
            return self.store.comment(self._issue(key), self.account, adf.from_text(text), properties).id

    def add_label(self, key: str, label: str) -> None:
        self._update(key, {"labels": [{"add": label}]})

    def remove_label(self, key: str, label: str) -> None:
        self._update(key, {"labels": [{"remove": label}]})

    def _update(self, key: str, update: dict[str, Any]) -> None:
        with self.lock:
            issue = self._editable(key)
            self._apply(issue, {"update": update})

    def _apply(self, issue: Issue, body: dict[str, Any]) -> None:
        allowed = frozenset(name for part in body.values() for name in part)
        try:
            edit = read_edit(body, self.store, issue, allowed)
        except Refused as refusal:
            raise ValueError(f"{issue.key} does not take that: {refusal.body['errors']}") from refusal
        edit.apply(self.store, issue, self.account)

    def edit(self, key: str, fields: dict[str, Any]) -> None:
        """Fields as in the REST API; a description may be plain text."""
        with self.lock:
            issue = self._editable(key)
            if isinstance(fields.get("description"), str):
                fields = {**fields, "description": adf.from_text(fields["description"])}
            self._apply(issue, {"fields": fields})

    def edit_property(self, key: str, name: str, value: Any) -> None:
        with self.lock:
            self.store.set_property(self._editable(key), name, value)

    def delete_property(self, key: str, name: str) -> None:
        with self.lock:
            self.store.delete_property(self._editable(key), name)

    def delete(self, key: str) -> None:
        """The whole issue, for good."""
        with self.lock:
            self.store.delete(self._issue(key))

    def ask_approval(self, key: str, approvers: list[str], name: str = "Approval") -> str:
        """An approval that the logins are asked for; its id."""
        with self.lock:
            approval = {
                "id": str(self.store.next_id()),
                "name": name,
                "decision": "pending",
                "created": self.store.now(),
                "approvers": {self.store.site.by_login(login).id: "pending" for login in approvers},
            }
            self._issue(key).approvals.append(approval)
            return str(approval["id"])
