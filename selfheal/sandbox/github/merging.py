"""Three-way merges without a work tree, with any git since 2.24: files by ``git merge-file``, trees by ``read-tree``.

Renames are not followed: a file renamed on one side and changed on the other is a conflict here.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from selfheal.sandbox.github.repos import EMPTY_TREE, BareRepository, Signature


@dataclass(frozen=True)
class Merged:
    """The tree that came of it, or the paths in conflict."""

    tree: str = ""
    conflicts: tuple[str, ...] = ()


def merge_trees(git: BareRepository, base: str, ours: str, theirs: str) -> Merged:
    """Merge what ``theirs`` changed since ``base`` into ``ours`` (all tree-ish; base ``""``: nothing in common)."""
    with tempfile.TemporaryDirectory(prefix="sandbox-merge-") as folder:
        extra = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        # Without --aggressive git leaves "deleted on one side, untouched on the other" unmerged.
        git.run("read-tree", "-m", "-i", "--aggressive", base or EMPTY_TREE, ours, theirs, extra=extra)
        conflicts = []
        settled = []
        for path, stages in _unmerged(git, extra).items():
            sha, mode = _merge_file(git, stages, Path(folder))
            if not sha:
                conflicts.append(path)
            settled.append(f"0 {'0' * 40}\t{path}\0{mode} {sha}\t{path}\0")
        if conflicts:
            return Merged(conflicts=tuple(sorted(conflicts)))
        if settled:
            data = "".join(settled).encode(errors="surrogateescape")
            git.run("update-index", "-z", "--add", "--index-info", stdin=data, extra=extra)
        return Merged(tree=git.text("write-tree", extra=extra))


def _unmerged(git: BareRepository, extra: dict[str, str]) -> dict[str, dict[int, tuple[str, str]]]:
    """Path to stage (1 base, 2 ours, 3 theirs) to ``(sha, mode)``."""
    found: dict[str, dict[int, tuple[str, str]]] = {}
    out = git.run("ls-files", "-u", "-z", extra=extra).decode(errors="surrogateescape")
    for line in filter(None, out.split("\0")):
        facts, _, path = line.partition("\t")
        mode, sha, stage = facts.split()
        found.setdefault(path, {})[int(stage)] = (sha, mode)
    return found


def _merge_file(git: BareRepository, stages: dict[int, tuple[str, str]], folder: Path) -> tuple[str, str]:
    """The merged blob and its mode; no blob for a conflict."""
    if set(stages) != {1, 2, 3} or any(not mode.startswith("100") for _sha, mode in stages.values()):
        return "", ""
    for stage, (sha, _mode) in stages.items():
        Path(folder, str(stage)).write_bytes(git.blob(sha))
    names = [str(Path(folder, stage)) for stage in ("2", "1", "3")]
    done = git.attempt("merge-file", "-p", "-q", *names)
    mode = stages[3][1] if stages[2][1] == stages[1][1] else stages[2][1]
    return (git.write_blob(done.stdout), mode) if done.returncode == 0 else ("", "")


def merge_commits(git: BareRepository, ours: str, theirs: str) -> Merged:
    """Merge two commits over their best common ancestor."""
    return merge_trees(git, git.merge_base(ours, theirs), ours, theirs)


def replay(git: BareRepository, base: str, head: str, committer: Signature) -> tuple[str, tuple[str, ...]]:
    """Put the commits that ``head`` has and ``base`` has not on top of ``base``: new tip, or the conflicts.

    Authors and messages stay; merge commits are left out, as GitHub's rebase does.
    """
    tip = base
    for commit in reversed(git.log(f"{base}..{head}", options=["--no-merges", "--topo-order"])):
        parent = commit.parents[0] if commit.parents else ""
        merged = merge_trees(git, parent, tip, commit.sha)
        if merged.conflicts:
            return "", merged.conflicts
        tip = git.write_commit(merged.tree, [tip], commit.message, commit.author, committer)
    return tip, ()
