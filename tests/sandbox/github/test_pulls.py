"""Opening, listing, reading and closing pull requests."""

from __future__ import annotations

import pytest
from github import GithubException

from tests.sandbox.github.conftest import FILES, REPOSITORY, client, commit_as_bot, open_pull


def refusal(caught) -> str:
    return caught.value.data["errors"][0].get("message") or caught.value.data["errors"][0]["field"]


def test_what_it_brings(repo):
    pull = open_pull(repo)
    assert (pull.commits, pull.changed_files, pull.additions, pull.deletions) == (1, 1, 1, 1)
    [file] = pull.get_files()
    assert (file.filename, file.status) == ("deploy/catalog.yaml", "modified")
    assert file.patch.splitlines()[-2:] == ["-  memory: 64Mi", "+  memory: 128Mi"]
    assert [commit.sha for commit in pull.get_commits()] == [pull.head.sha]
    assert [found.number for found in repo.get_commit(pull.head.sha).get_pulls()] == [pull.number]
    assert pull.head.repo.full_name == pull.base.repo.full_name == REPOSITORY
    assert (pull.head.label, pull.base.label) == ("acme:selfheal/inc-1-1", "acme:main")


def test_a_branch_has_one_open_pull_request(repo):
    pull = open_pull(repo)
    with pytest.raises(GithubException) as caught:
        repo.create_pull(base="main", head=pull.head.ref, title="Again")
    assert caught.value.status == 422
    assert refusal(caught) == "A pull request already exists for acme:selfheal/inc-1-1."
    pull.edit(state="closed")
    assert repo.create_pull(base="main", head=pull.head.ref, title="Again").number == pull.number + 1


@pytest.mark.parametrize(
    ("base", "head", "why"),
    [
        ("nowhere", "main", "base"),
        ("main", "nowhere", "head"),
        ("main", "main", "No commits between main and main"),
    ],
)
def test_what_cannot_be_opened(repo, base, head, why):
    with pytest.raises(GithubException) as caught:
        repo.create_pull(base=base, head=head, title="x")
    assert (caught.value.status, refusal(caught)) == (422, why)


def test_a_body_has_its_limit(repo):
    commit_as_bot(repo, "topic", {"a.txt": "1"})
    with pytest.raises(GithubException) as caught:
        repo.create_pull(base="main", head="topic", title="x", body="y" * 65_537)
    assert "too long" in refusal(caught)
    assert repo.create_pull(base="main", head="topic", title="x", body="y" * 65_536).number == 1


def test_the_head_filter_works_only_with_its_owner(repo):
    one, two = open_pull(repo, "selfheal/inc-1-1"), open_pull(repo, "selfheal/inc-2-1", "256Mi")
    two.edit(state="closed")
    assert [p.number for p in repo.get_pulls(head="acme:selfheal/inc-1-1")] == [one.number]
    assert list(repo.get_pulls(head="acme:selfheal/inc-2-1")) == []
    assert [p.number for p in repo.get_pulls(state="all", head="acme:selfheal/inc-2-1")] == [two.number]
    assert list(repo.get_pulls(state="all", head="mallory:selfheal/inc-1-1")) == []
    assert [p.number for p in repo.get_pulls(state="all", head="selfheal/inc-1-1")] == [
        two.number,
        one.number,
    ]
    assert list(repo.get_pulls(state="all", base="elsewhere")) == []


def test_a_push_by_a_person_is_seen(server, repo):
    pull = open_pull(repo)
    sha = server.push_as("mara", pull.head.ref, {"README.md": "# Mine\n"})
    pull.update()
    assert (pull.head.sha, pull.commits) == (sha, 2)
    assert [commit.author.login for commit in pull.get_commits()] == ["selfheal[bot]", "mara"]


def test_deleting_the_branch_closes(server, repo):
    pull = open_pull(repo)
    repo.get_git_ref(f"heads/{pull.head.ref}").delete()
    pull.update()
    assert (pull.state, pull.merged) == ("closed", False)
    with pytest.raises(GithubException):
        pull.edit(state="open")


