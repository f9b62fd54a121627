"""Places in a kustomization where a rendered field can be decided: resources, patches, images, replicas, generators."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.repair.edits.file import EditedFile
from selfheal.repair.edits.nodes import EditRefused
from selfheal.repair.edits.splice import Text
from selfheal.repair.goal import Goal, Move
from selfheal.repair.sources.images import image_text, split
from selfheal.repair.sources.plain import alter, reach
from selfheal.repair.view import View

_ABSENT = object()
_HASH = re.compile(r"-[a-z0-9]{10}$")


class Session:
    """Files under edit in one attempt."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._files: dict[str, EditedFile] = {}
        self._raw: dict[str, bytes] = {}

    def file(self, path: str) -> EditedFile:
        """A YAML or JSON file, opened once. Raises EditRefused."""
        if path not in self._files:
            data = self._view.read(path)
            if data is None:
                raise EditRefused(f"{path} is not there.")
            self._files[path] = EditedFile(path, data)
        return self._files[path]

    def raw(self, path: str) -> bytes:
        """A file of any kind."""
        if path not in self._raw:
            self._raw[path] = self._view.read(path) or b""
        return self._raw[path]

    def write_raw(self, path: str, data: bytes) -> None:
        """Replaces a file of any kind."""
        self._raw[path] = data

    def changes(self) -> dict[str, bytes | None]:
        """What differs from the view."""
        after = {path: file.after for path, file in self._files.items()} | self._raw
        return {path: data for path, data in after.items() if data != self._view.read(path)}


class Site(ABC):
    """One place. ``depth`` counts kustomizations from the top: 0 belongs to this environment alone.

    ``document`` and ``at`` are where it stands in the file.
    """

    def __init__(self, path: str, depth: int, document: int = 0, at: tuple[str, ...] = ()) -> None:
        self.path = path
        self.depth = depth
        self.document = document
        self.at = at

    @abstractmethod
    def held(self, goal: Goal) -> int:
        """How many tokens of the goal's field stand here, -1 when the place has nothing to do with it."""

    @abstractmethod
    def reach(self, session: Session, goal: Goal) -> None:
        """Edits towards the goal. Raises EditRefused."""

    def decides(self, goal: Goal) -> bool:
        """Whether the very field stands here."""
        return self.held(goal) >= len(goal.path)


def held_in(value: Any, path: tuple[str, ...]) -> int:
    """How many tokens of ``path`` lead somewhere in ``value``."""
    for count, token in enumerate(path):
        value = pointer.step(value, token, _ABSENT)
        if value is _ABSENT:
            return count
    return len(path)


class DocumentSite(Site):
    """An object in a resource file, or a strategic merge patch in a file of its own."""

    def __init__(self, path: str, depth: int, document: int, inside: tuple[str, ...], value: Any) -> None:
        super().__init__(path, depth, document)
        self.inside = inside
        self.value = value

    @override
    def held(self, goal: Goal) -> int:
        return held_in(self.value, goal.path)

    @override
    def reach(self, session: Session, goal: Goal) -> None:
        reach(session.file(self.path), self.document, self.inside, goal)


class InlineSite(Site):
    """A strategic merge patch written as text inside a kustomization."""

    def __init__(self, path: str, depth: int, document: int, at: tuple[str, ...], value: Any) -> None:
        super().__init__(path, depth, document, at)
        self.value = value

    @override
    def held(self, goal: Goal) -> int:
        return held_in(self.value, goal.path)

    @override
    def reach(self, session: Session, goal: Goal) -> None:
        outer = session.file(self.path).text
        inner = Text(str(pointer.resolve(outer.values[self.document], self.at, "")))
        alter(inner, 0, goal.path, goal)
        outer.set(self.document, self.at, inner.text)


