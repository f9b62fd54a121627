"""Who may what, pages, conditional requests and rate limits."""

from __future__ import annotations

import github
import pytest
import requests
from github import GithubException

from tests.sandbox.github.conftest import REPOSITORY, client, commit_as_bot, open_pull


def get(server, path: str, token: str | None = None, **headers: str) -> requests.Response:
    if token is None:
        token = server.bot_token
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return requests.get(server.url + path, headers=headers, timeout=10)


def test_a_wrong_token(server):
    with client(server, "wrong") as api, pytest.raises(github.BadCredentialsException) as caught:
        api.get_repo(REPOSITORY)
    assert caught.value.data["message"] == "Bad credentials"


def test_who_am_i(server):
    with client(server) as api:
        with pytest.raises(GithubException) as caught:
            api.get_user().login  # noqa: B018 - completing it asks the server
        assert (caught.value.status, caught.value.data["message"]) == (
            403,
            "Resource not accessible by integration",
        )
        _headers, answer = api.requester.graphql_query("query { viewer { login } }", {})
        assert answer["data"]["viewer"]["login"] == "selfheal[bot]"
        assert (api.get_user("selfheal[bot]").type, api.get_user("selfheal[bot]").login) == (
            "Bot",
            "selfheal[bot]",
        )
    with client(server, server.add_person("mara")) as api:
        assert (api.get_user().login, api.get_user().type) == ("mara", "User")


def test_graphql_under_the_enterprise_prefix(server):
    with client(server, prefix="/api/v3") as api:
        _headers, answer = api.requester.graphql_query("{ viewer { login } }", {})
        assert answer["data"]["viewer"]["login"] == "selfheal[bot]"


def test_a_private_repository_does_not_exist_for_strangers(server):
    server.add_repository("acme/secret", {"a": "b"}, private=True)
    stranger = server.add_person("mallory")
    for token in ("", stranger):
        answer = get(server, "/repos/acme/secret", token)
        assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")
    assert get(server, "/repos/acme/secret").status_code == 200


def test_an_unknown_path_is_not_found(server):
    answer = get(server, "/repos/acme/shop/no-such-thing")
    assert answer.json() == {
        "message": "Not Found",
        "documentation_url": "https://docs.github.com/rest",
        "status": "404",
    }


@pytest.mark.parametrize("scope", ["contents", "pull_requests"])
def test_an_app_without_the_permission(server, repo, scope):
    pull = open_pull(repo)
    server.hub.app_permissions[scope] = "read"
    with pytest.raises(GithubException) as caught:
        pull.merge()
    assert (caught.value.status, caught.value.data["message"]) == (
        403,
        "Resource not accessible by integration",
    )
    if scope == "contents":
        with pytest.raises(GithubException):
            commit_as_bot(repo, "x", {"a": "b"})


def test_writing_takes_a_token(server):
    answer = requests.post(f"{server.url}/repos/{REPOSITORY}/issues", json={"title": "x"}, timeout=10)
    assert (answer.status_code, answer.json()["message"]) == (401, "Requires authentication")


def test_an_archived_repository_is_read_only(server, repo):
    server.hub.store.repository(REPOSITORY).archived = True
    with pytest.raises(GithubException) as caught:
        repo.create_issue("x")
    assert (caught.value.status, "read-only" in caught.value.data["message"]) == (403, True)


def test_permissions_in_words(server, repo):
    for level, coarse in (("read", "read"), ("triage", "read"), ("maintain", "write"), ("admin", "admin")):
        server.add_person(f"one-{level}", REPOSITORY, level)
        assert repo.get_collaborator_permission(f"one-{level}") == coarse
    server.add_person("mallory")
    assert repo.get_collaborator_permission("mallory") == "read"
    with pytest.raises(GithubException) as caught:
        repo.get_collaborator_permission("nobody-at-all")
    assert caught.value.status == 404


def test_protection_is_for_administrators_and_apps_that_may(server, repo):
    server.protect(REPOSITORY, approvals=2, checks=["ci"], strict=True)
    branch = repo.get_branch("main")
    assert branch.protected
    shown = branch.get_protection()
    assert shown.required_pull_request_reviews.required_approving_review_count == 2
    assert (shown.required_status_checks.contexts, shown.required_status_checks.strict) == (["ci"], True)
    server.hub.app_permissions["administration"] = "none"
    with pytest.raises(GithubException) as caught:
        branch.get_protection()
    assert caught.value.status == 403
    commit_as_bot(repo, "free", {"a": "b"})
    server.hub.app_permissions["administration"] = "read"
    with pytest.raises(GithubException) as caught:
        repo.get_branch("free").get_protection()
    assert (caught.value.status, caught.value.data["message"]) == (404, "Branch not protected")


