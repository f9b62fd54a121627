"""A git repository read at one commit, through git's objects: what lies in the work tree is never looked at."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from selfheal.errors import ConfigurationProblem, NotFound, Refused, SelfhealError
from selfheal.repository import git
from selfheal.repository.paths import confined
from selfheal.repository.tree import LARGEST, Commit, Match, search

__all__ = ["Commit", "WorkTree", "clone"]

FETCH_TIMEOUT = 540.0
#: Bytes of files read in one go.
BATCH = 64_000_000
_INCIDENT = re.compile(r"^Incident: ([A-Z][A-Z0-9_]{1,30}-[0-9]{1,12})$", re.MULTILINE)
#: When a commit was made whose own date is none.
_NO_DATE = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class _Entry:
    mode: str
    sha: str
    size: int


class WorkTree:
    """The files of a repository at ``revision`` (a full SHA, or HEAD as it is now).

    Raises NotFound when ``directory`` holds no git repository or the revision does not exist.
    """

    def __init__(self, directory: Path, revision: str = "HEAD") -> None:
        self.directory = Path(directory)
        self._sha = self._resolve(revision)
        self._cache: dict[str, bytes] = {}

    def _resolve(self, revision: str) -> str:
        if not (self.directory / ".git").exists() and not (self.directory / "HEAD").is_file():
            # git would look for a repository further up.
            raise NotFound(
                f"{self.directory} is not a git repository.", hint="Name the checked-out repository."
            )
        try:
            answer = git.run(
                self.directory,
                "rev-parse",
                "--verify",
                "--quiet",
                "--end-of-options",
                f"{revision}^{{commit}}",
            )
        except SelfhealError as error:
            raise NotFound(
                f"{self.directory} has no commit {revision[:60]}.",
                hint="Fetch it, or check that the folder is a git repository.",
            ) from error
        return answer.decode().strip().splitlines()[-1]

    @property
    def base_sha(self) -> str:
        return self._sha

    @cached_property
    def _entries(self) -> dict[str, _Entry]:
        raw = git.run(
            self.directory, "ls-tree", "-r", "-z", "-l", "--full-tree", "--end-of-options", self._sha
        )
        found = {}
        for item in raw.split(b"\0"):
            head, _, name = item.partition(b"\t")
            mode, _kind, sha, size = [*head.decode().split(), "", "", "", ""][:4]
            try:
                path = confined(name.decode("utf-8"))
            except (UnicodeDecodeError, Refused):
                continue
            if mode not in ("100644", "100755"):
                continue
            if not size.isdecimal():
                raise SelfhealError(
                    f"The object of {path} is missing from the clone.",
                    hint="Fetch the repository completely.",
                )
            found[path] = _Entry(mode, sha, int(size))
        return found

    def files(self) -> tuple[str, ...]:
        return tuple(sorted(self._entries))

    def mode(self, path: str) -> str:
        entry = self._entries.get(path)
        return entry.mode if entry else ""

    def read(self, path: str) -> bytes | None:
        confined(path)
        entry = self._entries.get(path)
        if entry is None:
            return None
        if path not in self._cache:
            if entry.size > LARGEST:
                raise Refused(
                    f"{path} is larger than {LARGEST} bytes.",
                    hint="Only manifests, values and templates are read.",
                    code="too-large",
                )
            self._cache[path] = git.run(self.directory, "cat-file", "blob", "--end-of-options", entry.sha)
        return self._cache[path]

    def read_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        wanted = [
            path
            for path in dict.fromkeys(paths)
            if path in self._entries and self._entries[path].size <= LARGEST
        ]
        due = [path for path in wanted if path not in self._cache]
        while due:
            part, size = [], 0
            while due and size < BATCH:
                part.append(due.pop())
                size += self._entries[part[-1]].size
            self._fill(part)
        return {path: self._cache[path] for path in wanted}

    def _fill(self, paths: list[str]) -> None:
        asked = "".join(f"{self._entries[path].sha}\n" for path in paths).encode()
        raw = git.run(self.directory, "cat-file", "--batch", stdin=asked)
        position = 0
        for path in paths:
            end = raw.index(b"\n", position)
            size = int(raw[position:end].split()[2])
            self._cache[path] = raw[end + 1 : end + 1 + size]
            position = end + 1 + size + 1

    def show(self, revision: str, path: str) -> bytes | None:
        return self.at(revision).read(path)

    def at(self, revision: str) -> WorkTree:
        return WorkTree(self.directory, revision)

    def history(self, path: str = "", limit: int = 50) -> tuple[Commit, ...]:
        scope = ["--", confined(path)] if path not in ("", ".") else []
        # Names and messages may hold any character; what parts them here is known to nobody who wrote them.
        mark = secrets.token_hex(16)
        field, record = f"<{mark}>", f"[{mark}]"
        form = field.join(("%H", "%an", "%cI", "%s", "%B"))
        raw = git.run(
            self.directory,
            "log",
            "--first-parent",
            "--diff-merges=first-parent",
            "--no-ext-diff",
            "--no-textconv",
            "--no-renames",
            "--no-show-signature",
            "--no-mailmap",
            "--name-only",
            "-z",
            f"--format={record}{form}{field}",
            f"--max-count={int(limit)}",
            "--end-of-options",
            self._sha,
            *scope,
        )
        return tuple(
            _commit(item, field)
            for item in raw.decode("utf-8", "replace").split(record)
            if item.strip("\0\n")
        )

    def search(self, text: str, *, path: str = "", limit: int = 50) -> tuple[Match, ...]:
        return search(self, text, path, limit)

    def export(self, directory: Path, revision: str = "") -> None:
        """Writes the regular files of this revision (or another) into an empty folder."""
        tree = self.at(revision) if revision else self
        write_out(tree.read_many(tree.files()), directory)


def _commit(text: str, field: str) -> Commit:
    sha, author, at, subject, message, names = text.split(field, 5)
    told = _INCIDENT.search(message)
    paths = tuple(name.strip("\n") for name in names.split("\0") if name.strip("\n"))
    return Commit(sha, author, _date(at), subject, paths, told.group(1) if told else "")


def _date(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        # A date at the edge of what can be told has no time in another zone.
        return found if found.tzinfo is not None and 1970 <= found.year < 9999 else _NO_DATE
    except ValueError:
        return _NO_DATE


def write_out(files: dict[str, bytes], directory: Path) -> None:
    """Writes files below ``directory``, every path confined."""
    for path, data in files.items():
        target = directory / confined(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def clone(url: str, directory: Path, *, token: str = "", branch: str = "") -> WorkTree:
    """A clone of ``url`` in ``directory``, made or brought up to date, without any checked-out file.

    The clone's own configuration is written anew each time, so nothing that found its way into it takes effect.
    Raises Refused for transports that start programs, CredentialProblem, ConfigurationProblem, Outage.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()) and not (directory / ".git" / "HEAD").is_file():
        raise ConfigurationProblem(
            f"{directory} is not empty and holds no clone of ours.",
            hint="Name an empty folder, or remove it.",
        )
    if not (directory / ".git" / "HEAD").is_file():
        git.run(directory, "init", "--quiet", "--template=", "--initial-branch=selfheal")
    config = directory / ".git" / "config"
    config.write_text("[core]\n\trepositoryformatversion = 0\n\tbare = false\n", encoding="utf-8")
    wanted = f"refs/heads/{branch}" if branch else "HEAD"
    git.run(
        directory,
        "fetch",
        "--quiet",
        "--force",
        "--no-tags",
        "--no-recurse-submodules",
        "--no-auto-maintenance",
        "--no-write-fetch-head",
        "--end-of-options",
        url,
        f"+{wanted}:refs/selfheal/base",
        timeout=FETCH_TIMEOUT,
        remote=url,
        token=token,
    )
    sha = git.run(directory, "rev-parse", "--verify", "--end-of-options", "refs/selfheal/base^{commit}")
    git.run(directory, "update-ref", "--no-deref", "HEAD", sha.decode().strip().splitlines()[-1])
    return WorkTree(directory)
