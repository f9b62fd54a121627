"""The result of a run: counts add up, nothing secret is kept, a reader never sees half a file."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from selfheal.config import load
from selfheal.redaction import register
from selfheal.reports.markdown import run_markdown
from selfheal.reports.result import run_document, write_result
from selfheal.stages.report import Outcome, StageReport

BEGAN = datetime(2026, 11, 24, 3, 15, tzinfo=UTC)


def _report(stage: str, outcome: Outcome = Outcome.PROGRESS, **more) -> StageReport:
    return StageReport(stage, "INC-7", outcome, **more)


def _document(*chain: StageReport):
    return run_document(
        "20261124T031500Z-1f3a",
        BEGAN,
        BEGAN + timedelta(seconds=12.5),
        {"INC-7": list(chain)},
        load(environ={}),
    )


def test_counts_are_summed_over_stages_and_incidents():
    document = _document(
        _report("analyze", requests={"jira": 5}, writes={"jira": 2}, seconds=1.5),
        _report("pr", Outcome.WAITING, requests={"jira": 3, "github": 9}, writes={"github": 4}, seconds=2.0),
    )
    (incident,) = document["incidents"]
    assert incident["requests"] == {"github": 9, "jira": 8}
    assert document["totals"]["writes"] == {"github": 4, "jira": 2}
    assert (incident["seconds"], document["seconds"]) == (3.5, 12.5)
    assert incident["outcome"] == "waiting"


def test_the_newest_facts_and_state_count_even_when_the_last_stage_had_none():
    document = _document(
        _report("fix", state="FIX_IN_PROGRESS", facts={"fault": "oom-killed"}),
        _report("gate", Outcome.POSTPONED, summary="Jira does not answer."),
    )
    (incident,) = document["incidents"]
    assert (incident["state"], incident["facts"]["fault"]) == ("FIX_IN_PROGRESS", "oom-killed")


def test_a_dry_runs_overlay_stays_out_and_its_descriptions_stay_in():
    document = _document(
        _report("fix", overlay={"INC-7": {"big": 1}}, would_write=["set the record of INC-7"])
    )
    assert "overlay" not in json.dumps(document)
    assert document["incidents"][0]["would_write"] == ["set the record of INC-7"]


def test_no_credential_of_ours_is_kept():
    register("a-very-secret-token-123")
    document = _document(_report("pr", summary="Authorization: Bearer a-very-secret-token-123"))
    assert "a-very-secret-token-123" not in json.dumps(document)


def test_the_file_is_named_for_the_run_and_whole(tmp_path):
    document = _document(_report("analyze"))
    path = write_result(tmp_path / "results", document)
    assert path.name == "20261124T031500Z-1f3a.json"
    assert json.loads(path.read_text()) == document
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_markdown_shows_the_table_and_neutralises_foreign_text():
    text = run_markdown(
        _document(
            _report(
                "deploy",
                Outcome.ENDED,
                state="INCIDENT_RESOLVED",
                summary="Recovered. @everyone [click](http://evil.example)",
                facts={"summary": "a | b", "fault": "oom-killed", "object": "Deployment shop/catalog"},
            )
        )
    )
    assert "| INC-7 | oom-killed on Deployment shop/catalog |" in text
    assert "| RESOLVED |" in text
    assert "@everyone" not in text
    assert "[click]" not in text.replace("\\[click\\]", "")
    assert "a \\| b" in text


def test_an_empty_run_says_so():
    document = run_document("r", BEGAN, BEGAN, {}, load(environ={}))
    assert "Nothing to do" in run_markdown(document)
