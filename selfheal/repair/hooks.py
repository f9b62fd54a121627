"""Hooks run with the next sync and are left out of what is rendered: a change may not reach them unseen."""

from __future__ import annotations

from collections.abc import Sequence

from selfheal.repair.contract import ContractBroken, changed_fields
from selfheal.repair.edits.data import same
from selfheal.repair.goal import Goal
from selfheal.repair.objects import Object, ref
from selfheal.repair.sources.interface import Source, Unit
from selfheal.repair.view import View


def unless_hooks_follow(source: Source, view: View, changed: View, unit: Unit, goals: Sequence[Goal]) -> None:
    """Raises ContractBroken when a hook would change by anything but the very values of the goals."""
    namespace = goals[0].object.namespace
    before, after = (_by_name(source.hooks(each, unit), namespace) for each in (view, changed))
    if before.keys() != after.keys():
        odd = sorted(str(key) for key in before.keys() ^ after.keys())
        raise ContractBroken(f"The edit adds or removes the hook {odd[0]}.")
    for key, obj in before.items():
        for field, was, now in changed_fields(obj, after[key]):
            if not any(same(was, goal.before) and same(now, goal.value) for goal in goals):
                raise ContractBroken(f"The edit changes {field or 'the content'} of the hook {key} too.")


def _by_name(hooks: Sequence[Object], namespace: str) -> dict[object, Object]:
    return {ref(obj, namespace): obj for obj in hooks}
