"""Edits of Helm templates: literal values, and includes of the wrong helper. The last thing that is tried."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice

from selfheal.cluster.workloads import mapping
from selfheal.repair.edits import emit
from selfheal.repair.edits.file import decode
from selfheal.repair.edits.nodes import EditRefused
from selfheal.repair.goal import Goal
from selfheal.repair.sources.interface import Attempt
from selfheal.repair.view import View

_DEFINE = re.compile(r"\{\{-?\s*define\s+\"([^\"]+)\"")
_INCLUDE = re.compile(r"(\{\{-?\s*(?:include|template)\s+\")([^\"]+)(\")")
MOST = 40


def attempts(view: View, chart: str, template: str, goals: Sequence[Goal]) -> Iterator[Attempt]:
    """Changed templates. ``template`` is the file that an object of the goals is rendered from."""
    data = view.read(template)
    if data is None:
        return
    try:
        text = decode(template, data)
    except EditRefused:
        return
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    for new in islice(chain(_literals(text, goals), _includes(view, chart, text, goals)), MOST):
        yield Attempt({template: mark + new.encode("utf-8")}, f"edits {template}")


def _literals(text: str, goals: Sequence[Goal]) -> Iterator[str]:
    """Lines that spell the field's key and its present value."""
    if len(goals) != 1:
        return
    goal = goals[0]
    if goal.op != "set" or isinstance(goal.before, dict | list) or goal.before is None:
        return
    key = goal.path[-1]
    name = r"-" if key.isdecimal() else rf"(?:-\s+)?[\"']?{re.escape(key)}[\"']?:"
    shown = {str(goal.before), emit.scalar(goal.before)}
    for before in shown:
        pattern = re.compile(
            rf"^([ \t]*{name}[ \t]+)([\"']?){re.escape(before)}\2(?=[ \t]*(?:#.*)?\r?$)", re.MULTILINE
        )
        for match in pattern.finditer(text):
            quote = match.group(2)
            value = emit.scalar(goal.value, style=quote)
            yield text[: match.start()] + match.group(1) + value + text[match.end() :]
    yield from _inline_items(text, goal)


def _inline_items(text: str, goal: Goal) -> Iterator[str]:
    """The value as an item of a list in flow style, as commands and arguments are written."""
    if not isinstance(goal.before, str) or not isinstance(goal.value, str):
        return
    for quote in ("'", '"'):
        spelled = f"{quote}{goal.before}{quote}"
        start = text.find(spelled)
        while start >= 0:
            yield text[:start] + f"{quote}{goal.value}{quote}" + text[start + len(spelled) :]
            start = text.find(spelled, start + 1)


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
    prefix = f"{chart}/" if chart else ""
    paths = [path for path in view.files() if path.startswith(prefix) and path.endswith((".tpl", ".yaml"))]
    found: set[str] = set()
    for data in view.read_many(path for path in paths if "/templates/" in f"/{path}").values():
        found |= set(_DEFINE.findall(data.decode("utf-8", "replace")))
    return found


def source_of(text: str) -> dict[tuple[str, str], str]:
    """(kind, name) of each object in Helm's output -> the template it is rendered from."""
    from selfheal.repair.objects import documents, load

    found: dict[tuple[str, str], str] = {}
    for part in documents(text):
        match = re.search(r"^# Source: (.+?)\r?$", part, re.MULTILINE)
        if match is None:
            continue
        for obj in load(part):
            name = str(mapping(obj.get("metadata")).get("name", ""))
            found[str(obj.get("kind", "")), name] = match.group(1)
    return found
