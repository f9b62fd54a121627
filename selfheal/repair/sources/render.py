"""Rendering by kind of source, twice where a template may answer differently each time."""

from __future__ import annotations

from selfheal.errors import NotFound
from selfheal.repair.objects import Object, is_hook
from selfheal.repair.sources.interface import Source, Unit
from selfheal.repair.sources.plain import Plain, is_kustomization
from selfheal.repair.tools import Tools
from selfheal.repair.view import View
from selfheal.repository.paths import below
from selfheal.repository.tree import Tree


def source_for(kind: str, tools: Tools) -> Source:
    """The adapter for ``plain``, ``kustomize`` or ``helm``."""
    if kind == "plain":
        return Plain()
    if kind == "kustomize":
        from selfheal.repair.sources.kustomize import Kustomize

        return Kustomize(tools)
    from selfheal.repair.sources.helm import Helm

    return Helm(tools)


def render(
    tree: Tree,
    path: str,
    *,
    values: tuple[str, ...] = (),
    release: str = "",
    namespace: str = "",
    tools: Tools | None = None,
) -> list[Object]:
    """What the folder ``path`` deploys: a chart, a kustomization, or all plain manifests in it.

    Helm's hooks and tests are left out. Raises SourceUnreadable, and NotFound for a folder without manifests.
    """
    view = View(tree)
    folder = path.strip("/").removeprefix("./")
    folder = "" if folder == "." else folder
    files = [name for name in view.files() if below(name, folder)]
    names = {name.removeprefix(folder).lstrip("/") for name in files}
    tools = tools or Tools()
    if "Chart.yaml" in names:
        unit = Unit("helm", folder, values=values, release=release, namespace=namespace)
    elif any("/" not in name and is_kustomization(name) for name in names):
        unit = Unit("kustomize", folder, namespace=namespace)
    else:
        manifests = tuple(name for name in files if name.endswith((".yaml", ".yml", ".json")))
        if not manifests:
            raise NotFound(
                f"{path or 'The repository'} holds no manifests.", hint="Name the folder that is deployed."
            )
        unit = Unit("plain", folder, files=manifests, namespace=namespace)
    return [obj for obj in source_for(unit.kind, tools).render(view, unit) if not is_hook(obj)]
