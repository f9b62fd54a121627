"""Other environments made from the same files: what they may teach, and whether a change reaches them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from selfheal.faults.interface import FieldEdit
from selfheal.repair import risks
from selfheal.repair.edits.data import same
from selfheal.repair.goal import Goal
from selfheal.repair.locate import Located, Locator
from selfheal.repair.objects import Object, is_hook, ref
from selfheal.repair.sources import SourceUnreadable, Unit, source_for
from selfheal.repair.tools import RenderFailed

#: Other environments looked at.
MOST = 40
_SIZES = re.compile(r"/resources/(?:limits|requests)/|/replicas$|/(?:min|max)Replicas$")
#: Fields that follow from the program's version.
_VERSIONED = re.compile(r"Probe/|/command|/args|/env/|/ports/|/targetPort$|^/data/")


@dataclass(frozen=True)
class Relative:
    """Another environment, rendered."""

    located: Located

    @property
    def unit(self) -> Unit:
        return self.located.unit

    def named(self, edit: FieldEdit) -> Object | None:
        """Its object of the same kind and name, whatever its namespace."""
        return _same_name(self.located, edit.object.kind, edit.object.name)


def elsewhere(locator: Locator, located: Located, known: Iterable[Unit]) -> list[Relative]:
    """The other environments of the unit, those that can be rendered."""
    source = source_for(located.unit.kind, locator.tools)
    units = {
        *(unit for unit in known if unit.kind == located.unit.kind and unit.path == located.unit.path),
        *source.shared(locator.view, located.unit),
    } - {located.unit}
    found = []
    for unit in sorted(units, key=str)[:MOST]:
        if (unit.path, unit.values) == (located.unit.path, located.unit.values) and unit.kind != "plain":
            continue
        try:
            found.append(Relative(Located(unit, locator.render(unit), 0)))
        except (SourceUnreadable, RenderFailed):
            continue
    return found


class Elsewhere:
    """Finds which of the other environments a change reaches."""

    def __init__(self, locator: Locator, relatives: Sequence[Located]) -> None:
        self._locator = locator
        self._relatives = relatives

    def reached(self, changes: Mapping[str, bytes | None]) -> list[Located]:
        """Those that render differently with the change; one that stops rendering counts as reached."""
        found = []
        for item in self._relatives:
            source = source_for(item.unit.kind, self._locator.tools)
            if not source.inputs(self._locator.view, item.unit).intersection(changes):
                continue
            try:
                after = source.render(self._locator.view.with_changes(changes), item.unit)
            except (SourceUnreadable, RenderFailed):
                found.append(item)
                continue
            if not _alike(item.objects, [obj for obj in after if not is_hook(obj)]):
                found.append(item)
        return found


def _alike(before: Sequence[Object], after: Sequence[Object]) -> bool:
    old, new = {ref(obj): obj for obj in before}, {ref(obj): obj for obj in after}
    return old.keys() == new.keys() and all(same(old[key], new[key]) for key in old)


def prefers_own_place(goals: Sequence[Goal], located: Located, reached: Sequence[Located]) -> bool:
    """Whether the value had better be set for this environment alone than where others share it.

    Sizes belong to an environment. What a program needs follows from its version: where another environment runs
    another image, the shared value may be right there. A value wrong for all is mended for all.
    """
    for goal in goals:
        if _SIZES.search(goal.field):
            return True
        if not _VERSIONED.search(goal.field):
            continue
        own = located.object(goal.object)
        for item in reached:
            other = _same_name(item, goal.object.kind, goal.object.name)
            if own is not None and other is not None and risks.images(own) != risks.images(other):
                return True
    return False


def _same_name(located: Located, kind: str, name: str) -> Object | None:
    found = [obj for obj in located.objects if obj.get("kind") == kind and ref(obj).name == name]
    return found[0] if len(found) == 1 else None
