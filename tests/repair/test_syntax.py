"""Files that do not parse: one slip is put right, and only where it can be read in one way."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from selfheal.repair.syntax import parsed_right


@pytest.mark.parametrize(
    ("name", "text", "right"),
    [
        ("a.json", '{"a": "1" "b": 2}\n', '{"a": "1", "b": 2}\n'),
        ("a.json", '{"a": [1, 2,]}', '{"a": [1, 2]}'),
        ("a.json", '{"a": {"b": [1, "}"]\n', '{"a": {"b": [1, "}"]}}\n'),
        ("a.yaml", "q:\n  d:\n   r: 5\n    b: 2s\nm: 1\n", "q:\n  d:\n    r: 5\n    b: 2s\nm: 1\n"),
        ("a.yaml", "q:\n  d: 1\n\te: 2\n", "q:\n  d: 1\n  e: 2\n"),
        ("a.yml", "q:\n  - a: 1\n   b: 2\n", "q:\n  - a: 1\n    b: 2\n"),
    ],
)
def test_one_slip(name: str, text: str, right: str) -> None:
    assert parsed_right(name, text) == right


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '{"a": 1}'),  # Nothing is wrong.
        ("a.json", '{"a": 1 "b": 2 "c": 3}'),  # Two slips.
        ("a.json", '{"a": tru}'),
        ("a.yaml", "a: 1\nb: [1, 2\n"),
        ("a.yaml", "a: 1\na: 2\n"),
        ("a.conf", "a = [\n"),
        ("a.json", " " * 70_000 + "{"),
    ],
)
def test_what_is_well_or_not_plain_stays(name: str, text: str) -> None:
    assert parsed_right(name, text) is None


_TREES = st.dictionaries(
    st.text("abc", min_size=1, max_size=3),
    st.dictionaries(st.text("def", min_size=1, max_size=3), st.integers(0, 99), min_size=2, max_size=4),
    min_size=1,
    max_size=3,
)


@settings(deadline=None, max_examples=40)
@given(_TREES, st.data())
def test_a_comma_that_is_missing(tree: dict[str, dict[str, int]], data: st.DataObject) -> None:
    text = json.dumps(tree)
    places = [place for place, char in enumerate(text) if char == ","]
    place = data.draw(st.sampled_from(places))
    assert parsed_right("x.json", text[:place] + text[place + 1 :]) == text


@settings(deadline=None, max_examples=40)
@given(_TREES, st.data())
def test_a_line_that_is_shifted_never_gets_another_meaning(
    tree: dict[str, dict[str, int]], data: st.DataObject
) -> None:
    text = "".join(
        f"{key}:\n" + "".join(f"  {k}: {v}\n" for k, v in held.items()) for key, held in tree.items()
    )
    lines = text.splitlines(keepends=True)
    place = data.draw(st.sampled_from([at for at, line in enumerate(lines) if line.startswith("  ")]))
    lines[place] = data.draw(st.sampled_from([lines[place][1:], " " + lines[place]]))
    right = parsed_right("x.yaml", "".join(lines))
    assert right is None or YAML(typ="safe", pure=True).load(right) == tree