def test_a_protected_branch_is_not_written_to(server, repo):
    server.protect(REPOSITORY)
    tip = commit_as_bot(repo, "topic", {"a": "b"})
    with pytest.raises(GithubException) as caught:
        repo.get_git_ref("heads/main").edit(tip)
    assert "Changes must be made through a pull request." in caught.value.data["message"]
    with pytest.raises(GithubException) as caught:
        repo.create_file("b", "B", "c")
    assert caught.value.status == 422


@pytest.mark.parametrize("prefix", ["", "/api/v3"])
def test_pages_lead_to_each_other(server, prefix):
    for number in range(5):
        server.push_as("mara", "main", {"n": str(number)})
    with client(server, prefix=prefix, per_page=2) as api:
        commits = api.get_repo(REPOSITORY).get_commits()
        assert len(list(commits)) == 6
        assert commits.totalCount == 6
        assert [branch.name for branch in api.get_repo(REPOSITORY).get_branches()] == ["main"]
    links = get(server, f"{prefix}/repos/{REPOSITORY}/commits?per_page=2&page=2").links
    assert {name: link["url"].rpartition("page=")[2] for name, link in links.items()} == {
        "prev": "1",
        "next": "3",
        "last": "3",
        "first": "1",
    }
    assert links["next"]["url"].startswith(f"{server.url}{prefix}/repos/")
    assert "next" not in get(server, f"{prefix}/repos/{REPOSITORY}/commits?per_page=2&page=3").links


def test_an_answer_already_had_costs_nothing(server):
    first = get(server, f"/repos/{REPOSITORY}")
    again = get(server, f"/repos/{REPOSITORY}", **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["x-ratelimit-remaining"] == first.headers["x-ratelimit-remaining"]
    server.push_as("mara", "topic", {"a": "b"})
    server.comment(
        REPOSITORY,
        server.hub.open_issue(server.hub.store.repository(REPOSITORY), "mara", "x", "").number,
        "mara",
        "y",
    )
    assert get(server, f"/repos/{REPOSITORY}", **{"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_the_primary_limit(server, clock):
    server.hub.limits.limit = 2
    with client(server) as api:
        api.get_repo(REPOSITORY)
        api.get_repo(REPOSITORY)
        with pytest.raises(github.RateLimitExceededException) as caught:
            api.get_repo(REPOSITORY)
        assert caught.value.headers["x-ratelimit-remaining"] == "0"
        assert int(caught.value.headers["x-ratelimit-reset"]) == int(clock.now().timestamp()) + 3600
        assert api.get_rate_limit().rate.remaining == 0
        clock.pass_by(3601)
        assert api.get_repo(REPOSITORY).name == "shop"


@pytest.mark.parametrize("status", [403, 429])
def test_the_secondary_limit(server, repo, status):
    server.hub.limits.secondary(1, status=status, retry_after=7)
    with pytest.raises(GithubException) as caught:
        repo.create_issue("x")
    assert (caught.value.status, caught.value.headers["retry-after"]) == (status, "7")
    assert "secondary rate limit" in caught.value.data["message"]
    assert repo.create_issue("x").number == 1


def test_the_secondary_limit_may_be_for_writes_alone(server, repo):
    server.hub.limits.secondary(1, writes_only=True)
    assert repo.get_branch("main").name == "main"
    with pytest.raises(github.RateLimitExceededException):
        repo.create_issue("x")


def test_injected_faults_reach_the_real_client(server, repo):
    fault = {"match": "/pulls$", "method": "POST", "action": "drop-after"}
    requests.post(f"{server.url}/_sandbox/faults", json=fault, timeout=10).raise_for_status()
    commit_as_bot(repo, "topic", {"a": "b"})
    with pytest.raises(requests.ConnectionError):
        repo.create_pull(base="main", head="topic", title="x")
    assert [pull.head.ref for pull in repo.get_pulls()] == ["topic"]
    [logged] = [
        item for item in server.requests if item["path"].endswith("/pulls") and item["method"] == "POST"
    ]
    assert (logged["who"], logged["effect"]) == ("selfheal[bot]", True)
