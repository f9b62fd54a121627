"""Where the parts of a YAML text stand: lines, columns, the colon of a key, the dash of a list item."""

from __future__ import annotations

from selfheal.repair.edits.nodes import EditRefused, Mapping, Node


def line_start(text: str, position: int) -> int:
    """Where the line that ``position`` is on begins."""
    return text.rfind("\n", 0, position) + 1


def line_end(text: str, position: int) -> int:
    """Where the line that ``position`` is on ends, before its line break."""
    end = text.find("\n", position)
    end = len(text) if end < 0 else end
    return end - 1 if end > position and text[end - 1] == "\r" else end


def column(text: str, position: int) -> int:
    """How far from the start of its line ``position`` is."""
    return position - line_start(text, position)


def colon(text: str, key: Node) -> int:
    """The colon behind a key. Raises EditRefused where something else comes first."""
    found = text.find(":", key.end)
    if found < 0 or text[key.end : found].strip():
        raise EditRefused("A key is written in a way that is not understood.")
    return found


def dash(text: str, item: Node) -> int:
    """The dash of a block list's item. Raises EditRefused where more than its properties are between."""
    position = text.rfind("-", 0, item.start)
    between = text[position + 1 : item.start]
    if position < 0 or (between.strip() and not between.strip().startswith(("&", "!"))):
        raise EditRefused("A list item is written in a way that is not understood.")
    return position


def step(text: str, root: Node) -> int:
    """The indentation that the mappings of a document use."""
    if isinstance(root, Mapping) and not root.flow:
        base = column(text, root.start)
        for _, value in root.entries:
            if isinstance(value, Mapping) and not value.flow and value.entries:
                return max(1, column(text, value.entries[0][0].start) - base)
    return 2


def separator_before(text: str, position: int) -> int:
    """The start of the ``---`` line before ``position``, 0 when there is none."""
    start = line_start(text, position)
    while start > 0:
        start = line_start(text, start - 1)
        if text.startswith("---", start):
            return start
    return 0
