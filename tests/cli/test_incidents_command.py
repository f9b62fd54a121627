"""`selfheal incidents` over an emulated site."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from selfheal.cli.incidents import incidents
from selfheal.cli.state import state
from selfheal.sandbox.jira.app import JiraEmulator


@pytest.fixture
def jira(monkeypatch):
    with JiraEmulator() as site:
        monkeypatch.setenv("ATLASSIAN_API_URL", site.url)
        monkeypatch.setenv("ATLASSIAN_TOKEN", site.token("bot"))
        monkeypatch.setenv("SELFHEAL_JIRA_PROJECT", "INC")
        monkeypatch.setenv("SELFHEAL_JIRA_SETTLE", "0.05")
        yield site


def call(command, *arguments: str):
    return CliRunner().invoke(command, list(arguments), standalone_mode=False, catch_exceptions=False)


def test_new_and_flying_incidents_are_listed_once(jira) -> None:
    new = jira.file_incident(summary="new")
    flying = jira.file_incident(summary="flying")
    call(state, "set", flying, "ANALYSIS_COMPLETE", "--force", "--reason", "x")
    document = json.loads(call(incidents, "list", "--format", "json").stdout)
    assert document["schema_version"] == 1
    assert [(row["key"], row["state"]) for row in document["incidents"]] == [
        (flying, "ANALYSIS_COMPLETE"),
        (new, ""),
    ]


def test_a_state_narrows_the_list(jira) -> None:
    jira.file_incident(summary="new")
    flying = jira.file_incident(summary="flying")
    call(state, "set", flying, "PR_CREATED", "--force", "--reason", "x")
    shown = call(incidents, "list", "--state", "pr_created").stdout
    assert flying in shown
    assert "new" not in shown
    assert "No incident" in call(incidents, "list", "--state", "INCIDENT_RESOLVED").stdout


def test_show_tells_everything(jira) -> None:
    key = jira.file_incident(
        summary="cart \x1b[31mis down", description="since noon", services=["checkout"], priority="High"
    )
    document = json.loads(call(incidents, "show", key, "--format", "json").stdout)
    assert document["services"] == ["checkout"]
    assert document["description"] == "since noon"
    text = call(incidents, "show", key).stdout
    assert "since noon" in text and "checkout" in text
    assert "\x1b[31m" not in text
