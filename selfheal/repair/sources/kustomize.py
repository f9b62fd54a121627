"""Kustomize: overlays over bases, rendered by the real ``kubectl kustomize`` on a copy of the files it needs."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.incidents.record import ObjectRef
from selfheal.repair.edits.nodes import EditRefused
from selfheal.repair.goal import Goal
from selfheal.repair.objects import Object, load, ref
from selfheal.repair.sources import kustomization, overlaid
from selfheal.repair.sources.interface import Attempt, Kind, Source, SourceUnreadable, Unit
from selfheal.repair.sources.kustomization import Closure, Kustomization, closure
from selfheal.repair.sources.overlays import attempts
from selfheal.repair.sources.sites import Session
from selfheal.repair.sources.variables import VariableSite, filled, values
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
    def units(
        self,
        view: View,
        refs: Sequence[ObjectRef],
        path: str,
        namespace: str,
        releases: Sequence[str] = (),
    ) -> Iterable[Unit]:
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
        if unit.overlay is None:
            return closure(view, unit.path)
        return closure(view, unit.path, overlaid.top(view, unit.overlay, unit.path), _made(view, unit))

    @override
    def render(self, view: View, unit: Unit) -> list[Object]:
        text = self._built(view, unit)
        return load(filled(text, values(view, unit.overlay)) if _fills(unit) and unit.overlay else text)

    def _built(self, view: View, unit: Unit) -> str:
        """What Kustomize makes of it."""
        closed = self._closure(view, unit)
        files = view.read_many(closed.files)
        if unit.overlay is not None:
            files[f"{overlaid.FOLDER}/kustomization.yaml"] = overlaid.written(closed.chain[0])
            own = _made(view, unit)
            if own is not None:
                files[own.path] = json.dumps(own.content).encode()
        key = hashlib.sha256(unit.path.encode())
        for path, data in sorted(files.items()):
            key.update(f"\0{path}\0{len(data)}\0".encode() + data)
        return self._tools.remember(f"kustomize {key.hexdigest()}", lambda: self._run(unit, files))

    def _run(self, unit: Unit, files: dict[str, bytes]) -> str:
        with tempfile.TemporaryDirectory(prefix="selfheal-render-") as folder:
            write_out(files, Path(folder))
            name = overlaid.FOLDER if unit.overlay is not None else unit.path or "."
            return self._tools.run("kubectl", ["kustomize", name], Path(folder))

    @override
    def inputs(self, view: View, unit: Unit) -> frozenset[str]:
        return self._closure(view, unit).files

    @override
    def attempts(self, view: View, unit: Unit, goals: Sequence[Goal]) -> Iterator[Attempt]:
        closed = self._closure(view, unit)
        raw = load(self._built(view, unit)) if _fills(unit) else []
        first = (
            [VariableSite(view, unit.overlay, _field(raw, goal)) for goal in goals] if unit.overlay else []
        )
        if any(site.made for site in first):
            yield from _by_variables(view, goals, first)
            return
        yield from attempts(view, closed, goals, self.render(view, unit))

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


def _fills(unit: Unit) -> bool:
    return unit.overlay is not None and bool(unit.overlay.variables)


def _made(view: View, unit: Unit) -> Kustomization | None:
    """The kustomization that Flux makes for a folder that has none."""
    flux = unit.overlay is not None and unit.overlay.tool == "flux"
    return (
        overlaid.generated(view, unit.path) if flux and kustomization.read(view, unit.path) is None else None
    )


def _field(objects: Sequence[Object], goal: Goal) -> Any:
    obj = next((item for item in objects if ref(item, goal.object.namespace) == goal.object), {})
    return pointer.resolve(obj, goal.path, None)


def _by_variables(view: View, goals: Sequence[Goal], sites: Sequence[VariableSite]) -> Iterator[Attempt]:
    session = Session(view)
    try:
        for goal, site in zip(goals, sites, strict=True):
            site.reach(session, goal)
    except EditRefused:
        return
    yield Attempt(session.changes(), ", ".join(sorted(session.changes())))


def _may_hold(view: View, folder: str, namespaces: set[str]) -> bool:
    """Whether a kustomization may render into the namespaces: one that sets another namespace for all does not."""
    try:
        found = kustomization.read(view, folder)
    except SourceUnreadable:
        return True
    given = found.content.get("namespace") if found is not None else None
    return not namespaces or not isinstance(given, str) or not given or given in namespaces
