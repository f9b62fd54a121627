"""What a write may set: the ``fields`` and ``update`` of create, edit and transition, checked as Jira checks them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from selfheal.sandbox.jira import adf
from selfheal.sandbox.jira.errors import Refused
from selfheal.sandbox.jira.site import LINK_TYPES, PARTICIPANTS_FIELD, SERVICES_FIELD, Site
from selfheal.sandbox.jira.store import Issue, Store

OFF_SCREEN = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."


@dataclass
class Edit:
    """Raw values by field, comments as (document, properties), links as (type id, inward key, outward key)."""

    values: dict[str, Any] = field(default_factory=dict)
    comments: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    links: list[tuple[str, str, str]] = field(default_factory=list)

    def apply(self, store: Store, issue: Issue, author: Any, metadata: dict[str, Any] | None = None) -> None:
        """Everything at once: one history entry, however many fields."""
        store.change(issue, author, self.values, metadata)
        for body, properties in self.comments:
            store.comment(issue, author, body, properties)
        for type_id, inward, outward in self.links:
            store.link(type_id, inward, outward)


class Wrong(ValueError):
    """A value that a field does not take, in Jira's words."""


def read_edit(body: dict[str, Any], store: Store, issue: Issue | None, allowed: frozenset[str]) -> Edit:
    """The edit that ``body`` asks for; ``issue`` is None on create. Raises Refused naming every bad field."""
    fields, update = body.get("fields") or {}, body.get("update") or {}
    if not isinstance(fields, dict) or not isinstance(update, dict):
        raise Refused(400, {"errorMessages": ["'fields' and 'update' are objects."], "errors": {}})
    edit, errors = Edit(), {}
    reader = _Reader(store, issue, edit)
    for name in [*fields, *update]:
        if name not in allowed:
            errors[name] = OFF_SCREEN.format(name)
        elif name in fields and name in update:
            errors[name] = f"Field '{name}' is given in both 'fields' and 'update'."
        else:
            try:
                if name in fields:
                    edit.values[name] = reader.value(name, fields[name])
                else:
                    reader.operations(name, update[name])
            except Wrong as wrong:
                errors[name] = str(wrong)
    if errors:
        raise Refused(400, {"errorMessages": [], "errors": errors})
    return edit


def comment_body(body: Any) -> dict[str, Any]:
    """A comment's document; raises :class:`Wrong`."""
    if not isinstance(body, dict) or adf.problem(body):
        raise Wrong("Comment body is not valid!")
    if len(adf.plain(body)) > adf.MAX_CHARACTERS:
        raise Wrong("The entered text is too long. It exceeds the allowed limit of 32,767 characters.")
    return body


def entity_properties(given: Any) -> dict[str, Any]:
    """``[{"key", "value"}]`` as a mapping; raises :class:`Wrong`."""
    if not isinstance(given or [], list):
        raise Wrong("Properties are a list of keys and values.")
    found = {}
    for one in given or []:
        if not isinstance(one, dict) or not isinstance(one.get("key"), str) or "value" not in one:
            raise Wrong("A property has a key and a value.")
        found[one["key"]] = one["value"]
    return found


