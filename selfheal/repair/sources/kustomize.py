"""Kustomize: overlays over bases, rendered by the real ``kubectl kustomize`` on a copy of the files it needs."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from typing_extensions import override

from selfheal.incidents.record import ObjectRef
from selfheal.repair.goal import Goal
from selfheal.repair.objects import Object, load
from selfheal.repair.sources import kustomization
from selfheal.repair.sources.interface import Attempt, Kind, Source, SourceUnreadable, Unit
from selfheal.repair.sources.kustomization import Closure, closure
from selfheal.repair.sources.overlays import attempts
from selfheal.repair.tools import Tools
from selfheal.repair.view import View
from selfheal.repository.paths import below
from selfheal.repository.worktree import write_out


class Kustomize(Source):
    """See the module."""

    kind: ClassVar[Kind] = "kustomize"

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    @override
    def units(self, view: View, refs: Sequence[ObjectRef], path: str, namespace: str) -> Iterable[Unit]:
        folders = [folder for folder in kustomization.folders(view) if below(folder, path)]
        if path in folders and path:
            yield Unit("kustomize", path, namespace=namespace)
            return
        built_on: set[str] = set()
        components: set[str] = set()
        for folder in folders:
            try:
                found = kustomization.read(view, folder)
                if found is None:
                    continue
                if found.component:
                    components.add(folder)
                built_on |= {found.inside(item) for item in found.references if "://" not in item}
            except SourceUnreadable:
                continue
        wanted = {item.namespace for item in refs if item.namespace}
        for folder in folders:
            if folder not in built_on and folder not in components and _may_hold(view, folder, wanted):
                yield Unit("kustomize", folder, namespace=namespace)

    def _closure(self, view: View, unit: Unit) -> Closure:
        return closure(view, unit.path)

    @override
    def render(self, view: View, unit: Unit) -> list[Object]:
        files = view.read_many(self._closure(view, unit).files)
        key = hashlib.sha256(unit.path.encode())
        for path, data in sorted(files.items()):
            key.update(f"\0{path}\0{len(data)}\0".encode() + data)
        text = self._tools.remember(f"kustomize {key.hexdigest()}", lambda: self._run(unit, files))
        return load(text)

    def _run(self, unit: Unit, files: dict[str, bytes]) -> str:
        with tempfile.TemporaryDirectory(prefix="selfheal-render-") as folder:
            write_out(files, Path(folder))
            return self._tools.run("kubectl", ["kustomize", unit.path or "."], Path(folder))

    @override
    def inputs(self, view: View, unit: Unit) -> frozenset[str]:
        return self._closure(view, unit).files

    @override
    def attempts(self, view: View, unit: Unit, goals: Sequence[Goal]) -> Iterator[Attempt]:
        yield from attempts(view, self._closure(view, unit), goals, self.render(view, unit))

    @override
    def shared(self, view: View, unit: Unit) -> Iterable[Unit]:
        own = self._closure(view, unit)
        for other in self.units(view, (), "", unit.namespace):
            try:
                found = self._closure(view, other)
            except SourceUnreadable:
                continue
            if other.path != unit.path and found.files & own.files:
                yield other


def _may_hold(view: View, folder: str, namespaces: set[str]) -> bool:
    """Whether a kustomization may render into the namespaces: one that sets another namespace for all does not."""
    try:
        found = kustomization.read(view, folder)
    except SourceUnreadable:
        return True
    given = found.content.get("namespace") if found is not None else None
    return not namespaces or not isinstance(given, str) or not given or given in namespaces
