"""Merging: the expected head, the three methods, what blocks."""

from __future__ import annotations

import pytest
from github import GithubException

from tests.sandbox.github.conftest import FILES, REPOSITORY, client, open_pull

CATALOG = "deploy/catalog.yaml"


def content(server, revision: str, path: str = CATALOG) -> str:
    return server.hub.store.repository(REPOSITORY).git.read(revision, path).decode()


def test_a_moved_head_is_not_merged(server, repo):
    pull = open_pull(repo)
    server.push_as("mara", pull.head.ref, {"README.md": "# Mine\n"})
    with pytest.raises(GithubException) as caught:
        pull.merge(sha=pull.head.sha)
    assert caught.value.status == 409
    assert caught.value.data["message"] == "Head branch was modified. Review and try the merge again."
    assert "64Mi" in content(server, "main")


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_each_method_makes_its_commits(server, repo, method):
    pull = open_pull(repo)
    server.push_as("mara", pull.head.ref, {"README.md": "# Ours\n"}, message="Readme")
    base = server.push_as("mara", "main", {"deploy/new.yaml": "kind: Job\n"}, message="Job")
    done = pull.merge(merge_method=method)
    tip = repo.get_git_commit(done.sha)
    assert ("128Mi" in content(server, "main"), content(server, "main", "README.md")) == (True, "# Ours\n")
    assert content(server, "main", "deploy/new.yaml") == "kind: Job\n"
    subject = tip.message.splitlines()[0]
    first = tip.parents[0].sha
    if method == "merge":
        assert first == base
        assert (len(tip.parents), subject) == (2, f"Merge pull request #1 from acme/{pull.head.ref}")
    if method == "squash":
        assert (len(tip.parents), first, subject) == (1, base, "Raise memory (#1)")
        assert tip.author.name == "selfheal[bot]"
    if method == "rebase":
        assert (len(tip.parents), subject, tip.author.name) == (1, "Readme", "mara")
        assert repo.get_git_commit(first).parents[0].sha == base
    assert repo.get_commit(done.sha).commit.verification.verified == (method != "rebase")
    pull.update()
    assert (pull.merged, pull.state, pull.merge_commit_sha, pull.commits) == (True, "closed", done.sha, 2)
    assert pull.is_merged()


def test_words_for_the_commit(repo):
    pull = open_pull(repo)
    done = pull.merge(commit_title="Heal INC-1", commit_message="Because.", merge_method="squash")
    assert repo.get_git_commit(done.sha).message == "Heal INC-1\n\nBecause."


def refused(pull, **how) -> tuple[int, str]:
    with pytest.raises(GithubException) as caught:
        pull.merge(**how)
    return caught.value.status, caught.value.data["message"]


def test_protection_blocks_until_approved_and_green(server, repo):
    server.protect(REPOSITORY, approvals=1, checks=["ci"])
    pull = open_pull(repo)
    status, message = refused(pull)
    assert status == 405
    assert "At least 1 approving review is required" in message
    assert 'Required status check "ci" is expected.' in message
    server.approve(REPOSITORY, pull.number, "priya")
    server.set_checks(REPOSITORY, pull.head.sha, "pending")
    assert refused(pull) == (405, 'Required status check "ci" is pending.')
    server.set_checks(REPOSITORY, pull.head.sha, "failure")
    assert refused(pull) == (405, 'Required status check "ci" is failing.')
    server.set_checks(REPOSITORY, pull.head.sha, "success")
    server.request_changes(REPOSITORY, pull.number, "omar")
    assert refused(pull) == (405, "Changes have been requested.")
    server.approve(REPOSITORY, pull.number, "omar")
    assert pull.merge().merged


def test_only_writers_approvals_count_and_a_comment_takes_none_back(server, repo):
    server.protect(REPOSITORY, approvals=1)
    pull = open_pull(repo)
    server.add_person("rex", REPOSITORY, "read")
    server.approve(REPOSITORY, pull.number, "rex")
    assert refused(pull)[0] == 405
    server.approve(REPOSITORY, pull.number, "priya")
    server.review(REPOSITORY, pull.number, "priya", "COMMENT", "By the way")
    assert pull.merge().merged


def test_a_new_commit_dismisses_where_the_branch_says_so(server, repo):
    server.protect(REPOSITORY, approvals=1, dismiss_stale=True)
    pull = open_pull(repo)
    server.approve(REPOSITORY, pull.number, "priya")
    server.push_as("mara", pull.head.ref, {"README.md": "# Mine\n"})
    assert [review.state for review in pull.get_reviews()] == ["DISMISSED"]
    assert refused(pull)[0] == 405


def test_what_else_is_not_merged(server, repo):
    draft = open_pull(repo, "a", draft=True)
    assert refused(draft) == (405, "Pull Request is still a draft")
    pull = open_pull(repo, "b")
    server.hub.store.repository(REPOSITORY).merge_methods = {"squash"}
    assert refused(pull) == (405, "Merge commits are not allowed on this repository.")
    server.push_as("mara", "main", {CATALOG: FILES[CATALOG].replace("64Mi", "96Mi")})
    assert refused(pull, merge_method="squash")[0] == 405
    pull.edit(state="closed")
    assert refused(pull, merge_method="squash") == (405, "Pull Request is not mergeable")


def test_a_strict_branch_wants_the_newest_base(server, repo):
    server.protect(REPOSITORY, strict=True, checks=["ci"])
    pull = open_pull(repo)
    server.set_checks(REPOSITORY, pull.head.sha, "success")
    server.push_as("ada", "other", {"x": "y"})
    server.add_person("ada", REPOSITORY, "admin")
    server.push_as("ada", "main", {"README.md": "# New\n"})
    pull.update()
    assert pull.mergeable_state == "behind"
    assert "not up to date" in refused(pull)[1]


def test_an_administrator_may_pass_where_the_rules_let_them(server, repo):
    server.add_person("ada", REPOSITORY, "admin")
    server.protect(REPOSITORY, approvals=1)
    pull = open_pull(repo)
    sha = server.merge_as("ada", REPOSITORY, pull.number, method="squash")
    pull.update()
    assert (pull.merged_by.login, pull.merge_commit_sha) == ("ada", sha)


def test_a_reader_may_not_merge(server, repo):
    pull = open_pull(repo)
    with client(server, server.add_person("rex", REPOSITORY, "read")) as api:
        assert refused(api.get_repo(REPOSITORY).get_pull(pull.number))[0] == 403


def test_the_branch_goes_where_the_repository_says_so(server, repo):
    server.hub.store.repository(REPOSITORY).delete_branch_on_merge = True
    pull = open_pull(repo)
    pull.merge()
    assert server.head(REPOSITORY, pull.head.ref) == ""
    pull.update()
    assert (pull.merged, pull.changed_files) == (True, 1)
