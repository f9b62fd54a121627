"""Folders of the repository as Argo CD's and Flux's manifests name them."""

from __future__ import annotations

from selfheal.errors import SelfhealError
from selfheal.repair.sources.plain import is_kustomization
from selfheal.repair.view import View
from selfheal.repository.paths import normalised


def inside(folder: str) -> str | None:
    """A path relative to the repository, None when it leads out of it."""
    try:
        return normalised(folder.removeprefix("./"))
    except SelfhealError:
        return None


def join(folder: str, name: str) -> str:
    """A path below a folder that may be the root."""
    return f"{folder}/{name}" if folder else name


def is_chart(view: View, folder: str) -> bool:
    """Whether the folder is a chart's."""
    return view.read(join(folder, "Chart.yaml")) is not None


def has_kustomization(view: View, folder: str) -> bool:
    """Whether a kustomization stands right in the folder."""
    return any(path.rpartition("/")[0] == folder and is_kustomization(path) for path in view.files())


def manifests(view: View, folder: str, *, below: bool) -> tuple[str, ...]:
    """The manifests in a folder, those in folders below it where that is asked for."""
    prefix = f"{folder}/" if folder else ""
    return tuple(
        path
        for path in view.files()
        if path.startswith(prefix)
        and path.endswith((".yaml", ".yml", ".json"))
        and (below or "/" not in path.removeprefix(prefix))
    )
