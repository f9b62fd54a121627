"""git's tree objects: reading them through the API, and knowing the hash of a changed tree before it is written.

The hash of a commit's tree says everything about its content, so a tree that equals the one derived here holds exactly
the signed change on exactly that base, and nothing else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from selfheal.errors import Outage, Refused
from selfheal.pulls.client import Client

FILE_MODES = ("100644", "100755")
TREE_MODE = "40000"
#: Bytes of a file that is read through the API.
MAX_BLOB = 4 * 1024 * 1024


@dataclass(frozen=True)
class Entry:
    """One name in a directory. ``mode`` as git spells it: 100644, 100755, 120000, 160000, 40000."""

    mode: str
    sha: str

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file: no link, submodule or directory."""
        return self.mode in FILE_MODES


Directory = dict[str, Entry]


@dataclass(frozen=True)
class Edit:
    """What a path becomes: a blob with a mode, or nothing (``entry`` None removes it)."""

    path: str
    entry: Entry | None


def blob_sha(data: bytes) -> str:
    """git's hash of a file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def tree_sha(directory: Mapping[str, Entry]) -> str:
    """git's hash of a directory. Names sort bytewise, directories as if they ended in a slash."""

    def order(item: tuple[str, Entry]) -> bytes:
        name, entry = item
        return name.encode("utf-8", "surrogateescape") + (b"/" if entry.mode == TREE_MODE else b"")

    body = b"".join(
        entry.mode.encode()
        + b" "
        + name.encode("utf-8", "surrogateescape")
        + b"\0"
        + bytes.fromhex(entry.sha)
        for name, entry in sorted(directory.items(), key=order)
    )
    return hashlib.sha1(b"tree %d\0" % len(body) + body, usedforsecurity=False).hexdigest()


@dataclass
class TreeReader:
    """Trees and blobs of the repository. What git hashes never changes, so everything is read once."""

    client: Client
    _directories: dict[str, Directory] = field(default_factory=dict)
    _blobs: dict[str, bytes] = field(default_factory=dict)

    def directory(self, sha: str) -> Directory:
        """The names directly in the tree ``sha``."""
        held = self._directories.get(sha)
        if held is None:
            answer = self.client.get(self.client.of_repository(f"/git/trees/{sha}"))
            items = answer.get("tree") if isinstance(answer, dict) else None
            if not isinstance(items, list) or answer.get("truncated"):
                raise Outage(f"GitHub gave the tree {sha[:12]} incompletely.", hint="Try again later.")
            held = {
                str(item["path"]): Entry(str(item["mode"]).lstrip("0"), str(item["sha"]))
                for item in items
                if isinstance(item, dict) and "/" not in str(item.get("path", "/"))
            }
            if tree_sha(held) != sha:
                raise Refused(
                    f"The tree {sha[:12]} as GitHub tells it does not have that hash.",
                    hint="A file name that is not UTF-8, or a SHA-256 repository; a person has to make this change.",
                    code="unreadable-tree",
                )
            self._directories[sha] = held
        return held

    def entry(self, root: str, path: str) -> Entry | None:
        """What stands at ``path`` below the tree ``root``; None when nothing does."""
        found: Entry | None = Entry(TREE_MODE, root)
        for part in path.split("/"):
            if found is None or found.mode != TREE_MODE:
                return None
            found = self.directory(found.sha).get(part)
        return found

    def read(self, root: str, path: str) -> bytes | None:
        """The bytes of the regular file at ``path``, None when there is none.

        Raises Refused for links, submodules and directories, and for files too large to edit.
        """
        entry = self.entry(root, path)
        if entry is None:
            return None
        if not entry.is_file:
            raise Refused(f"{path} is not a regular file in the repository.", code="not-a-file")
        if entry.sha not in self._blobs:
            answer = self.client.get(self.client.of_repository(f"/git/blobs/{entry.sha}"))
            size = answer.get("size") if isinstance(answer, dict) else None
            if isinstance(size, int) and size > MAX_BLOB:
                raise Refused(f"{path} is too large to be edited ({size} bytes).", code="too-large")
            try:
                data = base64.b64decode(str(answer.get("content", "")), validate=False)
            except (binascii.Error, ValueError) as error:
                raise Outage(f"GitHub's answer for {path} cannot be decoded.") from error
            if blob_sha(data) != entry.sha:
                raise Outage(f"GitHub's answer for {path} does not have its hash.", hint="Try again later.")
            self._blobs[entry.sha] = data
        return self._blobs[entry.sha]

    def derived(self, root: str, edits: tuple[Edit, ...]) -> str:
        """The hash of the tree ``root`` after ``edits``; nothing is written."""
        nested: dict[str, Entry | None] = {edit.path: edit.entry for edit in edits}
        changed = self._changed(root, nested)
        return changed.sha if changed is not None else tree_sha({})

    def _changed(self, sha: str, edits: Mapping[str, Entry | None]) -> Entry | None:
        """The directory after edits relative to it; None when nothing is left in it."""
        content = dict(self.directory(sha)) if sha else {}
        below: dict[str, dict[str, Entry | None]] = {}
        for path, entry in edits.items():
            name, slash, rest = path.partition("/")
            if slash:
                below.setdefault(name, {})[rest] = entry
            elif entry is None:
                content.pop(name, None)
            else:
                content[name] = entry
        for name, inner in below.items():
            held = content.get(name)
            if held is not None and held.mode != TREE_MODE:
                raise Refused(f"{name} is a file where the change needs a directory.", code="not-a-directory")
            result = self._changed(held.sha if held else "", inner)
            if result is None:
                content.pop(name, None)
            else:
                content[name] = result
        return Entry(TREE_MODE, tree_sha(content)) if content else None

    def differing(
        self, before: str, after: str, prefix: str = ""
    ) -> dict[str, tuple[Entry | None, Entry | None]]:
        """Paths whose entries differ between two trees, with both entries; equal directories are not read."""
        if before == after:
            return {}
        old = self.directory(before) if before else {}
        new = self.directory(after) if after else {}
        found: dict[str, tuple[Entry | None, Entry | None]] = {}
        for name in sorted(old.keys() | new.keys()):
            was, now = old.get(name), new.get(name)
            if was == now:
                continue
            was_tree = was.sha if was is not None and was.mode == TREE_MODE else ""
            now_tree = now.sha if now is not None and now.mode == TREE_MODE else ""
            if was_tree or now_tree:
                found |= self.differing(was_tree, now_tree, f"{prefix}{name}/")
            if (was and not was_tree) or (now and not now_tree):
                found[prefix + name] = (None if was_tree else was, None if now_tree else now)
        return found
