"""What a step tells the runner: no text ends a command or forges a mark."""

from __future__ import annotations

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfheal.actions import commands
from tests.actions.runner_files import read_outputs


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    value=st.text(alphabet=st.characters(exclude_characters="\r", exclude_categories=("Cs",)), max_size=200)
)
def test_an_output_comes_back_as_it_was_and_sets_no_other(value, tmp_path):
    path = tmp_path / "output"
    path.write_text("")
    commands.set_outputs({"state": value, "next": "fix"}, {"GITHUB_OUTPUT": str(path)})
    assert read_outputs(path.read_text()) == {"state": value, "next": "fix"}


def test_half_a_character_stops_nothing(tmp_path):
    output, summary = tmp_path / "output", tmp_path / "summary"
    output.write_text("")
    commands.set_outputs({"state": "a\ud800b"}, {"GITHUB_OUTPUT": str(output)})
    commands.add_summary("a\ud800b", {"GITHUB_STEP_SUMMARY": str(summary)})
    assert read_outputs(output.read_text()) == {"state": "a?b"}
    assert summary.read_text() == "a?b\n"


def test_an_annotation_stays_one_command(capsys):
    commands.annotate("error", "a,b::c", "x\n::set-output name=a::b\n%0A::add-mask::y")
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert re.fullmatch(r"::error title=[^:,\n]*::[^\n]*\n", said)


def test_masks_are_line_by_line_and_spare_short_words(capsys):
    commands.mask("first-secret\nsecond-secret\nabc")
    assert capsys.readouterr().out.splitlines() == ["::add-mask::first-secret", "::add-mask::second-secret"]


def test_nothing_printed_between_is_a_command(capsys):
    with commands.without_commands():
        print("::error::not one of ours")
    lines = capsys.readouterr().out.splitlines()
    token = lines[0].removeprefix("::stop-commands::")
    assert len(token) == 32
    assert lines[-1] == f"::{token}::"


def test_a_summary_has_a_budget(tmp_path):
    path = tmp_path / "summary"
    path.touch()
    commands.add_summary("line of text é\n" * 100_000, {"GITHUB_STEP_SUMMARY": str(path)})
    text = path.read_text(encoding="utf-8")
    assert path.stat().st_size < commands.SUMMARY + 200
    assert "Cut here" in text


def test_outside_actions_nothing_is_written():
    commands.set_outputs({"a": "b"}, {})
    commands.add_summary("text", {})
