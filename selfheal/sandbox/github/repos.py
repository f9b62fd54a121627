"""A bare git repository, driven by git itself in an environment that nothing of the machine's user reaches."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

ZERO = "0" * 40
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_FIELDS = "%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B"
_CONFIG = """
[receive]
    denyDeleteCurrent = refuse
    fsckObjects = true
    ; GitHub's own refs: shown to who fetches, closed to who pushes.
    hideRefs = refs/pull
[transfer]
    hideRefs = refs/forks
[uploadpack]
    allowAnySHA1InWant = true
[core]
    logAllRefUpdates = false
[gc]
    auto = 0
"""
_HOOK = """#!/bin/sh
# Refuses pushes to the refs that the sandbox names as protected.
case " $SANDBOX_PROTECTED_REFS " in
*" $1 "*)
    echo "error: GH006: Protected branch update failed for $1." >&2
    echo "error: Changes must be made through a pull request." >&2
    exit 1 ;;
esac
exit 0
"""


class GitFailed(RuntimeError):
    """git answered with an error; the message is what it said."""


@dataclass(frozen=True)
class Signature:
    """Who, and when (aware)."""

    name: str
    email: str
    when: datetime

    def line(self) -> str:
        """As it stands in a commit object: ``Name <email> seconds zone``."""
        clean = str.maketrans("", "", "<>\n\0")
        return f"{self.name.translate(clean)} <{self.email.translate(clean)}> {int(self.when.timestamp())} {self.when:%z}"


@dataclass(frozen=True)
class GitCommit:
    """A commit object."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str


@dataclass(frozen=True)
class TreeEntry:
    """A line of a tree: ``path`` is relative to the tree that was listed; ``size`` is -1 for what has none."""

    mode: str
    type: str
    sha: str
    size: int
    path: str


def environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Variables for git: no configuration of the system or the user, no prompt, no translated messages."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LC_ALL": "C",
        "TZ": "UTC",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "Sandbox",
        "GIT_AUTHOR_EMAIL": "sandbox@example.invalid",
        "GIT_COMMITTER_NAME": "Sandbox",
        "GIT_COMMITTER_EMAIL": "sandbox@example.invalid",
        **(extra or {}),
    }


