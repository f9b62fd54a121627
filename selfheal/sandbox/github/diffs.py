"""What changed between two trees, per file, as GitHub lists it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from selfheal.sandbox.github.repos import EMPTY_TREE, BareRepository

_STATUS = {"A": "added", "D": "removed", "M": "modified", "T": "changed", "R": "renamed", "C": "copied"}


@dataclass(frozen=True)
class FileDiff:
    """One changed file; ``patch`` is the unified diff from its first hunk on, None for a binary file."""

    path: str
    previous: str
    status: str
    sha: str
    additions: int
    deletions: int
    patch: str | None


def diff_text(git: BareRepository, old: str, new: str) -> str:
    """The whole unified diff."""
    out = git.run("diff", "-M", "--no-color", "--no-ext-diff", "--full-index", old or EMPTY_TREE, new)
    return out.decode(errors="replace")


@lru_cache(maxsize=256)
def diff_files(git: BareRepository, old: str, new: str) -> tuple[FileDiff, ...]:
    """Changed files between two commits (by SHA) in path order; ``old`` may be ``""`` for the first commit."""
    out = git.run(
        "diff", "-M", "-z", "--raw", "--numstat", "--abbrev=40", "--no-ext-diff", old or EMPTY_TREE, new
    )
    fields = out.decode(errors="surrogateescape").split("\0")
    raw: list[tuple[str, str, str, str]] = []  # letter, sha (of what was there when removed), previous, path
    at = 0
    while fields[at].startswith(":"):
        _old_mode, _new_mode, old_sha, new_sha, letter = fields[at][1:].split()
        pair = letter[0] in "RC"
        previous, path = (fields[at + 1], fields[at + 2]) if pair else ("", fields[at + 1])
        raw.append((letter[0], old_sha if letter[0] == "D" else new_sha, previous, path))
        at += 3 if pair else 2
    patches = _patches(diff_text(git, old, new))
    files = []
    for number, (letter, sha, previous, path) in enumerate(raw):
        plus, minus, name = fields[at].split("\t")
        at += 1 if name else 3
        patch = patches[number] if number < len(patches) else None
        files.append(
            FileDiff(
                path,
                previous,
                _STATUS.get(letter, "changed"),
                sha,
                int(plus) if plus != "-" else 0,
                int(minus) if minus != "-" else 0,
                patch,
            )
        )
    return tuple(files)


def _patches(text: str) -> list[str | None]:
    """Hunks of each file; content lines start with a space, ``+``, ``-`` or ``\\``, so headers cannot be forged."""
    patches: list[str | None] = []
    for section in ("\n" + text).split("\ndiff --git ")[1:]:
        start = section.find("\n@@ ")
        patches.append(section[start + 1 :].rstrip("\n") if start >= 0 else None)
    return patches
