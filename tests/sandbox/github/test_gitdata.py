"""Blobs, trees, commits and refs: what the product's writer stands on."""

from __future__ import annotations

import github
import pytest
import requests
from github import GithubException, InputGitAuthor, InputGitTreeElement

from tests.sandbox.github.conftest import REPOSITORY, client, commit_as_bot


def test_a_branch_is_only_ever_created(repo):
    first = commit_as_bot(repo, "selfheal/inc-1", {"a.txt": "1"})
    with pytest.raises(GithubException) as refused:
        repo.create_git_ref("refs/heads/selfheal/inc-1", first)
    assert (refused.value.status, refused.value.data["message"]) == (422, "Reference already exists")
    assert repo.get_git_ref("heads/selfheal/inc-1").object.sha == first


def test_a_ref_moves_back_only_by_force(repo):
    main = repo.get_branch("main").commit.sha
    tip = commit_as_bot(repo, "topic", {"a.txt": "1"})
    ref = repo.get_git_ref("heads/topic")
    with pytest.raises(GithubException) as refused:
        ref.edit(main)
    assert (refused.value.status, refused.value.data["message"]) == (422, "Update is not a fast forward")
    assert repo.get_branch("topic").commit.sha == tip
    ref.edit(main, force=True)
    assert repo.get_branch("topic").commit.sha == main


@pytest.mark.parametrize(
    ("ref", "sha", "message"),
    [
        ("heads/x", "head", "must start with 'refs/'"),
        ("refs/heads", "head", "at least two slashes"),
        ("refs/heads/a..b", "head", "not a valid ref name"),
        ("refs/heads/x", "f" * 40, "Object does not exist"),
    ],
)
def test_what_is_no_ref_is_refused(server, repo, ref, sha, message):
    sha = server.head(REPOSITORY) if sha == "head" else sha
    with pytest.raises(GithubException) as refused:
        repo.create_git_ref(ref, sha)
    assert refused.value.status == 422
    assert message in refused.value.data["message"]


def test_a_ref_that_is_not_there(repo):
    with pytest.raises(github.UnknownObjectException):
        repo.get_git_ref("heads/nowhere").object  # noqa: B018 - completing it asks the server
    tip = commit_as_bot(repo, "topic", {"a.txt": "1"})
    ref = repo.get_git_ref("heads/topic")
    assert ref.object.sha == tip
    ref.delete()
    with pytest.raises(GithubException) as refused:
        ref.delete()
    assert refused.value.data["message"] == "Reference does not exist"


def test_matching_refs_are_a_prefix(repo):
    for branch in ("selfheal/inc-1-1", "selfheal/inc-1-2", "selfheal/inc-12-1", "other"):
        commit_as_bot(repo, branch, {"a.txt": branch})
    found = [ref.ref for ref in repo.get_git_matching_refs("heads/selfheal/inc-1-")]
    assert found == ["refs/heads/selfheal/inc-1-1", "refs/heads/selfheal/inc-1-2"]


def test_the_bots_commit_is_signed_unless_it_names_an_author(repo):
    head = repo.get_git_commit(repo.get_branch("main").commit.sha)
    plain = repo.create_git_commit("Fix", head.tree, [head])
    named = repo.create_git_commit(
        "Fix", head.tree, [head], author=InputGitAuthor("Mara", "mara@acme.example")
    )
    assert (plain.verification.verified, plain.verification.reason) == (True, "valid")
    assert (named.verification.verified, named.verification.reason) == (False, "unsigned")
    assert plain.author.name == "selfheal[bot]"
    assert plain.committer.email == "noreply@github.com"
    shown = repo.get_commit(plain.sha)
    assert (shown.author.login, shown.committer.login) == ("selfheal[bot]", "web-flow")
    assert repo.get_commit(named.sha).author is None


def test_a_persons_commit_is_not_signed(server):
    with client(server, server.add_person("mara", REPOSITORY)) as api:
        repo = api.get_repo(REPOSITORY)
        head = repo.get_git_commit(repo.get_branch("main").commit.sha)
        assert not repo.create_git_commit("Fix", head.tree, [head]).verification.verified


def test_a_commit_keeps_its_message_to_the_byte(repo):
    head = repo.get_git_commit(repo.get_branch("main").commit.sha)
    message = "Grüße: 修正\n\nSecond paragraph\n  indented # not a comment"
    assert repo.get_git_commit(repo.create_git_commit(message, head.tree, [head]).sha).message == message


def test_a_tree_writes_moves_and_removes_and_keeps_modes(repo):
    base = repo.get_git_tree(repo.get_branch("main").commit.sha)
    script = InputGitTreeElement("bin/run.sh", "100755", "blob", content="#!/bin/sh\n")
    gone = InputGitTreeElement("README.md", "100644", "blob", sha=None)
    tree = repo.create_git_tree([script, gone], base)
    found = {
        entry.path: (entry.mode, entry.type) for entry in repo.get_git_tree(tree.sha, recursive=True).tree
    }
    assert found["bin/run.sh"] == ("100755", "blob")
    assert found["deploy"] == ("040000", "tree")
    assert found["deploy/cart.yaml"] == ("100644", "blob")
    assert "README.md" not in found


@pytest.mark.parametrize(
    ("path", "mode", "sha", "message"),
    [
        ("../out", "100644", None, "malformed path"),
        (".git/config", "100644", None, "malformed path"),
        ("a//b", "100644", None, "malformed path"),
        ("a", "100600", None, "valid tree.mode"),
        ("a", "100644", "f" * 40, "not a valid blob"),
    ],
)
def test_a_tree_that_makes_no_sense_is_refused(server, path, mode, sha, message):
    entry = {"path": path, "mode": mode, "type": "blob", "sha": sha} | ({} if sha else {"content": "x"})
    answer = requests.post(
        f"{server.url}/repos/{REPOSITORY}/git/trees",
        json={"tree": [entry]},
        headers={"Authorization": f"token {server.bot_token}"},
        timeout=10,
    )
    assert answer.status_code == 422
    assert message in answer.json()["message"]


def test_bytes_survive_as_blob(repo):
    import base64

    data = bytes(range(256)) * 5
    sha = repo.create_git_blob(base64.b64encode(data).decode(), "base64").sha
    blob = repo.get_git_blob(sha)
    assert (base64.b64decode(blob.content), blob.size) == (data, len(data))


def test_an_empty_repository_says_so(server, repo):
    server.add_repository("acme/empty", {})
    with client(server) as api, pytest.raises(GithubException) as refused:
        api.get_repo("acme/empty").get_git_tree("main")
    assert (refused.value.status, refused.value.data["message"]) == (409, "Git Repository is empty.")
