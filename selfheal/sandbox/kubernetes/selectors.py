"""Label selectors as objects and as query strings, and field selectors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from selfheal.sandbox.kubernetes.objects import Object, dig, entries

Test = Callable[[Object], bool]
_REQUIREMENT = re.compile(
    r"\s*(?:(?P<absent>!)\s*(?P<gone>[\w./-]+)"
    r"|(?P<key>[\w./-]+)\s*(?:(?P<operator>==|=|!=)\s*(?P<value>[\w.-]*)"
    r"|\s(?P<set>in|notin)\s*\((?P<values>[^)]*)\))?)\s*(?:,|$)"
)


def matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a ``metav1.LabelSelector`` selects; None selects nothing, an empty one everything."""
    if selector is None:
        return False
    for name, value in (selector.get("matchLabels") or {}).items():
        if labels.get(name) != str(value):
            return False
    return all(_holds(item, labels) for item in entries(selector, "matchExpressions"))


def _holds(item: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    name, operator = str(item.get("key")), item.get("operator")
    values = [str(value) for value in item.get("values") or ()]
    held = labels.get(name)
    if operator == "In":
        return held in values
    if operator == "NotIn":
        return held not in values
    if operator == "Exists":
        return held is not None
    if operator == "DoesNotExist":
        return held is None
    if operator in ("Gt", "Lt") and held is not None and held.lstrip("-").isdigit() and values[:1]:
        return int(held) > int(values[0]) if operator == "Gt" else int(held) < int(values[0])
    return False


def node_matches(term: Mapping[str, Any], node: Object) -> bool:
    """Whether one ``nodeSelectorTerm`` selects the node; its parts are joined by and, an empty one selects nothing."""
    labels = {str(name): str(value) for name, value in dig(node, "metadata", "labels", default={}).items()}
    expressions, fields = entries(term, "matchExpressions"), entries(term, "matchFields")
    if not expressions and not fields:
        return False
    named = {"metadata.name": str(node["metadata"]["name"])}
    return all(_holds(item, labels) for item in expressions) and all(_holds(item, named) for item in fields)


def by_labels(text: str) -> Test:
    """A test for ``labelSelector=``. Raises ValueError for what cannot be parsed."""
    tests: list[Callable[[dict[str, Any]], bool]] = []
    position = 0
    while position < len(text):
        match = _REQUIREMENT.match(text, position)
        if match is None or match.end() == position:
            raise ValueError(f'unable to parse requirement: found "{text[position:]}"')
        position = match.end()
        tests.append(_requirement(match))
    return lambda obj: all(test(dig(obj, "metadata", "labels", default={})) for test in tests)


def _requirement(match: re.Match[str]) -> Callable[[dict[str, Any]], bool]:
    if match["absent"]:
        gone = match["gone"]
        return lambda labels: gone not in labels
    name = match["key"]
    if match["set"]:
        values = {value.strip() for value in match["values"].split(",")}
        if match["set"] == "in":
            return lambda labels: labels.get(name) in values
        return lambda labels: labels.get(name) not in values
    value = match["value"]
    if match["operator"] in ("=", "=="):
        return lambda labels: labels.get(name) == value
    if match["operator"] == "!=":
        return lambda labels: labels.get(name) != value
    return lambda labels: name in labels


def by_fields(text: str) -> Test:
    """A test for ``fieldSelector=``: dotted paths compared as text. Raises ValueError."""
    tests: list[tuple[list[str], str, bool]] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        match = re.fullmatch(r"([\w.]+)(==|=|!=)(.*)", part)
        if match is None:
            raise ValueError(f"invalid selector: '{part}'; can't understand '{part}'")
        tests.append((match.group(1).split("."), match.group(3), match.group(2) != "!="))
    return lambda obj: all((_text(dig(obj, *path)) == value) is wanted for path, value, wanted in tests)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
