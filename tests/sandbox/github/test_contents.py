"""Files by the contents API, commits and comparisons."""

from __future__ import annotations

import pytest
from github import GithubException

from tests.sandbox.github.conftest import FILES, REPOSITORY, commit_as_bot


def test_reading(repo):
    file = repo.get_contents("deploy/catalog.yaml")
    assert (file.type, file.decoded_content.decode()) == ("file", FILES["deploy/catalog.yaml"])
    assert [item.path for item in repo.get_contents("deploy")] == ["deploy/cart.yaml", "deploy/catalog.yaml"]
    assert {item.name: item.type for item in repo.get_contents("")} == {
        ".github": "dir",
        "README.md": "file",
        "deploy": "dir",
    }
    with pytest.raises(GithubException) as caught:
        repo.get_contents("nothing.yaml")
    assert caught.value.status == 404


def test_reading_at_a_ref(server, repo):
    old = server.head(REPOSITORY)
    server.push_as("mara", "main", {"README.md": "# New\n"})
    assert repo.get_contents("README.md", ref=old).decoded_content == b"# Shop\n"
    assert repo.get_contents("README.md").decoded_content == b"# New\n"
    with pytest.raises(GithubException) as caught:
        repo.get_contents("README.md", ref="nowhere")
    assert caught.value.data["message"] == "No commit found for the ref nowhere"


def test_a_large_file_comes_without_its_content(server, repo):
    server.push_as("mara", "main", {"big.txt": "x" * (1024 * 1024 + 1)})
    file = repo.get_contents("big.txt")
    assert (file.encoding, file.content, file.size) == ("none", "", 1024 * 1024 + 1)


def test_writing_wants_what_stands_there(repo):
    made = repo.create_file("docs/a.md", "A", "one")
    assert made["commit"].committer.name == "GitHub"
    with pytest.raises(GithubException) as caught:
        repo.update_file("docs/a.md", "A", "two", "f" * 40)
    assert caught.value.status == 409
    with pytest.raises(GithubException) as caught:
        repo.create_file("docs/a.md", "A", "two")
    assert (caught.value.status, "sha" in caught.value.data["message"]) == (422, True)
    changed = repo.update_file("docs/a.md", "A", "two", made["content"].sha)
    repo.delete_file("docs/a.md", "Gone", changed["content"].sha)
    with pytest.raises(GithubException):
        repo.get_contents("docs/a.md")


@pytest.mark.parametrize("path", ["a/../b", ".git/config", "a/.GIT/x"])
def test_paths_that_escape_are_refused(server, path):
    import requests

    answer = requests.Session()
    request = requests.Request(
        "PUT",
        f"{server.url}/repos/{REPOSITORY}/contents/x",
        json={"message": "m", "content": "YQ=="},
        headers={"Authorization": f"Bearer {server.bot_token}"},
    ).prepare()
    request.url = f"{server.url}/repos/{REPOSITORY}/contents/{path}"
    assert answer.send(request, timeout=10).status_code == 422


def test_comparing(server, repo):
    commit_as_bot(repo, "topic", {"a.txt": "1\n"})
    ahead = repo.compare("main", "topic")
    assert (ahead.status, ahead.ahead_by, ahead.behind_by, ahead.total_commits) == ("ahead", 1, 0, 1)
    assert [(file.filename, file.status) for file in ahead.files] == [("a.txt", "added")]
    assert repo.compare("topic", "main").status == "behind"
    assert repo.compare("main", "main").status == "identical"
    server.push_as("mara", "main", {"b.txt": "2\n"})
    diverged = repo.compare("main", "topic")
    assert (diverged.status, diverged.ahead_by, diverged.behind_by) == ("diverged", 1, 1)
    assert [file.filename for file in diverged.files] == ["a.txt"]


def test_history_of_a_path(server, clock, repo):
    server.push_as("mara", "main", {"README.md": "# One\n"}, message="Readme")
    clock.pass_by(3600)
    server.push_as("omar", "main", {"deploy/cart.yaml": "kind: Job\n"}, message="Cart")
    assert [c.commit.message for c in repo.get_commits(path="README.md")] == ["Readme", "Initial commit"]
    assert [c.commit.message for c in repo.get_commits(author="omar")] == ["Cart"]
    assert [c.commit.message for c in repo.get_commits(since=clock.now())] == ["Cart"]
    shown = repo.get_commit("main")
    assert (shown.stats.total, [file.filename for file in shown.files]) == (4, ["deploy/cart.yaml"])


def test_a_renamed_file_is_shown_as_such(server, repo):
    server.push_as("mara", "main", {"README.md": None, "docs/README.md": "# Shop\n"})
    [file] = repo.get_commit("main").files
    assert (file.status, file.previous_filename, file.filename) == ("renamed", "README.md", "docs/README.md")
