"""doctor: each finding says what, why it matters and what to do; a sound setting has nothing to mend."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from selfheal import config
from selfheal.cli.doctor import doctor
from selfheal.clock import SystemClock
from selfheal.doctor import cluster, examine, exit_code, github, jira, machine, others
from selfheal.pulls.setting import Guard, Schedule, Setting
from selfheal.repair import isolation
from selfheal.sandbox.world import World

WORKFLOW = "on:\n  schedule:\n    - cron: '7 * * * *'\njobs: {}\n"


@pytest.fixture(scope="module")
def world():
    with World(scenarios=("catalog-out-of-memory",), protected=False) as found:
        yield found


@pytest.fixture
def environ(world):
    return {**world.environ(), "PATH": "/usr/bin:/bin", "SELFHEAL_SIGNING_KEY": "k" * 40}


def found(area, environ, clock=None):
    return list(area(config.load(environ=environ), clock or SystemClock()))


def said(checks, result=None):
    return [check.what for check in checks if result is None or check.result == result]


def test_whatever_is_not_well_says_why_and_what_to_do(environ, monkeypatch):
    for broken in (
        {},
        environ,
        {**environ, "ATLASSIAN_TOKEN": "wrong"},
        {**environ, "SELFHEAL_GITHUB_TOKEN": "wrong"},
    ):
        checks = list(examine(broken, SystemClock()))
        assert checks
        for check in checks:
            assert check.what
            assert check.result == "ok" or (check.why and check.fix), check


@pytest.mark.parametrize(("field", "result"), [("", "ok"), ("Summary", "ok"), ("Sumary", "failed")])
def test_the_field_of_affected_services_is_looked_up(environ, field, result):
    checks = found(jira.checks, {**environ, "SELFHEAL_JIRA_SERVICES_FIELD": field})
    (check,) = [check for check in checks if "field" in check.what]
    assert check.result == result
    assert result == "ok" or "Summary" in check.fix


def test_a_sound_setting_can_run(environ):
    checks = list(examine(environ, SystemClock()))
    assert not [check for check in checks if check.result in ("missing", "failed")], checks
    assert exit_code(checks) == 0


def test_nothing_configured_is_exit_3_and_json(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(doctor, ["--format", "json"], standalone_mode=False)
    document = json.loads(done.output)
    assert document["schema_version"] == 1
    assert {"jira", "github", "kubernetes"} <= {
        check["area"] for check in document["checks"] if check["result"] == "missing"
    }
    assert done.return_value == 3


def test_a_broken_configuration_is_one_finding(tmp_path):
    (tmp_path / ".selfheal.yml").write_text("mode: yolo\n")
    checks = list(examine({"SELFHEAL_REPOSITORY_DIR": str(tmp_path)}, SystemClock()))
    assert checks[-1].area == "configuration"
    assert checks[-1].result == "failed"


def test_statuses_that_the_workflow_lacks_are_named(environ):
    checks = found(jira.checks, {**environ, "SELFHEAL_JIRA_RESOLVED_STATUS": "Healed"})
    assert said(checks, "warning") == ["the workflow has no status 'Healed'"]
    assert said(found(jira.checks, {**environ, "SELFHEAL_JIRA_ISSUE_TYPE": "Outage"}), "failed")


def test_a_clock_that_is_off_is_told_from_one_that_is_not(environ):
    class Late(SystemClock):
        def now(self):
            return super().now() - timedelta(minutes=5)

    assert "behind Jira" in " ".join(said(found(jira.checks, environ, Late()), "warning"))
    assert "agrees with Jira's" in said(found(jira.checks, environ))


def test_nobody_for_escalations_is_a_warning(environ):
    environ.pop("SELFHEAL_JIRA_ESCALATION")
    assert said(found(jira.checks, environ), "warning") == ["nobody is named for escalations"]


def test_a_branch_without_approval_is_worse_where_selfheal_merges(environ):
    (finding,) = [item for item in found(github.checks, environ) if "anybody's approval" in item.what]
    assert finding.result == "warning"
    (finding,) = [
        item
        for item in found(github.checks, {**environ, "SELFHEAL_MODE": "heal"})
        if "anybody's approval" in item.what
    ]
    assert finding.result == "failed"


def test_a_protected_branch_is_well(world, environ, monkeypatch):
    monkeypatch.setattr(Setting, "guard", lambda self: Guard("main", True, 2, ("ci",)))
    checks = said(found(github.checks, environ), "ok")
    assert "main needs 2 approval(s)" in checks
    assert "main requires the checks ci" in checks
    monkeypatch.setattr(Setting, "guard", lambda self: Guard("main", True, None, ("ci",)))
    assert "cannot be seen" in " ".join(said(found(github.checks, environ), "warning"))


@pytest.mark.parametrize(
    ("schedule", "result", "words"),
    [
        (Schedule("", None), "warning", "not on the default branch"),
        (Schedule("disabled_inactivity", None), "failed", "disabled_inactivity"),
        (Schedule("active", None), "warning", "not started a run yet"),
        (Schedule("active", datetime.now(UTC) - timedelta(hours=1)), "ok", "alive"),
        (Schedule("active", datetime.now(UTC) - timedelta(days=3)), "failed", "last scheduled run"),
    ],
)  # fmt: skip
def test_a_schedule_that_died_is_found(environ, monkeypatch, schedule, result, words):
    monkeypatch.setattr(Setting, "schedule", lambda self, _file: schedule)
    (finding,) = [check for check in found(github.checks, environ) if check.area == "schedule"]
    assert finding.result == result
    assert words in finding.what


def test_guard_and_schedule_are_read_from_github(world, environ):
    settings = config.load(environ=environ)
    repository = settings.endpoints.github_repository
    setting = Setting(settings, SystemClock())
    assert setting.schedule("selfheal.yml") == Schedule("", None)
    assert not setting.guard().protected
    assert setting.guard().approvals == 0
    world.github.push_as(
        "somebody", "main", {".github/workflows/selfheal.yml": WORKFLOW}, repository=repository
    )
    assert setting.schedule("selfheal.yml") == Schedule("active", None)


def test_a_workflows_own_token_is_told(environ, monkeypatch):
    monkeypatch.setattr("selfheal.pulls.manager.PullRequests.triggers_workflows", lambda self: False)
    assert "this is a workflow's own GITHUB_TOKEN" in said(found(github.checks, environ), "warning")


def test_the_accounts_missing_and_needless_verbs_are_named(environ, monkeypatch):
    denied, allowed = {("list", "events")}, {("get", "secrets")}

    def can(self, verb, resource, namespace="", group=""):
        return (verb, resource) in allowed or (
            verb in ("list", "get") and resource != "secrets" and (verb, resource) not in denied
        )

    monkeypatch.setattr("selfheal.cluster.live.LiveCluster.can", can)
    checks = found(cluster.checks, environ)
    assert said(checks, "failed") == ["the account may not read events"]
    assert said(checks, "warning") == ["the account may read Secrets"]


def test_two_clusters_need_a_name_for_this_one():
    text = "services:\n  - {name: a, cluster: east}\n  - {name: b, cluster: west}\n"
    settings = config.load(file_text=text, environ={})
    assert "2 clusters" in said(others.configuration(settings), "warning")[0]
    assert not said(
        others.configuration(config.load(file_text=text, environ={"SELFHEAL_CLUSTER": "east"})), "warning"
    )


def test_a_short_signing_key_fails():
    environ = {"SELFHEAL_SIGNING_KEY": "short"}
    assert said(found(others.signing_key, environ), "failed") == ["SELFHEAL_SIGNING_KEY is short"]


def test_what_is_not_installed_is_named(tmp_path):
    checks = list(machine.checks({"PATH": str(tmp_path), "GITHUB_ACTIONS": "true"}))
    assert "a job of GitHub Actions" in checks[0].what
    assert said(checks, "missing") == ["git was not found"]


def test_renderers_are_looked_for_as_repair_does(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    environ = {"PATH": str(tmp_path / "path"), "SELFHEAL_HELM": str(tmp_path / "helm")}
    settings = config.load(environ=environ)
    first = list(machine.renderers(settings, environ))
    told = said(first, "warning")[:2]
    assert told[0] == "kubectl was not found" and "SELFHEAL_HELM" in told[1]
    for path in (tmp_path / "bin" / "kubectl", tmp_path / "helm"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    again = list(machine.renderers(settings, environ))
    assert said(again, "ok")[:2] == [
        f"kubectl is there ({tmp_path}/bin/kubectl)", f"helm is there ({tmp_path}/helm)",
    ]  # fmt: skip


def test_a_machine_that_leaves_renderers_the_network_is_told_with_the_fix(monkeypatch):
    monkeypatch.setattr(isolation, "isolation", lambda: isolation.Isolation((), "unshare is not installed"))
    (check,) = [found for found in machine.renderers(config.load(environ={}), {}) if "network" in found.what]
    assert check.result == "warning" and check.why and "namespaces" in check.fix
