"""A sample of the exam with thresholds; SELFHEAL_EXAM=all asks every question of every layout (about an hour)."""

from __future__ import annotations

import os
from collections import Counter
from itertools import cycle

import pytest

from selfheal.errors import ConfigurationProblem
from selfheal.repair.tools import Tools
from tests.exam_repair.defects import ALL
from tests.exam_repair.every import LAYOUTS
from tests.exam_repair.exam import ESCALATED, RIGHT, THEMES, WRONG, Question, run

#: Every so many questions of a layout are in the sample; those with programs that render cost more.
SAMPLE = {"plain": 8, "crlf": 16, "json": 20, "list": 20, "one": 20, "kustomize": 33, "helm": 50, "flux-kustomize": 66,
          "flux-helm": 80}  # fmt: skip
#: Of the questions whose answer can be known, how many of a hundred have to be answered.
ENOUGH = 85


@pytest.fixture(scope="module")
def tools() -> Tools:
    made = Tools()
    for name in ("kubectl", "helm"):
        try:
            made.find(name)
        except ConfigurationProblem as error:
            pytest.skip(error.message)
    return made


ASKED = list(LAYOUTS) if os.environ.get("SELFHEAL_EXAM") == "all" else list(SAMPLE)


def _questions(layout: str) -> list[Question]:
    everything = os.environ.get("SELFHEAL_EXAM") == "all"
    step, themes = 1 if everything else SAMPLE[layout], cycle(THEMES)
    return [Question(item, layout, next(themes)) for item in ALL[ASKED.index(layout) % step :: step]]


@pytest.mark.timeout(0 if os.environ.get("SELFHEAL_EXAM") == "all" else 120)
@pytest.mark.parametrize("layout", ASKED)
def test_what_can_be_known_is_restored_and_nothing_wrong_is_proposed(layout: str, tools: Tools) -> None:
    told, marks = [], Counter[str]()
    for question in _questions(layout):
        mark = run(question, tools)
        if mark.mark == "-":
            continue
        marks[mark.mark] += 1
        if mark.mark not in RIGHT:
            told.append(f"{mark.mark} {question}: {mark.why}")
    asked = sum(marks.values()) - marks[ESCALATED]
    assert not marks[WRONG], told
    right = sum(marks[mark] for mark in RIGHT if mark != ESCALATED)
    # A small sample of a layout may hold one of the known misses.
    assert right >= asked - max(1, asked * (100 - ENOUGH) // 100), told
