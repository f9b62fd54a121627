"""A folder without git: the same reading side, no history."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from selfheal.errors import NotFound, Refused
from selfheal.repository.paths import confined
from selfheal.repository.tree import LARGEST, Commit, Match, Tree, search
from selfheal.repository.worktree import write_out

#: Folders that never hold manifests and may be enormous.
_SKIPPED = frozenset({".git", "node_modules", ".venv", "__pycache__"})


class FolderTree:
    """The regular files below ``directory``. Raises NotFound when it is no folder."""

    def __init__(self, directory: Path) -> None:
        if not Path(directory).is_dir():
            raise NotFound(f"There is no folder {directory}.", hint="Name the folder with the manifests.")
        self.directory = Path(directory).resolve()

    @property
    def base_sha(self) -> str:
        return ""

    @cached_property
    def _modes(self) -> dict[str, str]:
        found = {}
        for folder, names, files in os.walk(self.directory, followlinks=False):
            names[:] = sorted(name for name in names if name not in _SKIPPED)
            for name in files:
                full = Path(folder) / name
                status = full.lstat()
                if not stat.S_ISREG(status.st_mode):
                    continue
                try:
                    path = confined(full.relative_to(self.directory).as_posix())
                except Refused:
                    continue
                found[path] = "100755" if status.st_mode & 0o100 else "100644"
        return found

    def files(self) -> tuple[str, ...]:
        return tuple(sorted(self._modes))

    def mode(self, path: str) -> str:
        return self._modes.get(path, "")

    def read(self, path: str) -> bytes | None:
        confined(path)
        # Only what the walk saw is read, so a symbolic link is never followed on the way.
        if path not in self._modes:
            return None
        full = self.directory / path
        if full.stat().st_size > LARGEST:
            raise Refused(
                f"{path} is larger than {LARGEST} bytes.",
                hint="Only manifests, values and templates are read.",
                code="too-large",
            )
        descriptor = os.open(full, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(descriptor, "rb") as stream:
            return stream.read()

    def read_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        found = {}
        for path in dict.fromkeys(paths):
            if path in self._modes and (self.directory / path).stat().st_size <= LARGEST:
                data = self.read(path)
                if data is not None:
                    found[path] = data
        return found

    def show(self, revision: str, path: str) -> bytes | None:
        return None

    def at(self, revision: str) -> Tree:
        raise NotFound(f"{self.directory} has no history.", hint="Check it out with git to use its history.")

    def history(self, path: str = "", limit: int = 50) -> tuple[Commit, ...]:
        return ()

    def search(self, text: str, *, path: str = "", limit: int = 50) -> tuple[Match, ...]:
        return search(self, text, path, limit)

    def export(self, directory: Path) -> None:
        write_out(self.read_many(self.files()), directory)


def open_tree(directory: Path) -> Tree:
    """The folder as a git work tree when it is the root of one whose files are as committed, else as it lies there.

    A work tree's uncommitted files count on a laptop, so they are read from disk; the history comes from git.
    """
    if not (directory / ".git").exists():
        return FolderTree(directory)
    return CheckedOutTree(directory)


class CheckedOutTree(FolderTree):
    """A folder's files as they lie there, with the history of its git repository."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        from selfheal.repository.worktree import WorkTree

        try:
            self._git: WorkTree | None = WorkTree(self.directory)
        except NotFound:
            # A repository without any commit yet.
            self._git = None

    @property
    def base_sha(self) -> str:
        return self._git.base_sha if self._git else ""

    def show(self, revision: str, path: str) -> bytes | None:
        return self._git.show(revision, path) if self._git else None

    def at(self, revision: str) -> Tree:
        return self._git.at(revision) if self._git else super().at(revision)

    def history(self, path: str = "", limit: int = 50) -> tuple[Commit, ...]:
        return self._git.history(path, limit) if self._git else ()
