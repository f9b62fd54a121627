"""A sandbox in another process is steered through its control endpoints."""

from __future__ import annotations

import pytest
import requests

from tests.sandbox.github.conftest import REPOSITORY, client, open_pull


@pytest.fixture
def act(server):
    def call(what: str, expect: int = 200, /, **body):
        answer = requests.post(f"{server.url}/_sandbox/{what}", json=body, timeout=10)
        assert answer.status_code == expect, answer.text
        return answer.json()

    return call


def test_a_pull_request_under_people_s_hands(server, act, repo):
    act("protection", repository=REPOSITORY, branch="main", approvals=1, checks=["ci"])
    pull = open_pull(repo)
    here = {"repository": REPOSITORY, "number": pull.number}
    act("reviews", **here, login="omar", event="REQUEST_CHANGES", body="No")
    act("comments", **here, login="omar", body="See above")
    act("close", **here, login="omar")
    act("reopen", **here, login="omar")
    sha = act(
        "push", repository=REPOSITORY, login="omar", branch=pull.head.ref, files={"README.md": "# O\n"}
    )["sha"]
    act("checks", repository=REPOSITORY, sha=sha, conclusion="success")
    assert "Changes have been requested." in act("merge", 405, **here, login="omar")["message"]
    act("reviews", **here, login="omar", event="APPROVE")
    merged = act("merge", **here, login="omar", method="squash")["sha"]
    assert server.head(REPOSITORY) == merged
    done = requests.get(f"{server.url}/_sandbox/activity", timeout=10).json()
    assert [item["what"] for item in done if "number" in item] == [
        "request-changes",
        "comment",
        "close",
        "reopen",
        "approve",
        "merge",
    ]


def test_people_repositories_and_switches(server, act, repo):
    act("repositories", name="acme/other", files={"a": "b"}, private=True)
    token = act("people", login="ada", repository="acme/other", permission="admin")["token"]
    with client(server, token) as api:
        assert api.get_repo("acme/other").permissions.admin
    act("ci", conclusion="failure", name="build")
    act("auto-approve", login="priya")
    pull = open_pull(repo)
    assert [run.conclusion for run in repo.get_commit(pull.head.sha).get_check_runs()] == ["failure"]
    assert [review.user.login for review in pull.get_reviews()] == ["priya"]
    act("limits", secondary=1, status=429)
    assert requests.get(f"{server.url}/repos/{REPOSITORY}", timeout=10).status_code == 429
    repo.create_repository_dispatch("incident", {"incident": "INC-1"})
    received = requests.get(f"{server.url}/_sandbox/dispatches?repository={REPOSITORY}", timeout=10).json()
    assert [item["client_payload"] for item in received] == [{"incident": "INC-1"}]


def test_what_makes_no_sense_is_said(act):
    assert "no repository" in act("close", 404, repository="acme/none", number=1, login="x")["message"]
    assert "no pull request" in act("close", 404, repository=REPOSITORY, number=9, login="x")[
        "message"
    ].replace("no issue or", "no")
    assert "no conclusion" in act("ci", 400, conclusion="splendid")["message"]
    assert "unexpected keyword" in act("close", 400, whatever=1)["message"]


def test_reset_leaves_the_bot_and_nothing_else(server, act, repo):
    open_pull(repo)
    folder = server.bare(REPOSITORY)
    act("reset")
    assert not folder.exists()
    with pytest.raises(LookupError):
        server.bare(REPOSITORY)
    server.add_repository(REPOSITORY, {"a": "b"})
    with client(server) as api:
        assert list(api.get_repo(REPOSITORY).get_pulls(state="all")) == []
