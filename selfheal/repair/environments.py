"""Other environments made from the same files: what they may teach, and whether a change reaches them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from selfheal.faults.nearness import likeness
from selfheal.incidents.record import ObjectRef
from selfheal.repair import risks
from selfheal.repair.edits.data import same
from selfheal.repair.goal import Goal
from selfheal.repair.locate import Located, Locator
from selfheal.repair.objects import Object, is_hook, ref
from selfheal.repair.sources import SourceUnreadable, Unit, source_for
from selfheal.repair.tools import RenderFailed
from selfheal.repair.values import SLIP

#: Other environments that are rendered; of any beyond that, what they read is known.
MOST = 8
_SIZES = re.compile(r"/resources/(?:limits|requests)/|/replicas$|/(?:min|max)Replicas$")
#: Fields that follow from the program's version.
_VERSIONED = re.compile(r"Probe/|/command|/args|/ports/|/targetPort$")

_VERSION = re.compile(r"[:@][^/]+$")


class Relatives:
    """The other environments of a located unit, each rendered when it is first asked for."""

    def __init__(self, locator: Locator, located: Located, known: Iterable[Unit]) -> None:
        self._locator = locator
        self._source = source_for(located.unit.kind, locator.tools)
        own = located.unit
        units = {
            *(unit for unit in known if unit.kind == own.kind and unit.path == own.path),
            *self._source.shared(locator.view, own),
        }
        self.units = sorted(
            (
                unit
                for unit in units
                if (unit.path, unit.values, unit.inline) != (own.path, own.values, own.inline)
            ),
            key=str,
        )

    def named(self, wanted: ObjectRef) -> list[tuple[str, Object]]:
        """(environment, object) for objects of the same kind and name, whatever their namespace."""
        found = []
        for unit in self.units[:MOST]:
            obj = self._same_name(unit, wanted)
            if obj is not None:
                found.append((str(unit), obj))
        return found

    def reached(self, changes: Mapping[str, bytes | None]) -> list[Unit]:
        """Those that render differently with a change; one that stops rendering, or is one too many, counts too."""
        found = []
        reading = [
            unit for unit in self.units if self._source.inputs(self._locator.view, unit).intersection(changes)
        ]
        for position, unit in enumerate(reading):
            if position >= MOST:
                found.append(unit)
                continue
            before = self._objects(unit)
            if before is None:
                continue
            try:
                after = self._source.render(self._locator.view.with_changes(changes), unit)
            except (SourceUnreadable, RenderFailed):
                found.append(unit)
                continue
            if not _alike(before, [obj for obj in after if not is_hook(obj)]):
                found.append(unit)
        return found

    def told(self, changes: Mapping[str, bytes | None]) -> list[str]:
        """`reached`, for people, each once: what deploys an environment may be known by more than one way."""
        return list(dict.fromkeys(str(unit) for unit in self.reached(changes)))

    def prefers_own_place(
        self, goals: Sequence[Goal], located: Located, changes: Mapping[str, bytes | None]
    ) -> bool:
        """Whether the value had better be set for this environment alone than where others share it.

        A size that is raised belongs to its environment. What a program needs follows from its version: where another
        environment runs another image, the shared value may be right there. A value wrong for all, and a slip of one
        that is right, are mended for all, where they stand.
        """
        if any(goal.raised and _SIZES.search(goal.field) for goal in goals):
            return any(
                self._source.inputs(self._locator.view, unit).intersection(changes) for unit in self.units
            )
        versioned = [
            goal
            for goal in goals
            if _VERSIONED.search(goal.field)
            and goal.before is not None
            and not _slip(goal.before, goal.value)
        ]
        for goal in versioned:
            own = located.object(goal.object)
            for unit in self.reached(changes)[:MOST]:
                other = self._same_name(unit, goal.object)
                if own is not None and other is not None and _other_version(own, other):
                    return True
        return False

    def _objects(self, unit: Unit) -> list[Object] | None:
        try:
            return self._locator.render(unit)
        except (SourceUnreadable, RenderFailed):
            return None

    def _same_name(self, unit: Unit, wanted: ObjectRef) -> Object | None:
        objects = self._objects(unit) or []
        found = [obj for obj in objects if obj.get("kind") == wanted.kind and ref(obj).name == wanted.name]
        return found[0] if len(found) == 1 else None


def _alike(before: Sequence[Object], after: Sequence[Object]) -> bool:
    old, new = {ref(obj): obj for obj in before}, {ref(obj): obj for obj in after}
    return old.keys() == new.keys() and all(same(old[key], new[key]) for key in old)


def _slip(old: object, new: object) -> bool:
    """Whether one value is plainly a slip of the other."""
    return isinstance(old, str) and isinstance(new, str) and likeness(old, new) >= SLIP


def _other_version(one: Object, two: Object) -> bool:
    """Whether a container runs another version in another environment; an image without a version tells nothing."""
    first, second = risks.images(one), risks.images(two)
    return any(
        where in second
        and image != second[where]
        and all(_VERSION.search(text) for text in (image, second[where]))
        for where, image in first.items()
    )
