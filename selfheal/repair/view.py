"""The files of a tree with some of them changed, as every source reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from selfheal.repository.tree import Tree


class View:
    """A tree with ``changes`` laid over it; None stands for a removed file."""

    def __init__(self, tree: Tree, changes: Mapping[str, bytes | None] | None = None) -> None:
        self.tree = tree
        self.changes = dict(changes or {})

    def files(self) -> tuple[str, ...]:
        """Paths of all files, sorted."""
        if not self.changes:
            return self.tree.files()
        kept = (set(self.tree.files()) - self.changes.keys()) | {
            path for path, data in self.changes.items() if data is not None
        }
        return tuple(sorted(kept))

    def read(self, path: str) -> bytes | None:
        """A file's bytes, None when there is none."""
        return self.changes[path] if path in self.changes else self.tree.read(path)

    def read_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Those of the files that exist and are not too large."""
        wanted = list(paths)
        found = self.tree.read_many(path for path in wanted if path not in self.changes)
        changed = {path: data for path in wanted if (data := self.changes.get(path)) is not None}
        return {**found, **changed}

    def with_changes(self, changes: Mapping[str, bytes | None]) -> View:
        """The same with further changes."""
        return View(self.tree, {**self.changes, **changes})
