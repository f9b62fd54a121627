from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from selfheal.incidents.record import Analysis, Change, ObjectRef, Outcome, Tried
from selfheal.incidents.states import State
from selfheal.knowledge.index import PASSAGE, Document, Index, passages
from selfheal.knowledge.sources import past_incidents, runbooks
from tests.crew import doubles

CART = Document("docs/cart.md", "# Cart\nGeneral words.\n\n## Memory\nIt needs 200 MiB for 40000 products.\n")
MAIL = Document("docs/mail.md", "# Mail\n## Queue\nWhen the queue grows, look at the relay.\n")


def test_the_passage_that_fits_comes_first_with_its_heading():
    found = Index([MAIL, CART]).search("why does the cart need so much memory?")
    assert found[0].origin == "docs/cart.md#Memory"
    assert "200 MiB" in found[0].text


def test_words_are_found_in_other_forms():
    assert Index([MAIL]).search("growing queues")[0].origin == "docs/mail.md#Queue"


def test_nothing_fits_is_an_answer():
    assert Index([CART]).search("zebra") == []
    assert Index([]).search("cart") == []
    assert Index([CART]).search("?!") == []


def test_a_heading_in_a_code_block_is_none():
    assert [title for title, _text in passages("# A\n```\n# not one\n```\n")] == ["A"]


def test_a_long_text_is_cut_but_nothing_is_lost():
    text = "word " * 1000
    parts = [part for _title, part in passages(text)]
    assert all(len(part) <= PASSAGE for part in parts)
    assert " ".join(" ".join(parts).split()) == " ".join(text.split())


@given(st.text(max_size=200))
def test_any_text_is_a_query(query):
    Index([CART]).search(query)


@given(st.text(max_size=3000))
def test_any_text_is_a_document(text):
    Index([Document("x", text)]).search("cart memory")


def test_runbooks_are_the_markdown_files_under_the_configured_paths(tmp_path):
    tree = doubles.repository(tmp_path)
    (tmp_path / "docs/runbooks/notes.txt").write_text("memory")
    (tmp_path / "README.md").write_text("memory")
    found = runbooks(tree, doubles.settings().knowledge.paths)
    assert [document.origin for document in found] == ["docs/runbooks/cart.md"]


def test_past_incidents_say_what_healed_them_and_what_did_not():
    analysis = Analysis(
        verdict="fault",
        fault="oom-killed",
        object=ObjectRef(kind="Deployment", namespace="shop", name="cart"),
        summary="It ran out of memory.",
    )
    record = doubles.record(
        State.INCIDENT_RESOLVED,
        analysis=analysis,
        change=Change(decision="propose", title="Raise the memory limit"),
        tried=(Tried(attempt=1, fault="env-var-invalid", outcome=Outcome.INEFFECTIVE, learned="no change"),),
    )
    old = doubles.incident("OPS-3", record=record)
    (document,) = past_incidents([old, doubles.incident("OPS-4")], besides="OPS-1")
    assert document.origin == "OPS-3"
    assert "Raise the memory limit" in document.text
    assert "env-var-invalid" in document.text
    assert past_incidents([old], besides="OPS-3") == []
