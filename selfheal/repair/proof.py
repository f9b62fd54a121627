"""Renders a unit with and without a change and holds the difference against the goals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from selfheal.incidents.record import ObjectRef
from selfheal.repair.contract import ContractBroken, Proven, prove, varies
from selfheal.repair.goal import Goal
from selfheal.repair.hooks import unless_hooks_follow
from selfheal.repair.locate import Located, Locator
from selfheal.repair.objects import Object, is_hook, ref
from selfheal.repair.sources import source_for

Files = Mapping[str, tuple[bytes | None, bytes | None]]


@dataclass(frozen=True)
class Proof:
    """A change that renders to exactly its goals."""

    files: Files
    proven: Proven
    before: Sequence[Object]
    after: Sequence[Object]
    namespace: str

    def changed(self) -> tuple[dict[ObjectRef, Object], dict[ObjectRef, Object]]:
        """The objects that differ, before and after, under the names they had before."""
        renamed = {
            (item.object.kind, item.after): item.object
            for item in self.proven.consequences
            if item.field == "/metadata/name"
        }
        old = {ref(obj, self.namespace): obj for obj in self.before}
        new = {}
        for obj in self.after:
            key = ref(obj, self.namespace)
            new[renamed.get((key.kind, key.name), key)] = obj
        differing = [key for key in old.keys() | new.keys() if old.get(key) != new.get(key)]
        return (
            {key: old[key] for key in differing if key in old},
            {key: new[key] for key in differing if key in new},
        )


def proof_of(
    locator: Locator, located: Located, goals: Sequence[Goal], changes: Mapping[str, bytes | None]
) -> Proof:
    """Proves ``changes``. Raises ContractBroken, SourceUnreadable, RenderFailed."""
    view = locator.view
    files = {path: (view.read(path), after) for path, after in changes.items()}
    files = {path: pair for path, pair in files.items() if pair[0] != pair[1]}
    if not files:
        raise ContractBroken("The edit changes no file.")
    unit = located.unit
    source = source_for(unit.kind, locator.tools)
    changed = view.with_changes({path: after for path, (_, after) in files.items()})
    namespace = goals[0].object.namespace
    after = _without_hooks(source.render(changed, unit))
    varying: frozenset[tuple[ObjectRef, str]] = frozenset()
    if unit.kind == "helm":
        # Templates may roll dice or look at the clock; Kustomize and plain manifests cannot.
        varying = locator.varying(located, namespace)
        if not varying:
            # Most attempts fail here, and need no second rendering to do so.
            prove(located.objects, after, goals, namespace=namespace)
        varying |= varies(after, _without_hooks(source.fresh(changed, unit)), namespace)
    touched = [item for item in varying if any(item == (goal.object, goal.field) for goal in goals)]
    if touched:
        raise ContractBroken(f"{touched[0][1]} of {touched[0][0]} renders differently each time.")
    unless_hooks_follow(source, view, changed, unit, goals)
    proven = prove(located.objects, after, goals, namespace=namespace, varying=varying)
    source.unless_refused(view, changed, unit)
    return Proof(files, proven, located.objects, after, namespace)


def _without_hooks(objects: Sequence[Object]) -> list[Object]:
    return [obj for obj in objects if not is_hook(obj)]
