"""A configuration file that does not parse, put right where only one reading of it is possible.

No word is added, taken away or changed: a comma, a closing bracket or the indentation of one line, as little as makes it
parse. Where as little would make it say different things, it stays.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

#: Characters of a file that is looked at.
MOST = 65_536
_CLOSING = {"{": "}", "[": "]"}
_INDENT = re.compile(r"^[ \t]*")

#: What a candidate costs, and its text.
_Candidate = tuple[int, str]


def parsed_right(name: str, text: str) -> str | None:
    """The text of a file called ``name`` with the one slip in its syntax put right, None where it parses already, is of
    a kind that is not known, or can be read in more than one way.
    """
    if len(text) > MOST:
        return None
    low = name.lower()
    if low.endswith(".json"):
        return _best(text, json.loads, _json)
    if low.endswith((".yaml", ".yml")):
        return _best(text, _yaml_data, _yaml)
    return None


def _best(
    text: str, parse: Callable[[str], Any], candidates: Callable[[str], Iterator[_Candidate]]
) -> str | None:
    if _data(text, parse) is not None:
        return None
    found: list[tuple[int, int, str, Any]] = []
    for cost, other in candidates(text):
        held = _data(other, parse)
        if held is not None and isinstance(held[0], dict | list):
            found.append((cost, _odd(other), other, held[0]))
    found.sort(key=lambda item: item[:2])
    least = [item for item in found if item[0] == found[0][0]]
    return least[0][2] if least and all(item[3] == least[0][3] for item in least) else None


def _data(text: str, parse: Callable[[str], Any]) -> tuple[Any] | None:
    try:
        return (parse(text),)
    except (ValueError, YAMLError, RecursionError):
        return None


def _yaml_data(text: str) -> Any:
    # Keys that stand twice are an error for this reader, as they are for most programs.
    return YAML(typ="safe", pure=True).load(text)


def _odd(text: str) -> int:
    """How many lines are indented by an odd number of spaces: of two ways to align lines the even one is likelier."""
    return sum(len(_indent(line)) % 2 for line in text.splitlines() if line.strip())


def _indent(line: str) -> str:
    match = _INDENT.match(line)
    return match.group() if match else ""


def _json(text: str) -> Iterator[_Candidate]:
    try:
        json.loads(text)
        return
    except json.JSONDecodeError as error:
        place = error.pos
    before = text[:place].rstrip()
    if before.endswith(","):
        yield 1, before[:-1] + text[len(before) :]
    else:
        yield 1, before + "," + text[len(before) :]
    if not text[place:].strip():
        closing = _open(text)
        end = text.rstrip()
        yield 1, end.removesuffix(",") + closing + text[len(end) :]


def _open(text: str) -> str:
    """What closes the brackets that are open at the end of a text."""
    stack: list[str] = []
    quoted = escaped = False
    for char in text:
        if quoted:
            quoted, escaped = escaped or char != '"', char == "\\" and not escaped
        elif char == '"':
            quoted = True
        elif char in _CLOSING:
            stack.append(_CLOSING[char])
        elif stack and char == stack[-1]:
            stack.pop()
    return "".join(reversed(stack))


def _yaml(text: str) -> Iterator[_Candidate]:
    lines = text.splitlines(keepends=True)
    if any("\t" in _indent(line) for line in lines):
        yield 0, "".join(_indent(line).expandtabs(2) + line[len(_indent(line)) :] for line in lines)
    try:
        _yaml_data(text)
        return
    except MarkedYAMLError as error:
        marks = [mark.line for mark in (error.problem_mark, error.context_mark) if mark is not None]
    except (YAMLError, ValueError):
        return
    near = sorted({line + step for line in marks for step in (-1, 0, 1)} & set(range(len(lines))))
    widths = {len(_indent(lines[number])) for number in near}
    for number in near:
        line = lines[number]
        held = len(_indent(line))
        if not line.strip():
            continue
        for width in sorted({*widths, *(width + 2 for width in widths)} - {held}):
            other = [*lines[:number], " " * width + line[held:], *lines[number + 1 :]]
            yield abs(width - held), "".join(other)
        if re.match(r"\s*(?:- )?[\w.-]+:\S", line) and "://" not in line:
            spaced = re.sub(r"^(\s*(?:- )?[\w.-]+:)(?=\S)", r"\1 ", line)
            yield 1, "".join([*lines[:number], spaced, *lines[number + 1 :]])