class OperationsSite(Site):
    """A JSON patch, in a file (``at`` is ()) or as text inside a kustomization."""

    def __init__(
        self, path: str, depth: int, document: int, at: tuple[str, ...], operations: list[Any]
    ) -> None:
        super().__init__(path, depth, document, at)
        self.operations = operations
        #: Tokens like ``name=app`` by the list they are in -> the index the rendered object has there.
        self.numbered: dict[str, str] = {}

    def _find(self, goal: Goal) -> tuple[int, tuple[str, ...]] | None:
        """The operation that decides the field, and the rest of the path inside its value."""
        wanted = tuple(self._number(goal.path, index) for index in range(len(goal.path)))
        for position in range(len(self.operations) - 1, -1, -1):
            operation = self.operations[position]
            if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
                continue
            try:
                path = pointer.parts(operation["path"])
            except ValueError:
                continue
            if wanted[: len(path)] == path:
                return position, goal.path[len(path) :]
            named = goal.path[len(path) - 1 : len(path)]
            if path[-1:] == ("-",) and wanted[: len(path) - 1] == path[:-1] and named:
                # An item that is put at the end of a list, known by its name.
                value = operation.get("value")
                if isinstance(value, dict) and named[0] == f"name={value.get('name')}":
                    return position, goal.path[len(path) :]
        return None

    def _number(self, path: tuple[str, ...], index: int) -> str:
        token = path[index]
        return self.numbered.get(pointer.join(*path[: index + 1]), token)

    @override
    def held(self, goal: Goal) -> int:
        found = self._find(goal)
        if found is None:
            return -1
        position, rest = found
        operation = self.operations[position]
        if operation.get("op") == "remove":
            return len(goal.path)
        return len(goal.path) - len(rest) + held_in(operation.get("value"), rest)

    @override
    def reach(self, session: Session, goal: Goal) -> None:
        found = self._find(goal)
        if found is None:
            raise EditRefused(f"{self.path} does not decide {goal.field}.")
        position, rest = found
        outer = session.file(self.path).text
        held = pointer.resolve(outer.values[self.document], self.at, "")
        text, document = (Text(str(held)), 0) if self.at else (outer, self.document)
        operation = self.operations[position]
        if isinstance(goal, Move):
            at = (str(position), "value", *rest)
            if rest:
                alter(text, document, at, goal)
            else:
                text.set(document, (*at, "name"), str(goal.value).removeprefix("name="))
        elif operation.get("op") == "remove" or (goal.op == "remove" and not rest):
            # Without the operation the field is what the base says.
            text.remove(document, (str(position),))
        elif goal.op == "remove":
            text.remove(document, (str(position), "value", *rest))
        else:
            text.set(document, (str(position), "value", *rest), goal.value)
        if self.at:
            outer.set(self.document, self.at, text.text)


class ImageSite(Site):
    """An entry of ``images``: a mapping, or one text as an Application has it."""

    def __init__(
        self, path: str, depth: int, document: int, at: tuple[str, ...], entry: dict[str, Any]
    ) -> None:
        super().__init__(path, depth, document, at)
        self.entry = entry

    @override
    def held(self, goal: Goal) -> int:
        if goal.path[-1:] != ("image",) or not isinstance(goal.before, str):
            return -1
        name = str(self.entry.get("newName") or self.entry.get("name") or "")
        return len(goal.path) if name and split(goal.before)[0] == name else -1

    @override
    def reach(self, session: Session, goal: Goal) -> None:
        text = session.file(self.path).text
        old, new = split(str(goal.before)), split(str(goal.value))
        wanted: dict[str, str] = {key: str(value) for key, value in self.entry.items()}
        if new[0] != old[0]:
            wanted["newName"] = "" if new[0] == wanted.get("name") else new[0]
        for key, value, was in (("newTag", new[1], old[1]), ("digest", new[2], old[2])):
            if value != was:
                wanted[key] = value
        wanted = {key: value for key, value in wanted.items() if value}
        if isinstance(pointer.resolve(text.values[self.document], self.at, None), str):
            text.set(self.document, self.at, image_text(wanted))
            return
        for key in [key for key in self.entry if key not in wanted]:
            text.remove(self.document, (*self.at, key))
        for key, value in wanted.items():
            if value != str(self.entry.get(key, "")):
                text.set(self.document, (*self.at, key), value)


