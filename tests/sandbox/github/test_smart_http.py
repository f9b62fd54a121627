"""Clone and push with real git."""

from __future__ import annotations

import base64
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.sandbox.github.conftest import FILES, REPOSITORY, git, open_pull


def address(server, token: str = "", repository: str = REPOSITORY) -> str:
    login = f"x-access-token:{token}@" if token else ""
    return server.clone_url(repository).replace("http://", f"http://{login}")


@pytest.fixture
def clone(server, tmp_path) -> Path:
    folder = tmp_path / "work"
    git("clone", "--quiet", address(server, server.bot_token), str(folder))
    return folder


def commit(folder: Path, path: str, content: str | bytes) -> str:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content if isinstance(content, bytes) else content.encode())
    git("add", path, cwd=folder)
    git("commit", "--quiet", "-m", f"Change {path}", cwd=folder)
    return git("rev-parse", "HEAD", cwd=folder).stdout.strip()


def test_a_public_repository_is_cloned_without_a_token(server, tmp_path):
    git("clone", "--quiet", address(server), str(tmp_path / "a"))
    assert (tmp_path / "a/deploy/catalog.yaml").read_text() == FILES["deploy/catalog.yaml"]
    # Without the suffix it is the same repository.
    git("clone", "--quiet", address(server).removesuffix(".git"), str(tmp_path / "b"))
    assert (tmp_path / "b/README.md").exists()


def test_only_a_push_counts_as_a_write(server, clone):
    assert [item["path"] for item in server.requests if item["effect"]] == []
    commit(clone, "README.md", "# Mine\n")
    git("push", "--quiet", "origin", "HEAD:topic", cwd=clone)
    [written] = [item for item in server.requests if item["effect"]]
    assert (written["path"], written["who"]) == ("/acme/shop.git/git-receive-pack", "selfheal[bot]")


def test_history_keeps_authors_and_dates(server, tmp_path):
    when = [datetime(2026, 1, day, 8, 30, tzinfo=UTC) for day in (5, 9)]
    server.add_repository(
        "acme/old",
        {"a.txt": "1\n", "b.txt": "b\n"},
        history=[
            ("Second", {"a.txt": "2\n"}, "Mara Lindqvist <mara@acme.example>", when[0]),
            ("Third", {"a.txt": "3\n", "b.txt": None}, "omar", when[1]),
        ],
        default_branch="trunk",
    )
    git("clone", "--quiet", address(server, repository="acme/old"), str(tmp_path / "old"))
    lines = git("log", "--format=%s|%an|%aI", cwd=tmp_path / "old").stdout.splitlines()
    assert lines[:2] == [
        "Third|omar|2026-01-09T08:30:00+00:00",
        "Second|Mara Lindqvist|2026-01-05T08:30:00+00:00",
    ]
    assert sorted(path.name for path in (tmp_path / "old").iterdir()) == [".git", "a.txt"]
    assert git("branch", "--show-current", cwd=tmp_path / "old").stdout.strip() == "trunk"


def test_shallow_and_deepened(server, clone, tmp_path):
    for number in range(3):
        server.push_as("mara", "main", {"n.txt": str(number)})
    folder = tmp_path / "shallow"
    git("clone", "--quiet", "--depth=2", address(server), str(folder))
    assert git("rev-list", "--count", "HEAD", cwd=folder).stdout.strip() == "2"
    git("fetch", "--quiet", "--unshallow", cwd=folder)
    assert git("rev-list", "--count", "HEAD", cwd=folder).stdout.strip() == "4"


def test_a_push_moves_the_pull_request(server, repo, clone):
    pull = open_pull(repo)
    git("fetch", "--quiet", cwd=clone)
    git("checkout", "--quiet", pull.head.ref, cwd=clone)
    sha = commit(clone, "README.md", "# Mine\n")
    git("push", "--quiet", cwd=clone)
    pull.update()
    assert (pull.head.sha, pull.commits) == (sha, 2)


