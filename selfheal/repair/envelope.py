"""The change set as bytes that can be stored, signed and applied without git and without rendering.

Canonical JSON: equal envelopes are equal bytes. Each file names its git blob before and after and carries an exact
diff, so whoever applies it proves on the way that the result is what was signed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from selfheal.errors import Refused
from selfheal.repair import unified
from selfheal.repository.paths import confined

VERSION = 1
#: Bytes, files and characters that an envelope may have at most.
LARGEST = 512_000
FILES = 50
NAMES = 300
_MODES = ("100644", "100755")


class EnvelopeInvalid(Refused):
    """The bytes are no envelope, or do not fit the files they are applied to."""

    code = "envelope-invalid"


@dataclass(frozen=True)
class PatchFile:
    """One file. ``before`` and ``after`` are git blob SHAs, "" where the file does not exist; ``diff`` is text."""

    path: str
    mode: str
    before: str
    after: str
    diff: str


@dataclass(frozen=True)
class Envelope:
    """What is proposed for one attempt at one incident, against one commit of one repository."""

    repository: str
    incident: str
    attempt: int
    base_sha: str
    files: tuple[PatchFile, ...]


def blob_sha(data: bytes | None) -> str:
    """The name git gives to these bytes, "" for a file that is not there."""
    if data is None:
        return ""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def patch_file(path: str, mode: str, before: bytes | None, after: bytes | None) -> PatchFile:
    """The entry for one changed file. Raises EnvelopeInvalid for a file that is not UTF-8 text."""
    try:
        text = unified.diff(path, before, after).decode("utf-8")
    except UnicodeDecodeError as error:
        raise EnvelopeInvalid(f"{path} is not UTF-8 text.", hint="A person has to change it.") from error
    return PatchFile(confined(path), mode or "100644", blob_sha(before), blob_sha(after), text)


def pack(envelope: Envelope) -> bytes:
    """Canonical JSON. Raises EnvelopeInvalid for what :func:`unpack` would refuse."""
    document = {"version": VERSION, **asdict(envelope)}
    document["files"] = sorted(document["files"], key=lambda entry: entry["path"])
    data = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    unpack(data)
    return data


def digest(data: bytes) -> str:
    """SHA-256 of the packed bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def unpack(data: bytes) -> Envelope:
    """Reads an envelope. Raises EnvelopeInvalid for anything but canonical, bounded, well-formed bytes."""
    if len(data) > LARGEST:
        raise EnvelopeInvalid(f"The patch has {len(data)} bytes; {LARGEST} are allowed.")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise EnvelopeInvalid("The patch is not JSON.") from error
    envelope = _envelope(document)
    again = json.dumps(
        {"version": VERSION, **asdict(envelope)}, sort_keys=True, separators=(",", ":"), ensure_ascii=True
    ).encode()
    if again != data:
        raise EnvelopeInvalid("The patch is not in its canonical form.")
    return envelope


def _envelope(document: Any) -> Envelope:
    expected = {"version", "repository", "incident", "attempt", "base_sha", "files"}
    if not isinstance(document, dict) or set(document) != expected or document["version"] != VERSION:
        raise EnvelopeInvalid("The patch is not an envelope of this version.")
    attempt, files = document["attempt"], document["files"]
    if type(attempt) is not int or not 1 <= attempt <= 1000:
        raise EnvelopeInvalid("The patch names no attempt.")
    if not isinstance(files, list) or not 1 <= len(files) <= FILES:
        raise EnvelopeInvalid(f"The patch must change 1 to {FILES} files.")
    entries = tuple(_file(entry) for entry in files)
    paths = [entry.path for entry in entries]
    folded = {path.casefold() for path in paths}
    if paths != sorted(paths) or len(folded) != len(paths):
        raise EnvelopeInvalid("The patch names a file twice, or its files out of order.")
    return Envelope(
        _text(document["repository"]),
        _text(document["incident"]),
        attempt,
        _sha(document["base_sha"]),
        entries,
    )


def _file(entry: Any) -> PatchFile:
    names = {"path", "mode", "before", "after", "diff"}
    if (
        not isinstance(entry, dict)
        or set(entry) != names
        or not all(isinstance(v, str) for v in entry.values())
    ):
        raise EnvelopeInvalid("The patch holds a file that is not well-formed.")
    if entry["mode"] not in _MODES:
        raise EnvelopeInvalid(f"The patch gives {entry['path'][:200]!r} a mode that is not a regular file's.")
    before, after = _sha(entry["before"]), _sha(entry["after"])
    if before == after:
        raise EnvelopeInvalid(f"The patch does not change {entry['path'][:200]!r}.")
    return PatchFile(confined(entry["path"]), entry["mode"], before, after, entry["diff"])


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > NAMES or any(ord(char) < 32 for char in value):
        raise EnvelopeInvalid("The patch holds a name that is too long or holds control characters.")
    return value


def _sha(value: Any) -> str:
    if not isinstance(value, str) or (
        value and (len(value) not in (40, 64) or set(value) - set("0123456789abcdef"))
    ):
        raise EnvelopeInvalid("The patch holds something that is no object name.")
    return value


def apply(envelope: Envelope, read: Callable[[str], bytes | None]) -> dict[str, bytes | None]:
    """The changed files: path -> bytes, None for a removed one.

    Raises EnvelopeInvalid when a file is not the one the patch was made for, or does not become what it says.
    """
    result: dict[str, bytes | None] = {}
    for file in envelope.files:
        before = read(file.path)
        if blob_sha(before) != file.before:
            raise EnvelopeInvalid(
                f"{file.path} is not as it was when the change was made.",
                hint="The change is made again from the newest base.",
                code="stale-base",
            )
        try:
            after = unified.apply(file.diff.encode("utf-8"), before)
        except (unified.PatchProblem, UnicodeEncodeError) as error:
            raise EnvelopeInvalid(f"The diff of {file.path} does not apply: {error}.") from error
        if blob_sha(after) != file.after:
            raise EnvelopeInvalid(f"{file.path} does not become what the patch says.")
        result[file.path] = after
    return result
