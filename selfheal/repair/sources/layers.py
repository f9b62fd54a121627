"""The layers of a Helm release's values: which file says what, the last one counts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from selfheal.cluster import pointer
from selfheal.cluster.workloads import mapping, mappings
from selfheal.errors import SelfhealError
from selfheal.repair.edits.file import decode
from selfheal.repair.edits.nodes import EditRefused, parse, typed, value_of
from selfheal.repair.edits.splice import Text
from selfheal.repair.sources.dependencies import beside, content
from selfheal.repair.sources.interface import InlineValues, Unit
from selfheal.repair.view import View

Path = tuple[str, ...]
_DEPTH = 6
_TYPED = re.compile(r"0|-?[1-9]\d*|true|false|null")


class Edited(Protocol):
    """What a change of values is made on: a text, or something that reads like one."""

    def set(self, document: int, path: Path, value: Any, /) -> None: ...

    def remove(self, document: int, path: Path, /) -> None: ...

    def rename(self, document: int, path: Path, name: str, /) -> None: ...


class _Parameters:
    """A list of parameters under edit, each under the path that its name spells. All raise EditRefused."""

    def __init__(self, file: Text, place: InlineValues) -> None:
        self._file = file
        self._place = place

    def _index(self, path: Path) -> str:
        items = mappings(pointer.resolve(self._file.values[self._place.document], self._place.at, []))
        names = [tuple(str(item.get("name", "")).split(".")) for item in items]
        if path not in names:
            raise EditRefused(f"No parameter is called {'.'.join(path)}.")
        return str(len(names) - 1 - names[::-1].index(path))

    def set(self, _document: int, path: Path, value: Any, /) -> None:
        if isinstance(value, dict | list):
            raise EditRefused("A parameter holds a single value.")
        text = str(value).lower() if isinstance(value, bool) else str(value)
        self._file.set(self._place.document, (*self._place.at, self._index(path), "value"), text)

    def remove(self, _document: int, path: Path, /) -> None:
        self._file.remove(self._place.document, (*self._place.at, self._index(path)))

    def rename(self, _document: int, path: Path, name: str, /) -> None:
        at = (*self._place.at, self._index(path), "name")
        self._file.set(self._place.document, at, ".".join((*path[:-1], name)))


@dataclass(frozen=True)
class Layer:
    """A values file. ``prefix`` is where its content stands in the release's values: a subchart's name, or ()."""

    path: str
    prefix: Path
    content: dict[str, Any]
    #: Given with -f: an environment's own file, as opposed to a chart's defaults.
    given: bool
    #: Set where the values stand inside a manifest.
    inline: InlineValues | None = None

    @property
    def listed(self) -> bool:
        """Whether it is a list of parameters."""
        return self.inline is not None and self.inline.form == "parameters"

    def edit(self, file: Text, change: Callable[[Edited, int, Path], None]) -> None:
        """Makes a change, given a text, its document and where the values begin in it, in the layer's file."""
        if self.inline is None:
            change(file, 0, ())
        elif self.inline.form == "mapping":
            change(file, self.inline.document, self.inline.at)
        elif self.listed:
            change(_Parameters(file, self.inline), 0, ())
        else:
            inner = Text(str(pointer.resolve(file.values[self.inline.document], self.inline.at, "")))
            change(inner, 0, ())
            file.set(self.inline.document, self.inline.at, inner.text)

    def inside(self, at: Path) -> Path | None:
        """A path of the release's values as a path in this file, None when it cannot stand here."""
        return at[len(self.prefix) :] if at[: len(self.prefix)] == self.prefix else None

    def has(self, at: Path) -> bool:
        """Whether this file says something there."""
        found: Any = self.content
        for token in self.inside(at) or ((None,) if self.inside(at) is None else ()):
            if isinstance(found, dict) and token in found:
                found = found[token]
            elif isinstance(found, list) and str(token).isdecimal() and int(str(token)) < len(found):
                found = found[int(str(token))]
            else:
                return False
        return True


def layers(view: View, unit: Unit) -> list[Layer]:
    """From the weakest to the strongest: subcharts' defaults, the chart's, the given files, what stands inline."""
    chart, values = unit.path, unit.values
    found = [
        Layer(path, prefix, content(view, path), False) for path, prefix in _defaults(view, chart, (), 0)
    ]
    given = [Layer(path, (), content(view, path), True) for path in values]
    named = {layer.path for layer in given}
    inline = [Layer(item.path, (), inline_content(view, item), True, item) for item in unit.inline]
    return [layer for layer in found if layer.path not in named] + given + inline


def inline_content(view: View, item: InlineValues) -> dict[str, Any]:
    """The values that stand in a manifest, {} when they cannot be read."""
    try:
        roots = parse(decode(item.path, view.read(item.path) or b""))
        content = pointer.resolve(value_of(roots[item.document]), item.at, {})
        if item.form == "text":
            inner = parse(str(content))
            content = value_of(inner[0]) if inner else {}
        return nested(content) if item.form == "parameters" else mapping(content)
    except (SelfhealError, IndexError):
        return {}


def nested(parameters: Any) -> dict[str, Any]:
    """Parameters as values; each is a text, a number or a truth as ``helm --set`` reads it."""
    found: dict[str, Any] = {}
    for item in mappings(parameters):
        value = str(item.get("value", ""))
        told = value if item.get("forceString") or not _TYPED.fullmatch(value) else typed(value)
        *way, last = str(item.get("name", "")).split(".")
        place = found
        for token in way:
            below = place.get(token)
            place[token] = below if isinstance(below, dict) else {}
            place = place[token]
        place[last] = told
    return found


def _defaults(view: View, chart: str, prefix: Path, depth: int) -> Iterator[tuple[str, Path]]:
    if depth > _DEPTH:
        return
    below = f"{chart}/charts/" if chart else "charts/"
    folders = sorted(
        {
            below + path.removeprefix(below).partition("/")[0]
            for path in view.files()
            if path.startswith(below) and path.endswith("/Chart.yaml")
        }
    )
    here = f"{chart}/charts" if chart else "charts"
    folders += [folder for place, folder in beside(view, chart).items() if place.rpartition("/")[0] == here]
    aliases = _aliases(view, chart)
    for folder in folders:
        name = str(content(view, f"{folder}/Chart.yaml").get("name") or folder.rpartition("/")[2])
        for alias in aliases.get(name, [name]):
            yield from _defaults(view, folder, (*prefix, alias), depth + 1)
    path = f"{chart}/values.yaml" if chart else "values.yaml"
    if view.read(path) is not None:
        yield path, prefix


def _aliases(view: View, chart: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    about = content(view, f"{chart}/Chart.yaml" if chart else "Chart.yaml")
    for entry in mappings(about.get("dependencies")):
        name = str(entry.get("name", ""))
        found.setdefault(name, []).append(str(entry.get("alias") or name))
    return found


def merged(found: list[Layer]) -> dict[str, Any]:
    """The values as templates of the release see them; lists are replaced as a whole, null removes."""
    result: dict[str, Any] = {}
    for layer in found:
        content: Any = layer.content
        for token in reversed(layer.prefix):
            content = {token: content}
        result = _over(result, content)
    return result


def _over(lower: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    result = dict(lower)
    for key, value in upper.items():
        below = result.get(key)
        if value is None:
            result.pop(key, None)
        else:
            result[key] = (
                _over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
            )
    return result


def walk(value: Any, at: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value of a tree, containers too, with its path."""
    if at:
        yield at, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from walk(item, (*at, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from walk(item, (*at, str(index)))
