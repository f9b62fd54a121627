"""A running GitHub sandbox with one repository, and the real client beside it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import github
import pytest

from selfheal.sandbox.github.app import GitHubEmulator

REPOSITORY = "acme/shop"
FILES = {
    "README.md": "# Shop\n",
    "deploy/catalog.yaml": "kind: Deployment\nmetadata:\n  name: catalog\nspec:\n  memory: 64Mi\n",
    "deploy/cart.yaml": "kind: Deployment\nmetadata:\n  name: cart\n",
    ".github/workflows/heal.yml": (
        "name: Heal\non:\n  repository_dispatch:\n    types: [incident]\n"
        "  workflow_dispatch:\n    inputs:\n      incident:\n        required: true\n"
    ),
}


class StoppedClock:
    """Time that moves when a test says so."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
        self.seconds = 0.0

    def now(self) -> datetime:
        return self.at + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def server(tmp_path: Path, clock: StoppedClock) -> Iterator[GitHubEmulator]:
    emulator = GitHubEmulator(tmp_path / "repositories", clock=clock)
    emulator.add_repository(REPOSITORY, FILES)
    with emulator:
        yield emulator


def client(server: GitHubEmulator, token: str = "", *, prefix: str = "", per_page: int = 30) -> github.Github:
    """PyGithub against the sandbox; without a token as the bot. It does not retry."""
    auth = github.Auth.Token(token or server.bot_token)
    return github.Github(
        base_url=server.url + prefix,
        auth=auth,
        retry=None,
        per_page=per_page,
        seconds_between_requests=None,
        seconds_between_writes=None,
    )


@pytest.fixture
def repo(server: GitHubEmulator) -> Iterator[github.Repository.Repository]:
    with client(server) as api:
        yield api.get_repo(REPOSITORY)


def commit_as_bot(repo, branch: str, files: dict[str, str], *, base: str = "main") -> str:
    """What the product does: blobs, tree, commit, then a branch that must not be there yet."""
    head = repo.get_git_ref(f"heads/{base}").object.sha
    parent = repo.get_git_commit(head)
    elements = [
        github.InputGitTreeElement(path, "100644", "blob", sha=repo.create_git_blob(content, "utf-8").sha)
        for path, content in files.items()
    ]
    tree = repo.create_git_tree(elements, repo.get_git_tree(parent.tree.sha))
    commit = repo.create_git_commit(f"Change {branch}", tree, [parent])
    repo.create_git_ref(f"refs/heads/{branch}", commit.sha)
    return commit.sha


def open_pull(repo, branch: str = "selfheal/inc-1-1", memory: str = "128Mi", **more):
    """A pull request of the bot that raises the memory."""
    content = FILES["deploy/catalog.yaml"].replace("64Mi", memory)
    commit_as_bot(repo, branch, {"deploy/catalog.yaml": content})
    return repo.create_pull(base="main", head=branch, title="Raise memory", body="Because.", **more)


def git(*arguments: str, cwd: Path | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Real git as a user has it, with nothing of this machine's configuration."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "Mara",
        "GIT_AUTHOR_EMAIL": "mara@acme.example",
        "GIT_COMMITTER_NAME": "Mara",
        "GIT_COMMITTER_EMAIL": "mara@acme.example",
        "LC_ALL": "C",
    }
    return subprocess.run(
        ["git", *arguments], cwd=cwd, env=environment, check=check, capture_output=True, text=True
    )
