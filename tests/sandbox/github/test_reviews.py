"""Reviews as people and bots give them."""

from __future__ import annotations

import pytest
from github import GithubException

from tests.sandbox.github.conftest import REPOSITORY, client, open_pull


def test_nobody_approves_their_own(server, repo):
    pull = open_pull(repo)
    with pytest.raises(GithubException) as caught:
        pull.create_review(event="APPROVE")
    assert caught.value.status == 422
    assert "Can not approve your own pull request" in caught.value.data["errors"][0]


def test_a_review_is_of_a_commit(server, clock, repo):
    pull = open_pull(repo)
    server.approve(REPOSITORY, pull.number, "priya", "Fine")
    clock.pass_by(60)
    sha = server.push_as("mara", pull.head.ref, {"README.md": "# Mine\n"})
    server.request_changes(REPOSITORY, pull.number, "omar")
    first, second = pull.get_reviews()
    assert (first.user.login, first.state, first.commit_id, first.body) == (
        "priya",
        "APPROVED",
        pull.head.sha,
        "Fine",
    )
    assert (second.user.login, second.user.type, second.state, second.commit_id) == (
        "omar",
        "User",
        "CHANGES_REQUESTED",
        sha,
    )
    assert (second.submitted_at - first.submitted_at).total_seconds() == 60


def test_a_dismissed_review_stays_as_dismissed(server, repo):
    pull = open_pull(repo)
    server.request_changes(REPOSITORY, pull.number, "omar")
    [review] = pull.get_reviews()
    review.dismiss("Outdated")
    assert [found.state for found in pull.get_reviews()] == ["DISMISSED"]
    with pytest.raises(GithubException) as caught:
        pull.get_review(review.id).dismiss("Again")
    assert caught.value.status == 422


def test_a_pending_review_is_its_authors_own(server, repo):
    pull = open_pull(repo)
    with client(server, server.add_person("priya", REPOSITORY)) as api:
        theirs = api.get_repo(REPOSITORY).get_pull(pull.number)
        theirs.create_review(body="Thinking")
        assert [review.state for review in theirs.get_reviews()] == ["PENDING"]
    assert list(pull.get_reviews()) == []


@pytest.mark.parametrize("event", ["COMMENT", "REQUEST_CHANGES"])
def test_words_are_needed(server, repo, event):
    pull = open_pull(repo)
    with (
        client(server, server.add_person("priya", REPOSITORY)) as api,
        pytest.raises(GithubException) as caught,
    ):
        api.get_repo(REPOSITORY).get_pull(pull.number).create_review(event=event)
    assert caught.value.status == 422


def test_requested_reviewers(server, repo):
    server.add_person("priya", REPOSITORY)
    pull = open_pull(repo)
    pull.create_review_request(reviewers=["priya"])
    assert [user.login for user in pull.get_review_requests()[0]] == ["priya"]
    server.approve(REPOSITORY, pull.number, "priya")
    assert list(pull.get_review_requests()[0]) == []
    with pytest.raises(GithubException) as caught:
        pull.create_review_request(reviewers=["stranger"])
    assert caught.value.status == 422


def test_a_comment_on_a_line(server, repo):
    pull = open_pull(repo)
    commit = repo.get_commit(pull.head.sha)
    comment = pull.create_review_comment("Why 128?", commit, "deploy/catalog.yaml", line=5)
    pull.create_review_comment_reply(comment.id, "Measured.")
    assert [(c.body, c.in_reply_to_id) for c in pull.get_review_comments()] == [
        ("Why 128?", None),
        ("Measured.", comment.id),
    ]
    with pytest.raises(GithubException) as caught:
        pull.create_review_comment("Where?", commit, "README.md", line=1)
    assert caught.value.status == 422


def test_the_simulated_reviewer_approves_what_is_still_there(server, clock, repo):
    server.auto_approve("priya", 30)
    pull = open_pull(repo)
    clock.pass_by(20)
    server.push_as("mara", pull.head.ref, {"README.md": "# Mine\n"})
    clock.pass_by(20)
    assert list(pull.get_reviews()) == []
    clock.pass_by(20)
    pull.update()
    [review] = pull.get_reviews()
    assert (review.user.login, review.commit_id) == ("priya", pull.head.sha)
    [act] = [act for act in server.hub.store.activity if act["what"] == "approve"]
    assert (act["who"], act["simulated"]) == ("priya", True)


def test_a_reader_may_review_but_not_steer(server, repo):
    pull = open_pull(repo)
    with client(server, server.add_person("rex", REPOSITORY, "read")) as api:
        theirs = api.get_repo(REPOSITORY).get_pull(pull.number)
        theirs.create_review(event="APPROVE")
        for act in (lambda: theirs.add_to_labels("x"), lambda: theirs.create_review_request(["rex"])):
            with pytest.raises(GithubException) as caught:
                act()
            assert caught.value.status == 403
    assert [review.state for review in pull.get_reviews()] == ["APPROVED"]