def test_pushing_takes_a_token_that_may(server, clone):
    commit(clone, "README.md", "# Mine\n")
    before = server.head(REPOSITORY)
    rex = server.add_person("rex", REPOSITORY, "read")
    for token, words in (("", "could not read Username"), ("wrong", "Authentication failed"), (rex, "403")):
        done = git("push", address(server, token), "HEAD:main", cwd=clone, check=False)
        assert done.returncode != 0
        assert words in done.stderr
    assert server.head(REPOSITORY) == before


def test_a_bearer_header_will_do(server, clone):
    sha = commit(clone, "README.md", "# Mine\n")
    header = f"http.extraHeader=Authorization: Bearer {server.bot_token}"
    git("-c", header, "push", "--quiet", address(server), "HEAD:refs/heads/topic", cwd=clone)
    assert server.head(REPOSITORY, "topic") == sha


def test_a_basic_header_as_checkout_sets_it(server, tmp_path):
    server.add_repository("acme/secret", {"a": "b"}, private=True)
    token = base64.b64encode(f"x-access-token:{server.bot_token}".encode()).decode()
    header = f"http.extraHeader=Authorization: basic {token}"
    git("-c", header, "clone", "--quiet", address(server, repository="acme/secret"), str(tmp_path / "s"))
    done = git("clone", address(server, repository="acme/secret"), str(tmp_path / "t"), check=False)
    assert "could not read Username" in done.stderr


def test_a_large_push_comes_in_pieces(server, clone):
    data = os.urandom(3 * 1024 * 1024)
    sha = commit(clone, "big.bin", data)
    git("push", "--quiet", "origin", "HEAD:main", cwd=clone)
    assert server.head(REPOSITORY) == sha
    assert server.hub.store.repository(REPOSITORY).git.read("main", "big.bin") == data


def test_what_is_not_a_fast_forward_is_rejected_unless_forced(server, clone):
    server.push_as("mara", "topic", {"x": "1"})
    sha = commit(clone, "README.md", "# Mine\n")
    done = git("push", "origin", "HEAD:topic", cwd=clone, check=False)
    assert "rejected" in done.stderr
    git("push", "--quiet", "--force", "origin", "HEAD:topic", cwd=clone)
    assert server.head(REPOSITORY, "topic") == sha


def test_a_protected_branch_takes_no_push(server, clone):
    server.protect(REPOSITORY, approvals=1)
    before = server.head(REPOSITORY)
    commit(clone, "README.md", "# Mine\n")
    done = git("push", "origin", "HEAD:main", cwd=clone, check=False)
    assert "GH006: Protected branch update failed for refs/heads/main" in done.stderr
    assert server.head(REPOSITORY) == before


def test_pushes_at_once_lose_nothing(server, tmp_path):
    def push(number: int) -> str:
        folder = tmp_path / f"clone-{number}"
        git("clone", "--quiet", address(server, server.bot_token), str(folder))
        sha = commit(folder, f"{number}.txt", "x")
        git("push", "--quiet", "origin", f"HEAD:refs/heads/topic-{number}", cwd=folder)
        return sha

    with ThreadPoolExecutor(4) as pool:
        pushed = list(pool.map(push, range(4)))
    assert [server.head(REPOSITORY, f"topic-{number}") for number in range(4)] == pushed


def test_configuration_of_the_machine_has_no_effect(server, monkeypatch, tmp_path):
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    trap = hooks / "reference-transaction"
    trap.write_text("#!/bin/sh\ntouch " + str(tmp_path / "sprung") + "\nexit 1\n")
    trap.chmod(0o755)
    config = tmp_path / "config"
    config.write_text(f"[core]\n\thooksPath = {hooks}\n[user]\n\tname = Somebody Else\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody Else")
    sha = server.push_as("mara", "main", {"x": "y"})
    assert server.hub.store.repository(REPOSITORY).git.commit(sha).author.name == "mara"
    assert not (tmp_path / "sprung").exists()
