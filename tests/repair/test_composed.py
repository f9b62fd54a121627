"""Texts written in parts."""

from __future__ import annotations

import re

import pytest

from selfheal.repair.sources.composed import between, recomposed

FILLED = re.compile(r"<\w+>")


@pytest.mark.parametrize(
    ("text", "before", "wanted", "found"),
    [
        ("dbb.<zone>", "dbb.example.org", "db.example.org", ["db.<zone>"]),
        ("<user>@host:<port>/x", "me@host:80/x", "me@post:80/x", ["<user>@post:<port>/x"]),
        ("<user>@host", "me@host", "you@host", []),
        ("a<user>b", "nothing like it", "x", []),
        ("plain", "plain", "other", []),
        ("<name>-svc", "cart-svc", "cart", ["<name>"]),
        ("<name>", "cart", "cart-svc", ["<name>-svc"]),
    ],
)
def test_the_literal_part_changes(text: str, before: str, wanted: str, found: list[str]) -> None:
    assert list(recomposed(text, FILLED, before, wanted)) == found


def test_what_stands_between_must_be_something() -> None:
    assert between("a-b-c", "a-", "-c") == "b"
    assert between("a-c", "a-", "-c") == "" and between("x", "a", "b") == ""
