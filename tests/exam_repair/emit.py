"""Writes objects as people do: with comments, quotes where somebody liked them, and a place for template expressions.

What is commented and quoted depends on the place alone, never on the value, so that a changed value changes one line.
"""

from __future__ import annotations

import re
import zlib
from typing import Any

_PLAIN = re.compile(r"^[A-Za-z/.][A-Za-z0-9_./@-]*(:[A-Za-z0-9_./@-]+)*$")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
_NOTES = (
    "see the runbook", "agreed with the platform team", "do not change without asking", "2024-11: doubled after the move",
    "was 3 once", "ops: keep in step with the dashboard", "TBD\twith tabs\tin it", "ünïcode — fine",
)  # fmt: skip


class Raw(str):
    """Text that is written as it is: a template expression."""


class Lines(list[str]):
    """Lines that are written as they are, indented to their place."""


def chance(seed: str, of: int) -> int:
    """A number below ``of`` that follows from the text."""
    return zlib.crc32(seed.encode()) % of


class Emitter:
    """``seed`` decides where comments and quotes are; ``comments`` whether there are any."""

    def __init__(self, seed: str, *, comments: bool = True, flow: bool = True) -> None:
        self.seed, self.comments, self.flow = seed, comments, flow

    def documents(self, objects: list[dict[str, Any]]) -> str:
        return "---\n".join(self.document(obj) for obj in objects)

    def document(self, obj: dict[str, Any]) -> str:
        meta = obj.get("metadata") or {}
        where = f"{self.seed}/{obj.get('kind')}/{meta.get('name')}"
        head = (
            "# " + _NOTES[chance(where, len(_NOTES))] + "\n"
            if self.comments and chance(where, 3) == 0
            else ""
        )
        return head + "".join(f"{line}\n" for line in self._mapping(obj, 0, where))

    def values(self, tree: dict[str, Any]) -> str:
        """A values file."""
        return "".join(f"{line}\n" for line in self._mapping(tree, 0, self.seed))

    def _mapping(self, tree: dict[str, Any], depth: int, where: str) -> list[str]:
        pad, lines = "  " * depth, []
        for key, value in tree.items():
            here = f"{where}/{key}"
            if isinstance(value, Lines):
                lines += [
                    f"{pad}{key}:",
                    *(f"{pad}  {line}".replace("%N%", str(len(pad) + 2)) for line in value),
                ]
                continue
            if self.comments and chance(here, 23) == 1:
                lines.append(f"{pad}# {_NOTES[chance(here + '#', len(_NOTES))]}")
            note = (
                f"  # {_NOTES[chance(here + '!', len(_NOTES))]}"
                if self.comments and chance(here, 19) == 2
                else ""
            )
            lines += self._entry(f"{pad}{self._key(key)}:", value, depth, here, note)
        return lines

    def _entry(self, head: str, value: Any, depth: int, where: str, note: str = "") -> list[str]:
        if isinstance(value, dict) and value and not isinstance(value, Raw):
            if self.flow and chance(where, 6) == 0 and (text := self._flow(value, where)) is not None:
                return [f"{head} {text}{note}"]
            return [head + note, *self._mapping(value, depth + 1, where)]
        if isinstance(value, list) and value:
            if self.flow and chance(where, 2) == 0 and (text := self._flow(value, where)) is not None:
                return [f"{head} {text}{note}"]
            return [head + note, *self._list(value, depth + (1 if chance(self.seed, 2) else 0), where)]
        if isinstance(value, str) and "\n" in value and not isinstance(value, Raw):
            return [
                f"{head} |",
                *("  " * (depth + 1) + line if line else "" for line in value.rstrip("\n").split("\n")),
            ]
        return [f"{head} {self.scalar(value, where)}{note}"]

    def _list(self, items: list[Any], depth: int, where: str) -> list[str]:
        pad, lines = "  " * depth, []
        for index, item in enumerate(items):
            name = item.get("name", index) if isinstance(item, dict) else index
            here = f"{where}/{name}"
            if isinstance(item, dict) and item:
                if (
                    self.flow
                    and len(item) < 3
                    and chance(where + ".", 3) == 0
                    and (text := self._flow(item, here)) is not None
                ):
                    lines.append(f"{pad}- {text}")
                    continue
                block = self._mapping(item, depth + 1, here)
                first = next(number for number, line in enumerate(block) if not line.lstrip().startswith("#"))
                lines += [line[2:] for line in block[:first]]
                block = block[first:]
                lines += [f"{pad}- {block[0].lstrip()}", *block[1:]]
            else:
                lines.append(f"{pad}- {self.scalar(item, here)}")
        return lines

    def _flow(self, value: Any, where: str) -> str | None:
        """In one line, or None where it is too long or nested."""
        if isinstance(value, dict):
            if any(isinstance(item, (dict, list, Raw)) for item in value.values()):
                return None
            text = (
                "{"
                + ", ".join(f"{self._key(k)}: {self.scalar(v, f'{where}/{k}')}" for k, v in value.items())
                + "}"
            )
        else:
            if any(isinstance(item, (dict, list, Raw)) for item in value):
                return None
            text = "[" + ", ".join(self.scalar(v, f"{where}/{i}") for i, v in enumerate(value)) + "]"
        return text if len(text) < 60 and "\n" not in text else None

    def _key(self, key: str) -> str:
        return key if _PLAIN.match(key) and key not in _WORDS else f'"{key}"'

    def scalar(self, value: Any, where: str) -> str:
        if isinstance(value, Raw):
            return str(value)
        if value is None:
            return "null"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return str(value)
        if value == {}:
            return "{}"
        if value == []:
            return "[]"
        text = str(value)
        style = chance(where + "'", 7)
        if _PLAIN.match(text) and text.lower() not in _WORDS and style > 1:
            return text
        if (style == 1 and "'" not in text) or '"' in text or "\\" in text:
            return "'" + text.replace("'", "''") + "'"
        return f'"{text}"'
