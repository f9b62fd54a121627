"""Sits the exam from the command line: ``python -m tests.exam [word …]`` takes the cases whose id holds a word."""

from __future__ import annotations

import sys
import time

from tests.exam.cases import CASES
from tests.exam.sitting import WAYS, sit, table


def main() -> None:
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    ways = next((word[7:].split(",") for word in sys.argv if word.startswith("--ways=")), WAYS)
    chosen = [case for case in CASES if not words or any(word in case.id for word in words)]
    began = time.process_time()
    marks = []
    for mark in sit(chosen, ways, keep="--keep" in sys.argv, noise="--quiet" not in sys.argv):
        marks.append(mark)
        if not mark.hit:
            print(f"MISS {mark.case} [{mark.way}] wanted {mark.wanted}; said {mark.said}" + (f" {mark.folder}" if "--keep" in sys.argv else ""), flush=True)
    print(table(marks))
    print(f"{len(chosen)} cases, slowest {max((mark.milliseconds for mark in marks), default=0)} ms, {time.process_time() - began:.0f} s CPU of the parent")


if __name__ == "__main__":
    main()