class ReplicasSite(Site):
    """An entry of ``replicas``."""

    @override
    def held(self, goal: Goal) -> int:
        return len(goal.path) if goal.field == "/spec/replicas" else -1

    @override
    def reach(self, session: Session, goal: Goal) -> None:
        session.file(self.path).text.set(self.document, (*self.at, "count"), goal.value)


class LiteralsSite(Site):
    """The ``literals`` of a generator: ``KEY=VALUE`` texts."""

    def __init__(self, path: str, depth: int, at: tuple[str, ...], literals: list[str]) -> None:
        super().__init__(path, depth, 0, at)
        self.literals = literals

    def _index(self, key: str) -> int:
        return next(
            (index for index, item in enumerate(self.literals) if str(item).partition("=")[0] == key), -1
        )

    @override
    def held(self, goal: Goal) -> int:
        if goal.path[:1] != ("data",) or len(goal.path) != 2:
            return -1
        return 2 if self._index(goal.path[1]) >= 0 else 1

    @override
    def reach(self, session: Session, goal: Goal) -> None:
        text = session.file(self.path).text
        index = self._index(goal.path[1])
        if isinstance(goal, Move):
            value = str(self.literals[index]).partition("=")[2]
            text.set(0, (*self.at, str(index)), f"{goal.value}={value}")
        elif goal.op == "remove":
            text.remove(0, (*self.at, str(index)))
        else:
            at = index if index >= 0 else len(self.literals)
            text.set(0, (*self.at, str(at)), f"{goal.path[1]}={goal.value}")


class ContentSite(Site):
    """A file whose whole content is one key of a generated ConfigMap."""

    def __init__(self, path: str, depth: int, key: str) -> None:
        super().__init__(path, depth)
        self.key = key

    @override
    def held(self, goal: Goal) -> int:
        return 2 if goal.path == ("data", self.key) and not isinstance(goal, Move) else -1

    @override
    def reach(self, session: Session, goal: Goal) -> None:
        if goal.op == "remove" or not isinstance(goal.value, str):
            raise EditRefused(f"{self.path} is one whole value.")
        session.write_raw(self.path, goal.value.encode("utf-8"))


class EnvironmentSite(Site):
    """A file of ``KEY=VALUE`` lines of a generator."""

    def __init__(self, path: str, depth: int, text: str) -> None:
        super().__init__(path, depth)
        self._line = {
            line.partition("=")[0].strip(): index
            for index, line in enumerate(text.splitlines(keepends=True))
            if "=" in line and not line.lstrip().startswith("#")
        }

    @override
    def held(self, goal: Goal) -> int:
        if goal.path[:1] != ("data",) or len(goal.path) != 2:
            return -1
        return 2 if goal.path[1] in self._line else 1

    @override
    def reach(self, session: Session, goal: Goal) -> None:
        lines = session.raw(self.path).decode("utf-8").splitlines(keepends=True)
        index = self._line.get(goal.path[1], len(lines))
        old = lines[index] if index < len(lines) else ""
        ending = old[len(old.rstrip("\r\n")) :] or "\n"
        if isinstance(goal, Move):
            lines[index] = f"{goal.value}={old.partition('=')[2]}"
        elif goal.op == "remove":
            del lines[index]
        else:
            if index == len(lines) and lines and not lines[-1].endswith("\n"):
                lines[-1] += "\n"
            lines[index : index + 1] = [f"{goal.path[1]}={goal.value}{ending}"]
        session.write_raw(self.path, "".join(lines).encode("utf-8"))


def unhashed(name: str) -> str:
    """A generated name without the hash at its end."""
    return _HASH.sub("", name)
