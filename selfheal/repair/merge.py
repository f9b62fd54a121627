"""Undoing an older change of a file beneath newer ones, line by line."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from itertools import pairwise


class Overlap(ValueError):
    """A newer change touches the same or neighbouring lines."""


@dataclass(frozen=True)
class _Region:
    """Lines ``start`` to ``end`` (exclusive) of the base become ``lines``."""

    start: int
    end: int
    lines: tuple[bytes, ...]


def merged(base: bytes, ours: bytes, theirs: bytes) -> bytes:
    """``base`` with the changes of both. Raises Overlap when they touch one another, be it only by being neighbours."""
    origin = base.splitlines(keepends=True)
    left, right = _regions(origin, ours), _regions(origin, theirs)
    both = sorted({*left, *right}, key=lambda region: (region.start, region.end))
    for first, second in pairwise(both):
        if second.start <= first.end:
            raise Overlap(f"line {second.start + 1} was changed again")
    found: list[bytes] = []
    position = 0
    for region in both:
        found += [*origin[position : region.start], *region.lines]
        position = region.end
    return b"".join([*found, *origin[position:]])


def _regions(origin: list[bytes], changed: bytes) -> list[_Region]:
    lines = changed.splitlines(keepends=True)
    codes = difflib.SequenceMatcher(None, origin, lines, autojunk=False).get_opcodes()
    return [
        _Region(start, end, tuple(lines[first:last]))
        for tag, start, end, first, last in codes
        if tag != "equal"
    ]
