"""What a patch does beside its remedy, where the render contract of the unit does not look.

A file that the unit is not rendered from could hold anything, such as another workload; so could one that need not
change for the remedy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from selfheal.errors import SelfhealError
from selfheal.repair.contract import ContractBroken
from selfheal.repair.goal import Goal
from selfheal.repair.locate import Located, Locator
from selfheal.repair.proof import proof_of
from selfheal.repair.sources import source_for

Changes = Mapping[str, bytes | None]


def unless_needed(locator: Locator, located: Located, goals: Sequence[Goal], changes: Changes) -> None:
    """Raises ContractBroken naming a file that is no part of the unit, or that need not change for the goals."""
    source, unit = source_for(located.unit.kind, locator.tools), located.unit
    read = source.inputs(locator.view, unit) | source.inputs(locator.view.with_changes(changes), unit)
    for path in sorted(changes):
        if path not in read:
            raise ContractBroken(f"{path} is no part of {unit}.")
    for path in sorted(changes) if len(changes) > 1 else ():
        try:
            proof_of(locator, located, goals, {name: data for name, data in changes.items() if name != path})
        except SelfhealError:
            continue
        raise ContractBroken(f"{path} need not change for what is meant.")
