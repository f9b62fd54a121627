"""Writing a change: all of it or none, and only over what it was made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from selfheal.cli.apply import write
from selfheal.errors import Conflict, Refused
from selfheal.repair.plan import FileChange


def change(path: str, before: str | None, after: str | None) -> FileChange:
    return FileChange(path, *(None if text is None else text.encode() for text in (before, after)), diff="")


def held(root: Path) -> dict[str, str]:
    return {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    (root / "deploy").mkdir(parents=True)
    (root / "deploy" / "a.yaml").write_text("a: 1\n")
    (root / "deploy" / "b.yaml").write_text("b: 1\n")
    return root


A, B = change("deploy/a.yaml", "a: 1\n", "a: 2\n"), change("deploy/b.yaml", "b: 1\n", "b: 2\n")


def test_files_are_replaced_made_and_removed_and_keep_their_mode(repo: Path) -> None:
    (repo / "deploy" / "a.yaml").chmod(0o755)
    write(repo, (A, change("deploy/b.yaml", "b: 1\n", None), change("new/c.yaml", None, "c: 1\n")))
    assert held(repo) == {"deploy/a.yaml": "a: 2\n", "new/c.yaml": "c: 1\n"}
    assert (repo / "deploy" / "a.yaml").stat().st_mode & 0o777 == 0o755
    assert (repo / "new" / "c.yaml").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("wrong", [change("deploy/b.yaml", "b: 0\n", "b: 2\n"), change("deploy/b.yaml", None, "b: 2\n"), change("deploy/c.yaml", "c\n", "d\n")])  # fmt: skip
def test_nothing_is_written_when_one_file_changed_meanwhile(repo: Path, wrong: FileChange) -> None:
    before = held(repo)
    with pytest.raises(Conflict, match="changed meanwhile"):
        write(repo, (A, wrong))
    assert held(repo) == before


def test_a_file_that_changes_in_the_midst_of_it_undoes_the_rest(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def meddling(self: Path, target: Any) -> Any:
        done = replace(self, target)
        if Path(target).name == "a.yaml" and Path(target).read_text() == "a: 2\n":
            (repo / "deploy" / "b.yaml").write_text("b: somebody's\n")
        return done

    monkeypatch.setattr(Path, "replace", meddling)
    with pytest.raises(Conflict):
        write(repo, (A, B))
    assert held(repo) == {"deploy/a.yaml": "a: 1\n", "deploy/b.yaml": "b: somebody's\n"}


def test_a_disk_that_fails_half_way_leaves_all_as_it_was(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = Path.replace

    def failing(self: Path, target: Any) -> Any:
        if Path(target).name == "b.yaml":
            raise OSError(28, "No space left on device", str(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    before = held(repo)
    with pytest.raises(Conflict, match="No space left"):
        write(repo, (A, B))
    assert held(repo) == before


def test_nothing_is_written_through_a_symbolic_link(repo: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.yaml").write_text("a: 1\n")
    (repo / "linked").symlink_to(outside)
    (repo / "link.yaml").symlink_to(outside / "a.yaml")
    for path in ("linked/a.yaml", "link.yaml"):
        with pytest.raises(Conflict, match="leads out"):
            write(repo, (change(path, "a: 1\n", "a: 2\n"),))
    for path in ("../outside/a.yaml", "/etc/hostname"):
        with pytest.raises(Refused):
            write(repo, (change(path, "a: 1\n", "a: 2\n"),))
    assert held(outside) == {"a.yaml": "a: 1\n"}
