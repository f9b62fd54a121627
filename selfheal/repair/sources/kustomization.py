"""Reading kustomizations: what one refers to, and every file its rendering needs.

What would leave the copy that is rendered is found here and refused by name: remote bases, plugins and functions,
charts that Kustomize would fetch, files that are missing or no regular files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from selfheal.cluster.workloads import mapping, mappings
from selfheal.errors import Refused
from selfheal.repair.edits.file import decode
from selfheal.repair.edits.nodes import EditRefused, parse, value_of
from selfheal.repair.sources.interface import SourceUnreadable
from selfheal.repair.view import View
from selfheal.repository.paths import normalised

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
#: Levels of kustomizations below one another.
DEPTH = 30
_REMOTE = re.compile(
    r"://|^git@|^(?:www\.)?(?:github|gitlab|bitbucket)\.(?:com|org)[/:]|\?(?:ref|version|timeout|submodules)=|^[\w.-]+:[\w-]+/"
)
_FUNCTION = re.compile(
    rb"config\.(?:kubernetes|k8s)\.io/function|\bimage:\s*\S+\s+# *krm|\bexec:\s*\n\s*path:"
)


@dataclass(frozen=True)
class Kustomization:
    """One kustomization file. ``folder`` is "" for the root of the repository.

    ``document`` and ``at`` are where it stands in a file that holds more: what Argo CD or Flux lay over it.
    """

    folder: str
    path: str
    content: dict[str, Any]
    document: int = 0
    at: tuple[str, ...] = ()

    def inside(self, name: str) -> str:
        """A path it names, relative to the repository. Raises SourceUnreadable when it leads out."""
        try:
            return normalised(f"{self.folder}/{name}")
        except Refused as error:
            raise SourceUnreadable(
                f"{self.path} refers to {name}, outside the repository.", hint=_HINT
            ) from error

    def strings(self, key: str) -> list[str]:
        """A list of texts."""
        found = self.content.get(key)
        return [item for item in found if isinstance(item, str)] if isinstance(found, list) else []

    def entries(self, key: str) -> list[dict[str, Any]]:
        """A list of mappings."""
        return mappings(self.content.get(key))

    @property
    def component(self) -> bool:
        return self.content.get("kind") == "Component"

    @property
    def prefixes(self) -> tuple[str, str]:
        """(namePrefix, nameSuffix)."""
        return str(self.content.get("namePrefix") or ""), str(self.content.get("nameSuffix") or "")

    @property
    def references(self) -> list[str]:
        """What it builds on: files and folders, in order."""
        return [*self.strings("resources"), *self.strings("bases"), *self.strings("components")]


_HINT = "A person has to make the change, or vendor what is referred to into the repository."


def read(view: View, folder: str) -> Kustomization | None:
    """The kustomization of a folder, None when it has none. Raises SourceUnreadable for a broken one."""
    for name in NAMES:
        path = f"{folder}/{name}" if folder else name
        data = view.read(path)
        if data is None:
            continue
        try:
            roots = parse(decode(path, data))
            content = value_of(roots[0]) if roots else {}
        except EditRefused as error:
            raise SourceUnreadable(
                f"{path} cannot be read: {error.message}", hint="Mend the file."
            ) from error
        return Kustomization(folder, path, mapping(content))
    return None


def folders(view: View) -> list[str]:
    """All folders that hold a kustomization."""
    return sorted({path.rpartition("/")[0] for path in view.files() if path.rpartition("/")[2] in NAMES})


@dataclass(frozen=True)
class Closure:
    """Everything one folder is rendered from: ``chain`` are the kustomizations, the strongest first."""

    chain: tuple[Kustomization, ...]
    files: frozenset[str]
    resources: tuple[tuple[Kustomization, str], ...]


def closure(
    view: View, folder: str, over: Kustomization | None = None, own: Kustomization | None = None
) -> Closure:
    """Follows all references from a folder. ``over`` is laid over it; ``own`` is the kustomization of a folder that has
    none. Raises SourceUnreadable naming what cannot be rendered here.
    """
    walk = _Walk(view)
    if over is not None:
        walk.lay(over)
    walk.enter(folder, 0, own)
    return Closure(tuple(walk.chain), frozenset(walk.files), tuple(walk.resources))


class _Walk:
    def __init__(self, view: View) -> None:
        self.view = view
        self.all = set(view.files())
        self.chain: list[Kustomization] = []
        self.files: set[str] = set()
        self.resources: list[tuple[Kustomization, str]] = []
        self._open: list[str] = []

    def lay(self, over: Kustomization) -> None:
        self.chain.append(over)
        self.files.add(over.path)
        for reference in over.strings("components"):
            self._follow(over, reference, 0)
        for name in _needed(over):
            self._file(over, name)

    def enter(self, folder: str, depth: int, own: Kustomization | None = None) -> None:
        if folder in self._open or depth > DEPTH:
            raise SourceUnreadable(f"The kustomization in {folder or '.'} refers to itself.", hint=_HINT)
        if any(item.folder == folder and not item.at for item in self.chain):
            return
        found = own or read(self.view, folder)
        if found is None:
            raise SourceUnreadable(f"{folder or '.'} holds no kustomization.", hint=_HINT)
        self._open.append(folder)
        self.chain.append(found)
        if found is not own:
            self.files.add(found.path)
        self._refuse(found)
        for reference in found.references:
            self._follow(found, reference, depth)
        for name in _needed(found):
            self._file(found, name)
        self._open.pop()

    def _refuse(self, found: Kustomization) -> None:
        for key, what in (("helmCharts", "charts"), ("helmChartInflationGenerator", "charts")):
            if found.content.get(key):
                raise SourceUnreadable(
                    f"{found.path} renders {what} with Kustomize, which is not run here.", hint=_HINT
                )

    def _follow(self, found: Kustomization, reference: str, depth: int) -> None:
        inside = "" if _REMOTE.search(reference) else found.inside(reference)
        if inside and inside in self.all:
            self._file(found, reference)
            self.resources.append((found, inside))
        elif not _REMOTE.search(reference) and any(
            path.startswith(inside + "/") or not inside for path in self.all
        ):
            self.enter(inside, depth + 1)
        elif _REMOTE.search(reference) or "//" in reference:
            raise SourceUnreadable(f"{found.path} builds on {reference[:200]}, which is remote.", hint=_HINT)
        else:
            raise SourceUnreadable(
                f"{found.path} refers to {reference}, which is not in the repository.", hint=_HINT
            )

    def _file(self, found: Kustomization, name: str) -> None:
        if _REMOTE.search(name):
            raise SourceUnreadable(f"{found.path} reads {name[:200]}, which is remote.", hint=_HINT)
        inside = found.inside(name)
        if inside not in self.all:
            if any(path.startswith(inside + "/") for path in self.all):
                self.enter(inside, len(self._open))
                return
            raise SourceUnreadable(
                f"{found.path} reads {name}, which is no regular file of the repository.", hint=_HINT
            )
        data = self.view.read(inside) or b""
        if _FUNCTION.search(data):
            raise SourceUnreadable(f"{inside} runs a function, which is not done here.", hint=_HINT)
        self.files.add(inside)


def _needed(found: Kustomization) -> Iterator[str]:
    """Further files that a kustomization names."""
    for key in ("crds", "configurations"):
        yield from found.strings(key)
    for key in ("generators", "transformers", "validators", "patchesStrategicMerge"):
        for item in found.strings(key):
            if "\n" not in item:
                yield item
            elif _FUNCTION.search(item.encode()):
                raise SourceUnreadable(f"{found.path} runs a function, which is not done here.", hint=_HINT)
    for key in ("patches", "patchesJson6902", "replacements"):
        for entry in found.entries(key):
            if isinstance(entry.get("path"), str):
                yield entry["path"]
    schema = mapping(found.content.get("openapi")).get("path")
    if isinstance(schema, str):
        yield schema
    for key in ("configMapGenerator", "secretGenerator"):
        for entry in found.entries(key):
            for item in entry.get("files") or ():
                yield str(item).partition("=")[2] or str(item)
            yield from (str(item) for item in entry.get("envs") or ())
            if isinstance(entry.get("env"), str):
                yield entry["env"]
