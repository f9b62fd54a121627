"""Documents: what passes, and what a person reads of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfheal.sandbox.jira import adf


def _doc(*content):
    return {"type": "doc", "version": 1, "content": list(content)}


def _text(text, **more):
    return {"type": "text", "text": text, **more}


def _paragraph(*content):
    return {"type": "paragraph", "content": list(content)}


LINK = {"type": "link", "attrs": {"href": "https://example.com"}}
ITEM = {"type": "listItem", "content": [_paragraph(_text("a"))]}


@pytest.mark.parametrize(
    ("block", "read"),
    [
        (_paragraph(_text("see "), _text("this", marks=[LINK, {"type": "strong"}])), "see this"),
        (_paragraph(_text("a"), {"type": "hardBreak"}, _text("b")), "a\nb"),
        (
            _paragraph({"type": "mention", "attrs": {"id": "1", "text": "@Maria"}}, _text(" look")),
            "@Maria look",
        ),
        ({"type": "heading", "attrs": {"level": 3}, "content": [_text("Cause")]}, "Cause"),
        ({"type": "bulletList", "content": [ITEM, ITEM]}, "a\na"),
        (
            {"type": "codeBlock", "attrs": {"language": "yaml"}, "content": [_text("a: 1\nb: 2")]},
            "a: 1\nb: 2",
        ),
        ({"type": "panel", "attrs": {"panelType": "info"}, "content": [_paragraph(_text("note"))]}, "note"),
        ({"type": "expand", "attrs": {"title": "Diff"}, "content": [_paragraph(_text("+ x"))]}, "+ x"),
        ({"type": "rule"}, ""),
        (_paragraph(), ""),
    ],
)
def test_documents_that_pass(block, read):
    assert adf.problem(_doc(block)) == ""
    assert adf.plain(_doc(block)) == read


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ({"type": "paragraph", "content": [_paragraph()]}, "paragraph may not stand in paragraph"),
        ({"type": "paragraph", "content": [_text("a", marks=[{"type": "blink"}])]}, "unknown mark"),
        ({"type": "paragraph", "content": [_text("a", marks=[{"type": "link"}])]}, "no href"),
        ({"type": "paragraph", "content": "text"}, "not a list"),
        ({"type": "paragraph", "content": ["text"]}, "no node"),
        ({"type": "codeBlock", "content": [_text("a", marks=[{"type": "strong"}])]}, "no marks"),
        ({"type": "listItem", "content": [_paragraph()]}, "listItem may not stand in doc"),
        ({"type": "table", "content": []}, "no content"),
        ({"type": "heading", "content": [_text("a")]}, "level"),
    ],
)
def test_documents_that_do_not(block, says):
    assert says in adf.problem(_doc(block))


@given(st.text(max_size=200))
def test_pasted_text_is_a_document_that_reads_the_same(text):
    document = adf.from_text(text)
    assert adf.problem(document) == ""
    assert adf.plain(document) == "\n".join(line for line in text.split("\n") if line)


NODES = st.recursive(
    st.none() | st.text(max_size=4) | st.integers(),
    lambda inner: st.fixed_dictionaries(
        {"type": st.sampled_from(("doc", "paragraph", "text", "heading", "listItem", "bulletList", "x"))},
        optional={
            "content": inner | st.lists(inner, max_size=3),
            "text": inner,
            "attrs": inner,
            "marks": inner,
        },
    ),
    max_leaves=10,
)


@given(st.lists(NODES, max_size=3))
@settings(max_examples=100, deadline=None)
def test_no_document_breaks_the_check(content):
    document = _doc(*content)
    if adf.problem(document) == "":
        assert isinstance(adf.plain(document), str)
