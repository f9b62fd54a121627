"""What the rest of the house asks of a repository, with or without git behind it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

#: Bytes of a file beyond which it is no manifest, values file or template.
LARGEST = 2_000_000


@dataclass(frozen=True)
class Commit:
    """One commit of the first-parent history. ``paths`` are those that differ from its first parent.

    ``incident`` is the key that a merge of ours names in its message, "" for anybody else's commit.
    """

    sha: str
    author: str
    at: datetime
    subject: str
    paths: tuple[str, ...]
    incident: str = ""


@dataclass(frozen=True)
class Match:
    """A line that holds the text searched for. ``line`` counts from 1."""

    path: str
    line: int
    text: str


class Tree(Protocol):
    """Regular files only: no symbolic link, submodule or device is ever followed or listed."""

    @property
    def base_sha(self) -> str:
        """The commit that is read, "" without git."""
        ...

    def files(self) -> tuple[str, ...]:
        """Paths of all regular files, sorted."""
        ...

    def read(self, path: str) -> bytes | None:
        """A file's bytes, None when there is no such regular file. Raises Refused for a path that is none."""
        ...

    def read_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Many files at once; those that do not exist or are larger than LARGEST are left out."""
        ...

    def mode(self, path: str) -> str:
        """ "100644" or "100755"; "" when there is no such file."""
        ...

    def history(self, path: str = "", limit: int = 50) -> tuple[Commit, ...]:
        """Newest first; only commits that touch ``path`` (a file or folder) when one is given."""
        ...

    def show(self, revision: str, path: str) -> bytes | None:
        """A file as it was at a revision, None when it was not there."""
        ...

    def at(self, revision: str) -> Tree:
        """The tree of another revision. Raises NotFound."""
        ...

    def search(self, text: str, *, path: str = "", limit: int = 50) -> tuple[Match, ...]:
        """Lines that hold ``text``, whatever its case."""
        ...

    def export(self, directory: Path) -> None:
        """Writes all regular files into an empty ``directory``."""
        ...


def search(tree: Tree, text: str, path: str, limit: int) -> tuple[Match, ...]:
    """The search of any tree: fixed text, no pattern that could take forever."""
    from selfheal.repository.paths import below

    wanted = text.casefold()
    found: list[Match] = []
    if not wanted:
        return ()
    names = [name for name in tree.files() if below(name, path)]
    for name, data in sorted(tree.read_many(names).items()):
        if b"\0" in data[:8192]:
            continue
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), start=1):
            if wanted in line.casefold():
                found.append(Match(name, number, line[:400]))
                if len(found) >= limit:
                    return tuple(found)
    return tuple(found)
