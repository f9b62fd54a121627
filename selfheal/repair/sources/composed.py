"""A text that is written in parts, some of them to be filled in, and what it has to be to come out otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator


def between(text: str, head: str, tail: str) -> str:
    """What stands between ``head`` and ``tail``, "" where the text is not made of them."""
    made = text.startswith(head) and text.endswith(tail) and len(text) > len(head) + len(tail)
    return text[len(head) : len(text) - len(tail)] if made else ""


def recomposed(text: str, filled: re.Pattern[str], before: str, wanted: str) -> Iterator[str]:
    """``text``, which comes out as ``before``, with one of its literal parts changed so that it comes out as ``wanted``.

    ``filled`` matches what is filled in; it has no groups. Nothing where it is filled in otherwise than read from
    ``before``, or where more than one part would have to change.
    """
    pieces, marks = filled.split(text), filled.findall(text)
    if not marks:
        return
    read = re.fullmatch("(.*?)".join(f"({re.escape(piece)})" for piece in pieces), before, re.DOTALL)
    if read is None:
        return
    for index, piece in enumerate(pieces):
        start, end = read.span(2 * index + 1)
        head, tail = before[:start], before[end:]
        new = "" if wanted == head + tail else between(wanted, head, tail)
        if new != piece and (new or wanted == head + tail):
            changed = [*pieces[:index], new, *pieces[index + 1 :]]
            yield "".join(part for pair in zip(changed, [*marks, ""], strict=True) for part in pair)
