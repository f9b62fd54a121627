"""Settings: precedence, and what a file may never set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from selfheal import config
from selfheal.config import reference
from selfheal.errors import ConfigurationProblem

DOCS = Path(__file__).resolve().parent.parent / "docs"


def test_flags_win_over_environment_over_file():
    settings = config.load(
        file_text="mode: observe\njira:\n  project: FILE\n  lease: 90\n",
        environ={"SELFHEAL_MODE": "propose", "SELFHEAL_JIRA_PROJECT": "ENV"},
        flags={"mode": "heal"},
    )
    assert (settings.mode, settings.jira.project, settings.jira.lease) == ("heal", "ENV", 90)


def test_own_variables_win_over_what_a_runner_sets():
    environ = {"GITHUB_API_URL": "https://api.github.com", "SELFHEAL_GITHUB_API_URL": "http://127.0.0.1:1"}
    assert config.load(environ=environ).endpoints.github_url == "http://127.0.0.1:1"


@pytest.mark.parametrize(
    "text", ["endpoints:\n  github_url: https://evil\n", "repository_dir: /etc\n", "- a\n", "a: [\n"]
)
def test_a_file_that_redirects_or_is_broken_is_refused(text):
    with pytest.raises(ConfigurationProblem):
        config.load(file_text=text, environ={})


@pytest.mark.parametrize(
    "url", ["http://jira.example.com", "ftp://x", "https://user:pass@jira.example.com", "jira"]
)
def test_addresses_that_would_leak_a_token_are_refused(url):
    with pytest.raises(ConfigurationProblem):
        config.load(environ={"ATLASSIAN_API_URL": url})


def test_a_wrong_value_names_the_setting_and_the_variable():
    with pytest.raises(ConfigurationProblem, match=r"jira\.lease") as refused:
        config.load(environ={"SELFHEAL_JIRA_LEASE": "soon"})
    assert "SELFHEAL_JIRA_LEASE" in refused.value.hint


def test_the_cloud_id_makes_the_address():
    endpoints = config.load(environ={"ATLASSIAN_CLOUD_ID": "c-1"}).endpoints
    assert endpoints.jira_url == "https://api.atlassian.com/ex/jira/c-1"


def test_a_token_is_never_shown():
    assert "s3cret-token" not in repr(config.load(environ={"GITHUB_TOKEN": "s3cret-token"}))


def test_the_committed_reference_is_current():
    assert (DOCS / "configuration.md").read_text() == reference.markdown()
    assert json.loads((DOCS / "selfheal.schema.json").read_text()) == reference.schema()


def test_every_setting_says_what_it_is():
    groups = [config.Settings, config.Service]
    groups += [
        field.annotation for name, field in config.Settings.model_fields.items() if name != "endpoints"
    ]
    models = [group for group in groups if isinstance(group, type) and issubclass(group, BaseModel)]
    silent = [
        f"{model.__name__}.{name}"
        for model in models
        for name, field in model.model_fields.items()
        if not field.description and field.annotation not in models and name not in ("endpoints", "services")
    ]
    assert silent == []
