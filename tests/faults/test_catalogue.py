"""Walks the registry: every fault has its page, its test, an id that fits, and pointers it may write."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from selfheal.cluster.kinds import BY_KIND
from selfheal.errors import NotFound
from selfheal.faults.catalogue import CATALOGUE, by_id
from selfheal.faults.interface import Fault
from selfheal.faults.precedence import EXCEPTIONS, LAYERS, stronger

HEADINGS = [
    "What it is",
    "How it is recognised",
    "How it is told from its neighbours",
    "What is changed",
    "How safe that is",
]
TESTS = Path(__file__).parent
each = pytest.mark.parametrize("fault", CATALOGUE, ids=lambda fault: fault.id)


@each
def test_page_has_the_fixed_headings(fault: Fault) -> None:
    page = sys.modules[type(fault).__module__].__doc__ or ""
    assert re.findall(r"^# (.+)$", page, re.MULTILINE) == HEADINGS
    assert page.splitlines()[0].endswith(".")


@each
def test_names_share_a_noun(fault: Fault) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", fault.id)
    assert type(fault).__module__ == f"selfheal.faults.{fault.id.replace('-', '_')}"
    assert type(fault).__name__.lower() == fault.id.replace("-", "")


@each
def test_has_tests_with_lookalikes(fault: Fault) -> None:
    text = (TESTS / f"test_{fault.id.replace('-', '_')}.py").read_text(encoding="utf-8")
    assert "def test_lookalike" in text


@each
def test_declares_what_it_blames_and_writes(fault: Fault) -> None:
    assert fault.blames and set(fault.blames) <= set(BY_KIND)
    assert all(pointer.startswith("/") for pointer in fault.writes)


def test_ids_are_unique_and_found() -> None:
    assert len({fault.id for fault in CATALOGUE}) == len(CATALOGUE)
    assert all(by_id(fault.id) is fault for fault in CATALOGUE)
    with pytest.raises(NotFound):
        by_id("gremlins")


def test_every_fault_has_one_layer() -> None:
    placed = [fault for _name, faults in LAYERS for fault in faults]
    assert len(placed) == len(set(placed))
    assert {fault.id for fault in CATALOGUE} <= set(placed)
    assert {fault for pair in EXCEPTIONS for fault in pair} <= set(placed)


def test_of_two_faults_at_most_one_is_the_stronger() -> None:
    placed = [fault for _name, faults in LAYERS for fault in faults]
    assert not [(a, b) for a in placed for b in placed if stronger(a, b) and stronger(b, a)]
    assert not {(weak, strong) for strong, weak in EXCEPTIONS} & EXCEPTIONS
