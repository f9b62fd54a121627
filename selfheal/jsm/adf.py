"""Atlassian Document Format: read as plain text, and written from a few kinds of block.

Every text node passes redaction's ADF sink. Blocks are what a caller says; a plain string is a paragraph.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from selfheal.redaction import adf_text

Node: TypeAlias = dict[str, Any]
Block: TypeAlias = str | Node

#: Jira refuses documents above 32,767 characters of text; a comment of ours stays readable long before.
_LONGEST: Final = 12_000
#: Nodes after which a new line starts in plain text.
_LINES = frozenset(
    {
        "paragraph",
        "heading",
        "codeBlock",
        "listItem",
        "tableRow",
        "rule",
        "blockquote",
        "panel",
        "taskItem",
        "hardBreak",
    }
)
_DEEPEST: Final = 60


def paragraph(text: str) -> Node:
    """A paragraph."""
    return {"type": "paragraph", "content": [adf_text(text)]}


def heading(text: str, level: int = 3) -> Node:
    """A heading of level 1 to 6."""
    return {"type": "heading", "attrs": {"level": level}, "content": [adf_text(text)]}


def bullets(items: Iterable[str]) -> Node:
    """A list; an empty one becomes a paragraph, since ADF refuses empty lists."""
    rows = [{"type": "listItem", "content": [paragraph(item)]} for item in items]
    return {"type": "bulletList", "content": rows} if rows else paragraph("(none)")


def code(text: str, language: str = "") -> Node:
    """A code block."""
    node: Node = {"type": "codeBlock", "content": [adf_text(text)]}
    if language:
        node["attrs"] = {"language": language}
    return node


def link(text: str, url: str) -> Node:
    """A paragraph that is a link. Only web addresses become links."""
    node = adf_text(text)
    if url.startswith(("https://", "http://")):
        node["marks"] = [{"type": "link", "attrs": {"href": adf_text(url)["text"]}}]
    return {"type": "paragraph", "content": [node]}


def document(blocks: Iterable[Block]) -> Node:
    """The document of ``blocks``, cut with a word about it where it would be too long to read."""
    content: list[Node] = []
    room = _LONGEST
    for block in blocks:
        node = paragraph(block) if isinstance(block, str) else block
        size = len(plain(node))
        if size > room:
            content.append(paragraph("(The rest is left out; it is in the record and in the run's report.)"))
            break
        room -= size
        content.append(node)
    return {"type": "doc", "version": 1, "content": content or [paragraph("")]}


def plain(node: Any) -> str:
    """The text of an ADF document (or of a plain string, as v2 has it), blocks on lines of their own."""
    if isinstance(node, str):
        return node
    parts: list[str] = []
    _collect(node, parts, 0)
    lines = [line.rstrip() for line in "".join(parts).split("\n")]
    return "\n".join(lines).strip()


def _collect(node: Any, parts: list[str], depth: int) -> None:
    if isinstance(node, list):
        for item in node:
            _collect(item, parts, depth)
        return
    if not isinstance(node, dict) or depth > _DEEPEST:
        return
    kind, attributes = str(node.get("type")), node.get("attrs")
    if kind == "text":
        parts.append(str(node.get("text", "")))
    elif kind in ("mention", "emoji", "status", "inlineCard", "blockCard", "date") and isinstance(
        attributes, dict
    ):
        parts.append(
            str(attributes.get("text") or attributes.get("url") or attributes.get("shortName") or "")
        )
    _collect(node.get("content"), parts, depth + 1)
    if kind in _LINES and parts and not parts[-1].endswith("\n"):
        parts.append("\n")
