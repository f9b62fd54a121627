"""Sits the exam from the command line: ``python -m tests.exam [word …]`` takes the cases whose id holds a word.

``--every=7+2`` takes each seventh from the third on, ``--ways=text,caller`` asks in these ways, ``--quiet`` leaves the noise out,
``--keep`` leaves dumps of what was missed in place.
"""

from __future__ import annotations

import sys
import time

from tests.exam.cases import CASES
from tests.exam.sitting import WAYS, sit, table


def main() -> None:
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    ways = next((word[7:].split(",") for word in sys.argv if word.startswith("--ways=")), WAYS)
    chosen = [case for case in CASES if not words or any(word in case.id for word in words)]
    step = next((word[8:].split("+") for word in sys.argv if word.startswith("--every=")), ["1", "0"])
    chosen = chosen[int(step[1]) :: int(step[0])]
    began = time.process_time()
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
    print(
        f"{len(chosen)} cases, slowest {max((mark.milliseconds for mark in marks), default=0)} ms, {time.process_time() - began:.0f} s CPU of the parent"
    )


if __name__ == "__main__":
    main()
