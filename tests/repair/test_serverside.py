"""The server-side dry run: asked by the gate alone, with an account of its own, and nothing is ever stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from selfheal.config import Settings
from selfheal.errors import Outage
from selfheal.incidents.record import ObjectRef, PolicyVerdict
from selfheal.repair import serverside
from selfheal.repair.gate import judge
from selfheal.repair.objects import ref
from selfheal.repository.worktree import WorkTree
from selfheal.sandbox.kubernetes.app import KubernetesEmulator
from tests.repair.test_plan import MANIFEST, NOW, commit, oom, packed, planned
from tests.repository.support import plain_git
from tests.sandbox.kubernetes.manifests import NAMESPACE, configmap, deployment, still

WEB = ObjectRef(kind="Deployment", namespace=NAMESPACE, name="web")


@pytest.fixture
def server() -> Iterator[KubernetesEmulator]:
    with still() as emulator:
        emulator.apply([deployment(), configmap(a="1")])
        yield emulator


def settings(server: KubernetesEmulator | None, folder: Path, account: str = "admin") -> Settings:
    endpoints = {}
    if server is not None:
        path = server.write_kubeconfig(folder / f"{account}.config", account=account)
        endpoints = {"dry_run_kubeconfig": str(path)}
    return Settings.model_validate({"policy": {"server_dry_run": True}, "endpoints": endpoints})


def asked(
    configured: Settings, *after: dict[str, Any], recreated: tuple[ObjectRef, ...] = ()
) -> PolicyVerdict:
    return serverside.verdict({ref(obj, NAMESPACE): obj for obj in after}, recreated, configured)


def test_what_the_server_would_take_passes_and_nothing_is_stored(
    server: KubernetesEmulator, tmp_path: Path
) -> None:
    version = server.cluster.store.version
    verdict = asked(settings(server, tmp_path), deployment(replicas=3), configmap(a="2"))
    assert verdict == PolicyVerdict(rule="server-dry-run", passed=True, detail="2 taken")
    assert server.cluster.store.version == version
    assert all(not entry["effect"] for entry in server.requests)


def test_what_it_would_not_take_is_told_in_its_words(server: KubernetesEmulator, tmp_path: Path) -> None:
    verdict = asked(settings(server, tmp_path), deployment(container={"ports": [{"containerPort": 70000}]}))
    assert not verdict.passed and "must be between 1 and 65535" in verdict.detail


def test_admission_is_asked_too(server: KubernetesEmulator, tmp_path: Path) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "room", "namespace": NAMESPACE},
        "spec": {"hard": {"count/configmaps": "1"}},
    }
    server.apply([quota])
    server.advance(10)
    other = configmap(b="2")
    other["metadata"] = {**other["metadata"], "name": "one-too-many"}
    verdict = asked(settings(server, tmp_path), other)
    assert not verdict.passed and "exceeded quota" in verdict.detail


def test_the_reading_account_may_not_even_ask(server: KubernetesEmulator, tmp_path: Path) -> None:
    verdict = asked(settings(server, tmp_path, "reader"), deployment(replicas=3))
    assert not verdict.passed and "cannot patch" in verdict.detail


def test_without_an_account_it_is_not_passed(tmp_path: Path) -> None:
    verdict = asked(settings(None, tmp_path), deployment())
    assert not verdict.passed and "SELFHEAL_DRY_RUN_KUBECONFIG" in verdict.detail


def test_a_server_that_is_away_is_asked_again_later(server: KubernetesEmulator, tmp_path: Path) -> None:
    configured = settings(server, tmp_path)
    server.stop()
    with pytest.raises(Outage):
        asked(configured, deployment())


def test_what_has_to_be_made_anew_and_what_is_not_known_is_not_asked_for(
    server: KubernetesEmulator, tmp_path: Path
) -> None:
    robot = {
        "apiVersion": "example.com/v1",
        "kind": "Robot",
        "metadata": {"name": "r", "namespace": NAMESPACE},
    }
    seen = len(server.requests)
    verdict = asked(settings(server, tmp_path), deployment(), robot, recreated=(WEB,))
    assert verdict.passed and verdict.detail == "0 taken, 2 not asked for"
    assert len(server.requests) == seen


def test_the_gate_asks_last_and_only_where_that_is_switched_on(
    server: KubernetesEmulator, tmp_path: Path
) -> None:
    directory = tmp_path / "git"
    directory.mkdir()
    plain_git(directory, "init", "-q", "-b", "main")
    commit(directory, MANIFEST)
    tree = WorkTree(directory)
    patch = packed(tree, planned(tree, oom()))
    without = judge(tree, patch, settings=Settings(), analysis=oom(), now=NOW)
    verdicts = judge(tree, patch, settings=settings(server, tmp_path), analysis=oom(), now=NOW)
    assert [item.rule for item in verdicts] == [*(item.rule for item in without), "server-dry-run"]
    assert verdicts[-1].passed, verdicts[-1]
    # What is refused already is not asked for.
    seen = len(server.requests)
    frozen = settings(server, tmp_path).model_copy(
        update={
            "policy": Settings.model_validate(
                {"policy": {"freeze": ["2026-11-01/2026-12-01"], "server_dry_run": True}}
            ).policy
        }
    )
    refused = judge(tree, patch, settings=frozen, analysis=oom(), now=NOW)
    assert refused[-1].rule != "server-dry-run" and len(server.requests) == seen