def test_a_person_closes_and_reopens(server, repo):
    pull = open_pull(repo)
    server.close(REPOSITORY, pull.number, "mara")
    pull.update()
    assert (pull.state, pull.as_issue().closed_by.login, pull.merged_at) == ("closed", "mara", None)
    server.reopen(REPOSITORY, pull.number, "mara")
    pull.update()
    assert (pull.state, pull.closed_at) == ("open", None)


def test_pushing_its_commits_to_the_base_merges_it(server, repo):
    pull = open_pull(repo)
    repo.get_git_ref("heads/main").edit(pull.head.sha)
    pull.update()
    assert (pull.merged, pull.merge_commit_sha) == (True, pull.head.sha)


def test_a_fork_with_the_same_branch_name_is_told_apart(server, repo):
    token = server.add_person("mallory")
    assert server.fork(REPOSITORY, "mallory") == "mallory/shop"
    ours = open_pull(repo)
    server.push_as("mallory", ours.head.ref, {"README.md": "# Evil\n"}, repository="mallory/shop")
    with client(server, token) as api:
        target = api.get_repo(REPOSITORY)
        theirs = target.create_pull(base="main", head=f"mallory:{ours.head.ref}", title="Raise memory")
        with pytest.raises(GithubException) as caught:
            target.create_git_ref("refs/heads/x", ours.head.sha)
    assert caught.value.status == 403
    assert (theirs.head.ref, theirs.head.repo.full_name, theirs.head.repo.fork) == (
        ours.head.ref,
        "mallory/shop",
        True,
    )
    assert [p.number for p in repo.get_pulls(head=f"acme:{ours.head.ref}")] == [ours.number]
    assert [file.filename for file in repo.get_pull(theirs.number).get_files()] == ["README.md"]


def test_mergeability_may_not_be_known_yet(server, repo):
    server.hub.unknown_mergeability = 1
    pull = open_pull(repo)
    assert (pull.mergeable, pull.mergeable_state) == (None, "unknown")
    pull.update()
    assert (pull.mergeable, pull.mergeable_state) == (True, "clean")
    assert pull.merge_commit_sha
    assert not pull.merged


def test_a_conflict_is_dirty(server, repo):
    pull = open_pull(repo)
    server.push_as(
        "mara", "main", {"deploy/catalog.yaml": FILES["deploy/catalog.yaml"].replace("64Mi", "96Mi")}
    )
    pull.update()
    assert (pull.mergeable, pull.mergeable_state) == (False, "dirty")


def test_the_base_may_move_elsewhere(server, repo):
    pull = open_pull(repo)
    sha = server.push_as("mara", "main", {"README.md": "# Other\n"})
    pull.update()
    assert (pull.base.sha, pull.mergeable, pull.changed_files) == (sha, True, 1)
    assert pull.update_branch()
    pull.update()
    assert (pull.commits, pull.changed_files) == (2, 1)


def test_labels_and_comments(repo):
    pull = open_pull(repo)
    pull.add_to_labels("selfheal")
    pull.add_to_labels("memory")
    pull.remove_from_labels("memory")
    comment = pull.create_issue_comment("Looked at")
    comment.edit("Looked at again")
    pull.update()
    assert [label.name for label in pull.labels] == ["selfheal"]
    assert [(c.user.login, c.body) for c in pull.get_issue_comments()] == [
        ("selfheal[bot]", "Looked at again")
    ]
    assert pull.comments == 1


def test_only_its_author_or_a_writer_edits(server, repo):
    pull = open_pull(repo)
    with (
        client(server, server.add_person("rex", REPOSITORY, "read")) as api,
        pytest.raises(GithubException) as caught,
    ):
        api.get_repo(REPOSITORY).get_pull(pull.number).edit(title="Mine")
    assert caught.value.status == 403
