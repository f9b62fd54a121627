"""From inputs to a stage's variables: its own credentials, the settings, and nothing else of the job."""

from __future__ import annotations

import pytest

from selfheal import config
from selfheal.actions.environment import variables
from selfheal.actions.inputs import STAGES, read

SECRETS = {
    "jira-token": "the-jira-token",
    "github-token": "the-github-token",
    "signing-key": "s" * 40,
    "model-api-key": "the-model-key",
}
JOB = {
    "PATH": "/bin", "HOME": "/home/runner", "GITHUB_REPOSITORY": "acme/shop", "GITHUB_API_URL": "https://ghe.example/api/v3",
    "GITHUB_SERVER_URL": "https://ghe.example", "GITHUB_WORKSPACE": "/work", "GITHUB_ENV": "/env", "GITHUB_OUTPUT": "/output",
    "AWS_SECRET_ACCESS_KEY": "another", "ACTIONS_RUNTIME_TOKEN": "another", "SELFHEAL_JIRA_PROJECT": "INC",
}  # fmt: skip


def given(stage, **more):
    inputs = {
        "stage": stage,
        "incident": "INC-1",
        "dry-run": "false",
        "timeout-minutes": "15",
        **SECRETS,
        **more,
    }
    environ = JOB | {f"INPUT_{name.upper().replace('-', '_')}": value for name, value in inputs.items()}
    return read(environ)[0], environ


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_sees_its_own_credentials_and_no_other_variable_of_the_job(stage, tmp_path):
    inputs, environ = given(stage)
    got = variables(inputs, environ, tmp_path)
    text = " ".join(got.values())
    assert ("the-github-token" in text) is (stage in ("pr", "hand-over", "doctor-pr"))
    assert ("s" * 40 in text) is (stage in ("gate", "pr", "doctor-pr"))
    assert ("the-model-key" in text) is (stage in ("analyze", "fix", "deploy", "doctor"))
    assert ("the-jira-token" in text) is (stage not in ("hand-over", "doctor-pr"))
    assert not {"AWS_SECRET_ACCESS_KEY", "ACTIONS_RUNTIME_TOKEN", "GITHUB_ENV", "GITHUB_OUTPUT"} & set(got)
    assert not [name for name in got if name.startswith("INPUT_")]
    assert got["SELFHEAL_JIRA_PROJECT"] == "INC"


def test_inputs_become_settings(tmp_path):
    inputs, environ = given(
        "pr",
        mode="heal",
        repository="acme/other",
        **{"wait-for-review-minutes": "30", "timeout-minutes": "20", "log-level": "DEBUG"},
    )
    settings = config.load(environ=variables(inputs, environ, tmp_path))
    assert settings.mode == "heal"
    assert settings.github.wait_for_review == 1800
    assert settings.limits.stage_timeout == 2100, "a stage outlives its own waiting"
    assert settings.endpoints.github_repository == "acme/other"
    assert settings.endpoints.github_url == "https://ghe.example/api/v3"
    assert settings.log_level == "DEBUG"
    assert settings.state_dir == str(tmp_path)


@pytest.mark.parametrize(("stage", "minutes"), [("deploy", 45), ("pr", 30), ("analyze", 15)])
def test_a_stage_has_the_minutes_it_needs_where_none_are_given(stage, minutes, tmp_path):
    inputs, environ = given(stage, **{"timeout-minutes": ""})
    settings = config.load(environ=variables(inputs, environ, tmp_path))
    assert settings.limits.stage_timeout == 60 * minutes


def test_the_checkout_is_the_workspace_or_what_is_named(tmp_path):
    inputs, environ = given("gate")
    assert variables(inputs, environ, tmp_path)["SELFHEAL_REPOSITORY_DIR"] == "/work"
    inputs, environ = given("gate", **{"repository-dir": str(tmp_path / "x")})
    assert variables(inputs, environ, tmp_path)["SELFHEAL_REPOSITORY_DIR"] == str(tmp_path / "x")
