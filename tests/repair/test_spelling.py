"""A slip is put right by words that the repository uses, and only where one word is plainly meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.repair.spelling import Words, distance, is_mended, lines_of, mended, read_right, respelled
from selfheal.repair.view import View
from selfheal.repository.foldertree import FolderTree

JOB: dict[str, Any] = {
    "kind": "Job",
    "metadata": {"name": "ledger-migrate"},
    "spec": {"args": ["migrate", "--dir=/migrations/ledgr"], "addr": "postgres://postgres:5432/ledger"},
}
ARGS = "/spec/args/1"


def words(*texts: str) -> Words:
    return Words(texts)


def test_the_word_that_everything_else_says() -> None:
    told = ["open migrations: directory does not exist: see --dir"]
    assert mended(JOB["spec"]["args"][1], ARGS, JOB, [JOB], told) == "--dir=/migrations/ledger"
    assert mended(JOB["spec"]["args"], "/spec/args", JOB, [JOB], told) == [
        "migrate",
        "--dir=/migrations/ledger",
    ]


def test_an_argument_that_nobody_names_stays() -> None:
    assert mended(JOB["spec"]["args"], "/spec/args", JOB, [JOB], ["migrate failed, nothing applied"]) is None


def test_an_option_that_is_named_is_not_its_value() -> None:
    known = words("--quue=default", "queue", "defaults")
    assert respelled("--quue=default", known, ["unknown flag: --quue"]) == "--queue=default"


def test_a_word_that_only_a_log_says_is_never_taken() -> None:
    obj: dict[str, Any] = {"kind": "Job", "spec": {"args": ["--dir=/migrations/ledgr"]}}
    assert mended(obj["spec"]["args"], "/spec/args", obj, [obj], ["see --dir, not ledgr but ledger"]) is None


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("/helthz", ("/helthz", "/healthz", "/helths")),  # Two are as near.
        ("/orders", ("/orders", "order")),  # Another form of the word.
        ("/redy", ("/redy", "/redy/other", "ready")),  # It is used elsewhere, so it is meant.
        ("shop-1234", ("shop-1234", "shop-1235")),  # Another number is another thing.
        ("v2alpha", ("v2alpha", "v1alpha")),
        ("/api", ("/api", "/app")),  # Too short to tell.
        (
            "postgres://u:pasword@db/x",
            ("postgres://u:pasword@db/x", "password"),
        ),  # It may be the password itself.
    ],
)
def test_what_is_not_plain_stays(text: str, known: tuple[str, ...]) -> None:
    assert respelled(text, words(*known)) is None


def test_two_slips_are_not_told_apart() -> None:
    assert respelled("/helthz/redy", words("/helthz/redy", "healthz", "ready")) is None


def test_nearer_words_count_first() -> None:
    known = words("/redy", "/ready", "reedy")
    assert respelled("/redy", known) is None
    assert respelled("/redy", known, None, (words("/ready"),)) == "/ready"


def test_lines_of_files_count_without_keys_and_comments(tmp_path: Path) -> None:
    data = b'# ledger\nledger:\n  - path: "/ready" # metrics\n  - {name: probe, value: /other}\n'
    (tmp_path / "a.yaml").write_bytes(data)
    (tmp_path / "README.md").write_bytes(b"ledger")
    assert lines_of(View(FolderTree(tmp_path))) == ['"/ready"', "- {name: probe, value: /other}"]


def test_a_path_is_spelled_as_other_paths_are() -> None:
    obj = {"kind": "Deployment", "spec": {"probe": "/redy"}}
    assert (
        mended("/redy", "/spec/httpGet/path", obj, [obj], [], ["/redy", "reedy", "get /health/ready"])
        == "/ready"
    )


def test_a_word_that_two_files_have_is_meant() -> None:
    obj = {"kind": "Deployment", "spec": {"probe": "/redy"}}
    assert mended("/redy", "/spec/httpGet/path", obj, [obj], [], ["/redy", "/redy", "/ready"]) is None


def test_case_is_kept() -> None:
    assert respelled("LEDGR", words("LEDGR", "ledger")) == "LEDGER"


@pytest.mark.parametrize(
    ("text", "right"),
    [("2o", "20"), ("5OO", "500"), ("l0", "10"), ("15 sec", "15s"), ("5 minutes", "5m"), ("250 msec", "250ms"),
     ("many", None), ("", None), ("20", None), ("abc1", None), ("o", None)],
)  # fmt: skip
def test_numbers_that_are_read_wrong(text: str, right: str | None) -> None:
    assert read_right(text) == right


def test_the_gate_knows_a_mended_value_from_another() -> None:
    assert is_mended("--dir=/migrations/ledger", "--dir=/migrations/ledgr", [JOB])
    assert is_mended("20", "2o", [])
    assert not is_mended("--dir=/migrations/evil", "--dir=/migrations/ledgr", [JOB])
    assert not is_mended("--dir=/ledger/ledger", "--dir=/migrations/ledgr", [JOB])
    assert not is_mended("21", "2o", [])


@given(st.text("abcdef", min_size=1, max_size=9), st.text("abcdef", min_size=1, max_size=9))
def test_distance_is_the_same_both_ways(left: str, right: str) -> None:
    assert min(distance(left, right, 3), 4) == min(distance(right, left, 3), 4)
    assert (distance(left, right, 3) == 0) == (left == right)


@given(st.text("abcdefgh", min_size=5, max_size=10), st.data())
def test_one_slip_is_one_place(word: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(word) - 2))
    swapped = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    for slip in (word[:place] + word[place + 1 :], word[:place] + "z" + word[place:], swapped):
        assert distance(word, slip, 2) <= 1
