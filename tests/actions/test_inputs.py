"""Inputs: what each stage needs, what no stage may hold, and what an event is believed in."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfheal.actions.inputs import FOREIGN, STAGES, event_key, read

GOOD = {
    "INPUT_STAGE": "analyze", "INPUT_INCIDENT": "INC-7", "INPUT_JIRA_TOKEN": "t" * 20, "INPUT_JIRA_CLOUD_ID": "c",
    "INPUT_KUBECONFIG": "k", "INPUT_DRY_RUN": "false", "INPUT_TIMEOUT_MINUTES": "15", "INPUT_LOG_LEVEL": "INFO",
}  # fmt: skip


def problems(**changes):
    environ = GOOD | {f"INPUT_{name.upper()}": value for name, value in changes.items()}
    return {problem.name: f"{problem.what} {problem.fix}" for problem in read(environ)[1]}


def test_good_inputs_have_no_problem():
    inputs, found = read(GOOD)
    assert found == ()
    assert inputs.keys == ("INC-7",)
    assert inputs.stage == "analyze"
    assert not inputs.flag("dry-run")


def test_a_missing_secret_says_what_to_write_and_where():
    said = problems(jira_token="")
    assert "jira-token: ${{ secrets.ATLASSIAN_TOKEN }}" in said["jira-token"]
    assert "set the secret ATLASSIAN_TOKEN" in said["jira-token"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stage", "analyse"), ("mode", "yolo"), ("dry_run", "yes"), ("timeout_minutes", "0"), ("timeout_minutes", "1e3"),
        ("timeout_minutes", "٣"), ("log_level", "verbose"), ("model", "a b"), ("jira_url", "ftp://x"), ("repository", "a/b/c"), ("repository", "a/.."),
        ("jira_cloud_id", "acme.atlassian.net"), ("cache", "yes"),
        ("incident", "inc-7"), ("incident", "INC-7; rm -rf /"), ("incident", "INC-7\nINC-8"), ("incident", ""),
        ("incident", "INC-7,INC-8"), ("incident", "${{ secrets.X }}"), ("max_incidents", "257"), ("priority", "High\n::error::"),
    ],
)  # fmt: skip
def test_a_wrong_input_is_named_with_what_to_write(name, value):
    said = problems(**{name: value})
    assert list(said) == [name.replace("_", "-")]
    assert "Write" in next(iter(said.values()))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_refused_the_credentials_of_others(stage):
    given_all = dict.fromkeys(
        ("jira_token", "signing_key", "model_api_key", "kubeconfig", "dry_run_kubeconfig", "github_token"),
        "x" * 40,
    )
    said = problems(stage=stage, repository="a/b", **given_all)
    assert set(said) == set(FOREIGN[stage])


def test_a_short_signing_key_is_refused():
    assert "too short" in problems(stage="gate", kubeconfig="", signing_key="abc")["signing-key"]


def event(tmp_path, payload):
    path = tmp_path / "event.json"
    path.write_text(payload if isinstance(payload, str) else json.dumps(payload), encoding="utf-8")
    return {"GITHUB_EVENT_NAME": "repository_dispatch", "GITHUB_EVENT_PATH": str(path)}


def coordinate(environ):
    return read({**GOOD, "INPUT_STAGE": "coordinate", "INPUT_INCIDENT": "", **environ})


def test_the_key_of_an_event_is_taken_and_nothing_else(tmp_path):
    payload = {"client_payload": {"incident": {"key": "INC-9", "summary": "$(rm -rf /)", "mode": "heal"}}}
    inputs, found = coordinate(event(tmp_path, payload))
    assert found == ()
    assert inputs.keys == ("INC-9",)
    assert inputs["mode"] == ""


@pytest.mark.parametrize(
    "payload",
    [
        {}, {"client_payload": None}, {"client_payload": {"incident": "INC-9"}}, {"client_payload": {"incident": {"key": 9}}},
        {"client_payload": {"incident": {"key": ["INC-9"]}}}, {"client_payload": {"incident": {"key": "INC-9\n::set-output"}}},
        {"client_payload": {"incident": {"key": "$(id)"}}}, {"client_payload": {"incident": {"key": "`id`"}}}, "not json", "[" * 5000,
    ],
)  # fmt: skip
def test_an_event_without_a_plain_key_starts_nothing(tmp_path, payload):
    inputs, found = coordinate(event(tmp_path, payload))
    assert [problem.name for problem in found] == ["incident"]
    assert inputs.keys == ()


def test_a_schedule_asks_for_everything():
    inputs, found = coordinate({"GITHUB_EVENT_NAME": "schedule"})
    assert found == ()
    assert inputs.keys == ()


@settings(deadline=None)
@given(st.text(max_size=80))
def test_whatever_a_key_is_it_is_plain_or_refused(key):
    inputs, found = read({**GOOD, "INPUT_INCIDENT": key})
    assert bool(found) != bool(inputs.keys)
    assert all(char.isascii() and (char.isalnum() or char in "_-") for item in inputs.keys for char in item)


def test_an_event_file_that_is_huge_is_not_read(tmp_path):
    environ = event(
        tmp_path, json.dumps({"client_payload": {"incident": {"key": "INC-1"}}, "x": "y" * 2_000_000})
    )
    assert event_key(environ) is None
