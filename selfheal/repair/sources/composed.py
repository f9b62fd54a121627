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
    places = _places(pieces, before) if marks else []
    for index, (piece, start) in enumerate(zip(pieces, places, strict=False)):
        head, tail = before[:start], before[start + len(piece) :]
        new = "" if wanted == head + tail else between(wanted, head, tail)
        if new != piece and (new or wanted == head + tail):
            changed = [*pieces[:index], new, *pieces[index + 1 :]]
            yield "".join(part for pair in zip(changed, [*marks, ""], strict=True) for part in pair)


def _places(pieces: list[str], text: str) -> list[int]:
    """Where each literal piece stands in the text, each as far left as may be, the last at the end; [] where they do not."""
    found: list[int] = []
    position = 0
    for index, piece in enumerate(pieces):
        last = index == len(pieces) - 1
        start = len(text) - len(piece) if last else text.find(piece, position)
        if start < position or (index == 0 and start != 0) or not text.startswith(piece, start):
            return []
        found.append(start)
        position = start + len(piece)
    return found
