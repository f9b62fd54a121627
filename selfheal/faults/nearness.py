"""Which existing name was plainly meant by a name that does not exist."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

#: A name counts as meant from this likeness on, when the next best is clearly less alike.
LIKENESS = 0.6
MARGIN = 0.06
_WORD = re.compile(r"[a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def likeness(left: str, right: str) -> float:
    """0..1: how alike two names are, apart from case and separators."""
    words_left = _WORD.findall(_CAMEL.sub("-", left).lower())
    words_right = _WORD.findall(_CAMEL.sub("-", right).lower())
    flat_left, flat_right = "".join(words_left), "".join(words_right)
    if not flat_left or not flat_right:
        return 0.0
    if flat_left == flat_right:
        return 1.0
    ratio = SequenceMatcher(None, flat_left, flat_right, autojunk=False).ratio()
    if set(words_left) < set(words_right) or set(words_right) < set(words_left):
        ratio = max(ratio, 0.7)
    return ratio


def nearest(wanted: str, candidates: Iterable[str]) -> str | None:
    """The candidate that is plainly meant, None when none is near or two are about equally near."""
    ranked = sorted(
        ((likeness(wanted, name), name) for name in set(candidates) if name != wanted), reverse=True
    )
    if not ranked or ranked[0][0] < LIKENESS:
        return None
    if len(ranked) > 1 and ranked[0][0] - ranked[1][0] < MARGIN:
        return None
    return ranked[0][1]
