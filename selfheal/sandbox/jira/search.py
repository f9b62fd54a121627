"""Runs a parsed query over issues: names are resolved against the site first, as Jira does, so that an unknown value
is an error even when no issue would be looked at.

Semantics that clients stumble over and that are kept: negative operators do not match empty fields, ``NOT`` turns
operators round instead of taking the rest, priorities compare by rank, and texts match by words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from selfheal.sandbox.jira import adf
from selfheal.sandbox.jira.jql import And, Call, Clause, Empty, Literal, Node, Not, Operand, Query
from selfheal.sandbox.jira.jql_tokens import JqlError
from selfheal.sandbox.jira.moments import moment, span_start
from selfheal.sandbox.jira.site import SERVICES_FIELD, Account
from selfheal.sandbox.jira.store import Store
from selfheal.sandbox.jira.workflow import CATEGORIES

#: A row of the index: raw fields, with ``key`` and ``id``.
Row = Mapping[str, Any]
Predicate = Callable[[Row], bool]

_NEGATED = {
    "=": "!=",
    "!=": "=",
    "IN": "NOT IN",
    "NOT IN": "IN",
    "IS": "IS NOT",
    "IS NOT": "IS",
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "<=": ">",
    "~": "!~",
    "!~": "~",
}
_EQUALITY = frozenset({"=", "!=", "IN", "NOT IN", "IS", "IS NOT"})
_ORDERED = _EQUALITY | {"<", ">", "<=", ">="}
_TEXT = frozenset({"~", "!~", "IS", "IS NOT"})
#: JQL name -> (raw field, kind).
_FIELDS = {
    "project": ("project", "project"),
    "issuetype": ("issuetype", "issuetype"),
    "type": ("issuetype", "issuetype"),
    "assignee": ("assignee", "user"),
    "reporter": ("reporter", "user"),
    "creator": ("creator", "user"),
    "status": ("status", "status"),
    "statuscategory": ("status", "category"),
    "priority": ("priority", "priority"),
    "resolution": ("resolution", "resolution"),
    "labels": ("labels", "labels"),
    "key": ("key", "key"),
    "issuekey": ("key", "key"),
    "issue": ("key", "key"),
    "id": ("key", "key"),
    "created": ("created", "date"),
    "createddate": ("created", "date"),
    "updated": ("updated", "date"),
    "updateddate": ("updated", "date"),
    "statuscategorychangeddate": ("statuscategorychangedate", "date"),
    "summary": ("summary", "text"),
    "description": ("description", "text"),
    "text": ("*", "text"),
    "affected services": (SERVICES_FIELD, "service"),
}
_OPERATORS = {
    "text": _TEXT,
    "date": _ORDERED,
    "priority": _ORDERED,
    "key": _ORDERED,
}


@dataclass(frozen=True)
class Search:
    """``matches`` a row; ``sort`` rows in place."""

    matches: Predicate
    sort: Callable[[list[Row]], None]


def prepare(query: Query, store: Store, account: Account) -> Search:
    """Raises :class:`JqlError` for unknown fields, values, functions, and for no restriction at all."""
    if query.where is None:
        raise JqlError(
            "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
        )
    resolver = _Resolver(store, account)
    return Search(resolver.predicate(query.where), resolver.sorter(query.order))


class _Resolver:
    def __init__(self, store: Store, account: Account) -> None:
        self.store = store
        self.site = store.site
        self.account = account
        self.now = store.now()

    # -- tree ----------------------------------------------------------------------------------------------

    def predicate(self, node: Node, *, negated: bool = False) -> Predicate:
        if isinstance(node, Not):
            return self.predicate(node.node, negated=not negated)
        if isinstance(node, Clause):
            operator = _NEGATED[node.operator] if negated else node.operator
            return self._clause(Clause(node.field, operator, node.operands))
        parts = [self.predicate(one, negated=negated) for one in node.nodes]
        if isinstance(node, And) != negated:
            return lambda row: all(part(row) for part in parts)
        return lambda row: any(part(row) for part in parts)

    def _field(self, name: str) -> tuple[str, str]:
        known = _FIELDS.get(name.casefold())
        if known:
            return known
        custom = re.fullmatch(r"cf\[(\d+)\]", name)
        for info in self.site.fields:
            if info.custom and (
                name.casefold() == info.name.casefold() or (custom and str(info.number) == custom[1])
            ):
                return info.id, "service" if info.id == SERVICES_FIELD else "custom"
        raise JqlError(f"Field '{name}' does not exist or you do not have permission to view it.")

    def _clause(self, clause: Clause) -> Predicate:
        raw, kind = self._field(clause.field)
        operator = clause.operator
        if operator not in _OPERATORS.get(kind, _EQUALITY):
            raise JqlError(
                f"The operator '{operator.lower()}' is not supported by the '{clause.field}' field."
            )
        if kind == "text":
            return self._text(clause, raw)
        if kind == "date":
            return self._date(clause, raw)
        wanted: list[Any] = []
        for operand in clause.operands:
            wanted += self._values(clause.field, kind, operand)
        rank = self._rank if kind == "priority" else _key_number
        return _comparison(operator, wanted, lambda row: self._shown(row, raw, kind), rank)

    # -- values --------------------------------------------------------------------------------------------

    def _shown(self, row: Row, raw: str, kind: str) -> tuple[Any, ...]:
        """The values of a row, comparable with what :meth:`_values` makes; none when empty."""
        if kind == "project":
            return (self.site.project_id,)
        value = row.get(raw)
        if kind == "category":
            status = self.store.workflow.status(str(value))
            return (status.category,) if status else ()
        if value is None:
            return ()
        if isinstance(value, list | tuple):
            return tuple(str(one).casefold() if kind == "service" else _option(one) for one in value)
        return (_option(value),)

    def _values(self, field: str, kind: str, operand: Operand) -> list[Any]:
        if isinstance(operand, Empty):
            return [None]
        if isinstance(operand, Call):
            return self._call(field, kind, operand)
        text = operand.text
        found = getattr(self, f"_{kind}_value")(text)
        if found is None:
            if kind == "key":
                raise JqlError(f"An issue with key '{text}' does not exist for field '{field}'.")
            raise JqlError(f"The value '{text}' does not exist for the field '{field}'.")
        return [found]

    def _call(self, field: str, kind: str, call: Call) -> list[Any]:
        name = call.name.casefold()
        if kind == "user" and name == "currentuser":
            return [self.account.id]
        if kind == "user" and name == "membersof" and call.arguments:
            group = call.arguments[0]
            if group not in self.site.groups():
                raise JqlError(
                    f"Function 'membersOf' can not generate a list of usernames for group '{group}'; the group does not exist."
                )
            return [account.id for account in self.site.members(group)]
        if name in ("currentuser", "membersof"):
            raise JqlError(
                f"A value provided by the function '{call.name}' is invalid for the field '{field}'."
            )
        raise JqlError(f"Unable to find JQL function '{call.name}({', '.join(call.arguments)})'.")

    def _project_value(self, text: str) -> str | None:
        site = self.site
        names = (site.project_key.casefold(), site.project_name.casefold(), site.project_id)
        return site.project_id if text.casefold() in names else None

    def _issuetype_value(self, text: str) -> str | None:
        found = self.site.issue_type(text)
        return found.id if found else None

    def _user_value(self, text: str) -> str | None:
        found = self.site.named_user(text)
        return found.id if found else None

    def _status_value(self, text: str) -> str | None:
        found = self.store.workflow.status(text)
        return found.id if found else None

    def _category_value(self, text: str) -> str | None:
        wanted = text.casefold()
        return next(
            (
                key
                for key, (number, name, _) in CATEGORIES.items()
                if wanted in (key, name.casefold(), str(number))
            ),
            None,
        )

    def _priority_value(self, text: str) -> str | None:
        found = self.site.priority(text)
        return found.id if found else None

    def _resolution_value(self, text: str) -> str | None:
        if text.casefold() == "unresolved":
            return ""
        found = self.site.resolution(text)
        return found.id if found else None

    def _labels_value(self, text: str) -> str:
        return text

    def _service_value(self, text: str) -> str:
        return text.casefold()

    def _custom_value(self, text: str) -> str:
        return text

    def _key_value(self, text: str) -> str | None:
        if text.upper() in self.store.issues:
            return text.upper()
        issue = self.store.by_id(text)
        return issue.key if issue else None

    def _rank(self, priority: str) -> int:
        """Higher is more urgent."""
        return -[one.id for one in self.site.priorities].index(priority)

    # -- texts and dates -----------------------------------------------------------------------------------

    def _text(self, clause: Clause, raw: str) -> Predicate:
        operand = clause.operands[0]

        def shown(row: Row) -> str:
            description = adf.plain(row["description"]) if row.get("description") else ""
            both = {"summary": row["summary"], "description": description}
            return f"{both['summary']}\n{description}" if raw == "*" else str(both[raw])

        if clause.operator in ("IS", "IS NOT"):
            return lambda row: (not shown(row)) == (clause.operator == "IS")
        if not isinstance(operand, Literal):
            raise JqlError(f"The operator '{clause.operator}' takes a text for the '{clause.field}' field.")
        phrases = re.findall(r'"([^"]+)"', operand.text)
        words = re.findall(r"\w+", re.sub(r'"[^"]+"', " ", operand.text).casefold())

        def matches(row: Row) -> bool:
            text = shown(row).casefold()
            have = set(re.findall(r"\w+", text))
            return have.issuperset(words) and all(phrase.casefold() in text for phrase in phrases)

        return matches if clause.operator == "~" else lambda row: bool(shown(row)) and not matches(row)

    def _date(self, clause: Clause, raw: str) -> Predicate:
        wanted: list[datetime | None] = []
        for operand in clause.operands:
            if isinstance(operand, Empty):
                wanted.append(None)
                continue
            at = (
                span_start(operand.name, operand.arguments, self.now)
                if isinstance(operand, Call)
                else moment(operand.text, self.now)
            )
            if at is None and isinstance(operand, Call):
                raise JqlError(
                    f"Unable to find JQL function '{operand.name}({', '.join(operand.arguments)})'."
                )
            if at is None and isinstance(operand, Literal):
                raise JqlError(
                    f"Date value '{operand.text}' for field '{clause.field}' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', "
                    "'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'."
                )
            wanted.append(at)
        return _comparison(clause.operator, wanted, lambda row: (row[raw],), _itself)

    # -- order ---------------------------------------------------------------------------------------------

    def sorter(self, order: tuple[tuple[str, bool], ...]) -> Callable[[list[Row]], None]:
        keys = [(*self._field(name), descending) for name, descending in order]

        def sort(rows: list[Row]) -> None:
            rows.sort(key=lambda row: row["created"], reverse=True)
            for raw, kind, descending in reversed(keys):
                rows.sort(key=partial(self._sort_key, raw=raw, kind=kind), reverse=descending)

        return sort

    def _sort_key(self, row: Row, raw: str, kind: str) -> tuple[bool, Any]:
        """Empty fields last in ascending order."""
        values = self._shown(row, raw, kind)
        if not values:
            return True, 0
        if kind == "priority":
            return False, self._rank(values[0])
        if kind == "key":
            return False, _key_number(values[0])
        if kind == "user":
            account = self.site.by_id(values[0])
            return False, account.name.casefold() if account else ""
        if kind == "status":
            return False, [status.id for status in self.store.workflow.statuses].index(values[0])
        return False, values[0] if kind in ("date", "project") else str(values[0])


def _option(value: Any) -> Any:
    """The text of a custom field's option."""
    return value.get("value") if isinstance(value, dict) else value


