"""Atlassian Document Format: what Jira takes as a rich text, and its plain text for search and the service desk API.

Node types and what may stand in which are those of Atlassian's published document schema, without attributes.
"""

from __future__ import annotations

from typing import Any

MAX_CHARACTERS = 32_767

_INLINE = frozenset({"text", "hardBreak", "mention", "emoji", "inlineCard", "date", "status", "placeholder"})
_LISTS = frozenset({"bulletList", "orderedList"})
_BLOCK = frozenset(
    {"paragraph", "heading", "blockquote", "codeBlock", "panel", "rule", "table", "expand", "mediaSingle"}
    | {"mediaGroup", "blockCard", "decisionList", "taskList"}
    | _LISTS
)
_CELL = frozenset(
    {"paragraph", "heading", "blockquote", "codeBlock", "panel", "rule", "nestedExpand"} | _LISTS
)
_CHILDREN: dict[str, frozenset[str]] = {
    "doc": _BLOCK,
    "paragraph": _INLINE,
    "heading": _INLINE,
    "codeBlock": frozenset({"text"}),
    "blockquote": frozenset({"paragraph", "codeBlock"} | _LISTS),
    "panel": frozenset({"paragraph", "heading", "codeBlock", "rule", "blockCard"} | _LISTS),
    "bulletList": frozenset({"listItem"}),
    "orderedList": frozenset({"listItem"}),
    "listItem": frozenset({"paragraph", "codeBlock", "mediaSingle"} | _LISTS),
    "table": frozenset({"tableRow"}),
    "tableRow": frozenset({"tableCell", "tableHeader"}),
    "tableCell": _CELL,
    "tableHeader": _CELL,
    "expand": _CELL,
    "nestedExpand": frozenset({"paragraph", "heading", "codeBlock"} | _LISTS),
    "decisionList": frozenset({"decisionItem"}),
    "decisionItem": _INLINE,
    "taskList": frozenset({"taskItem", "taskList"}),
    "taskItem": _INLINE,
    "mediaSingle": frozenset({"media", "caption"}),
    "mediaGroup": frozenset({"media"}),
    "caption": _INLINE,
}
_MARKS = frozenset(
    {
        "strong",
        "em",
        "code",
        "strike",
        "underline",
        "link",
        "subsup",
        "textColor",
        "backgroundColor",
        "border",
    }
)
#: Nodes that are nothing without children.
_FILLED = _LISTS | {"listItem", "table", "tableRow", "blockquote", "panel", "expand", "nestedExpand"}


def problem(document: Any) -> str:
    """What is wrong with a document, "" when Jira would take it."""
    if not isinstance(document, dict):
        return "the document is not an object"
    if document.get("type") != "doc" or document.get("version") != 1:
        return "the document needs type doc and version 1"
    if not isinstance(document.get("content"), list):
        return "the document has no content"
    return _node_problem(document, depth=0)


def _node_problem(node: dict[str, Any], depth: int) -> str:
    kind = node["type"]
    if depth > 40:
        return "the document is nested too deeply"
    if kind == "text":
        return _text_problem(node)
    attributes, children = node.get("attrs", {}), node.get("content", [])
    if not isinstance(attributes, dict):
        return f"the attributes of {kind} are no object"
    if not isinstance(children, list):
        return f"the content of {kind} is not a list"
    if kind in _FILLED and not children:
        return f"{kind} has no content"
    if kind == "heading" and attributes.get("level") not in range(1, 7):
        return "a heading has a level from 1 to 6"
    allowed = _CHILDREN.get(kind, frozenset())
    for child in children:
        if not isinstance(child, dict) or not isinstance(child.get("type"), str):
            return f"something in {kind} is no node"
        if child["type"] not in allowed:
            return f"{child['type']} may not stand in {kind}"
        if kind == "codeBlock" and child.get("marks"):
            return "text in a code block has no marks"
        found = _node_problem(child, depth + 1)
        if found:
            return found
    return ""


def _text_problem(node: dict[str, Any]) -> str:
    if not isinstance(node.get("text"), str) or not node["text"]:
        return "a text node is empty"
    marks = node.get("marks", [])
    if not isinstance(marks, list):
        return "marks are a list"
    for mark in marks:
        if not isinstance(mark, dict) or str(mark.get("type")) not in _MARKS:
            return f"unknown mark {mark!r}"
        attributes = mark.get("attrs")
        named = isinstance(attributes, dict) and isinstance(attributes.get("href"), str)
        if mark["type"] == "link" and not named:
            return "a link has no href"
    return ""


def plain(document: Any) -> str:
    """The text a person reads, a line a block."""
    lines: list[str] = []
    _collect(document, lines)
    return "\n".join(line for line in lines if line)


def _collect(node: Any, lines: list[str]) -> None:
    if not isinstance(node, dict):
        return
    children = node.get("content", [])
    if any(isinstance(child, dict) and child.get("type") in _INLINE for child in children):
        lines.append("".join(_inline(child) for child in children))
        return
    for child in children:
        _collect(child, lines)


def _inline(node: dict[str, Any]) -> str:
    if node["type"] == "text":
        return str(node["text"])
    if node["type"] == "hardBreak":
        return "\n"
    attributes = node.get("attrs", {})
    return str(attributes.get("text") or attributes.get("url") or attributes.get("shortName") or "")


def from_text(text: str) -> dict[str, Any]:
    """A document of paragraphs, as the editor makes of pasted text."""
    paragraphs: list[dict[str, Any]] = [
        {"type": "paragraph", "content": [{"type": "text", "text": line}] if line else []}
        for line in text.split("\n")
    ]
    return {"type": "doc", "version": 1, "content": paragraphs}
