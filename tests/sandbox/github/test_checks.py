"""Statuses, check runs, suites, workflows and dispatches."""

from __future__ import annotations

import pytest
from github import GithubException

from tests.sandbox.github.conftest import REPOSITORY, client, open_pull


def test_a_commit_without_any_check_is_pending_and_not_green(repo):
    commit = repo.get_commit("main")
    combined = commit.get_combined_status()
    assert (combined.state, combined.total_count, list(commit.get_check_runs())) == ("pending", 0, [])


def test_the_newest_status_of_each_context_counts(repo):
    commit = repo.get_commit("main")
    for state, context in (("failure", "lint"), ("success", "lint"), ("pending", "test")):
        commit.create_status(state, context=context)
    assert commit.get_combined_status().state == "pending"
    commit.create_status("success", context="test")
    combined = commit.get_combined_status()
    assert (combined.state, combined.total_count) == ("success", 2)
    assert [status.state for status in commit.get_statuses()] == ["success", "pending", "success", "failure"]


def test_the_newest_run_of_each_name_is_the_latest(server, repo):
    sha = server.head(REPOSITORY)
    server.set_checks(REPOSITORY, sha, "failure")
    server.set_checks(REPOSITORY, sha, "success")
    server.set_checks(REPOSITORY, sha, "pending", "slow")
    commit = repo.get_commit(sha)
    assert {(run.name, run.status, run.conclusion) for run in commit.get_check_runs()} == {
        ("ci", "completed", "success"),
        ("slow", "in_progress", None),
    }
    assert commit.get_check_runs(filter="all").totalCount == 3
    assert [run.name for run in commit.get_check_runs(check_name="slow")] == ["slow"]
    [suite] = commit.get_check_suites()
    assert (suite.status, suite.conclusion, suite.app.slug) == ("in_progress", None, "github-actions")
    assert suite.get_check_runs().totalCount == 2


def test_only_apps_make_check_runs(server, repo):
    sha = server.head(REPOSITORY)
    run = repo.create_check_run("heal", sha)
    run.edit(conclusion="success", output={"title": "Healed", "summary": "All good"})
    assert (run.status, run.conclusion, run.output.title) == ("completed", "success", "Healed")
    with (
        client(server, server.add_person("mara", REPOSITORY)) as api,
        pytest.raises(GithubException) as caught,
    ):
        api.get_repo(REPOSITORY).create_check_run("heal", sha)
    assert caught.value.status == 403


def test_the_simulated_build_judges_each_head_once(server, clock, repo):
    seen: list[tuple[str, str]] = []

    def judge(repository: str, sha: str) -> str:
        seen.append((repository, sha))
        return "success" if len(seen) == 1 else "failure"

    server.set_ci(judge, name="build", delay=5)
    pull = open_pull(repo)
    [run] = repo.get_workflow_runs(head_sha=pull.head.sha)
    assert (run.status, run.conclusion, run.name) == ("in_progress", None, "build")
    clock.pass_by(6)
    assert [r.conclusion for r in repo.get_commit(pull.head.sha).get_check_runs()] == ["success"]
    sha = server.push_as("mara", pull.head.ref, {"README.md": "# Mine\n"})
    clock.pass_by(6)
    assert [r.conclusion for r in repo.get_commit(sha).get_check_runs()] == ["failure"]
    assert [r.conclusion for r in repo.get_workflow_runs(head_sha=sha)] == ["failure"]
    assert seen == [(REPOSITORY, pull.head.sha), (REPOSITORY, sha)]
    pull.update()
    assert pull.mergeable_state == "unstable"


def test_workflows_are_files(server, repo):
    [workflow] = repo.get_workflows()
    assert (workflow.name, workflow.path, workflow.state) == ("Heal", ".github/workflows/heal.yml", "active")
    assert repo.get_workflow("heal.yml").id == workflow.id
    assert workflow.create_dispatch("main", {"incident": "INC-1"}, throw=True)
    [run] = workflow.get_runs()
    assert (run.event, run.status, run.head_branch) == ("workflow_dispatch", "queued", "main")
    for ref, inputs, words in (
        ("nowhere", {}, "No ref found"),
        ("main", {"other": "x"}, "Unexpected inputs"),
    ):
        with pytest.raises(GithubException) as caught:
            workflow.create_dispatch(ref, inputs, throw=True)
        assert (caught.value.status, words in caught.value.data["message"]) == (422, True)


def test_a_dispatch_arrives_within_its_limits(server, repo):
    assert repo.create_repository_dispatch("incident", {"incident": {"key": "INC-1"}})
    assert not repo.create_repository_dispatch("incident", {f"k{n}": n for n in range(11)})
    assert repo.create_repository_dispatch("incident", {f"k{n}": n for n in range(10)})
    assert not repo.create_repository_dispatch("incident", {"incident": "x" * 65_535})
    assert repo.create_repository_dispatch("unheard", {})
    kept = server.hub.store.repository(REPOSITORY).dispatches
    assert [item["event_type"] for item in kept] == ["incident", "incident", "unheard"]
    assert repo.get_workflow_runs(event="repository_dispatch").totalCount == 2
    server.hub.app_permissions["contents"] = "read"
    assert not repo.create_repository_dispatch("incident", {})


def test_branches_with_slashes_are_refs_too(server, repo):
    pull = open_pull(repo, "selfheal/inc-1-1")
    server.set_checks(REPOSITORY, pull.head.sha, "success")
    commit = repo.get_commit("selfheal/inc-1-1")
    assert commit.sha == pull.head.sha
    _headers, found = repo.requester.requestJsonAndCheck(
        "GET", f"{repo.url}/commits/selfheal/inc-1-1/check-runs"
    )
    assert found["total_count"] == 1
    server.protect(REPOSITORY, "selfheal/inc-1-1")
    assert repo.get_branch("selfheal/inc-1-1").get_protection().enforce_admins is False
