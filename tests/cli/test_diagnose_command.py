"""`selfheal diagnose` as other programs call it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from selfheal.cli.diagnose import diagnose
from selfheal.errors import ConfigurationProblem, UsageProblem
from tests.support.cluster import Cluster, container, crashing, waiting

LIMITED = {"containers": [container(resources={"limits": {"memory": "128Mi"}})]}


def dump(directory: Path, cluster: Cluster) -> Path:
    snapshot = cluster.snapshot()
    folder = directory / cluster.namespace
    folder.mkdir(parents=True)
    for kind in snapshot.kinds():
        document = {"kind": f"{kind}List", "items": list(snapshot.list(kind, cluster.namespace))}
        names = {
            "EndpointSlice": "endpointslices",
            "NetworkPolicy": "networkpolicies",
            "Ingress": "ingresses",
        }
        (folder / f"{names.get(kind, kind.lower() + 's')}.json").write_text(
            json.dumps(document), encoding="utf-8"
        )
    return directory


@pytest.fixture
def ill(tmp_path: Path) -> Path:
    cluster = Cluster()
    cluster.deployment("web", LIMITED, status=crashing("OOMKilled", 137))
    return dump(tmp_path / "dump", cluster)


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(diagnose, [str(item) for item in arguments], standalone_mode=False)


def test_json_is_the_contract(ill: Path) -> None:
    answer = run("--snapshot", ill, "--format", "json")
    assert answer.return_value == 0
    document = json.loads(answer.stdout)
    assert {"schema_version", "target", "findings", "verdict", "incomplete", "elapsed_ms"} <= set(document)
    (finding,) = document["findings"]
    assert set(finding) == {
        "fault", "variant", "object", "container", "confidence", "summary", "evidence", "explains",
    }  # fmt: skip
    assert finding["object"] == {"kind": "Deployment", "namespace": "shop", "name": "web"}
    assert all(set(item) == {"source", "object", "field", "value", "message"} for item in finding["evidence"])


@pytest.mark.parametrize(("form", "says"), [("text", "Why I think so"), ("markdown", "### Evidence")])
def test_notes_for_people(ill: Path, form: str, says: str) -> None:
    answer = run("--snapshot", ill, "--format", form)
    assert answer.return_value == 0
    assert says in answer.stdout and "128Mi" in answer.stdout


def test_a_note_that_somebody_can_act_on_at_night(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster.deployment("web", LIMITED, status=crashing("OOMKilled", 137))
    answer = run("--snapshot", dump(tmp_path / "dump", cluster))
    assert answer.stdout.splitlines()[1] == "Cause: oom-killed (memory) on Deployment shop/web (97% sure)"
    assert "spec.template.spec.containers[app].resources.limits.memory = 128Mi" in answer.stdout
    assert "What to do:" in answer.stdout
    sentences = " ".join(answer.stdout.split())
    assert (
        "to change: spec.template.spec.containers[app].resources.limits.memory of Deployment shop/web."
        in sentences
    )
    # A command is for pasting, so it stands on a line of its own.
    commands = [line.strip() for line in answer.stdout.splitlines() if line.strip().startswith("kubectl")]
    assert commands
    assert "As of 2026-" in answer.stdout.splitlines()[-1]


def test_healthy_and_unknown_are_answers_too(tmp_path: Path) -> None:
    well, odd = Cluster(), Cluster()
    well.deployment("web", LIMITED)
    odd.deployment("web", LIMITED, status=waiting("ContainerCreating"))
    for name, cluster, verdict in (("a", well, "healthy"), ("b", odd, "unknown")):
        folder = dump(tmp_path / name, cluster)
        answer = run("--snapshot", folder, "--format", "json")
        assert (answer.return_value, json.loads(answer.stdout)["verdict"]) == (0, verdict)
        assert run("--snapshot", folder).return_value == 0
        assert run("--snapshot", folder, "--format", "markdown").return_value == 0


def test_target_and_text(ill: Path, tmp_path: Path) -> None:
    text = tmp_path / "incident.txt"
    text.write_text("web is down", encoding="utf-8")
    for arguments in (
        ("--target", "deploy/web"),
        ("--incident-text", text),
        ("--namespace", "shop", "--target", "pod/web-new-0"),
    ):
        document = json.loads(run("--snapshot", ill, "--format", "json", *arguments).stdout)
        assert document["findings"][0]["fault"] == "oom-killed"
        assert document["target"]["namespace"] == "shop"


def test_secrets_in_logs_do_not_come_out(tmp_path: Path) -> None:
    cluster = Cluster()
    token = "ghp_" + "a1B2" * 9
    cluster.deployment(
        "web",
        {"containers": [container(env=[{"name": "TOKEN_FILE", "value": "x"}])]},
        status=crashing("Error", 1),
    )
    folder = dump(tmp_path / "dump", cluster)
    (folder / "shop" / "web-new-0").mkdir()
    (folder / "shop" / "web-new-0" / "logs.previous.txt").write_text(
        f"invalid value for TOKEN_FILE: is not a valid file (token {token})\n", encoding="utf-8"
    )
    for form in ("json", "text", "markdown"):
        answer = run("--snapshot", folder, "--format", form)
        assert "TOKEN" in answer.stdout
        assert token not in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--snapshot", "gone"], ConfigurationProblem),
        (["--snapshot", "x", "--context", "y"], UsageProblem),
        (["--target", "web"], UsageProblem),
        (["--target", "gremlin/web"], UsageProblem),
        (["--incident-text", "gone"], UsageProblem),
        (["--repo", "gone"], UsageProblem),
        ([], ConfigurationProblem),
    ],
)
def test_wrong_calls_say_what_to_do(arguments: list[str], error: type[Exception]) -> None:
    answer = run(*arguments)
    assert isinstance(answer.exception, error)
    assert answer.exception.hint  # type: ignore[union-attr]


def test_a_dump_needs_neither_the_client_nor_crewai(ill: Path) -> None:
    script = (
        "import sys\nfrom selfheal.cli import main\n"
        "try:\n    main(sys.argv[1:])\nfinally:\n"
        "    assert not {'kubernetes', 'crewai', 'github', 'atlassian', 'rich'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "diagnose", "--snapshot", str(ill), "--format", "json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["verdict"] == "fault"
