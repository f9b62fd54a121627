"""Unified diffs as git writes them, made and applied exactly: no fuzz, no offset, no guessing."""

from __future__ import annotations

import difflib
import re

_HUNK = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@\n?$")
_NO_NEWLINE = b"\\ No newline at end of file\n"


class PatchProblem(ValueError):
    """The diff does not fit the bytes it is applied to."""


def _lines(data: bytes) -> list[bytes]:
    """Lines with their "\\n"; a lone "\\r" or other separators are content, as for git."""
    found = data.split(b"\n")
    return [line + b"\n" for line in found[:-1]] + ([found[-1]] if found[-1] else [])


def diff(path: str, before: bytes | None, after: bytes | None, context: int = 3) -> bytes:
    """The diff of one file; None stands for a file that is not there."""
    old, new = _lines(before or b""), _lines(after or b"")
    name = path.encode()
    head = [
        b"--- " + (b"a/" + name if before is not None else b"/dev/null") + b"\n",
        b"+++ " + (b"b/" + name if after is not None else b"/dev/null") + b"\n",
    ]
    body: list[bytes] = []
    for group in difflib.SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(context):
        first, last = group[0], group[-1]
        spans = _span(first[1], last[2]), _span(first[3], last[4])
        body.append(b"@@ -%s +%s @@\n" % spans)
        for tag, start, stop, new_start, new_stop in group:
            if tag == "equal":
                body += [_mark(b" ", line) for line in old[start:stop]]
            else:
                body += [_mark(b"-", line) for line in old[start:stop]]
                body += [_mark(b"+", line) for line in new[new_start:new_stop]]
    return b"".join(head + body) if body or (before is None) != (after is None) else b""


def _span(start: int, stop: int) -> bytes:
    length = stop - start
    begin = start if length == 0 else start + 1
    return str(begin).encode() if length == 1 else f"{begin},{length}".encode()


def _mark(sign: bytes, line: bytes) -> bytes:
    return sign + line if line.endswith(b"\n") else sign + line + b"\n" + _NO_NEWLINE


def apply(patch: bytes, before: bytes | None) -> bytes | None:
    """The file after ``patch``. Raises PatchProblem when anything in it differs from ``before``."""
    if not patch:
        return before
    rows = _lines(patch)
    if len(rows) < 2 or not rows[0].startswith(b"--- ") or not rows[1].startswith(b"+++ "):
        raise PatchProblem("it does not start with the names of its file")
    if (rows[0] == b"--- /dev/null\n") != (before is None):
        raise PatchProblem("it disagrees about whether the file exists")
    old, result, position, index = _lines(before or b""), [], 0, 2
    while index < len(rows):
        match = _HUNK.match(rows[index])
        if match is None:
            raise PatchProblem(f"line {index + 1} starts no hunk")
        removed, added, index = _hunk(rows, index + 1)
        length = int(match.group(2) or 1)
        start = int(match.group(1)) - (0 if length == 0 else 1)
        if len(removed) != length or len(added) != int(match.group(4) or 1):
            raise PatchProblem("a hunk is not as long as it says")
        if start < position or old[start : start + length] != removed:
            raise PatchProblem("the file is not as the diff says")
        result += old[position:start] + added
        position = start + length
    result += old[position:]
    data = b"".join(result)
    if rows[1] == b"+++ /dev/null\n":
        if data:
            raise PatchProblem("it removes the file but leaves content")
        return None
    return data


def _hunk(rows: list[bytes], index: int) -> tuple[list[bytes], list[bytes], int]:
    removed: list[bytes] = []
    added: list[bytes] = []
    last = b""
    while index < len(rows) and not rows[index].startswith(b"@@ "):
        row = rows[index]
        sign, line = row[:1], row[1:]
        if row == _NO_NEWLINE:
            for lines, signs in ((removed, b" -"), (added, b" +")):
                if last and last in signs:
                    lines[-1] = lines[-1].removesuffix(b"\n")
        elif sign in (b" ", b"-", b"+") and row.endswith(b"\n"):
            removed += [line] if sign in b" -" else []
            added += [line] if sign in b" +" else []
            last = sign
        else:
            raise PatchProblem(f"line {index + 1} is no line of a diff")
        index += 1
    return removed, added, index
