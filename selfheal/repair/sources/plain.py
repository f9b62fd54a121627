"""Plain manifests: each file is applied as it stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import ClassVar

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.incidents.record import ObjectRef
from selfheal.repair.edits.file import EditedFile, decode
from selfheal.repair.edits.nodes import EditRefused
from selfheal.repair.edits.splice import Text
from selfheal.repair.goal import Goal, Move, merged
from selfheal.repair.objects import Object, flattened, load, ref
from selfheal.repair.sources.interface import Attempt, Kind, Source, SourceUnreadable, Unit
from selfheal.repair.view import View
from selfheal.repository.paths import below

SUFFIXES = (".yaml", ".yml", ".json")
_KUSTOMIZATION = re.compile(r"^kustomization\.ya?ml$|^Kustomization$")
#: Combinations of files beyond which it is not plain any more what deploys the target.
_COMBINATIONS = 16


def is_kustomization(path: str) -> bool:
    """Whether a file is Kustomize's."""
    return bool(_KUSTOMIZATION.match(path.rpartition("/")[2]))


def managed_folders(view: View) -> frozenset[str]:
    """Folders whose files are rendered by Helm or Kustomize and so are no plain manifests."""
    found = set()
    for path in view.files():
        folder, _, name = path.rpartition("/")
        if name == "Chart.yaml" or is_kustomization(path):
            found.add(folder)
    return frozenset(found)


def _rendered(view: View) -> frozenset[str]:
    """Files that some kustomization of the repository renders."""
    from selfheal.repair.sources.kustomization import closure, folders

    found: set[str] = set()
    for folder in folders(view):
        try:
            found |= closure(view, folder).files
        except SourceUnreadable:
            continue
    return frozenset(found)


class Plain(Source):
    """See the module."""

    kind: ClassVar[Kind] = "plain"

    @override
    def units(
        self,
        view: View,
        refs: Sequence[ObjectRef],
        path: str,
        namespace: str,
        releases: Sequence[str] = (),
    ) -> Iterable[Unit]:
        places: list[list[str]] = [[] for _ in refs]
        managed = managed_folders(view)
        if path in managed:
            return
        inside = {folder for folder in managed if below(path, folder)} if path else set()
        charts = {f for f in managed - inside if f"{f}/Chart.yaml".lstrip("/") in view.files()}
        kustomized = managed - inside - charts
        rendered = _rendered(view) if not path or kustomized else frozenset()
        candidates = [
            name
            for name in view.files()
            if name.endswith(SUFFIXES)
            and below(name, path)
            and not is_kustomization(name)
            and not any(below(name, folder) for folder in charts)
            and name.rpartition("/")[0] not in kustomized
            and name not in rendered
        ]
        for name, data in view.read_many(candidates).items():
            for wanted, found in zip(refs, places, strict=True):
                if wanted.name.encode() in data and self._holds(name, data, wanted, namespace):
                    found.append(name)
        if not all(places):
            return
        combinations = list(product(*places))
        together = [files for files in combinations if len({_folder(name) for name in files}) == 1]
        for files in (together or combinations)[:_COMBINATIONS]:
            unique = tuple(dict.fromkeys(files))
            yield Unit("plain", _folder(unique[0]), files=unique, namespace=namespace)

    def _holds(self, path: str, data: bytes, wanted: ObjectRef, namespace: str) -> bool:
        try:
            return any(ref(obj, wanted.namespace) == wanted for obj in load(decode(path, data)))
        except EditRefused:
            return False

    @override
    def render(self, view: View, unit: Unit) -> list[Object]:
        found: list[Object] = []
        for path, data in view.read_many(unit.files).items():
            try:
                found += load(decode(path, data))
            except EditRefused as error:
                raise SourceUnreadable(
                    f"{path} cannot be read: {error.message}", hint="Mend the file."
                ) from error
        return found

    @override
    def inputs(self, view: View, unit: Unit) -> frozenset[str]:
        return frozenset(unit.files)

    @override
    def attempts(self, view: View, unit: Unit, goals: Sequence[Goal]) -> Iterator[Attempt]:
        changes: dict[str, bytes | None] = {}
        for path, data in view.read_many(unit.files).items():
            file = EditedFile(path, data)
            for goal in merged(goals):
                for document, inside in places(file, goal.object):
                    reach(file, document, inside, goal)
            if file.after != data:
                changes[path] = file.after
        yield Attempt(changes, f"edits {', '.join(changes)}")


def unreadable(view: View, wanted: ObjectRef, path: str) -> str:
    """A manifest below ``path`` that names the object and cannot be read, with the reason; "" when there is none."""
    names = [name for name in view.files() if name.endswith(SUFFIXES) and below(name, path)]
    for name, data in view.read_many(names).items():
        if wanted.name.encode() not in data.replace(b"\0", b"") or b"{{" in data:
            continue
        try:
            load(decode(name, data))
        except EditRefused as error:
            return f"{name} names it, but cannot be read: {error.message}"
    return ""


def places(file: EditedFile, wanted: ObjectRef) -> list[tuple[int, tuple[str, ...]]]:
    """(document, path inside it) of each occurrence of an object, in Lists too."""
    found: list[tuple[int, tuple[str, ...]]] = []
    for document, value in enumerate(file.text.values):
        if not isinstance(value, dict):
            continue
        items = value.get("items")
        if str(value.get("kind", "")).endswith("List") and isinstance(items, list):
            for index, item in enumerate(items):
                if any(ref(obj, wanted.namespace) == wanted for obj in flattened(item)):
                    found.append((document, ("items", str(index))))
        elif any(ref(obj, wanted.namespace) == wanted for obj in flattened(value)):
            found.append((document, ()))
    return found


def reach(file: EditedFile, document: int, inside: tuple[str, ...], goal: Goal) -> None:
    """Edits one object of a file towards a goal. Raises EditRefused."""
    if goal.op == "remove" and not goal.field and not inside:
        file.text.delete_document(document)
    else:
        alter(file.text, document, (*inside, *goal.path), goal)


def alter(text: Text, document: int, path: tuple[str, ...], goal: Goal) -> None:
    """Edits what a path of a text names towards a goal. Raises EditRefused."""
    if isinstance(goal, Move):
        if path[-1].startswith("name="):
            text.set(document, (*path, "name"), str(goal.value).removeprefix("name="))
        else:
            text.rename(document, path, str(goal.value))
    elif goal.op == "set":
        text.set(document, path, goal.value)
    elif pointer.exists(text.values[document], pointer.join(*path)):
        text.remove(document, path)


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