class BareRepository:
    """One ``name.git`` folder. Answers about objects are cached: an object never changes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._commit = lru_cache(maxsize=4096)(self._read_commit)
        self._relations: dict[tuple[str, str, str], str] = {}
        self._type = lru_cache(maxsize=4096)(self._read_type)

    @classmethod
    def create(cls, path: Path, default_branch: str) -> BareRepository:
        """An empty repository; refuses a folder that is already there."""
        path.mkdir(parents=True)
        repository = cls(path)
        repository.run("init", "--bare", "--quiet", "--template=", str(path))
        repository.run("symbolic-ref", "HEAD", f"refs/heads/{default_branch}")
        with (path / "config").open("a", encoding="utf-8") as config:
            config.write(_CONFIG)
        hook = path / "hooks" / "update"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(_HOOK)
        hook.chmod(0o755)
        return repository

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.path, ignore_errors=True)

    # -- running git -----------------------------------------------------------------------------------------

    def command(self, *arguments: str) -> list[str]:
        """The argument list for git in this repository."""
        return ["git", f"--git-dir={self.path}", *arguments]

    def attempt(
        self, *arguments: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run git and answer whatever came of it."""
        return subprocess.run(
            self.command(*arguments),
            input=stdin,
            capture_output=True,
            env=environment(self.path, extra),
            cwd=self.path,
            check=False,
        )

    def run(self, *arguments: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None) -> bytes:
        """Run git; its standard output. Raises :class:`GitFailed`."""
        done = self.attempt(*arguments, stdin=stdin, extra=extra)
        if done.returncode:
            raise GitFailed(f"git {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def text(self, *arguments: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None) -> str:
        """Standard output as text without surrounding space."""
        return self.run(*arguments, stdin=stdin, extra=extra).decode(errors="replace").strip()

    # -- names -----------------------------------------------------------------------------------------------

    def refs(self, prefix: str = "refs/") -> dict[str, str]:
        """Full ref name to SHA, sorted by name."""
        lines = self.text("for-each-ref", "--format=%(objectname) %(refname)", prefix.rstrip("/") or "refs")
        return {name: sha for sha, _, name in (line.partition(" ") for line in lines.splitlines())}

    def ref(self, name: str) -> str:
        """SHA of exactly this full ref, or ``""``."""
        if not name.startswith("refs/"):
            return ""
        done = self.attempt("show-ref", "--verify", "--hash", name)
        return done.stdout.decode().strip() if done.returncode == 0 else ""

    def branch(self, name: str) -> str:
        """SHA of a branch's head, or ``""``."""
        return self.ref(f"refs/heads/{name}")

    def resolve(self, revision: str) -> str:
        """Commit SHA for a branch, tag, full ref or (abbreviated) SHA, in that order; ``""`` for none."""
        if not revision or revision.startswith("-") or any(c in revision for c in "^~:@{\\ \n\0"):
            return ""
        for name in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            if self.ref(name):
                return self._peel(name)
        hexadecimal = 4 <= len(revision) <= 40 and all(c in "0123456789abcdef" for c in revision.lower())
        return self._peel(revision) if hexadecimal else ""

    def _peel(self, revision: str) -> str:
        done = self.attempt("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        return done.stdout.decode().strip() if done.returncode == 0 else ""

    def valid_ref(self, name: str) -> bool:
        """Is this a name that git takes for a ref?"""
        return self.attempt("check-ref-format", name).returncode == 0

    def update_ref(self, name: str, new: str, old: str | None = None) -> None:
        """Point ``name`` at ``new``; with ``old`` only from there (``ZERO``: only create)."""
        self.run("update-ref", name, new, *([old] if old is not None else []))

    def delete_ref(self, name: str) -> None:
        """Remove a ref."""
        self.run("update-ref", "-d", name)

    # -- objects ---------------------------------------------------------------------------------------------

    def type(self, sha: str) -> str:
        """``blob``, ``tree``, ``commit``, ``tag``, or ``""`` when there is no such object."""
        if len(sha) != 40 or any(c not in "0123456789abcdef" for c in sha):
            return ""
        return self._type(sha) or self._read_type(sha)

    def _read_type(self, sha: str) -> str:
        done = self.attempt("cat-file", "-t", sha)
        return done.stdout.decode().strip() if done.returncode == 0 else ""

    def blob(self, sha: str) -> bytes:
        """A blob's bytes."""
        return self.run("cat-file", "blob", sha)

    def write_blob(self, data: bytes) -> str:
        """Store bytes; their SHA."""
        return self._write_object("blob", data)

    def _write_object(self, kind: str, data: bytes) -> str:
        """Write a loose object as git does; a repository's worth of files would otherwise be as many processes."""
        content = f"{kind} {len(data)}\0".encode() + data
        sha = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        target = self.path / "objects" / sha[:2] / sha[2:]
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=target.parent, prefix="tmp_obj_", delete=False) as file:
                file.write(zlib.compress(content, 1))
            Path(file.name).chmod(0o444)
            Path(file.name).replace(target)
        return sha

    def commit(self, sha: str) -> GitCommit:
        """Read a commit by its full SHA."""
        return self._commit(sha)

    def _read_commit(self, sha: str) -> GitCommit:
        return self.log(sha, limit=1)[0]

    def log(
        self, *revisions: str, limit: int = 0, skip: int = 0, path: str = "", options: Sequence[str] = ()
    ) -> list[GitCommit]:
        """Commits reachable as ``git log`` shows them, newest first."""
        arguments = ["log", "-z", f"--format=tformat:{_FIELDS}", f"--skip={skip}", *options]
        if limit:
            arguments.append(f"--max-count={limit}")
        out = self.run(*arguments, *revisions, "--", *([f":(literal){path}"] if path else []))
        fields = out.decode(errors="replace").split("\0")
        return [_commit(fields[at : at + 10]) for at in range(0, len(fields) - 9, 10)]

    def count(self, *revisions: str) -> int:
        """How many commits ``git rev-list`` finds."""
        return int(self.text("rev-list", "--count", *revisions))

    def merge_base(self, one: str, other: str) -> str:
        """The best common ancestor of two commits (by SHA), or ``""``."""
        return self._relation("merge-base", one, other)

    def contains(self, tip: str, ancestor: str) -> bool:
        """Is the commit ``ancestor`` reachable from the commit ``tip`` (by SHA)?"""
        return self._relation("is-ancestor", ancestor, tip) == "yes"

    def _relation(self, kind: str, one: str, other: str) -> str:
        """How two commits are related never changes; only an answer about commits that are there is kept."""
        key = (kind, one, other)
        if key not in self._relations:
            option = [] if kind == "merge-base" else ["--is-ancestor"]
            done = self.attempt("merge-base", *option, one, other)
            if done.returncode > 1:
                return ""
            if kind == "merge-base":
                self._relations[key] = done.stdout.decode().strip()
            else:
                self._relations[key] = "no" if done.returncode else "yes"
        return self._relations[key]

    def list_tree(self, tree: str, *, recursive: bool = False, path: str = "") -> list[TreeEntry]:
        """Entries of a tree-ish; ``path`` selects one entry, or a folder's content when it ends with ``/``."""
        arguments = ["ls-tree", "-z", "-l", "--full-tree", *(["-r", "-t"] if recursive else []), tree]
        out = self.run(*arguments, *(["--", path] if path else [])).decode(errors="surrogateescape")
        entries = []
        for line in filter(None, out.split("\0")):
            facts, _, name = line.partition("\t")
            mode, kind, sha, size = facts.split()
            entries.append(TreeEntry(mode, kind, sha, int(size) if size != "-" else -1, name))
        return entries

    def entry(self, tree: str, path: str) -> TreeEntry | None:
        """The one entry at ``path``, or None."""
        return next((entry for entry in self.list_tree(tree, path=path) if entry.path == path), None)

    def read(self, revision: str, path: str) -> bytes | None:
        """A file's bytes at a revision, or None."""
        commit = self.resolve(revision)
        found = self.entry(commit, path) if commit else None
        return self.blob(found.sha) if found is not None and found.type == "blob" else None

    # -- writing ---------------------------------------------------------------------------------------------

    def write_tree(self, base: str, changes: Iterable[tuple[str, str, str]]) -> str:
        """A tree from ``base`` (``""``: empty) and ``(mode, sha, path)``; an empty SHA removes the path."""
        with tempfile.TemporaryDirectory(prefix="sandbox-index-") as folder:
            extra = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
            self.run("read-tree", *([base] if base else ["--empty"]), extra=extra)
            lines = []
            for mode, sha, path in changes:
                lines.append(f"{mode} {sha}\t{path}" if sha else f"0 {ZERO}\t{path}")
            if lines:
                data = "\0".join(lines).encode(errors="surrogateescape") + b"\0"
                self.run("update-index", "-z", "--add", "--index-info", stdin=data, extra=extra)
            return self.text("write-tree", extra=extra)

    def write_commit(
        self, tree: str, parents: Sequence[str], message: str, author: Signature, committer: Signature
    ) -> str:
        """Store a commit object with exactly this message; its SHA."""
        head = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        head += [f"author {author.line()}", f"committer {committer.line()}"]
        body = "\n".join(head).encode() + b"\n\n" + message.encode(errors="replace").replace(b"\0", b"")
        return self._write_object("commit", body)

    def commit_files(
        self, parent: str, files: Mapping[str, bytes | str | None], message: str, who: Signature
    ) -> str:
        """A commit on ``parent`` (``""``: a first one) that writes or (None) removes files; its SHA.

        A file that is there keeps its mode; a new one is a regular file.
        """
        known = {entry.path: entry for entry in self.list_tree(parent, recursive=True)} if parent else {}
        changes = []
        for path, content in files.items():
            mode = known[path].mode if path in known and known[path].type == "blob" else "100644"
            data = content.encode() if isinstance(content, str) else content
            changes.append((mode, "" if data is None else self.write_blob(data), path))
        tree = self.write_tree(parent, changes)
        return self.write_commit(tree, [parent] if parent else [], message, who, who)

    def fetch(self, source: BareRepository, revision: str, name: str) -> None:
        """Bring a commit of another repository here, under the ref ``name``."""
        self.run("fetch", "--quiet", "--no-tags", str(source.path), f"+{revision}:{name}")


def _commit(fields: Sequence[str]) -> GitCommit:
    sha, tree, parents, name, email, date, c_name, c_email, c_date, message = fields
    return GitCommit(
        sha.strip(),
        tree,
        tuple(parents.split()),
        Signature(name, email, _date(date)),
        Signature(c_name, c_email, _date(c_date)),
        message.rstrip("\n"),
    )


def _date(text: str) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.fromtimestamp(0, UTC)
