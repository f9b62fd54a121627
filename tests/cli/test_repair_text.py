"""What a person reads of `selfheal repair`, as a whole, and on a terminal."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from selfheal.cli.repair_text import Teller
from tests.cli.test_repair_command import MANIFEST, run, world
from tests.repository.support import plain_git

__all__ = ["world"]


def told(monkeypatch: pytest.MonkeyPatch, world: tuple[Path, Path], *more: str) -> str:
    """The output of the command, run where the paths are short and always the same."""
    monkeypatch.chdir(world[0].parent)
    return run("--repo", "repo", "--snapshot", "dump", "--target", "deployment/cart", *more)[1]


def test_a_proposal(
    world: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion
) -> None:
    assert told(monkeypatch, world) == snapshot


def test_a_written_change_in_a_git_checkout(
    world: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion
) -> None:
    plain_git(world[0], "init", "-q", "-b", "main")
    plain_git(world[0], "add", ".")
    plain_git(world[0], "commit", "-q", "-m", "cart")
    assert told(monkeypatch, world, "--apply") == snapshot
    assert (world[0] / "cart.yaml").read_text() == MANIFEST.replace("128Mi", "256Mi")


def test_git_is_not_named_where_it_would_lose_what_somebody_is_at_work_on(
    world: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain_git(world[0], "init", "-q", "-b", "main")
    plain_git(world[0], "add", ".")
    plain_git(world[0], "commit", "-q", "-m", "cart")
    mine = MANIFEST.replace("kind: Deployment", "# mine\nkind: Deployment")
    (world[0] / "cart.yaml").write_text(mine)
    text = told(monkeypatch, world, "--apply")
    assert "git" not in text.partition("undo")[2].partition("next")[0]
    assert (world[0] / "cart.yaml").read_text() == mine.replace("128Mi", "256Mi")


def test_an_escalation(
    world: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion
) -> None:
    (world[0] / "cart.yaml").write_text(MANIFEST.replace("128Mi", "1Gi"))
    assert told(monkeypatch, world) == snapshot


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch, world: tuple[Path, Path], **environment: str) -> str:
    out = _Terminal()
    monkeypatch.setenv("TERM", "xterm-256color")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("rich.console.Console", lambda **more: Console(file=out, width=60, **more))
    told(monkeypatch, world)
    return out.getvalue()


def test_a_terminal_gets_a_coloured_diff_and_lines_that_fit(
    world: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = on_terminal(monkeypatch, world)
    assert "\x1b[32m+          resources: {limits: {memory: 256Mi}}\x1b[0m" in text
    assert "\x1b[31m-          resources: {limits: {memory: 128Mi}}\x1b[0m" in text
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in text.splitlines()]
    # Only what cannot be broken, pointers and commands to copy, is longer than the terminal is wide.
    long = [line for line in plain if len(line) > 60]
    assert all(line.startswith("next") or len(line[10:].split()) == 1 for line in long), long


def test_who_wants_no_colour_gets_none(world: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    text = on_terminal(monkeypatch, world, NO_COLOR="1")
    assert "\x1b[32m" not in text and "\x1b[31m" not in text and "256Mi" in text


def test_nothing_of_others_steers_the_terminal(
    world: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = MANIFEST.replace("    spec:\n", "    spec: # \x1b]0;owned\x07 \x1b[2J\n")
    (world[0] / "cart.yaml").write_text(evil)
    text = told(monkeypatch, world)
    assert "\x1b" not in text and "\x07" not in text


def test_a_broad_console_is_not_filled(world: tuple[Path, Path]) -> None:
    assert Teller(Console(file=io.StringIO(), width=300))._width == 100
