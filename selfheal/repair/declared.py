"""What a repository declares of the workloads that are ill, rendered, so that diagnosis can compare it with what runs.

Plain manifests are read as they stand. What Kustomize or Helm make is rendered, and only for workloads that are ill; what
cannot be rendered, or is deployed from several places alike, is not compared, for nobody knows then what was meant.
A chart counts only where Argo CD or Flux objects say with which values it is deployed: otherwise a pipeline may set them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from selfheal import progress
from selfheal.cluster.manifests import Declared, read_manifests
from selfheal.cluster.snapshot import Object, Snapshot
from selfheal.cluster.workloads import troubled
from selfheal.errors import SelfhealError
from selfheal.incidents.record import ObjectRef
from selfheal.repair.locate import Locator
from selfheal.repair.objects import ref
from selfheal.repair.sources import Unit
from selfheal.repair.sources.gitops import hints
from selfheal.repair.tools import Tools
from selfheal.repair.view import View
from selfheal.repository.foldertree import FolderTree

#: Units that are rendered for this: one holds many workloads mostly, and each takes a moment.
_RENDERED = 20


def declared(directory: Path, snapshot: Snapshot, tools: Tools | None = None) -> Declared:
    """(file or rendered unit, object) by name, made when it is first asked for. Never raises for what is in the files."""
    return Declared(lambda: _declared(directory, snapshot, tools or Tools()))


def _declared(directory: Path, snapshot: Snapshot, tools: Tools) -> Mapping[ObjectRef, tuple[str, Object]]:
    plain = read_manifests(directory, snapshot.names())
    found = {name: (item.path, item.object) for name, item in plain.items()}
    ill = [item.ref for item in troubled(snapshot) if not _held(found, item.ref)]
    if ill:
        for unit, name, obj in _rendered(directory, snapshot, tools, ill):
            found.setdefault(name, (f"{unit} (rendered)", obj))
    return found


def _held(found: Mapping[ObjectRef, object], name: ObjectRef) -> bool:
    return name in found or name.model_copy(update={"namespace": ""}) in found


def _rendered(
    directory: Path, snapshot: Snapshot, tools: Tools, ill: list[ObjectRef]
) -> Iterator[tuple[Unit, ObjectRef, Object]]:
    view = View(FolderTree(directory))
    if not any(
        path.endswith(("kustomization.yaml", "kustomization.yml", "Kustomization", "Chart.yaml"))
        for path in view.files()
    ):
        return
    locator = Locator(view, tools, live=snapshot.find)
    done: set[Unit] = set()
    held: set[ObjectRef] = set()
    for place, name in enumerate(ill):
        if name in held:
            continue
        if len(done) >= _RENDERED:
            rest = len([item for item in ill[place:] if item not in held])
            progress.emit("note", text=f"{rest} ill workloads more are not compared with the repository.")
            return
        try:
            located = locator.find([name], "", hints(view, name.namespace))
        except SelfhealError as error:
            progress.emit("note", text=f"{name} is not compared with the repository: {error.message}")
            continue
        unit = located.unit
        if unit in done or unit.kind == "plain" or (unit.kind == "helm" and not unit.origin):
            continue
        done.add(unit)
        for obj in located.objects:
            called = ref(obj, unit.namespace or name.namespace)
            held.add(called)
            yield unit, called, obj