def _itself(value: Any) -> Any:
    return value


def _key_number(key: str) -> tuple[str, int]:
    project, _, number = key.rpartition("-")
    return project, int(number)


def _comparison(
    operator: str, wanted: list[Any], shown: Callable[[Row], tuple[Any, ...]], rank: Callable[[Any], Any]
) -> Predicate:
    """``None`` among the wanted is EMPTY; ``""`` is a value no row has (an unresolved resolution)."""
    empty = any(one in (None, "") for one in wanted)
    values = frozenset(one for one in wanted if one not in (None, ""))
    if operator in ("=", "IN", "IS"):
        return lambda row: bool(values.intersection(shown(row))) or (empty and not shown(row))
    if operator in ("!=", "NOT IN", "IS NOT"):
        return lambda row: bool(shown(row)) and not values.intersection(shown(row))
    if not values:
        raise JqlError(f"The operator '{operator}' does not take EMPTY.")
    bound = rank(next(iter(values)))
    compare: dict[str, Callable[[Any], bool]] = {
        "<": lambda value: rank(value) < bound,
        ">": lambda value: rank(value) > bound,
        "<=": lambda value: rank(value) <= bound,
        ">=": lambda value: rank(value) >= bound,
    }
    return lambda row: any(compare[operator](value) for value in shown(row))
