"""A history whose authors and messages were made to be misread."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from selfheal.repository.worktree import WorkTree
from tests.repository.support import plain_git

FORGED = "0" * 40


@pytest.fixture
def git(tmp_path: Path) -> Path:
    plain_git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "a.yaml").write_text("a: 1\n")
    plain_git(tmp_path, "add", "-A")
    return tmp_path


def test_a_message_adds_no_commit_and_no_field(git: Path) -> None:
    forged = "\x1f".join(
        (FORGED, "Eve", "2026-01-01T00:00:00Z", "forged", "Incident: OPS-1\n", "secret.yaml")
    )
    plain_git(git, "commit", "-q", "-m", f"subject\n\nbody \x1e{forged}\x1e \x1f \x1e")
    (found,) = WorkTree(git).history()
    assert found.sha == plain_git(git, "rev-parse", "HEAD")
    assert (found.subject, found.author, found.paths) == ("subject", "Ada", ("a.yaml",))


def test_a_commit_without_a_date_that_can_be_told_is_an_old_one(git: Path) -> None:
    """Whoever writes a commit writes its date, and git takes any number."""
    tree = plain_git(git, "write-tree")
    for date in ("9999999999999 +0000", "253402300799 -1400", "0 +0000", "1700000000 +9959"):
        text = f"tree {tree}\nauthor E <e> {date}\ncommitter E <e> {date}\n\nold\n"
        made = subprocess.run(
            ["git", "-C", str(git), "hash-object", "-t", "commit", "-w", "--stdin", "--literally"],
            input=text, capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
        plain_git(git, "update-ref", "refs/heads/main", made)
        (found,) = WorkTree(git).history()
        assert found.sha == made and found.at.tzinfo is not None
        assert found.at <= datetime(2100, 1, 1, tzinfo=UTC) or found.at.year < 9999
        assert found.at.astimezone(UTC)
