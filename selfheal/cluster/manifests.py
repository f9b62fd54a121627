"""What a repository declares, as far as plain YAML tells: manifests that stand there as they are applied.

Templates of Helm and objects that a kustomization changes on the way are left out: what they become is only known after
rendering. A manifest that stands twice with different content is left out as well, since nothing here says which one is
applied.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.incidents.record import ObjectRef

#: Bytes of a file, and files, that are read at most.
MAX_FILE = 1024 * 1024
MAX_FILES = 5_000
_WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:-]*[A-Za-z0-9])?")
_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
#: What a kustomization may say without changing the objects it lists.
_PLAIN = frozenset({"apiVersion", "kind", "resources", "metadata", "namespace"})


@dataclass(frozen=True)
class Manifest:
    """One object of a repository and the file it stands in, relative to the repository."""

    path: str
    object: Object


class Declared(Mapping[ObjectRef, tuple[str, Object]]):
    """What a repository declares, (file, object) by name, made when it is first asked for: reading YAML costs more than a
    whole diagnosis, and nothing is compared where everything is well.
    """

    def __init__(self, make: Callable[[], Mapping[ObjectRef, tuple[str, Object]]]) -> None:
        self._make = make

    @cached_property
    def _held(self) -> Mapping[ObjectRef, tuple[str, Object]]:
        return self._make()

    def __getitem__(self, ref: ObjectRef) -> tuple[str, Object]:
        return self._held[ref]

    def __iter__(self) -> Iterator[ObjectRef]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)


def declared_in(directory: Path, snapshot: Snapshot) -> Declared:
    """What the plain manifests of a directory declare of the objects of a snapshot."""

    def make() -> dict[ObjectRef, tuple[str, Object]]:
        found = read_manifests(directory, snapshot.names())
        return {ref: (item.path, item.object) for ref, item in found.items()}

    return Declared(make)


def read_manifests(directory: Path, names: frozenset[str] | None = None) -> dict[ObjectRef, Manifest]:
    """Manifests by name. One without a namespace is found under namespace "".

    With ``names`` files in which none of them stands as a word are not parsed.
    """
    changed = _changed_by_kustomize(directory)
    found: dict[ObjectRef, list[Manifest]] = {}
    for path in _files(directory):
        if any(path.is_relative_to(folder) for folder in changed):
            continue
        for document in _documents(path, names):
            if (
                isinstance(document.get("metadata"), dict)
                and document.get("kind")
                and document.get("apiVersion")
            ):
                manifest = Manifest(path.relative_to(directory).as_posix(), document)
                found.setdefault(ref_of(document), []).append(manifest)
    return {
        ref: held[0] for ref, held in found.items() if all(item.object == held[0].object for item in held)
    }


def _files(directory: Path) -> Iterator[Path]:
    count = 0
    for path in sorted(directory.rglob("*")):
        parts = path.relative_to(directory).parts
        if path.suffix not in (".yaml", ".yml", ".json") or any(part.startswith(".") for part in parts):
            continue
        if (
            path.name in _KUSTOMIZATIONS
            or path.is_symlink()
            or not path.is_file()
            or _in_chart(path, directory)
        ):
            continue
        count += 1
        if count > MAX_FILES:
            return
        if path.stat().st_size <= MAX_FILE:
            yield path


def _in_chart(path: Path, directory: Path) -> bool:
    folder = path.parent
    while folder != directory.parent:
        if (folder / "Chart.yaml").is_file():
            return True
        folder = folder.parent
    return False


def _documents(path: Path, names: frozenset[str] | None = None) -> Iterator[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    if names is not None and names.isdisjoint(_WORD.findall(text)):
        return
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        loaded = list(YAML(typ="safe").load_all(text))
    except (YAMLError, ValueError, RecursionError):
        return
    for document in loaded:
        if not isinstance(document, dict):
            continue
        items = document.get("items")
        if document.get("kind") == "List" and isinstance(items, list):
            yield from (item for item in items if isinstance(item, dict))
        else:
            yield document


def _changed_by_kustomize(directory: Path) -> list[Path]:
    """Folders whose objects a kustomization changes before they are applied."""
    found = []
    for name in _KUSTOMIZATIONS:
        for path in sorted(directory.rglob(name)):
            for document in _documents(path):
                if not set(document) <= _PLAIN:
                    found.append(path.parent)
                    found += _listed(path.parent, document)
    return found


def _listed(folder: Path, document: dict[str, Any]) -> Iterator[Path]:
    for word in ("resources", "bases", "components"):
        items = document.get(word)
        for item in items if isinstance(items, list) else ():
            target = (folder / str(item)).resolve()
            if target.is_dir():
                yield target
