"""Sits the exam from the command line: ``python -m tests.exam [word …]`` takes the cases whose id holds a word.

``--every=7+2`` takes each seventh from the third on, ``--ways=text,caller`` asks in these ways, ``--quiet`` leaves the noise out,
``--keep`` leaves dumps of what was missed in place.
"""

from __future__ import annotations

import sys

from tests.exam.cases import CASES
from tests.exam.sitting import WAYS, sit, table


def main() -> None:
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    ways = next((word[7:].split(",") for word in sys.argv if word.startswith("--ways=")), WAYS)
    chosen = [case for case in CASES if not words or any(word in case.id for word in words)]
    step = next((word[8:].split("+") for word in sys.argv if word.startswith("--every=")), ["1", "0"])
    chosen = chosen[int(step[1]) :: int(step[0])]
    marks = []
    for mark in sit(chosen, ways, keep="--keep" in sys.argv, noise="--quiet" not in sys.argv):
        marks.append(mark)
        if not mark.hit:
            print(
                f"MISS {mark.case} [{mark.way}] wanted {mark.wanted}; said {mark.said}"
                + (f" {mark.folder}" if "--keep" in sys.argv else ""),
                flush=True,
            )
    print(table(marks))
    print(f"{len(chosen)} cases; milliseconds {spread([mark.milliseconds for mark in marks])}", end="; ")
    print(f"of one processor {spread([mark.processor for mark in marks])}")


def spread(figures: list[int]) -> str:
    """The median, the 99th of 100, and the greatest of figures."""
    ranked = sorted(figures) or [0]
    return f"median {ranked[len(ranked) // 2]}, 99 % below {ranked[len(ranked) * 99 // 100]}, at most {ranked[-1]}"


if __name__ == "__main__":
    main()