class _Reader:
    def __init__(self, store: Store, issue: Issue | None, edit: Edit) -> None:
        self.store = store
        self.site: Site = store.site
        self.issue = issue
        self.edit = edit
        self._readers: dict[str, Callable[[Any], Any]] = {
            "summary": self._summary,
            "description": self._description,
            "priority": self._priority,
            "resolution": self._resolution,
            "labels": self._labels,
            "assignee": self._assignee,
            "reporter": self._user,
            "duedate": self._day,
            "issuetype": self._issue_type,
            "project": self._project,
            SERVICES_FIELD: self._services,
            PARTICIPANTS_FIELD: lambda value: tuple(self._user(one) for one in value or ()),
        }

    def value(self, name: str, value: Any) -> Any:
        return self._readers.get(name, lambda raw: raw)(value)

    def operations(self, name: str, operations: Any) -> None:
        if not isinstance(operations, list) or not all(isinstance(one, dict) for one in operations):
            raise Wrong("Operations are a list of objects.")
        for operation in operations:
            for verb, value in operation.items():
                self._operation(name, verb, value)

    def _operation(self, name: str, verb: str, value: Any) -> None:
        if name == "comment" and verb == "add" and isinstance(value, dict):
            self.edit.comments.append(
                (comment_body(value.get("body")), entity_properties(value.get("properties")))
            )
        elif name == "issuelinks" and verb == "add":
            self._link(value)
        elif name == "labels" and verb in ("add", "remove"):
            have = self.edit.values.get("labels", self.issue.fields["labels"] if self.issue else ())
            changed = [one for one in have if one != value]
            if verb == "add":
                changed = [*have, *(() if value in have else self._labels([value]))]
            self.edit.values["labels"] = self._labels(changed)
        elif verb == "set" and name not in ("comment", "issuelinks"):
            self.edit.values[name] = self.value(name, value)
        else:
            raise Wrong(f"Field '{name}' does not support operation '{verb}'.")

    def _link(self, value: Any) -> None:
        named = value.get("type", {}).get("name", "") if isinstance(value, dict) else ""
        kind = next((one for one in LINK_TYPES if one[1].casefold() == str(named).casefold()), None)
        side = next(
            (one for one in ("inwardIssue", "outwardIssue") if isinstance(value, dict) and one in value), ""
        )
        other = str(value[side].get("key", "")).upper() if side else ""
        if kind is None or self.issue is None or other not in self.store.issues:
            raise Wrong("The link's type or issue does not exist.")
        ends = (self.issue.key, other) if side == "outwardIssue" else (other, self.issue.key)
        self.edit.links.append((kind[0], *ends))

    # -- values --------------------------------------------------------------------------------------------

    def _summary(self, value: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            raise Wrong("You must specify a summary of the issue.")
        if "\n" in value or "\r" in value:
            raise Wrong("The summary is invalid because it contains newline characters.")
        if len(value) > 255:
            raise Wrong("Summary must be less than 255 characters.")
        return value

    def _description(self, value: Any) -> dict[str, Any] | None:
        if value is None:
            return None
        if not isinstance(value, dict) or adf.problem(value):
            raise Wrong("Operation value must be an Atlassian Document (see the Atlassian Document Format)")
        if len(adf.plain(value)) > adf.MAX_CHARACTERS:
            raise Wrong("The entered text is too long. It exceeds the allowed limit of 32,767 characters.")
        return value

    def _priority(self, value: Any) -> str:
        found = self.site.priority(_named(value))
        if found is None:
            raise Wrong("The priority selected is invalid.")
        return found.id

    def _resolution(self, value: Any) -> str:
        found = self.site.resolution(_named(value))
        if found is None:
            raise Wrong(f"The resolution '{_named(value)}' does not exist.")
        return found.id

    def _issue_type(self, value: Any) -> str:
        found = self.site.issue_type(_named(value))
        if found is None:
            raise Wrong("Specify a valid issue type")
        return found.id

    def _project(self, value: Any) -> str:
        key = value.get("key", value.get("id", "")) if isinstance(value, dict) else ""
        if key not in (self.site.project_key, self.site.project_id):
            raise Wrong("valid project is required")
        return self.site.project_id

    def _labels(self, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
            raise Wrong("data was not an array of strings")
        for label in value:
            if not label or re.search(r"\s", label):
                raise Wrong(f"The label '{label}' contains spaces which is invalid.")
            if len(label) > 255:
                raise Wrong(f"The label '{label}' exceeds the maximum length of 255 characters.")
        return tuple(sorted(dict.fromkeys(value)))

    def _user(self, value: Any) -> str | None:
        if value is None:
            return None
        account_id = value.get("accountId", value.get("id")) if isinstance(value, dict) else None
        account = self.site.by_id(account_id)
        if account is None:
            raise Wrong("Specify a valid value for the user")
        return account.id

    def _assignee(self, value: Any) -> str | None:
        found = self._user(value)
        account = self.site.by_id(found)
        if account is not None and not self.site.assignable(account):
            raise Wrong(f"User '{account.name}' cannot be assigned issues.")
        return found

    def _day(self, value: Any) -> str | None:
        if value is not None and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(value)):
            raise Wrong("Error parsing date string: " + str(value))
        return value if value is None else str(value)

    def _services(self, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(one, dict) and one.get("name") for one in value):
            raise Wrong("Affected services are a list of objects with a name.")
        return tuple(str(one["name"]) for one in value)


def _named(value: Any) -> str:
    return str(value.get("id") or value.get("name") or "") if isinstance(value, dict) else ""
