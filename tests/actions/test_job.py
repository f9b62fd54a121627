"""A stage as a step: what its end means for the job, and what people are told. Each in a process of its own, as on a runner."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from selfheal.sandbox.world import World
from tests.actions.runner_files import read_outputs


@pytest.fixture(scope="module")
def world():
    with World(scenarios=("catalog-out-of-memory",)) as found:
        yield found


@pytest.fixture
def step(world, tmp_path):
    """Runs the step that a job would run; answers exit code, log, outputs, summary."""
    app = next(iter(world.applications.values()))
    checkout = tmp_path / "repository"
    subprocess.run(["git", "clone", "-q", str(world.github.bare(app.repository)), str(checkout)], check=True)
    for name in ("output", "summary"):
        (tmp_path / name).touch()
    (tmp_path / "temp").mkdir()

    def run(stage, **inputs):
        settings = {
            name: value
            for name, value in world.environ().items()
            if "TOKEN" not in name and "KUBECONFIG" not in name
        }
        given = {
            "stage": stage, "jira-token": world.jira.token("bot"), "jira-url": world.jira.url, "repository-dir": str(checkout),
            "dry-run": "false", "timeout-minutes": "5", **inputs,
        }  # fmt: skip
        environ = {
            "PATH": os.environ["PATH"], "HOME": str(tmp_path), "RUNNER_TEMP": str(tmp_path / "temp"), "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"), **settings,
            "SELFHEAL_GITHUB_REPOSITORY": app.repository,
        }  # fmt: skip
        environ |= {f"INPUT_{name.upper().replace('-', '_')}": value for name, value in given.items()}
        done = subprocess.run(
            [sys.executable, "-m", "selfheal.actions"],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        text = (tmp_path / "summary").read_text(encoding="utf-8")
        return (
            done.returncode,
            done.stdout + done.stderr,
            read_outputs((tmp_path / "output").read_text()),
            text,
        )

    run.folder = tmp_path
    return run


def test_what_is_not_ours_is_a_warning_and_no_failure(world, step):
    key = world.jira.file_incident(summary="somebody's", assignee="")
    code, log, outputs, _summary = step("fix", incident=key)
    assert code == 0
    assert "::warning title=" in log
    assert outputs["status"] == "refused"
    assert not world.jira.store.issues[key].properties


def test_a_refused_token_fails_with_what_to_do_and_without_the_token(step):
    code, log, outputs, _summary = step("fix", incident="INC-1", **{"jira-token": "not-the-token-of-anybody"})
    assert code == 3
    assert "::error title=" in log
    assert log.count("not-the-token-of-anybody") == 1, "only the mask names it"
    assert outputs["exit-code"] == "3"


def test_tests_that_did_not_run_keep_the_gate_from_signing(world, step):
    key = world.jira.file_incident(summary="catalog is slow", assignee="bot")
    code, log, outputs, _summary = step("gate", incident=key, tests="skipped", **{"signing-key": "k" * 40})
    assert code == 1
    assert "did not run" in log
    assert outputs["status"] == "failed"
    assert not world.jira.store.issues[key].properties


def test_coordinating_lists_what_waits_and_leaves_nothing_in_the_checkout(world, step):
    kubeconfig = Path(world.environ()["SELFHEAL_KUBECONFIG"]).read_text()
    (first, *_others) = world.incidents
    code, log, outputs, summary = step("coordinate", incident=first, kubeconfig=kubeconfig)
    assert code == 0, log
    assert json.loads(outputs["incidents"]) == [{"key": first, "stage": "analyze"}]
    assert outputs["elsewhere"] == "[]"
    assert f"| {first} | analyze |" in summary
    status = subprocess.run(
        ["git", "-C", str(step.folder / "repository"), "status", "--porcelain"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert status.stdout == ""
    assert (step.folder / "temp" / "selfheal-secret" / "kubeconfig").stat().st_mode & 0o777 == 0o600
    assert json.loads(Path(outputs["result-path"]).read_text())["incidents"]


def test_handing_over_tells_the_other_repository_of_the_key_alone(world, step):
    world.github.add_repository("acme/cart", {"README.md": "x"})
    token = {"github-token": world.github.bot_token, "repository": "acme/cart", "jira-token": ""}
    code, log, outputs, _summary = step("hand-over", incident="INC-1", **token)
    assert code == 0, log
    (told,) = world.github.hub.store.repository("acme/cart").dispatches
    assert (told["event_type"], told["client_payload"]) == ("jira-incident", {"incident": {"key": "INC-1"}})
    assert outputs["status"] == "progress"
    code, log, _outputs, _summary = step(
        "hand-over", incident="INC-1", **token | {"repository": "acme/absent"}
    )
    assert code == 3
    assert "Install the GitHub App" in log


def test_a_policy_that_was_replaced_on_the_way_is_refused(world, step):
    policy = step.folder / "policy.yml"
    policy.write_text("mode: heal\n")
    digest = hashlib.sha256(b"mode: observe\n").hexdigest()
    (first, *_others) = world.incidents
    code, log, _outputs, _summary = step(
        "fix", incident=first, config=str(policy), **{"config-digest": digest}
    )
    assert code == 1
    assert "not the ones that were fetched" in log


@pytest.mark.parametrize("clusters", [1, 2])
def test_the_doctor_says_of_the_reading_stages_what_is_missing_and_how_to_mend_it(world, step, clusters):
    one = Path(world.environ()["SELFHEAL_KUBECONFIG"]).read_text()
    given = one if clusters == 1 else json.dumps({"east": one, "west": one.replace("127.0.0.1", "127.0.0.2")})
    asked = len(world.jira.requests)
    code, log, outputs, summary = step("doctor", kubeconfig=given, **{"model-api-key": ""})
    assert "| ✅ | jira | project INC can be searched" in summary
    assert "| github |" not in summary
    if clusters == 1:
        assert (code, outputs["status"]) == (0, "ok")
        assert "| ✅ | kubernetes | the account may read every kind" in summary
    else:
        assert (code, outputs["status"]) == (3, "failed")
        assert "| ✅ | kubernetes east |" in summary
        assert "| ❌ | kubernetes west |" in summary
        assert "::error title=selfheal doctor%3A kubernetes west::" in log
    assert not [line for line in world.jira.requests[asked:] if line["method"] not in ("GET", "POST")]


def test_the_doctor_says_of_the_writing_stages_what_is_missing_and_how_to_mend_it(world, step):
    token = {"github-token": world.github.bot_token, "jira-token": "", "jira-url": ""}
    code, log, outputs, summary = step("doctor-pr", **token)
    assert "may write to" in summary
    assert "::warning title=selfheal doctor%3A signing key::" in log
    assert "openssl rand" in log
    assert (code, outputs["exit-code"]) == (0, "0")
    assert world.github.bot_token not in summary
    code, log, _outputs, _summary = step("doctor-pr", **token | {"github-token": "wrong-token-of-nobody"})
    assert code == 3
    assert "::error title=selfheal doctor%3A github::" in log
