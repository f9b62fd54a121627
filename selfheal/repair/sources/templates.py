"""Edits of Helm templates: literal values, missing and superfluous keys, includes of the wrong helper.

A template is no YAML, so lines are edited where they spell what the object renders to; each edit counts only when
rendering proves it. The last thing that is tried.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.workloads import mapping
from selfheal.repair.edits import emit
from selfheal.repair.edits.data import wrapped
from selfheal.repair.edits.file import decode
from selfheal.repair.edits.nodes import EditRefused
from selfheal.repair.goal import Goal, Move, merged
from selfheal.repair.objects import Object, documents, load
from selfheal.repair.sources import masks
from selfheal.repair.sources.interface import Attempt
from selfheal.repair.view import View

_DEFINE = re.compile(r"\{\{-?\s*define\s+\"([^\"]+)\"")
_INCLUDE = re.compile(r"(\{\{-?\s*(?:include|template)\s+\")([^\"]+)(\")")
_END = r"(?=[ \t]*(?:[,}\]].*|#.*)?\r?$)"
_BEGIN = r"(?:^|(?<=[{,\[]))"
_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_BARE = re.compile(r"-?\d+|true|false")
MOST = 40
_ABSENT = object()


def attempts(view: View, chart: str, template: str, goals: Sequence[Goal], obj: Object) -> Iterator[Attempt]:
    """Changed texts of one template file; ``obj`` is what it renders to now."""
    data = view.read(template)
    if data is None:
        return
    try:
        text = decode(template, data)
    except EditRefused:
        return
    if not masks.closed(text):
        return
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    wanted = merged(goals)
    found = chain(
        masks.edits(text, wanted, obj), _edits(text, wanted, obj), _includes(view, chart, text, goals)
    )
    for new in islice(found, MOST):
        yield Attempt({template: mark + new.encode("utf-8")}, f"edits {template}")


def _edits(text: str, goals: Sequence[Goal], obj: Object) -> Iterator[str]:
    """Texts in which every goal was worked on, one after the other."""
    if not goals:
        return
    for changed in _edit(text, goals[0], obj):
        if len(goals) == 1:
            yield changed
        else:
            yield from _edits(changed, goals[1:], obj)


def _edit(text: str, goal: Goal, obj: Object) -> Iterator[str]:
    if isinstance(goal, Move):
        yield from _renamed(text, goal)
    elif goal.op == "remove":
        yield from _without(text, goal)
    elif goal.before is None:
        yield from _added(text, goal, obj)
    elif not isinstance(goal.before, dict | list):
        yield from _literals(text, goal)


def _key(goal: Goal) -> str:
    """How the field's key may be spelled at the start of a line, or in flow style."""
    last = goal.path[-1]
    return "-" if last.isdecimal() else rf"(?:-\s+)?[\"']?{re.escape(last)}[\"']?:"


def _literals(text: str, goal: Goal) -> Iterator[str]:
    """Lines that spell the field's key and its present value, or the value as an item of a list in flow style."""
    for before in dict.fromkeys((str(goal.before), emit.scalar(goal.before))):
        pattern = re.compile(
            rf"({_BEGIN}[ \t]*{_key(goal)}[ \t]+)([\"']?){re.escape(before)}\2{_END}", re.MULTILINE
        )
        for match in pattern.finditer(text):
            value = emit.scalar(goal.value, style=match.group(2), flow=True)
            yield text[: match.start()] + match.group(1) + value + text[match.end() :]
    yield from _numbers(text, goal)
    if not isinstance(goal.before, str) or not isinstance(goal.value, str):
        return
    for quote in ("'", '"'):
        spelled = f"{quote}{goal.before}{quote}"
        start = text.find(spelled)
        while start >= 0:
            yield text[:start] + emit.scalar(goal.value, style=quote) + text[start + len(spelled) :]
            start = text.find(spelled, start + 1)
    yield from _parts(text, goal)


def _numbers(text: str, goal: Goal) -> Iterator[str]:
    """A number, or a truth, that an action spells, as the default of a value nobody gave."""
    before, value = (
        str(item).lower() if isinstance(item, bool) else str(item) for item in (goal.before, goal.value)
    )
    if not _BARE.fullmatch(before) or not _BARE.fullmatch(value):
        return
    for action in _ACTION.finditer(text):
        for match in re.finditer(rf"(?<![\w.$\"'-]){re.escape(before)}(?![\w.\"'-])", action.group()):
            start = action.start() + match.start()
            yield text[:start] + value + text[start + len(before) :]


def _parts(text: str, goal: Goal) -> Iterator[str]:
    """The part in which the old and the new value differ, on lines with the field's key: a value partly templated."""
    old, new = str(goal.before), str(goal.value)
    start = next(
        (i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new))
    )
    for head in range(start, -1, -1):
        if head and old[head - 1].isalnum() and old[head : head + 1].isalnum():
            continue
        tail = next(
            (
                i
                for i in range(min(len(old), len(new)) - head)
                if old[len(old) - 1 - i] != new[len(new) - 1 - i]
            ),
            min(len(old), len(new)) - head,
        )
        part, other = old[head : len(old) - tail], new[head : len(new) - tail]
        if len(part) < 2:
            continue
        for match in re.finditer(
            rf"{_BEGIN}[ \t]*{_key(goal)}[ \t]+.*?({re.escape(part)})", text, re.MULTILINE
        ):
            yield text[: match.start(1)] + other + text[match.end(1) :]
        return


