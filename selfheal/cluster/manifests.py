"""What a repository declares, as far as plain YAML tells: manifests that stand there as they are applied.

Templates of Helm and objects that a kustomization changes on the way are left out: what they become is only known after
rendering. A manifest that stands twice with different content is left out as well, since nothing here says which one is
applied.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfheal.cluster.snapshot import Object, ref_of
from selfheal.incidents.record import ObjectRef

#: Bytes of a file, and files, that are read at most.
MAX_FILE = 1024 * 1024
MAX_FILES = 5_000
_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
#: What a kustomization may say without changing the objects it lists.
_PLAIN = frozenset({"apiVersion", "kind", "resources", "metadata", "namespace"})


@dataclass(frozen=True)
class Manifest:
    """One object of a repository and the file it stands in, relative to the repository."""

    path: str
    object: Object


def read_manifests(directory: Path) -> dict[ObjectRef, Manifest]:
    """Manifests by name. One without a namespace is found under namespace ""."""
    changed = _changed_by_kustomize(directory)
    found: dict[ObjectRef, list[Manifest]] = {}
    for path in _files(directory):
        if any(path.is_relative_to(folder) for folder in changed):
            continue
        for document in _documents(path):
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


def _documents(path: Path) -> Iterator[dict[str, Any]]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        loaded = list(YAML(typ="safe").load_all(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, YAMLError, ValueError, RecursionError):
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
