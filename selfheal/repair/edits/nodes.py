"""YAML text as a tree of nodes that know where they stand, built from parse events.

Unlike a loaded document it keeps aliases apart from what they stand for, and offsets count characters of the text.
JSON is read the same way: it is YAML in flow style.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from selfheal.errors import SelfhealError

#: Levels of nesting and nodes after alias expansion that a document may have; beyond lies an attack.
DEPTH = 100
NODES = 200_000


class EditRefused(SelfhealError):
    """The text cannot be read or edited without touching more than was asked for."""

    code = "edit-refused"


@dataclass
class Node:
    """``start`` and ``end`` are offsets; ``end`` is right after the last character of the content."""

    start: int
    end: int
    anchor: str = ""


@dataclass
class Scalar(Node):
    """``style`` is "" for plain, else one of ``" ' | >``."""

    value: str = ""
    style: str = ""
    tag: str = ""


@dataclass
class Alias(Node):
    """``target`` is the node it stands for."""

    target: Node | None = None


@dataclass
class Mapping(Node):
    """``entries`` in the order of the text, duplicates and merge keys included."""

    flow: bool = False
    entries: list[tuple[Node, Node]] = field(default_factory=list)


@dataclass
class Sequence(Node):
    """The items in order."""

    flow: bool = False
    items: list[Node] = field(default_factory=list)


_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {
    **{word: True for base in ("true", "yes", "on") for word in (base, base.title(), base.upper())},
    **{word: False for base in ("false", "no", "off") for word in (base, base.title(), base.upper())},
}
_INT = re.compile(r"^[-+]?(?:0|[1-9][0-9_]*)$")
_OCTAL = re.compile(r"^([-+]?)0o?([0-7]+)$")
_HEX = re.compile(r"^([-+]?)0x([0-9a-fA-F]+)$")
_FLOAT = re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$")


def typed(text: str) -> Any:
    """What a plain scalar means to Kubernetes' reader (YAML 1.1 booleans and octals, no dates, no base 60)."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.match(text) and len(text) < 40:
        return int(text.replace("_", ""))
    for pattern, base in ((_OCTAL, 8), (_HEX, 16)):
        match = pattern.match(text)
        if match and len(text) < 40:
            return int(match.group(1) + match.group(2), base)
    if _FLOAT.match(text) and len(text) < 60:
        return float(text)
    return text


def parse(text: str) -> list[Node]:
    """One node for each document; a document without content is an empty plain scalar.

    Raises EditRefused for text that is no YAML, or that is nested or aliased beyond reason.
    """
    try:
        return _composed(text)
    except EditRefused:
        if not _TABS.search(text):
            raise
        # Kubernetes' reader takes tabs for the white space before a comment or a line's end. Offsets stay.
        return _composed(_TABS.sub(lambda match: " " * len(match.group()), text))


_TABS = re.compile(r"[ \t]*\t[ \t]*(?=#|\r?$)", re.MULTILINE)


def _composed(text: str) -> list[Node]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return list(_Composer(text, YAML(typ="safe", pure=True).parse(text)).documents())
    except (YAMLError, ValueError, IndexError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise EditRefused(f"It is not YAML that can be read: {reason}") from error


class _Composer:
    def __init__(self, text: str, events: Iterator[Any]) -> None:
        self._text = text
        self._events = events
        self._anchors: dict[str, Node] = {}

    def documents(self) -> Iterator[Node]:
        for event in self._events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                self._anchors = {}
                yield self._node(next(self._events), 0)

    def _node(self, event: Any, depth: int) -> Node:
        if depth > DEPTH:
            raise EditRefused(f"It is nested more than {DEPTH} levels deep.")
        kind, start, end = type(event).__name__, event.start_mark.index, event.end_mark.index
        if kind == "AliasEvent":
            target = self._anchors.get(event.anchor)
            if target is None:
                raise EditRefused(f"The alias *{event.anchor} stands for nothing.")
            return Alias(start, end, target=target)
        anchor = str(event.anchor or "")
        node: Node
        if kind == "ScalarEvent":
            style = event.style or ""
            if style in "|>" and style:
                end = self._block_end(start, end)
            node = Scalar(
                self._after_properties(start, end, event),
                end,
                anchor,
                event.value,
                style,
                str(event.tag or ""),
            )
            self._remember(node)
            return node
        flow = bool(event.flow_style)
        if kind == "MappingStartEvent":
            mapping = Mapping(start, end, anchor, flow)
            self._remember(mapping)
            while type(following := next(self._events)).__name__ != "MappingEndEvent":
                key = self._node(following, depth + 1)
                value = self._node(next(self._events), depth + 1)
                if isinstance(value, Scalar) and value.start == value.end:
                    # Nothing is written: the parser places it at the next token, far from its key.
                    colon = self._text.find(":", key.end)
                    value.start = value.end = colon + 1 if 0 <= colon < value.end else key.end
                mapping.entries.append((key, value))
            if mapping.entries:
                start, last = mapping.entries[0][0].start if not flow else start, mapping.entries[-1][1].end
            else:
                last = start
            mapping.start = start if not flow else self._after_properties(start, len(self._text), event)
            node = mapping
        elif kind == "SequenceStartEvent":
            sequence = Sequence(start, end, anchor, flow)
            self._remember(sequence)
            while type(following := next(self._events)).__name__ != "SequenceEndEvent":
                sequence.items.append(self._node(following, depth + 1))
            last = sequence.items[-1].end if sequence.items else start
            sequence.start = self._after_properties(start, len(self._text), event)
            node = sequence
        else:
            raise EditRefused(f"It holds a {kind} where a value is expected.")
        node.end = following.end_mark.index if flow else last
        return node

    def _remember(self, node: Node) -> None:
        if node.anchor:
            self._anchors[node.anchor] = node

    def _block_end(self, start: int, end: int) -> int:
        """The end of a block scalar's last line with content; blank lines after it stay where they are."""
        content = self._text[start:end]
        return start + len(content.rstrip(" \t\r\n")) if content.strip() else end

    def _after_properties(self, start: int, end: int, event: Any) -> int:
        """Where the value itself begins, behind an anchor or a tag."""
        if not event.anchor and not event.tag:
            return start
        position = start
        while position < end and self._text[position] in "&!":
            while position < end and not self._text[position].isspace():
                position += 1
            while position < end and self._text[position].isspace():
                position += 1
        return position


