"""JSON Pointers with elements addressed by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.cluster import pointer

DOCUMENT = {"a": [{"name": "x", "v": 1}, {"name": "y/z~", "v": None}, {"name": "x", "v": 3}], "b/c": {"": 4}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", DOCUMENT),
        ("/a/0/v", 1),
        ("/a/name=x/v", 3),
        ("/a/name=y~1z~0/v", None),
        ("/b~1c/", 4),
        ("/a/9", "none"),
        ("/a/-1", "none"),
        ("/a/name=q", "none"),
        ("/a/0/v/w", "none"),
    ],
)
def test_resolve(text: str, value: object) -> None:
    assert pointer.resolve(DOCUMENT, text, "none") == value


def test_null_exists() -> None:
    assert pointer.exists(DOCUMENT, "/a/1/v")
    assert not pointer.exists(DOCUMENT, "/a/1/w")


def test_not_a_pointer() -> None:
    with pytest.raises(ValueError, match="must start"):
        pointer.parts("a/b")


@given(st.lists(st.text(max_size=8), max_size=5))
def test_join_and_parts_are_inverse(tokens: list[str]) -> None:
    assert pointer.parts(pointer.join(*tokens)) == tuple(tokens)
