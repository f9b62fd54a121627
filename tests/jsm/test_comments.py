"""Comments and ADF: internal, redacted, bounded, once; and descriptions read as plain text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.incidents.states import Stage, State
from selfheal.jsm import adf
from tests.jsm.support import inject

SECRET = "ghp_" + "a1B2" * 9


def texts(node) -> list[dict]:
    if isinstance(node, list):
        return [found for item in node for found in texts(item)]
    own = [node] if node.get("type") == "text" else []
    return own + texts(node.get("content", []))


def test_every_kind_of_block_is_redacted_and_never_empty() -> None:
    said = [
        f"token {SECRET}", adf.heading(SECRET), adf.bullets([SECRET, ""]), adf.code(SECRET, "diff"), adf.bullets([]),
        adf.link(SECRET, f"https://x.example/?token={SECRET}"), adf.link("x", "javascript:alert(1)"), "",
    ]  # fmt: skip
    document = adf.document(said)
    assert SECRET not in str(document)
    assert "javascript" not in str(document)
    assert all(node["text"] for node in texts(document))


@given(st.lists(st.text(max_size=300), max_size=8))
def test_any_text_makes_a_valid_document(said) -> None:
    document = adf.document(said)
    assert (document["type"], document["version"]) == ("doc", 1)
    assert document["content"]
    assert all(node["text"] for node in texts(document))


def test_a_comment_stays_readable() -> None:
    document = adf.document(["short", "x" * 50_000])
    assert len(str(document)) < 20_000
    assert "left out" in str(document)


@given(st.recursive(st.none() | st.booleans() | st.text(max_size=5) | st.integers(), lambda inner: st.lists(inner, max_size=3)
       | st.dictionaries(st.sampled_from(["type", "content", "text", "attrs", "x"]), inner, max_size=4), max_leaves=20))  # fmt: skip
def test_any_description_is_read_without_an_error(node) -> None:
    assert isinstance(adf.plain(node), str)


def test_a_description_becomes_lines() -> None:
    document = adf.document([adf.heading("Cart is down"), "since noon", adf.bullets(["one", "two"])])
    assert adf.plain(document) == "Cart is down\nsince noon\none\ntwo"


def test_a_deeply_nested_description_is_no_stack_overflow() -> None:
    node: dict = {"type": "text", "text": "x"}
    for _level in range(50_000):
        node = {"type": "paragraph", "content": [node]}
    assert adf.plain(node) == ""


@pytest.fixture
def key(jira, manager) -> str:
    key = jira.file_incident(summary="x")
    manager.adopt(key)
    return key


def comments(jira, key: str) -> list:
    return jira.store.issues[key].comments


def test_the_same_is_told_once_a_run_an_attempt_and_after_a_death(jira, key, manager, connect) -> None:
    with manager.claim(key, Stage.ANALYZE) as lease:
        manager.tell(key, "cause", ["x"], lease=lease)
        manager.tell(key, "cause", ["x"], lease=lease)
    dead = connect()
    dead.tell(key, "outcome", ["y"])
    connect().tell(key, "outcome", ["y"])
    connect().tell(key, "cause", ["x"])
    assert len(comments(jira, key)) == 2
    assert "cause" in connect().load(key).record.told
    manager.transition(key, State.INCIDENT_REQUIRES_HUMAN, {"reason": "z"})
    jira.as_person("maria").add_label(key, "selfheal-retry")
    manager.heed(key)
    manager.tell(key, "cause", ["x again"])
    assert len(comments(jira, key)) == 4


@pytest.mark.parametrize("action", ["drop-before", "drop-after"])
def test_a_lost_answer_to_a_comment_is_looked_up(action, jira, key, manager) -> None:
    from selfheal.errors import Outage

    inject(jira, "/comment", action, "POST")
    if action == "drop-before":
        with pytest.raises(Outage):
            manager.tell(key, "cause", ["x"])
        manager.tell(key, "cause", ["x"])
    else:
        manager.tell(key, "cause", ["x"])
    assert [comment.internal for comment in comments(jira, key)] == [True]
