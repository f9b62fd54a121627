"""The exam as a table: ``python -m tests.exam_repair [layout,…] [defect,…] [ran|new|git …]``; misses are told in full."""

from __future__ import annotations

import sys
import traceback
from collections import Counter
from itertools import cycle

from selfheal.repair.tools import Tools
from tests.exam_repair.defects import ALL
from tests.exam_repair.every import LAYOUTS
from tests.exam_repair.exam import RIGHT, THEMES, Mark, Question, run


def main() -> None:
    layouts, ids, how = (
        [word for word in text.split(",") if word] for text in (*sys.argv[1:], "", "", "")[:3]
    )
    how = how or ["ran"]
    tools, counts, diagnosed, themes = Tools(), Counter(), 0, cycle(THEMES)
    for layout in layouts or LAYOUTS:
        for item in ALL:
            if ids and not any(item.id.startswith(start) for start in ids):
                continue
            question = Question(
                item, layout, next(themes), "new" not in how, "git" in how, "nopath" not in how
            )
            try:
                mark = run(question, tools)
            except Exception:  # noqa: BLE001 - whatever it is, it is a finding
                mark = Mark("CRASH", traceback.format_exc()[-1500:])
            if mark.mark == "-":
                continue
            counts[mark.mark] += 1
            diagnosed += mark.diagnosed
            root = mark.found.root if mark.found is not None else None
            told = f"{root.fault}/{root.variant} {root.object}" if root is not None else ""
            flag = "" if mark.diagnosed else " (diagnosis?)"
            print(f"{mark.mark:10}{question} {mark.seconds:.1f}s  {told}{flag}", flush=True)
            if mark.mark not in RIGHT or "all" in how:
                print(f"          {mark.why[:700]}")
                for diff in mark.diffs:
                    print("          " + diff.replace("\n", "\n          "))
    total = sum(counts.values())
    print(f"{total} questions, diagnosed {diagnosed}: {dict(counts)}")


if __name__ == "__main__":
    main()
