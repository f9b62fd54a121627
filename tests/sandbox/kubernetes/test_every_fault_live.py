"""Every fault whose outcome follows from objects is staged in the embedded cluster and found there, over HTTP.

The cluster is read with the client and the rights that real clusters are read with: no Secrets, no control plane's files.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfheal.cluster.live import LiveCluster
from selfheal.diagnosis.engine import Diagnosis, diagnose
from selfheal.faults.catalogue import CATALOGUE
from tests.exam.scene import Case, Scene
from tests.sandbox.kubernetes.live_stages import NOT_STAGED, chosen, scenes
from tests.support.forked import forked

STAGED = list(chosen())


@pytest.fixture(scope="module")
def settled_scenes() -> dict[str, Scene]:
    return scenes()


def _found(case: Case, scene: Scene, folder: Path) -> tuple[Diagnosis, int]:
    """The diagnosis of the live cluster after the case was staged, and how many edits of a dump the case asks for."""
    case.stage(scene)
    with scene.emulator as emulator:
        cluster = LiveCluster(str(emulator.write_kubeconfig(folder / "kubeconfig")))
        snapshot = cluster.snapshot()
    assert not emulator.errors
    return diagnose(snapshot), len(scene.after)


@pytest.mark.parametrize("case", STAGED, ids=lambda case: case.fault)
def test_what_is_staged_is_found(case: Case, settled_scenes: dict[str, Scene], tmp_path: Path) -> None:
    found, edits = forked(lambda: _found(case, settled_scenes[case.app], tmp_path))
    assert not edits, f"{case.id} is written into a dump; stage it in live_stages"
    assert found.incomplete == ()
    if case.fault == "healthy":
        assert (found.verdict, found.reasons) == ("healthy", ())
        return
    assert found.root is not None, found.reasons
    assert found.root.fault in (case.fault, *case.also), found.root.summary
    assert (found.root.object.kind, found.root.object.name) in case.answers, found.root.summary


def _edited_by_hand(scene: Scene, folder: Path) -> Diagnosis:
    """The live cluster beside its repository, after somebody gave a program a variable that it cannot read."""
    repository = folder / "repository"
    repository.mkdir()
    for number, obj in enumerate(scene.app.objects.values()):
        (repository / f"{number}.json").write_text(json.dumps(obj), encoding="utf-8")
    scene.env("fx", "WORKERS", "four")
    scene.roll()
    with scene.emulator as emulator:
        snapshot = LiveCluster(str(emulator.write_kubeconfig(folder / "kubeconfig"))).snapshot()
    return diagnose(snapshot, repository=repository)


def test_what_was_edited_by_hand_is_found_beside_the_repository(
    settled_scenes: dict[str, Scene], tmp_path: Path
) -> None:
    found = forked(lambda: _edited_by_hand(settled_scenes["market"], tmp_path))
    assert found.root is not None
    assert (found.root.fault, str(found.root.object)) == ("drift", "Deployment market/fx")
    assert any(item.fault == "env-var-invalid" for item in found.root.explains)


def test_each_fault_is_staged_or_said_not_to_be() -> None:
    staged = [case.fault for case in STAGED]
    assert len(staged) == len(set(staged))
    known = {fault.id for fault in CATALOGUE} | {"healthy", "unknown"}
    assert {*staged, *NOT_STAGED, "drift"} == known
    assert not {*staged} & {*NOT_STAGED}
