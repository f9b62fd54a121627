"""Which paths of a repository may be named at all. A path that could mean another file than it says is refused."""

from __future__ import annotations

import re
import unicodedata

from selfheal.errors import Refused

LONGEST = 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
#: Names that Windows and macOS file systems take for ".git", and that a checkout there would write into it.
_GIT = re.compile(r"^(?:\.git|git~\d+)$", re.IGNORECASE)


def confined(path: str) -> str:
    """``path`` itself when it is a plain relative POSIX path inside a repository.

    Raises Refused for absolute paths, "..", control characters, anything inside ``.git`` in any spelling, and
    spellings that are not in Unicode normal form C.
    """
    reason = _problem(path)
    if reason:
        raise Refused(
            f"The path {path[:200]!r} is refused: {reason}.",
            hint="Give the path of a file relative to the root of the repository.",
            code="path-refused",
        )
    return path


def _problem(path: str) -> str:
    if not path or len(path) > LONGEST:
        return "it is empty or too long"
    if _CONTROL.search(path):
        return "it holds control characters or backslashes"
    if path.startswith("/") or re.match(r"^[A-Za-z]:", path):
        return "it is absolute"
    if unicodedata.normalize("NFC", path) != path:
        return "it is not in Unicode normal form C"
    for part in path.split("/"):
        if part in ("", ".", ".."):
            return "it leaves or repeats folders"
        visible = "".join(char for char in part if unicodedata.category(char) != "Cf")
        if visible != part:
            return "it holds invisible characters"
        if _GIT.match(part.split(":")[0].rstrip(". ")):
            return "it points into .git"
    return ""


def below(path: str, folder: str) -> bool:
    """Whether ``path`` is ``folder`` or lies in it; "" and "." are the root."""
    folder = folder.strip("/")
    return folder in ("", ".") or path == folder or path.startswith(folder + "/")


def normalised(path: str) -> str:
    """A path with its "." and ".." parts resolved. Raises Refused when it leaves the repository."""
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if not kept:
                raise Refused(
                    f"The path {path[:200]!r} leaves the repository.",
                    hint="Only files of the repository itself can be used.",
                    code="path-refused",
                )
            kept.pop()
        elif part not in ("", "."):
            kept.append(part)
    return "/".join(kept)