def _renamed(text: str, goal: Move) -> Iterator[str]:
    new = str(goal.value)
    if new.startswith("name="):
        old, new = goal.path[-1].removeprefix("name="), new.removeprefix("name=")
        pattern = re.compile(
            rf"({_BEGIN}[ \t]*(?:-\s+)?name:[ \t]+[\"']?){re.escape(old)}(?=[\"']?{_END})", re.MULTILINE
        )
    else:
        pattern = re.compile(rf"({_BEGIN}[ \t]*[\"']?){re.escape(goal.path[-1])}(?=[\"']?:)", re.MULTILINE)
    for match in pattern.finditer(text):
        yield text[: match.start()] + match.group(1) + new + text[match.end() :]


def _without(text: str, goal: Goal) -> Iterator[str]:
    """Without a key's line and the lines that are indented below it."""
    last = goal.path[-1]
    name = (
        rf"-[ \t]+name:[ \t]+[\"']?{re.escape(last[5:])}[\"']?"
        if last.startswith("name=")
        else rf"[\"']?{re.escape(last)}[\"']?:"
    )
    for match in re.finditer(rf"^([ \t]*){name}.*(?:\r?\n|$)", text, re.MULTILINE):
        end = match.end()
        while (
            below := re.compile(rf"{match.group(1)}[ \t]+\S.*(?:\r?\n|$)|[ \t]*\r?\n").match(text, end)
        ) is not None:
            if not below.group().strip() or below.end() == end:
                break
            end = below.end()
        yield text[: match.start()] + text[end:]


def _added(text: str, goal: Goal, obj: Object) -> Iterator[str]:
    """The missing key before a line that spells one of its neighbours, at that line's indentation."""
    length = max(
        n for n in range(len(goal.path)) if pointer.resolve(obj, goal.path[:n], _ABSENT) is not _ABSENT
    )
    parent = pointer.resolve(obj, goal.path[:length])
    if not isinstance(parent, dict):
        return
    value: Any = goal.value
    try:
        for token in reversed(goal.path[length + 1 :]):
            value = wrapped(token, value)
    except EditRefused:
        return
    newline = "\r\n" if "\r\n" in text else "\n"
    neighbours = sorted(
        parent, key=lambda key: (_kin(key, goal.path[length]), key not in ("resources", "ports", "env"))
    )
    for key in neighbours:
        for match in re.finditer(rf"^([ \t]+)[\"']?{re.escape(key)}[\"']?:", text, re.MULTILINE):
            indent = len(match.group(1))
            entry = f"{emit.scalar(goal.path[length])}:{emit.after_colon(value, indent, newline)}{newline}"
            yield text[: match.start()] + match.group(1) + entry + text[match.start() :]


def _kin(key: str, other: str) -> int:
    """0 for keys that belong together, such as two probes."""
    return 0 if key[-5:] == other[-5:] else 1


def _includes(view: View, chart: str, text: str, goals: Sequence[Goal]) -> Iterator[str]:
    """The include right below the key that all goals stand below, with another helper of the chart."""
    parents = {goal.path[:-1] for goal in goals}
    if len(parents) != 1:
        return
    parent = next(iter(parents))
    if not parent:
        return
    names = sorted(_helpers(view, chart), key=lambda name: (parent[-1].lower() not in name.lower(), name))
    for section in re.finditer(rf"^[ \t]*(?:-\s+)?{re.escape(parent[-1])}:[ \t]*\r?\n", text, re.MULTILINE):
        line_end = text.find("\n", section.end())
        line = text[section.end() : line_end if line_end >= 0 else len(text)]
        for match in _INCLUDE.finditer(line):
            for name in names:
                if name != match.group(2):
                    start = section.end() + match.start(2)
                    yield text[:start] + name + text[start + len(match.group(2)) :]


def _helpers(view: View, chart: str) -> set[str]:
    found: set[str] = set()
    for data in view.read_many(template_files(view, chart, (".tpl", ".yaml"))).values():
        found |= set(_DEFINE.findall(data.decode("utf-8", "replace")))
    return found


def template_files(view: View, chart: str, endings: tuple[str, ...]) -> list[str]:
    """The chart's template files, those of its subcharts too."""
    prefix = f"{chart}/" if chart else ""
    return [
        path
        for path in view.files()
        if path.startswith(prefix) and path.endswith(endings) and "/templates/" in f"/{path}"
    ]


def source_of(text: str) -> dict[tuple[str, str], str]:
    """(kind, name) of each object in Helm's output -> the template it is rendered from."""
    found: dict[tuple[str, str], str] = {}
    for part in documents(text):
        match = re.search(r"^# Source: (.+?)\r?$", part, re.MULTILINE)
        if match is None:
            continue
        for obj in load(part):
            name = str(mapping(obj.get("metadata")).get("name", ""))
            found[str(obj.get("kind", "")), name] = match.group(1)
    return found
