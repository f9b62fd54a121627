"""gate: no model, no GitHub access. Derives the change again, proves it, signs it, or hands over with what failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfheal import progress
from selfheal.errors import Refused
from selfheal.incidents.states import State
from selfheal.repair.gate import GateVerifier
from selfheal.stages.modes import mode_for
from selfheal.stages.work import Work

if TYPE_CHECKING:
    from selfheal.repository.tree import Tree

#: Commits back on the branch within which a base may lie.
_COMMITS = 200


def serve(work: Work) -> None:
    """FIX_IN_PROGRESS with a stored patch becomes FIX_GENERATED."""
    change = work.record.change
    if change is None or change.patch is None:
        raise Refused(f"{work.key} has no stored patch for the gate.", code="no-patch")
    patch = work.manager.get_patch(work.key, change.patch)
    work.verifies(State.FIX_GENERATED, GateVerifier(_base(work, change.base_sha), patch, work.settings))
    observes = mode_for(work.settings, work.record) == "observe"
    record = work.step(State.FIX_GENERATED, last=not observes)
    signed = record.change
    progress.emit("gate", rules=[verdict.rule for verdict in signed.policy] if signed else [])
    work.summary = (
        "The gate listed all that the freely edited change does and signed it; people merge it."
        if change.free
        else "The gate derived the change again and signed it."
    )
    if observes:
        work.hand_over(
            "observe-mode",
            "The mode is observe: the proposed change is for a person to make.",
            _as_text(work, patch),
        )


def _base(work: Work, sha: str) -> Tree:
    """The commit that the change was made against. The branch may have moved on meanwhile; whether that matters is seen
    when the change is written. Only commits of the branch itself count, whatever the record says.
    """
    tree = work.tree
    if sha != tree.base_sha and any(commit.sha == sha for commit in tree.history(limit=_COMMITS)):
        return tree.at(sha)
    return tree


def _as_text(work: Work, patch: bytes) -> str:
    from selfheal.repair.envelope import unpack

    return "\n".join(file.diff for file in unpack(patch).files)
