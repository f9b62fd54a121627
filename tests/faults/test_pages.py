"""The pages in docs/faults are those of the faults."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from selfheal.cli.faults import faults
from selfheal.faults.pages import documents, write

DOCS = Path(__file__).parents[2] / "docs" / "faults"


def test_docs_are_current() -> None:
    there = {path.name: path.read_text(encoding="utf-8") for path in DOCS.glob("*.md")}
    stale = sorted(name for name, text in documents().items() if there.get(name) != text)
    assert not stale, "run `python -m selfheal.faults.pages docs/faults`"
    assert set(there) == set(documents())


def test_pages_of_gone_faults_are_removed(tmp_path: Path) -> None:
    (tmp_path / "gremlins.md").write_text("x", encoding="utf-8")
    write(tmp_path)
    assert not (tmp_path / "gremlins.md").exists()
    assert (tmp_path / "README.md").read_text(encoding="utf-8").startswith("# Faults")


@pytest.mark.parametrize("arguments", [["list"], ["list", "--format", "json"], ["show", "oom-killed"]])
def test_commands(arguments: list[str]) -> None:
    answer = CliRunner().invoke(faults, arguments)
    assert answer.exit_code == 0
    assert "oom-killed" in answer.output
