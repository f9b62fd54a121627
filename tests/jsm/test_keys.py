"""Keys and JQL are checked and quoted by us; the library does neither."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.errors import UsageProblem
from selfheal.jsm.keys import all_of, checked, one_of, quoted


@pytest.mark.parametrize("key", ["INC-1", "A1-2", "AB_C-900"])
def test_keys_of_issues_pass(key: str) -> None:
    assert checked(key) == key


@pytest.mark.parametrize(
    "key",
    [
        "INC-1/../../myself",
        "INC-1?x=1",
        "inc-1",
        "INC-",
        "INC-1\n",
        " INC-1",
        "I-1",
        "INC-1#",
        "%2e%2e/INC-1",
        "",
    ],
)
def test_anything_else_reaches_no_other_endpoint(key: str) -> None:
    with pytest.raises(UsageProblem):
        checked(key)


@given(st.text())
def test_no_text_ends_its_own_quotes(text: str) -> None:
    inner = quoted(text)[1:-1]
    # Between the outer quotes every quote is escaped, and no escape is left open.
    assert '"' not in re.sub(r"\\.", "", inner)
    assert not re.sub(r"\\.", "", inner).endswith("\\")


def test_clauses_are_joined_and_empty_ones_left_out() -> None:
    jql = all_of(['project = "INC"', "", one_of("priority", ["High", 'a"b'])], "created ASC")
    assert jql == 'project = "INC" AND priority in ("High", "a\\"b") ORDER BY created ASC'