def value_of(node: Node) -> Any:
    """The document as JSON-able values, aliases and merge keys resolved."""
    return _Values().value(node)


class _Values:
    def __init__(self) -> None:
        self._count = 0

    def value(self, node: Node) -> Any:
        self._count += 1
        if self._count > NODES:
            raise EditRefused(f"It has more than {NODES} values once its aliases are resolved.")
        if isinstance(node, Alias):
            assert node.target is not None  # noqa: S101 - set when it is composed
            return self.value(node.target)
        if isinstance(node, Scalar):
            return scalar_value(node)
        if isinstance(node, Sequence):
            return [self.value(item) for item in node.items]
        assert isinstance(node, Mapping)  # noqa: S101 - there are no others
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key, value in node.entries:
            if is_merge(key):
                given = self.value(value)
                for part in reversed(given if isinstance(given, list) else [given]):
                    merged |= part if isinstance(part, dict) else {}
            else:
                own[key_text(key)] = self.value(value)
        return {**merged, **own}


def is_merge(key: Node) -> bool:
    """Whether a key is YAML's ``<<``."""
    return isinstance(key, Scalar) and key.value == "<<" and not key.style


def key_text(key: Node) -> str:
    """A mapping key as the text JSON would have."""
    found = key.target if isinstance(key, Alias) and key.target is not None else key
    if not isinstance(found, Scalar):
        raise EditRefused("It has a key that is not a scalar.")
    return found.value


def scalar_value(node: Scalar) -> Any:
    """A scalar's value; quoted ones and those tagged as text are text."""
    if node.style or node.tag in ("!", "!!str", "tag:yaml.org,2002:str"):
        return node.value
    return typed(node.value)


def resolved(node: Node) -> Node:
    """The node itself, or what an alias stands for."""
    return node.target if isinstance(node, Alias) and node.target is not None else node


def child(node: Node, token: str) -> Node | None:
    """The child that a token of a pointer (see cluster.pointer) names; of duplicates the last."""
    node = resolved(node)
    if isinstance(node, Mapping):
        found = [value for key, value in node.entries if not is_merge(key) and key_text(key) == token]
        return found[-1] if found else None
    if isinstance(node, Sequence):
        index = index_of(node, token)
        return node.items[index] if index >= 0 else None
    return None


def index_of(node: Sequence, token: str) -> int:
    """The index that ``name=VALUE`` or a number means in a sequence, -1 when there is none."""
    if token.startswith("name="):
        wanted = token.removeprefix("name=")
        for index in range(len(node.items) - 1, -1, -1):
            name = child(node.items[index], "name")
            named = resolved(name) if name is not None else None
            if isinstance(named, Scalar) and named.value == wanted:
                return index
        return -1
    index = int(token) if token.isdecimal() and len(token) < 9 else -1
    return index if index < len(node.items) else -1
