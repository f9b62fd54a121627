"""`selfheal state` over an emulated site, as a person or a program calls it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from selfheal.cli.state import state
from selfheal.errors import ConfigurationProblem, CredentialProblem, NotFound, Refused, UsageProblem
from selfheal.incidents.errors import TransitionRefused
from selfheal.sandbox.jira.app import JiraEmulator


@pytest.fixture
def jira(monkeypatch):
    with JiraEmulator() as site:
        monkeypatch.setenv("ATLASSIAN_API_URL", site.url)
        monkeypatch.setenv("ATLASSIAN_TOKEN", site.token("bot"))
        monkeypatch.setenv("SELFHEAL_JIRA_PROJECT", "INC")
        monkeypatch.setenv("SELFHEAL_JIRA_SETTLE", "0.05")
        yield site


def call(*arguments: str):
    return CliRunner().invoke(state, list(arguments), standalone_mode=False, catch_exceptions=False)


def test_a_new_incident_has_no_state_yet(jira) -> None:
    key = jira.file_incident(summary="cart is down")
    result = call("get", key, "--format", "json")
    document = json.loads(result.stdout)
    assert document["schema_version"] == 1
    assert (document["key"], document["state"], document["record"]) == (key, "", None)
    assert "not started" in call("get", key).stdout


def test_forcing_needs_a_reason_and_is_recorded(jira) -> None:
    key = jira.file_incident(summary="cart is down")
    with pytest.raises(Refused, match="reason"):
        call("set", key, "INCIDENT_DETECTED", "--force")
    result = call("set", key, "pr_created", "--force", "--reason", "made by hand", "--format", "json")
    document = json.loads(result.stdout)
    assert document["state"] == "PR_CREATED"
    assert "made by hand" in document["record"]["history"][-1]["note"]
    assert "selfheal-pr-created" in document["labels"]


def test_without_force_a_step_needs_its_proof(jira) -> None:
    key = jira.file_incident(summary="cart is down")
    call("set", key, "PR_CREATED", "--force", "--reason", "made by hand")
    with pytest.raises(TransitionRefused, match="proof"):
        call("set", key, "PR_MERGED")
    assert json.loads(call("get", key, "--format", "json").stdout)["state"] == "PR_CREATED"


def test_handing_over_needs_only_a_reason(jira) -> None:
    key = jira.file_incident(summary="cart is down")
    call("set", key, "ANALYSIS_COMPLETE", "--force", "--reason", "x")
    result = call("set", key, "INCIDENT_REQUIRES_HUMAN", "--reason", "I take it")
    assert "INCIDENT_REQUIRES_HUMAN" in result.stdout
    assert "I take it" in result.stdout


def test_mistakes_are_told_apart(jira, monkeypatch) -> None:
    with pytest.raises(UsageProblem):
        call("get", "INC-1/../../myself")
    with pytest.raises(NotFound):
        call("get", "INC-404")
    monkeypatch.setenv("ATLASSIAN_TOKEN", "wrong-token-of-somebody")
    with pytest.raises(CredentialProblem, match="401") as refused:
        call("get", "INC-1")
    assert "wrong-token" not in refused.value.message
    monkeypatch.delenv("ATLASSIAN_API_URL")
    with pytest.raises(ConfigurationProblem, match="address"):
        call("get", "INC-1")
