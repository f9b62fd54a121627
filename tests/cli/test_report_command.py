"""`selfheal report`: the newest result, a named one, and what is none."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from selfheal import cli
from selfheal.config import load
from selfheal.reports.result import run_document, write_result
from selfheal.stages.report import Outcome, StageReport

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def _result(tmp_path, run: str, key: str):
    chain = [StageReport("deploy", key, Outcome.ENDED, state="INCIDENT_RESOLVED")]
    return write_result(tmp_path / "results", run_document(run, NOW, NOW, {key: chain}, load(environ={})))


def test_the_newest_is_shown_when_none_is_named(tmp_path):
    _result(tmp_path, "20261124T000000Z-aaaa", "INC-1")
    _result(tmp_path, "20261125T000000Z-bbbb", "INC-2")
    shown = CliRunner().invoke(cli.group, ["report"])
    assert shown.exit_code == 0
    assert "INC-2" in shown.output
    assert "INC-1" not in shown.output


def test_json_is_the_document_itself(tmp_path):
    path = _result(tmp_path, "r", "INC-1")
    shown = CliRunner().invoke(cli.group, ["report", str(path), "--format", "json"])
    assert json.loads(shown.output) == json.loads(path.read_text())


@pytest.mark.parametrize(
    "text", ["", "[]", '{"schema_version": 1}', '{"schema_version": 9, "incidents": []}']
)
def test_what_is_no_result_is_said_plainly(tmp_path, text, capsys):
    (tmp_path / "odd.json").write_text(text)
    with pytest.raises(SystemExit) as left:
        cli.main(["report", "odd.json"])
    assert left.value.code == 2
    assert "odd.json is" in capsys.readouterr().err


def test_without_any_result_it_says_where_they_come_from(capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["report"])
    assert left.value.code == 1
    assert "selfheal run" in capsys.readouterr().err
