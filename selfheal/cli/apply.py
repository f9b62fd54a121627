"""Writes a proposed change into a checkout: all of it or none, and only over what it was made from."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from selfheal.errors import Conflict
from selfheal.repository.paths import confined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selfheal.repair.plan import FileChange


def write(repo: Path, changes: Sequence[FileChange]) -> None:
    """Replaces each file at once; a process that dies leaves whole files.

    Raises Conflict, with nothing written, when a file is not what the change was made from, cannot be written or
    leads out of ``repo``.
    """
    root = repo.resolve()
    targets = [(root / confined(change.path), change) for change in changes]
    for target, change in targets:
        _unless_safe(root, target, change)
    prepared: list[tuple[Path, Path | None, FileChange]] = []
    done: list[tuple[Path, FileChange]] = []
    try:
        for target, change in targets:
            prepared.append((target, _beside(target, change.after), change))
        for target, ready, change in prepared:
            # Looked at once more, as near to the writing as can be.
            _unless_safe(root, target, change)
            if ready is None:
                target.unlink()
            else:
                ready.replace(target)
            done.append((target, change))
    except (OSError, Conflict) as error:
        _undo(done)
        if isinstance(error, Conflict):
            raise
        raise Conflict(
            f"{error.filename or repo} cannot be written: {error.strerror or error}.",
            hint="Nothing was changed. Check the permissions of the checkout and the space on its disk.",
        ) from error
    finally:
        for _target, ready, _change in prepared:
            if ready is not None:
                ready.unlink(missing_ok=True)


def _unless_safe(root: Path, target: Path, change: FileChange) -> None:
    if target.is_symlink() or not target.resolve().is_relative_to(root):
        raise Conflict(
            f"{change.path} leads out of the repository.",
            hint="Nothing was changed. Replace the symbolic link by a file.",
        )
    held = target.read_bytes() if target.exists() else None
    if held != change.before:
        raise Conflict(
            f"{change.path} changed meanwhile.", hint="Nothing was changed. Run the command again."
        )


def _beside(target: Path, data: bytes | None) -> Path | None:
    """The new content in a file of its own in the same folder, with the old one's mode; None for a removal."""
    if data is None:
        return None
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".selfheal-", dir=target.parent)
    ready = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        ready.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o644)
    except OSError:
        ready.unlink(missing_ok=True)
        raise
    return ready


def _undo(done: Sequence[tuple[Path, FileChange]]) -> None:
    for target, change in reversed(done):
        ready = _beside(target, change.before)
        if ready is None:
            target.unlink(missing_ok=True)
        else:
            ready.replace(target)
