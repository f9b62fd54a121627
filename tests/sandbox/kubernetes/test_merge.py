"""Patches and apply."""

from __future__ import annotations

import contextlib
import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.sandbox.kubernetes.errors import ApiError
from selfheal.sandbox.kubernetes.merge import apply, json_patch, merge_patch, strategic
from selfheal.sandbox.kubernetes.selectors import by_fields, by_labels

NAMES = st.sampled_from(["a", "b", "c"])
ENV = st.lists(
    st.builds(lambda name, value: {"name": name, "value": value}, NAMES, st.text(max_size=3)),
    unique_by=lambda item: item["name"],
)
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "env": ENV,
        "replicas": st.integers(0, 5),
        "labels": st.dictionaries(NAMES, st.text(max_size=3)),
    },
)


@given(live=SPECS, before=SPECS, wanted=SPECS)
def test_what_is_applied_is_there_and_applying_again_changes_nothing(live, before, wanted):
    held = copy.deepcopy(live)
    once = apply(live, before, wanted)
    assert live == held
    assert apply(once, wanted, wanted) == once
    if "replicas" in wanted:
        assert once["replicas"] == wanted["replicas"]
    kept = {item["name"]: item["value"] for item in once.get("env", [])}
    for item in wanted.get("env", []):
        assert kept[item["name"]] == item["value"]
    gone = {item["name"] for item in before.get("env", [])} - {item["name"] for item in wanted.get("env", [])}
    if "env" in wanted:
        assert not gone & set(kept)


@given(live=SPECS, patch=SPECS)
def test_a_strategic_patch_is_idempotent(live, patch):
    once = strategic(live, patch)
    assert strategic(once, patch) == once


@given(live=SPECS, patch=SPECS)
def test_a_merge_patch_is_idempotent(live, patch):
    once = merge_patch(live, patch)
    assert merge_patch(once, patch) == once


def test_directives_of_strategic_patches():
    live = {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}], "x": {"y": 1}}
    done = strategic(
        live, {"containers": [{"name": "a", "$patch": "delete"}], "x": {"$patch": "replace", "z": 2}}
    )
    assert done == {"containers": [{"name": "b", "image": "1"}], "x": {"z": 2}}
    assert strategic(live, {"x": None}) == {"containers": live["containers"]}


def test_a_name_twice_is_taken_as_it_stands():
    twice = [{"name": "a", "value": "1"}, {"name": "a", "value": "2"}]
    assert apply({"env": [{"name": "a", "value": "0"}]}, None, {"env": twice}) == {"env": twice}


@pytest.mark.parametrize(
    ("operations", "result"),
    [
        ([{"op": "add", "path": "/l/-", "value": 3}], {"l": [1, 2, 3], "m": {}}),
        ([{"op": "add", "path": "/l/0", "value": 0}], {"l": [0, 1, 2], "m": {}}),
        ([{"op": "remove", "path": "/l/0"}], {"l": [2], "m": {}}),
        ([{"op": "move", "from": "/l", "path": "/m/l"}], {"m": {"l": [1, 2]}}),
        ([{"op": "copy", "from": "/l/1", "path": "/m/a~1b"}], {"l": [1, 2], "m": {"a/b": 2}}),
        ([{"op": "replace", "path": "", "value": 5}], 5),
    ],
)
def test_json_patches(operations, result):
    assert json_patch({"l": [1, 2], "m": {}}, operations) == result


@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "remove", "path": "/gone"}], [{"op": "replace", "path": "/gone", "value": 1}], {"op": "add"},
        [{"op": "test", "path": "/l", "value": []}], [{"op": "add", "path": "l", "value": 1}], [{"path": "/l"}],
    ],
)  # fmt: skip
def test_json_patches_that_cannot_be(operations):
    with pytest.raises(ApiError):
        json_patch({"l": [1]}, operations)


@given(st.text(max_size=20))
def test_selectors_are_parsed_or_refused(text):
    for parse in (by_labels, by_fields):
        with contextlib.suppress(ValueError):
            parse(text)({"metadata": {"labels": {"a": "b"}}})
