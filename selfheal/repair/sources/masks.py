"""Edits of a Helm template as the YAML that it nearly is: its actions are masked, the rest is edited like any manifest.

An action that stands alone on its lines becomes a comment, or the value of the key before it where nothing else is;
one inside a line becomes a word. So lists, blocks and flow style are edited with their structure known, and an action
is never written over: a value that is asked for is not mended by ceasing to ask for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.workloads import mapping
from selfheal.repair.edits.nodes import EditRefused
from selfheal.repair.edits.splice import Text
from selfheal.repair.goal import Goal
from selfheal.repair.objects import Object
from selfheal.repair.sources.composed import recomposed
from selfheal.repair.sources.plain import alter

_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
#: Lines that hold nothing but actions, as many as follow one another.
_ALONE = re.compile(
    r"^(?:[ \t]*(?:\{\{(?:(?!\}\}).){0,2000}\}\}[ \t]*)+\r?\n)+|^[ \t]*(?:\{\{(?:(?!\}\}).){0,2000}\}\}[ \t]*)+\Z",
    re.MULTILINE | re.DOTALL,
)
_TOKEN = re.compile(r"Xmasked\d+X")
_MARK = re.compile(rf"#?{_TOKEN.pattern}")
_ABSENT = object()


@dataclass(frozen=True)
class Masked:
    """``text`` reads as YAML where the template is laid out like it. ``words`` stand for actions inside lines,
    ``runs`` for whole lines of them.
    """

    text: str
    words: dict[str, str]
    runs: dict[str, str]

    def restored(self, text: str) -> str:
        """The template again."""

        def lines(match: re.Match[str]) -> str:
            run = self.runs.get(match.group(1))
            if run is None:
                return match.group()
            return run if run.endswith("\n") else run + match.group(2)

        text = re.sub(rf"^[ ]*#?({_TOKEN.pattern})(\r?\n|\Z)", lines, text, flags=re.MULTILINE)
        return _TOKEN.sub(lambda match: self.words.get(match.group(), match.group()), text)

    def keeps(self, text: str) -> bool:
        """Whether every action is still there, once."""
        return sorted(_TOKEN.findall(text)) == sorted((*self.words, *self.runs))


def closed(text: str) -> bool:
    """Whether every action ends: what Helm does not read is slow to look through as well."""
    return text.rfind("{{") <= text.rfind("}}")


def masked(template: str) -> Masked:
    """See the module."""
    words: dict[str, str] = {}
    runs: dict[str, str] = {}

    def token(action: str, among: dict[str, str]) -> str:
        name = f"Xmasked{len(words) + len(runs)}X"
        among[name] = action
        return name

    pieces: list[str] = []
    position = 0
    for run in _ALONE.finditer(template):
        pieces.append(template[position : run.start()])
        position = run.end()
        newline = "\n" if run.group().endswith("\n") else ""
        pad = _value_indent(pieces[-1], template[run.end() :])
        own = len(run.group()) - len(run.group().lstrip(" "))
        pieces.append(" " * own + "#" if pad < 0 else " " * pad)
        pieces.append(token(run.group(), runs) + newline)
    pieces.append(template[position:])
    return Masked(_ACTION.sub(lambda match: token(match.group(), words), "".join(pieces)), words, runs)


def _value_indent(before: str, after: str) -> int:
    """Where a value that actions make of the key above would stand, -1 when they stand in no such place."""
    lines = [line for line in before.splitlines() if line.strip()]
    if not lines or not re.search(r":[ \t]*(?:#.*)?$", lines[-1]):
        return -1
    indent = re.match(r"[ ]*(?:-[ ]+)*", lines[-1])
    column = len(indent.group()) if indent is not None else 0
    following = next((line for line in after.splitlines() if line.strip()), "")
    deeper = len(following) - len(following.lstrip(" "))
    holds = deeper > column or (deeper == column and following.lstrip().startswith("- "))
    return -1 if holds else column + 2


def edits(template: str, goals: Sequence[Goal], obj: Object) -> Iterator[str]:
    """The template with the goals reached in the document that renders to ``obj``; one text for each that may be it."""
    if not goals or _TOKEN.search(template) or not closed(template):
        return
    hidden = masked(template)
    try:
        values = Text(hidden.text).values
    except EditRefused:
        return
    for document in _documents(values, obj):
        text = Text(hidden.text)
        try:
            for goal in goals:
                path = _written(text.values[document], obj, goal.path)
                alter(text, document, path, _within(text.values[document], path, goal))
        except (EditRefused, IndexError):
            continue
        if hidden.keeps(text.text) or all(goal.op == "remove" for goal in goals):
            yield hidden.restored(text.text)


def _within(value: Any, path: tuple[str, ...], goal: Goal) -> Goal:
    """The goal for a text of which actions make parts: those stay, what is literal changes."""
    held = pointer.resolve(value, path, None)
    if type(goal) is not Goal or goal.op != "set" or not isinstance(held, str):
        return goal
    texts = recomposed(held, _MARK, str(goal.before), str(goal.value))
    return replace(goal, value=next(texts, goal.value))


def _documents(values: Sequence[Any], obj: Object) -> list[int]:
    """Documents of the object's kind, those that may have its name where any may."""
    name = str(mapping(obj.get("metadata")).get("name", ""))
    alike = [
        index
        for index, value in enumerate(values)
        if isinstance(value, dict) and value.get("kind") == obj.get("kind")
    ]
    named = [
        index
        for index in alike
        if re.fullmatch(
            ".*".join(
                map(re.escape, _TOKEN.split(str(mapping(values[index].get("metadata")).get("name", ""))))
            ),
            name,
        )
    ]
    return named or alike


def _written(value: Any, obj: Any, path: tuple[str, ...]) -> tuple[str, ...]:
    """The path in the template: an item whose name an action makes is found by its place in the rendered list."""
    found: list[str] = []
    for wanted in path:
        token, rendered = wanted, pointer.step(obj, wanted, _ABSENT)
        if token.startswith("name=") and isinstance(value, list) and isinstance(obj, list):
            here = pointer.step(value, token, _ABSENT)
            place = next((index for index, item in enumerate(obj) if item is rendered), -1)
            if here is _ABSENT and 0 <= place < len(value) and _TOKEN.search(str(_name(value[place]))):
                token = str(place)
        found.append(token)
        value, obj = pointer.step(value, token, None), None if rendered is _ABSENT else rendered
    return tuple(found)


def _name(item: Any) -> Any:
    return item.get("name", "") if isinstance(item, dict) else ""
