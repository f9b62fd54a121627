"""`selfheal repair` keeps its contract: the document, the exit codes, and files that change only with --apply."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from selfheal import cli
from selfheal.errors import ConfigurationProblem, UsageProblem
from tests.support.cluster import Cluster, container, crashing

MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec:
      containers:
        - name: app
          image: ghcr.io/acme/app:1.0
          resources: {limits: {memory: 128Mi}}
"""


@pytest.fixture
def world(tmp_path: Path) -> tuple[Path, Path]:
    """A repository and a dump of the cluster in which its workload is killed for memory."""
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / "cart.yaml").write_text(MANIFEST)
    cluster = Cluster()
    spec = {"containers": [container(resources={"limits": {"memory": "128Mi"}})]}
    cluster.deployment("cart", spec, status=crashing("OOMKilled", 137))
    dump = tmp_path / "dump"
    (dump / "shop").mkdir(parents=True)
    by_kind: dict[str, list[Any]] = {}
    for obj in cluster.objects:
        by_kind.setdefault(obj["kind"].lower() + "s", []).append(obj)
    for name in ("pods", "deployments", "replicasets", "events", "services", "configmaps", "endpointslices"):
        items = by_kind.get(name, [])
        (dump / "shop" / f"{name}.json").write_text(
            json.dumps({"kind": "List", "apiVersion": "v1", "items": items})
        )
    return repo, dump


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli.group, ["repair", *arguments], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return int(done.return_value or 0), done.stdout


def test_the_document_is_as_agreed(world: tuple[Path, Path]) -> None:
    repo, dump = world
    code, text = run(
        "--repo", str(repo), "--snapshot", str(dump), "--target", "deployment/cart", "--format", "json"
    )
    document = json.loads(text)
    assert code == 0
    assert {
        "schema_version",
        "diagnosis",
        "decision",
        "reason",
        "requires_recreate",
        "changes",
        "rendered",
        "policy",
    } <= set(document)
    assert document["decision"] == "propose" and document["requires_recreate"] is False
    assert document["diagnosis"]["verdict"] == "fault"
    (change,) = document["changes"]
    assert (
        change["path"] == "cart.yaml" and "+          resources: {limits: {memory: 256Mi}}" in change["diff"]
    )
    (field,) = document["rendered"]
    assert field["object"] == {"kind": "Deployment", "namespace": "shop", "name": "cart"}
    assert (field["before"], field["after"]) == ("128Mi", "256Mi")
    assert all(set(verdict) == {"rule", "passed", "detail"} for verdict in document["policy"])
    assert (repo / "cart.yaml").read_text() == MANIFEST


def test_files_change_with_apply_only(world: tuple[Path, Path]) -> None:
    repo, dump = world
    code, text = run("--repo", str(repo), "--snapshot", str(dump), "--apply")
    assert code == 0 and "The files were changed." in text
    assert (repo / "cart.yaml").read_text() == MANIFEST.replace("128Mi", "256Mi")


def test_an_escalation_is_exit_code_4_and_writes_nothing(world: tuple[Path, Path]) -> None:
    repo, dump = world
    other = MANIFEST.replace("128Mi", "1Gi")
    (repo / "cart.yaml").write_text(other)
    code, text = run("--repo", str(repo), "--snapshot", str(dump), "--apply")
    assert code == 4 and "Deploy what the repository says" in text
    assert (repo / "cart.yaml").read_text() == other


def test_nothing_to_do_is_exit_code_0(world: tuple[Path, Path]) -> None:
    repo, dump = world
    pods = json.loads((dump / "shop" / "pods.json").read_text())
    for pod in pods["items"]:
        for status in pod["status"]["containerStatuses"]:
            status.update(state={"running": {}}, lastState={}, ready=True, restartCount=0)
        pod["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    (dump / "shop" / "pods.json").write_text(json.dumps(pods))
    code, text = run("--repo", str(repo), "--snapshot", str(dump), "--format", "json")
    assert json.loads(text)["decision"] in ("none", "escalate")
    assert code == (0 if json.loads(text)["decision"] == "none" else 4)


def test_what_was_asked_about_and_is_not_there_is_said_first(world: tuple[Path, Path]) -> None:
    repo, dump = world
    given = ("--repo", str(repo), "--snapshot", str(dump))
    _code, text = run(*given, "--target", "deployment/card", "--namespace", "shop")
    assert text.startswith("note ") and "There is no Deployment card in shop" in text
    assert "note " not in run(*given, "--target", "deployment/cart")[1]
    (dump / "namespaces.json").write_text(
        json.dumps(
            {
                "kind": "List",
                "items": [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}],
            }
        )
    )
    assert "There is no namespace shpo." in run(*given, "--namespace", "shpo")[1]


def test_the_dump_is_no_repository(world: tuple[Path, Path]) -> None:
    with pytest.raises(UsageProblem, match="nobody deploys"):
        run("--repo", str(world[1]), "--snapshot", str(world[1]))


def test_a_wrong_folder_is_told_with_the_right_one(world: tuple[Path, Path]) -> None:
    repo, dump = world
    (repo / "other").mkdir()
    (repo / "other" / "x.yaml").write_text(MANIFEST.replace("cart", "till"))
    code, text = run("--repo", str(repo), "--snapshot", str(dump), "--path", "other")
    assert code == 4
    assert "Elsewhere it is deployed by" in " ".join(text.split()) and "cart.yaml" in text


def test_a_program_that_is_missing_is_no_matter_of_the_incident(
    world: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    repo, dump = world
    (repo / "kustomization.yaml").write_text("resources: [cart.yaml]\n")
    monkeypatch.setenv("SELFHEAL_KUBECTL", str(repo / "nowhere"))
    with pytest.raises(ConfigurationProblem, match="kubectl was not found"):
        run("--repo", str(repo), "--snapshot", str(dump))


def test_paths_outside_the_repository_are_usage_problems(world: tuple[Path, Path]) -> None:
    repo, dump = world
    for path in ("../elsewhere", "/etc", "nowhere"):
        with pytest.raises(UsageProblem):
            run("--repo", str(repo), "--snapshot", str(dump), "--path", path)
    with pytest.raises(UsageProblem):
        run("--repo", str(repo / "nowhere"), "--snapshot", str(dump))
