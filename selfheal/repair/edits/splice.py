"""Setting, adding, renaming and removing single values in a text, by replacing just the characters they take.

Every operation proves itself: the text is read again, and unless exactly the intended value changed, nothing else in
any document, the edit is refused. So anchors that others use, odd layouts and unforeseen syntax end in a refusal,
never in a damaged file.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

from selfheal.cluster import pointer
from selfheal.repair.edits import emit, positions
from selfheal.repair.edits.data import same, with_removed, with_set, wrapped
from selfheal.repair.edits.nodes import (
    Alias,
    EditRefused,
    Mapping,
    Node,
    Scalar,
    child,
    index_of,
    is_merge,
    key_text,
    parse,
    resolved,
    value_of,
)
from selfheal.repair.edits.nodes import Sequence as SequenceNode

Path = tuple[str, ...]
_ABSENT = object()


class Text:
    """A YAML or JSON text under edit. ``strict_json``: keep to JSON's syntax."""

    def __init__(self, text: str, *, strict_json: bool = False) -> None:
        self.text = text
        self.strict_json = strict_json
        self.newline = "\r\n" if "\r\n" in text else "\n"
        self._read()

    def _read(self) -> None:
        # JSON may be indented with tabs, which YAML forbids; inside JSON strings a raw tab cannot occur.
        readable = self.text.replace("\t", " ") if self.strict_json else self.text
        self.roots = parse(readable)
        self.values = [value_of(root) for root in self.roots]

    # The four operations. ``document`` counts from 0; paths are tokens as in cluster.pointer.

    def set(self, document: int, path: Path, value: Any) -> None:
        """Sets what ``path`` names, adding it (and the mappings on the way) where it is missing.

        Raises EditRefused.
        """
        expected = with_set(self.values[document], path, value)
        self._change(document, expected, lambda: self._set(document, path, value))

    def remove(self, document: int, path: Path) -> None:
        """Removes a key or a list item. Raises EditRefused when it is not there."""
        expected = with_removed(self.values[document], path)
        self._change(document, expected, lambda: self._remove(document, path))

    def rename(self, document: int, path: Path, name: str) -> None:
        """Gives the key that ``path`` names another name. Raises EditRefused."""
        before = pointer.resolve(self.values[document], path, _ABSENT)
        if (
            before is _ABSENT
            or pointer.resolve(self.values[document], (*path[:-1], name), _ABSENT) is not _ABSENT
        ):
            raise EditRefused(f"{pointer.join(*path)} cannot be renamed to {name}.")
        expected = with_set(with_removed(self.values[document], path), (*path[:-1], name), before)
        self._change(document, expected, lambda: self._rename(document, path, name))

    def delete_document(self, document: int) -> None:
        """Removes a whole document of several, with the separator before it. Raises EditRefused."""
        if len(self.roots) < 2:
            raise EditRefused("It is the only document of its file.")
        root = self.roots[document]
        if document + 1 < len(self.roots):
            start = positions.separator_before(self.text, root.start)
            stop = positions.separator_before(self.text, self.roots[document + 1].start)
        else:
            start, stop = positions.separator_before(self.text, root.start), len(self.text)
            start = start if start > 0 else root.start
        before = self.text
        remaining = [value for index, value in enumerate(self.values) if index != document]
        self._splice(start, stop, "")
        try:
            self._read()
        except EditRefused:
            self.values = []
        if self.values != remaining:
            self.text = before
            self._read()
            raise EditRefused("The document cannot be removed without touching its neighbours.")

    def _change(self, document: int, expected: Any, edit: Callable[[], None]) -> None:
        before, wanted = self.text, copy.copy(self.values)
        wanted[document] = expected
        try:
            edit()
            self._read()
            proven = same(self.values, wanted)
        except (EditRefused, ValueError, IndexError) as error:
            self.text = before
            self._read()
            raise (
                error if isinstance(error, EditRefused) else EditRefused("Its layout is not understood.")
            ) from error
        if not proven:
            self.text = before
            self._read()
            raise EditRefused(
                "The value cannot be changed without changing others (an anchor, a merge key, or an odd layout).",
                hint="A person has to edit this file.",
            )

    # Setting

    def _set(self, document: int, path: Path, value: Any) -> None:
        if not path:
            raise EditRefused("A whole document is not replaced.")
        parent, done = self._deepest(document, path)
        missing = path[done:]
        if not missing:
            self._replace(document, path, value)
            return
        for token in reversed(missing[1:]):
            value = wrapped(token, value)
        node = resolved(parent)
        if isinstance(parent, Alias):
            whole = with_set(value_of(parent), missing[:1], value)
            self._replace(document, path[:done], whole)
        elif isinstance(node, Mapping):
            self._add_key(document, path[:done], node, missing[0], value)
        elif isinstance(node, SequenceNode):
            self._append(document, path[:done], node, missing[0], value)
        elif isinstance(node, Scalar) and node.value in ("", "null", "~") and not node.style:
            self._replace(document, path[:done], wrapped(missing[0], value))
        else:
            raise EditRefused(
                f"{pointer.join(*path[:done])} holds a single value, so nothing can be added below it."
            )

    def _deepest(self, document: int, path: Path) -> tuple[Node, int]:
        """The deepest node on the way to ``path`` that is written here, and how many tokens lead to it."""
        node = self.roots[document]
        for done, token in enumerate(path):
            if isinstance(node, Alias) and done:
                # Below an alias nothing can be changed in place.
                return node, done
            following = child(node, token)
            if following is None:
                return node, done
            node = following
        return node, len(path)

    def _entry(self, document: int, path: Path) -> tuple[Node, Node | None, Node]:
        """The container of ``path``, its key where that is a mapping, and its value."""
        container = self._at(document, path[:-1])
        if isinstance(container, Mapping):
            found = [
                (key, value)
                for key, value in container.entries
                if not is_merge(key) and key_text(key) == path[-1]
            ]
            if found:
                return container, *found[-1]
        elif isinstance(container, SequenceNode):
            index = index_of(container, path[-1])
            if index >= 0:
                return container, None, container.items[index]
        raise EditRefused(f"{pointer.join(*path)} is not in this file.")

    def _at(self, document: int, path: Path) -> Node:
        node = self.roots[document]
        for token in path:
            following = child(node, token)
            if following is None:
                raise EditRefused(f"{pointer.join(*path)} is not in this file.")
            node = following
        return node

    def _replace(self, document: int, path: Path, value: Any) -> None:
        container, key, node = self._entry(document, path)
        flow = getattr(container, "flow", False)
        if isinstance(node, Mapping) and isinstance(value, dict) and value:
            self._merge_mapping(document, path, value)
        elif (
            isinstance(node, SequenceNode)
            and isinstance(value, list)
            and self._merge_list(document, path, value)
        ):
            return
        elif isinstance(node, Scalar) and not isinstance(value, dict | list):
            self._replace_scalar(key, node, value, flow)
        elif key is None:
            self._splice(node.start, node.end, self._compact(value))
        else:
            colon = positions.colon(self.text, key)
            column = positions.column(self.text, key.start)
            text = (
                " " + self._compact(value)
                if flow or self.strict_json or getattr(node, "flow", False)
                else emit.after_colon(
                    value, column, self.newline, positions.step(self.text, self.roots[document])
                )
            )
            self._splice(colon + 1, node.end, text)

    def _replace_scalar(self, key: Node | None, node: Scalar, value: Any, flow: bool) -> None:
        if node.style in ("|", ">") and isinstance(value, str) and key is not None:
            indent = positions.column(self.text, key.start) + 2
            first = self.text[node.start : node.end].split("\n", 2)
            if len(first) > 1 and first[1].strip():
                indent = len(first[1]) - len(first[1].lstrip(" "))
            text = emit.literal_block(value, indent, self.newline) or emit.scalar(value, style='"')
            self._splice(node.start, node.end, text)
            return
        text = emit.scalar(value, style=node.style, flow=flow, strict_json=self.strict_json)
        start = node.start
        if start == node.end:
            text = " " + text
        elif node.tag and key is not None:
            # A tag would force its type on the new value.
            start, text = positions.colon(self.text, key) + 1, " " + text
        self._splice(start, node.end, text)

    def _merge_mapping(self, document: int, path: Path, value: dict[str, Any]) -> None:
        now = value_of(self._at(document, path))
        gone, come = [key for key in now if key not in value], [key for key in value if key not in now]
        for old in list(gone):
            # A key that keeps its value under another name is renamed in its place.
            new = next((key for key in come if same(now[old], value[key])), None)
            if new is not None:
                self._step_by(partial(self._rename, document, (*path, old), new))
                gone.remove(old)
                come.remove(new)
        for key in [*(key for key in value if key in now and not same(now[key], value[key])), *come]:
            self._step_by(partial(self._set, document, (*path, key), value[key]))
        for key in gone:
            self._step_by(partial(self._remove, document, (*path, key)))

    def _merge_list(self, document: int, path: Path, value: list[Any]) -> bool:
        """Changes items in place where that is plainly what is meant; False: replace the list."""
        now = value_of(self._at(document, path))
        if len(now) == len(value):
            for index, (old, new) in enumerate(zip(now, value, strict=True)):
                if not same(old, new):
                    self._step_by(partial(self._set, document, (*path, str(index)), new))
            return True
        if len(value) > len(now) > 0 and same(now, value[: len(now)]):
            for index in range(len(now), len(value)):
                self._step_by(partial(self._set, document, (*path, str(index)), value[index]))
            return True
        if len(now) == len(value) + 1 > 1:
            gone = next((i for i, item in enumerate(value) if not same(now[i], item)), len(value))
            if same(now[gone + 1 :], value[gone:]):
                self._step_by(lambda: self._remove(document, (*path, str(gone))))
                return True
        return False

    def _step_by(self, edit: Callable[[], None]) -> None:
        edit()
        self._read()

    # Adding

    def _add_key(self, document: int, path: Path, node: Mapping, key: str, value: Any) -> None:
        name = emit.scalar(key, flow=node.flow, strict_json=self.strict_json)
        if node.flow:
            self._add_flow(node, [pair[1].end for pair in node.entries], f"{name}: {self._compact(value)}")
            return
        if not node.entries:
            raise EditRefused("A mapping without entries cannot be extended in place.")
        column = positions.column(self.text, node.entries[0][0].start)
        text = (
            name
            + ":"
            + emit.after_colon(value, column, self.newline, positions.step(self.text, self.roots[document]))
        )
        self._insert_line(node.end, column, text)

    def _append(self, document: int, path: Path, node: SequenceNode, token: str, value: Any) -> None:
        if token.startswith("name="):
            if not isinstance(value, dict):
                raise EditRefused(f"A list item {token} must be a mapping.")
            value = {"name": token.removeprefix("name="), **value}
        elif token not in (str(len(node.items)), "-"):
            raise EditRefused(f"There is no list item {token}.")
        if node.flow:
            self._add_flow(node, [item.end for item in node.items], self._compact(value))
            return
        if not node.items:
            raise EditRefused("A list without items cannot be extended in place.")
        column = positions.column(self.text, positions.dash(self.text, node.items[-1]))
        gap = max(2, positions.column(self.text, node.items[-1].start) - column)
        text = (
            "-"
            + " " * (gap - 1)
            + emit.block(value, column + gap, self.newline, positions.step(self.text, self.roots[document]))
        )
        self._insert_line(node.end, column, text)

    def _add_flow(self, node: Mapping | SequenceNode, ends: list[int], text: str) -> None:
        if not ends:
            self._splice(node.start + 1, node.end - 1, text)
            return
        first = node.entries[0][0].start if isinstance(node, Mapping) else node.items[0].start
        if positions.line_start(self.text, first) != positions.line_start(self.text, node.start):
            self._splice(
                ends[-1],
                ends[-1],
                "," + self.newline + self.text[positions.line_start(self.text, first) : first] + text,
            )
        else:
            self._splice(ends[-1], ends[-1], ", " + text)

    def _insert_line(self, after: int, column: int, text: str) -> None:
        end = positions.line_end(self.text, after)
        self._splice(end, end, self.newline + " " * column + text)

    # Removing and renaming

    def _remove(self, document: int, path: Path) -> None:
        if not path:
            raise EditRefused("A whole document is not removed here.")
        container, key, node = self._entry(document, path)
        siblings = (
            [(entry[0].start, entry[1].end) for entry in container.entries]
            if isinstance(container, Mapping)
            else [(item.start, item.end) for item in getattr(container, "items", ())]
        )
        start = key.start if key is not None else node.start
        at = next(index for index, span in enumerate(siblings) if span[0] == start and span[1] == node.end)
        if getattr(container, "flow", False):
            self._remove_flow(siblings, at)
        elif len(siblings) == 1:
            self._empty(document, path[:-1], "{}" if isinstance(container, Mapping) else "[]")
        else:
            self._remove_block(siblings, at, key, node)

    def _remove_flow(self, spans: list[tuple[int, int]], at: int) -> None:
        if at + 1 < len(spans):
            self._splice(spans[at][0], spans[at + 1][0], "")
        elif at:
            self._splice(spans[at - 1][1], spans[at][1], "")
        else:
            self._splice(*spans[0], "")

    def _empty(self, document: int, path: Path, text: str) -> None:
        if not path:
            raise EditRefused("A document is not left empty.")
        _, key, node = self._entry(document, path)
        if key is None:
            self._splice(node.start, node.end, text)
        else:
            self._splice(positions.colon(self.text, key) + 1, node.end, " " + text)

    def _remove_block(self, spans: list[tuple[int, int]], at: int, key: Node | None, node: Node) -> None:
        start = key.start if key is not None else positions.dash(self.text, node)
        line = positions.line_start(self.text, start)
        if self.text[line:start].strip(" "):
            # The first key of a list item shares its line with the dash.
            if at + 1 >= len(spans):
                raise EditRefused("Its layout is not understood.")
            self._splice(start, spans[at + 1][0], "")
            return
        end = positions.line_end(self.text, node.end)
        if end < len(self.text):
            end += len(self.newline) if self.text.startswith(self.newline, end) else 1
        elif line:
            line -= len(self.newline) if self.text[:line].endswith(self.newline) else 1
        self._splice(line, end, "")

    def _rename(self, document: int, path: Path, name: str) -> None:
        container, key, _ = self._entry(document, path)
        if not isinstance(key, Scalar):
            raise EditRefused(f"{pointer.join(*path)} has no name of its own here.")
        flow = getattr(container, "flow", False)
        self._splice(
            key.start, key.end, emit.scalar(name, style=key.style, flow=flow, strict_json=self.strict_json)
        )

    def _splice(self, start: int, stop: int, text: str) -> None:
        self.text = self.text[:start] + text + self.text[stop:]

    def _compact(self, value: Any) -> str:
        return emit.inline(value, strict_json=self.strict_json)
