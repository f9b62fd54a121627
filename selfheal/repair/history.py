"""What a field rendered to at earlier commits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.generated import generated_name
from selfheal.errors import NotFound, SelfhealError
from selfheal.incidents.record import ObjectRef
from selfheal.repair.edits.data import same
from selfheal.repair.locate import Located, Locator
from selfheal.repair.objects import Object, ref
from selfheal.repair.sources import source_for
from selfheal.repair.view import View
from selfheal.repository.tree import Commit, Tree

#: Commits looked through, and states of the source rendered.
COMMITS = 200
STATES = 12
_ABSENT = object()


class History:
    """The past of one located unit. Without git there is none."""

    def __init__(self, tree: Tree, locator: Locator, located: Located) -> None:
        self._tree = tree
        self._unit = located.unit
        self._source = source_for(located.unit.kind, locator.tools)
        self._inputs = self._source.inputs(locator.view, located.unit)
        self._objects: dict[str, dict[ObjectRef, Object]] = {}

    def commits(self) -> list[Commit]:
        """The newest commits that touch what the unit is rendered from, newest first."""
        found = [item for item in self._tree.history(limit=COMMITS) if self._inputs.intersection(item.paths)]
        return found[:STATES]

    def values(self, wanted: ObjectRef, field: str, now: Any) -> Iterator[tuple[Any, str]]:
        """Values that differ from ``now``, newest first, with the commit that replaced each."""
        seen = [now]
        for commit in self.commits():
            value = self._at(f"{commit.sha}^", wanted, field)
            if value is _ABSENT or value is None or any(same(value, other) for other in seen):
                continue
            seen.append(value)
            yield value, f"git history, before commit {commit.sha[:12]} of {commit.at:%Y-%m-%d}"

    def came_with(self, wanted: ObjectRef, field: str) -> str:
        """The commit that brought a field to an object that did without it before, in words; "" where none did."""
        for commit in self.commits():
            before, after = self._at(f"{commit.sha}^", wanted, field), self._at(commit.sha, wanted, field)
            if before is _ABSENT:
                return ""
            if before is None and after is not None:
                return f"git history, without it before commit {commit.sha[:12]} of {commit.at:%Y-%m-%d}"
        return ""

    def since(self, wanted: ObjectRef, field: str, value: Any) -> list[Commit]:
        """All commits of the repository after the state in which the field last had ``value``, [] when it never had."""
        for commit in self.commits():
            before = self._at(f"{commit.sha}^", wanted, field)
            if before is not _ABSENT and same(before, value):
                found = self._tree.history(limit=COMMITS)
                position = next(index for index, item in enumerate(found) if item.sha == commit.sha)
                return list(found[: position + 1])
        return []

    def own_fix(self, wanted: ObjectRef, field: str, now: datetime, days: int) -> Commit | None:
        """The newest commit of ours in the last ``days`` that changed the field."""
        for commit in self.commits():
            if not commit.incident or now - commit.at > timedelta(days=days):
                continue
            before, after = self._at(f"{commit.sha}^", wanted, field), self._at(commit.sha, wanted, field)
            if before is not after and not same(before, after):
                return commit
        return None

    def span(self, wanted: ObjectRef, field: str, value: Any) -> list[Commit]:
        """Commits that touch the unit, newest first, down to the one that replaced ``value``; [] when none did."""
        commits = self.commits()
        for position, commit in enumerate(commits):
            before = self._at(f"{commit.sha}^", wanted, field)
            if before is not _ABSENT and same(before, value):
                return commits[: position + 1]
        return []

    def objects(self, revision: str, namespace: str) -> dict[ObjectRef, Object]:
        """What the unit rendered to at a revision, {} when it did not render or there is no such revision."""
        if revision not in self._objects:
            try:
                view = View(self._tree.at(revision))
                objects = self._source.render(view, self._unit)
                self._objects[revision] = {ref(obj, namespace): obj for obj in objects}
            except (NotFound, SelfhealError):
                # The first commit has no parent; an older state may not render.
                self._objects[revision] = {}
        return self._objects[revision]

    def inputs(self, revision: str) -> frozenset[str]:
        """Files that the unit was rendered from at a revision; those of today where that is not known."""
        try:
            return self._source.inputs(View(self._tree.at(revision)), self._unit)
        except (NotFound, SelfhealError):
            return self._inputs

    def _at(self, revision: str, wanted: ObjectRef, field: str) -> Any:
        obj = _found(self.objects(revision, wanted.namespace), wanted)
        return _ABSENT if obj is None else pointer.resolve(obj, field, None)


def _found(objects: dict[ObjectRef, Object], wanted: ObjectRef) -> Object | None:
    """The object, also under the name that a generator gave it for what it held then."""
    base = generated_name(wanted.name) if wanted.kind in ("ConfigMap", "Secret") else ""
    if wanted in objects or not base:
        return objects.get(wanted)
    twins = [
        obj
        for key, obj in objects.items()
        if (key.kind, key.namespace) == (wanted.kind, wanted.namespace) and generated_name(key.name) == base
    ]
    return twins[0] if len(twins) == 1 else None
