"""Repositories in a folder, and the programs that render them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from selfheal.errors import ConfigurationProblem
from selfheal.repair.tools import Tools
from selfheal.repository.foldertree import FolderTree


@pytest.fixture
def tools() -> Tools:
    """kubectl and helm; skips where there are none."""
    found = Tools()
    for name in ("kubectl", "helm"):
        try:
            found.find(name)
        except ConfigurationProblem:
            pytest.skip(f"{name} is not here; scripts/renderers fetches it")
    return found


@pytest.fixture
def repository(tmp_path: Path) -> Callable[[dict[str, str]], FolderTree]:
    """Writes files and opens their folder."""

    def make(files: dict[str, str]) -> FolderTree:
        root = tmp_path / "repo"
        for path, text in files.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        return FolderTree(root)

    return make
