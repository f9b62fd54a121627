"""A sample of the typing errors in recorded repositories: nothing wrong is ever proposed, and most is restored."""

from __future__ import annotations

import random
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from tests.conftest import SHARED
from tests.exam_repair.recorded import ask, slips, sources, unharmed

#: Applications of plain manifests: the others take programs that render, and longer.
NAMES = ("analytics", "logistics", "shop")
ASKED = 10

pytestmark = pytest.mark.skipif(
    SHARED is None or not (SHARED / "recordings").is_dir(), reason="the recordings are not at hand"
)


@pytest.mark.parametrize("name", NAMES)
def test_a_slip_is_restored_or_left_to_a_person(name: str, tmp_path: Path) -> None:
    source = next(source for source in sources() if source.name == name)
    healthy = source.render(source.files)
    assert unharmed(source, healthy) == "healthy"
    marks, told = Counter[str](), []
    answers = (
        (slip, answer)
        for number, slip in enumerate(slips(source, random.Random(name)))
        if (answer := ask(source, slip, healthy, set(), tmp_path / str(number))) is not None
    )
    for slip, answer in islice(answers, ASKED):
        # How many there were before they were none stands nowhere.
        counts = slip.where.endswith("replicas") and answer.mark == "escalated"
        marks["unknowable" if counts else answer.mark] += 1
        told.append(f"{answer.mark} {slip} [{answer.root}] {answer.why}")
    assert not marks["WRONG"], told
    assert marks["restored"] >= marks["escalated"], told
