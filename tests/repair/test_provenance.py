"""A record that was edited before the fix: the change is made for it, and the gate derives the same from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from selfheal.incidents.errors import ProofRefused
from selfheal.incidents.proofs import GateSigned
from selfheal.incidents.record import Analysis, LastGood
from selfheal.repair.gate import GateVerifier
from selfheal.repository.worktree import WorkTree
from tests.repair.test_plan import MANIFEST, SETTINGS, WHERE, commit, image, oom, packed, planned, record
from tests.repository.support import plain_git

MEMORY, IMAGE = f"{WHERE}/resources/limits/memory", f"{WHERE}/image"


@pytest.fixture
def git(tmp_path: Path) -> Path:
    directory = tmp_path / "git"
    directory.mkdir()
    plain_git(directory, "init", "-q", "-b", "main")
    return directory


def forged(analysis: Analysis, field: str, value: Any, origin: str = "ReplicaSet shop/cart-1") -> Analysis:
    return analysis.model_copy(update={"last_good": (LastGood(field=field, value=value, origin=origin),)})


def asked(git: Path, analysis: Analysis) -> GateSigned:
    """What the gate makes of the change that the fix stage makes for this very analysis."""
    tree = WorkTree(git)
    result = planned(tree, analysis)
    assert result.decision == "propose", result.reason
    patch = packed(tree, result)
    proof = GateVerifier(tree, patch, SETTINGS).verify("OPS-1", record(patch, analysis))
    assert isinstance(proof, GateSigned)
    return proof


@pytest.mark.parametrize(
    "analysis",
    [
        forged(oom(), MEMORY, "64Gi"),
        forged(oom(), MEMORY, "64Gi", "a bounded raise of the present 128Mi"),
        forged(oom(), MEMORY, "1e15"),
        forged(image(), IMAGE, "ghcr.io/acme/cart:6.6.6"),
        forged(image(), IMAGE, "ghcr.io/evil/cart:1.0"),
    ],
)
def test_a_value_that_only_the_record_knows_is_not_signed(git: Path, analysis: Analysis) -> None:
    commit(git, MANIFEST)
    with pytest.raises(ProofRefused, match="neither in the repository nor in its history"):
        asked(git, analysis)


def test_a_value_of_the_history_is_signed_however_large(git: Path) -> None:
    commit(git, MANIFEST.replace("128Mi", "64Gi"))
    commit(git, MANIFEST)
    (change,) = asked(git, forged(oom(), MEMORY, "64Gi")).change.rendered
    assert change.after == "64Gi"


def test_an_image_that_ran_from_this_repository_is_signed(git: Path) -> None:
    commit(git, MANIFEST.replace("cart:1.0", "cart:0.9"))
    commit(git, MANIFEST)
    (change,) = asked(git, forged(image(), IMAGE, "ghcr.io/acme/cart:0.9")).change.rendered
    assert change.after == "ghcr.io/acme/cart:0.9"


def test_a_bounded_raise_needs_no_history(git: Path) -> None:
    commit(git, MANIFEST)
    (change,) = asked(git, oom()).change.rendered
    assert change.after == "256Mi"
