"""What the tests of sources share: goals, and the first attempt that is proven."""

from __future__ import annotations

from typing import Any

from selfheal.cluster import pointer
from selfheal.errors import SelfhealError
from selfheal.incidents.record import ObjectRef
from selfheal.repair.goal import Goal
from selfheal.repair.locate import Located, Locator
from selfheal.repair.proof import Proof, proof_of
from selfheal.repair.sources import source_for
from selfheal.repair.sources.gitops import hints
from selfheal.repair.tools import Tools
from selfheal.repair.view import View
from selfheal.repository.tree import Tree


def found(tree: Tree, ref: ObjectRef, tools: Tools, path: str = "", **how: Any) -> tuple[Locator, Located]:
    """Where an object is deployed from."""
    view = View(tree)
    locator = Locator(view, tools, live=lambda ref: None)
    return locator, locator.find([ref], path, hints(view, ref.namespace), **how)


def goal(located: Located, ref: ObjectRef, field: str, value: Any, op: str = "set") -> Goal:
    """A goal with what the field renders to now."""
    obj = located.object(ref)
    assert obj is not None
    return Goal(ref, field, op, value, pointer.resolve(obj, field, None), "a test")  # type: ignore[arg-type]


def solved(
    tree: Tree, tools: Tools, ref: ObjectRef, *wanted: tuple[Any, ...], path: str = "", **how: Any
) -> dict[str, str]:
    """The files as the first proven attempt leaves them. Fails when none is proven."""
    locator, located = found(tree, ref, tools, path, **how)
    goals = [goal(located, ref, *item) for item in wanted]
    problems: list[str] = []
    for attempt in source_for(located.unit.kind, tools).attempts(locator.view, located.unit, goals):
        try:
            proof: Proof = proof_of(locator, located, goals, attempt.changes)
        except SelfhealError as error:
            problems.append(error.message)
            continue
        return {name: (after or b"").decode() for name, (_, after) in proof.files.items()}
    raise AssertionError(problems)
