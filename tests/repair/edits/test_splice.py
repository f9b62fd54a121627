"""Edits change the characters they must and no others, and never leave a file that reads differently elsewhere."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from selfheal.repair.edits.data import same, with_removed, with_set
from selfheal.repair.edits.emit import block, inline
from selfheal.repair.edits.nodes import EditRefused, parse, value_of
from selfheal.repair.edits.splice import Text

DEPLOYMENT = """\
# the cart
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, labels: {app: cart}}   # flow
spec:
    replicas: 2
    template:
        spec:
            containers:
            - name: cart  # the program
              image: "ghcr.io/acme/cart:1.0" # bumped by a robot
              env:
              - {name: MODE, value: 'fast'}
              - name: LEVEL
                value: "3"

              # keep this comment
              resources:
                limits:
                  memory: 128Mi
                  cpu: 1
            - name: side
              image: side:2
"""
CART = ("spec", "template", "spec", "containers", "name=cart")


def edited(text: str, *steps: tuple[str, tuple[str, ...], object], json: bool = False) -> str:
    file = Text(text, strict_json=json)
    for op, path, value in steps:
        if op == "set":
            file.set(0, path, value)
        elif op == "remove":
            file.remove(0, path)
        else:
            file.rename(0, path, str(value))
    return file.text


def changed(before: str, after: str) -> tuple[list[str], list[str]]:
    """Lines only in the one, and only in the other."""
    old, new = before.splitlines(), after.splitlines()
    while old and new and old[0] == new[0]:
        old.pop(0), new.pop(0)
    while old and new and old[-1] == new[-1]:
        old.pop(), new.pop()
    return old, new


def test_a_scalar_keeps_its_quotes_and_its_comment() -> None:
    after = edited(DEPLOYMENT, ("set", (*CART, "image"), "ghcr.io/acme/cart:0.9"))
    assert changed(DEPLOYMENT, after) == (
        ['              image: "ghcr.io/acme/cart:1.0" # bumped by a robot'],
        ['              image: "ghcr.io/acme/cart:0.9" # bumped by a robot'],
    )


def test_a_value_in_flow_style_is_changed_in_place() -> None:
    after = edited(DEPLOYMENT, ("set", (*CART, "env", "name=MODE", "value"), "slow"))
    assert changed(DEPLOYMENT, after)[1] == ["              - {name: MODE, value: 'slow'}"]


def test_a_key_is_added_behind_the_last_one_at_its_indentation() -> None:
    after = edited(DEPLOYMENT, ("set", (*CART, "resources", "requests", "cpu"), "200m"))
    assert changed(DEPLOYMENT, after) == ([], ["                requests:", "                    cpu: 200m"])


def test_a_number_and_a_text_that_looks_like_one_stay_apart() -> None:
    after = edited(
        DEPLOYMENT, ("set", ("spec", "replicas"), 3), ("set", (*CART, "env", "name=LEVEL", "value"), "04")
    )
    found = value_of(parse(after)[0])
    assert found["spec"]["replicas"] == 3
    assert found["spec"]["template"]["spec"]["containers"][0]["env"][1]["value"] == "04"


@pytest.mark.parametrize(
    "text", ["yes", "null", "1e3", "0x1F", "12:30", "2026-01-01", "~", "on", "a: b", "#x", "", " x", "*a"]
)
def test_texts_that_yaml_would_take_for_something_else_are_quoted(text: str) -> None:
    after = edited("a: plain\n", ("set", ("a",), text))
    assert value_of(parse(after)[0]) == {"a": text}
    for version in ((1, 1), (1, 2)):
        reader = YAML(typ="safe", pure=True)
        reader.version = version
        assert reader.load(after)["a"] == text


def test_a_list_item_is_added_and_taken_away_again_without_a_trace() -> None:
    there = edited(DEPLOYMENT, ("set", (*CART, "env", "name=NEW", "value"), "x"))
    assert "              - name: NEW\n                value: x\n" in there
    assert edited(there, ("remove", (*CART, "env", "name=NEW"), None)) == DEPLOYMENT


def test_the_first_key_of_a_list_item_can_be_removed() -> None:
    text = "items:\n  - a: 1\n    b: 2\n  - c: 3\n"
    assert edited(text, ("remove", ("items", "0", "a"), None)) == "items:\n  - b: 2\n  - c: 3\n"


def test_a_removed_key_leaves_the_comments_of_its_neighbours() -> None:
    text = "a: 1\n# about b\nb: 2\n# about c\nc: 3\n"
    assert edited(text, ("remove", ("b",), None)) == "a: 1\n# about b\n# about c\nc: 3\n"


def test_the_last_entry_removed_leaves_an_empty_mapping() -> None:
    assert edited("a:\n  b: 1\nc: 2\n", ("remove", ("a", "b"), None)) == "a: {}\nc: 2\n"


def test_line_ends_of_windows_and_a_missing_last_one_stay() -> None:
    text = "a:\r\n  b: 1\r\n  c: 2"
    assert edited(text, ("set", ("a", "d"), "x")) == "a:\r\n  b: 1\r\n  c: 2\r\n  d: x"


def test_a_block_scalar_keeps_its_style_and_its_neighbours() -> None:
    text = "data:\n  app.conf: |\n    level = 1\n    name = x\n\n  other: y\n"
    after = edited(text, ("set", ("data", "app.conf"), "level = 2\nname = x\n"))
    assert after == text.replace("level = 1", "level = 2")


def test_a_key_is_renamed_in_its_place() -> None:
    assert edited('a:\n  "old": v # c\n', ("rename", ("a", "old"), "new")) == 'a:\n  "new": v # c\n'


def test_an_alias_gets_a_value_of_its_own() -> None:
    text = "base: &b 1\none: *b\ntwo: *b\n"
    assert edited(text, ("set", ("one",), 2)) == "base: &b 1\none: 2\ntwo: *b\n"


def test_an_anchor_that_others_use_is_not_changed_under_them() -> None:
    text = "base: &b {x: 1}\none: *b\n"
    with pytest.raises(EditRefused):
        edited(text, ("set", ("base", "x"), 2))


def test_below_an_alias_the_whole_value_is_written_out() -> None:
    after = edited("base: &b {x: 1, y: 2}\none: *b\n", ("set", ("one", "x"), 9))
    assert value_of(parse(after)[0]) == {"base": {"x": 1, "y": 2}, "one": {"x": 9, "y": 2}}


def test_a_merged_key_is_overridden_where_it_is_merged() -> None:
    after = edited("base: &b\n  x: 1\none:\n  <<: *b\n  z: 0\n", ("set", ("one", "x"), 5))
    assert value_of(parse(after)[0])["one"] == {"x": 5, "z": 0}
    assert value_of(parse(after)[0])["base"] == {"x": 1}


def test_json_stays_json() -> None:
    import json

    text = '{\n\t"a": {\n\t\t"b": 1\n\t},\n\t"l": []\n}\n'
    after = edited(text, ("set", ("a", "c"), "x"), ("set", ("l", "0"), {"n": 1}), json=True)
    assert json.loads(after) == {"a": {"b": 1, "c": "x"}, "l": [{"n": 1}]}
    assert after.startswith('{\n\t"a": {\n\t\t"b": 1,\n\t\t"c": "x"\n')


def test_one_document_of_several_is_edited_and_one_removed() -> None:
    file = Text("a: 1\n---\n# two\nb: 2\n---\nc: 3\n")
    file.set(2, ("c",), 4)
    file.delete_document(1)
    assert file.values == [{"a": 1}, {"c": 4}]


@pytest.mark.parametrize("text", ["a: [", "a: *x", "? [a]\n: b\n? [c]\n", "\tb: 1", "a: 'x", "%X\na"])
def test_text_that_cannot_be_edited_is_refused_and_never_changed(text: str) -> None:
    with pytest.raises(EditRefused):
        Text(text).set(0, ("a", "b"), 1)


def test_aliases_that_multiply_are_refused() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{n}: &{n} [{','.join(['*' + p] * 9)}]\n" for p, n in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(EditRefused):
        Text(bomb)


# Properties

_KEYS = st.text("abcdefgXYZ_.-/09", min_size=1, max_size=8).filter(
    lambda key: key.strip("-.") and key[0] not in "-."
)
_TEXTS = st.one_of(
    st.text(max_size=12).filter(lambda text: "\0" not in text and all(c.isprintable() or c in "\n\t" for c in text)),
    st.sampled_from(["yes", "no", "1", "0x1", "null", "a: b", "- x", "multi\nline\n", "{x}", "#c", "'q'", '"d"', "a #b", ""]),
)  # fmt: skip
_SCALARS = st.one_of(st.integers(-(10**9), 10**9), st.booleans(), st.none(), _TEXTS)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=3)),
    max_leaves=8,
)
_DOCUMENTS = st.dictionaries(_KEYS, _VALUES, min_size=1, max_size=4)


def _paths(value: object, at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [at] if at else []
    if isinstance(value, dict):
        for key, item in value.items():
            found += _paths(item, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += _paths(item, (*at, str(index)))
    return found


@st.composite
def _texts(draw: st.DrawFn) -> str:
    """A document in one of the styles that people write."""
    document = draw(_DOCUMENTS)
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    text = (
        inline(document)
        if draw(st.integers(0, 5)) == 0
        else block(document, 0, newline, draw(st.sampled_from([2, 4])))
    )
    comment = f"# a comment{newline}" if draw(st.booleans()) else ""
    return comment + text + draw(st.sampled_from(["", newline, f"{newline}# end{newline}"]))


@settings(max_examples=50, deadline=None)
@given(_texts())
def test_what_is_written_reads_back(text: str) -> None:
    assert len(parse(text)) == 1


@settings(max_examples=80, deadline=None)
@given(_texts(), st.data())
def test_a_set_value_is_exactly_the_change_or_the_edit_is_refused(text: str, data: st.DataObject) -> None:
    file = Text(text)
    before = file.values[0]
    path = data.draw(st.sampled_from(_paths(before)))
    if data.draw(st.booleans()):
        path = (*path, data.draw(_KEYS))
    value = data.draw(_VALUES)
    try:
        expected = with_set(before, path, value)
        file.set(0, path, value)
    except EditRefused:
        assert file.text == text
        return
    assert same(value_of(parse(file.text)[0]), expected)


@settings(max_examples=50, deadline=None)
@given(_texts(), st.data())
def test_a_scalar_changed_and_changed_back_is_the_identical_text(text: str, data: st.DataObject) -> None:
    file = Text(text)
    scalars = [
        path
        for path in _paths(file.values[0])
        if not isinstance(_at(file.values[0], path), dict | list | None)
    ]
    if not scalars:
        return
    path = data.draw(st.sampled_from(scalars))
    old = _at(file.values[0], path)
    try:
        file.set(0, path, "other" if old != "other" else "another")
        file.set(0, path, old)
    except EditRefused:
        return
    if isinstance(old, str) and "\n" in old:
        # A block scalar that became one line comes back quoted.
        assert same(file.values, value_of_all(text))
    else:
        assert file.text == text


@settings(max_examples=50, deadline=None)
@given(_texts(), _KEYS, _VALUES)
def test_a_key_added_and_removed_leaves_the_identical_text(text: str, key: str, value: object) -> None:
    file = Text(text)
    if key in file.values[0]:
        return
    try:
        file.set(0, (key,), value)
        file.remove(0, (key,))
    except EditRefused:
        return
    assert file.text == text


@settings(max_examples=50, deadline=None)
@given(_texts(), st.data())
def test_a_removed_value_is_gone_and_nothing_else(text: str, data: st.DataObject) -> None:
    file = Text(text)
    path = data.draw(st.sampled_from(_paths(file.values[0])))
    expected = with_removed(file.values[0], path)
    try:
        file.remove(0, path)
    except EditRefused:
        assert file.text == text
        return
    assert same(value_of(parse(file.text)[0]), expected)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(EditRefused):
        Text(text)


def value_of_all(text: str) -> list[object]:
    return [value_of(root) for root in parse(text)]


def _at(value: object, path: tuple[str, ...]) -> object:
    for token in path:
        value = value[int(token)] if isinstance(value, list) else value[token]  # type: ignore[index]
    return value
