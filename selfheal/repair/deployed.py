"""How the unit on which a change was proven is named in the record, and rendered again from there once it was merged.

Which values files of a chart count is found out by trial against what ran; after the merge something else runs, so the
answer is kept.
"""

from __future__ import annotations

from selfheal.incidents.record import Deployed
from selfheal.repair.objects import Object, is_hook
from selfheal.repair.sources import Unit, render, source_for
from selfheal.repair.sources.gitops import hints
from selfheal.repair.tools import Tools
from selfheal.repair.view import View
from selfheal.repository.tree import Tree

#: Characters of a unit's name, and values files, that the record keeps.
_TEXT = 400
_VALUES = 8


def deployed(unit: Unit) -> Deployed | None:
    """What the record keeps of a unit; None for plain manifests, whose folder says it all, and for what is too long."""
    if unit.kind == "plain" or len(str(unit)) > _TEXT or len(unit.values) > _VALUES:
        return None
    return Deployed(kind=unit.kind, path=unit.path, values=unit.values, release=unit.release, unit=str(unit))


def rendered(tree: Tree, told: Deployed | None, path: str, *, namespace: str, tools: Tools) -> list[Object]:
    """The objects, as the tree deploys them now; ``path`` counts where nothing more is known.

    Raises SourceUnreadable, RenderFailed, NotFound.
    """
    if told is None:
        return render(tree, path, namespace=namespace, tools=tools)
    view = View(tree)
    unit = next(
        (
            unit
            for unit in hints(view, namespace)
            if (unit.kind, unit.path, unit.release, str(unit))
            == (told.kind, told.path, told.release, told.unit)
        ),
        None,
    )
    if unit is None:
        unit = Unit(told.kind, told.path, values=told.values, release=told.release, namespace=namespace)
    return [obj for obj in source_for(unit.kind, tools).render(view, unit) if not is_hook(obj)]
