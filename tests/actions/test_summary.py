"""The step summary: bounded, and no foreign text becomes a link, a mention, a chart or the end of a block."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from selfheal.actions import summary
from selfheal.incidents.record import Analysis, Evidence, ObjectRef, PullRequest, Record, Step
from selfheal.incidents.states import Stage, State
from selfheal.jsm.manager import Incident
from selfheal.stages.listing import Item, Listing
from selfheal.stages.report import Outcome, StageReport

NOW = datetime(2026, 11, 24, 3, 15, tzinfo=UTC)
EVIL = "@team [click](https://evil.example) ![x](https://evil.example/p) <script> ``` \n```mermaid\ngraph TD"


def record(**changes):
    steps = (State.INCIDENT_DETECTED, State.ANALYSIS_IN_PROGRESS, State.ANALYSIS_COMPLETE)
    history = tuple(
        Step(
            at=NOW + timedelta(seconds=10 * number),
            from_state=steps[number],
            to_state=steps[number + 1],
            stage="analyze",
            note=EVIL,
        )
        for number in range(2)
    )
    return Record(state=State.ANALYSIS_COMPLETE, entered=NOW, history=history, **changes)


def incident(found, url="https://acme.atlassian.net/browse/INC-1"):
    return Incident(
        key="INC-1", summary=EVIL, description=EVIL, status="Open", status_category="new", priority="High", issue_type="Incident",
        project="INC", assignee=None, reporter=None, labels=(), services=(), created=NOW, updated=NOW, url=url, record=found,
    )  # fmt: skip


def report(**changes):
    return StageReport(
        **{
            "stage": Stage.ANALYZE,
            "key": "INC-1",
            "outcome": Outcome.PROGRESS,
            "summary": EVIL,
            "hint": EVIL,
            **changes,
        }
    )


def analysed():
    where = ObjectRef(kind="Deployment", namespace="shop", name="catalog")
    evidence = tuple(
        Evidence(id=f"e{number}", source="log", object=where, message=EVIL) for number in range(9)
    )
    return Analysis(verdict="fault", fault="oom-killed", object=where, summary=EVIL, evidence=evidence)


def test_foreign_text_stays_text():
    text = summary.of_stage(report(), incident(record(analysis=analysed())), ())
    assert "](https://evil.example)" not in text.replace("\\]\\(", "")
    assert "<script>" not in text
    assert "@team" not in text
    assert text.count("```mermaid") == 1
    assert text.count("```") == 2


def test_the_timeline_holds_states_and_numbers_alone():
    lines = summary.timeline("INC-1", record().history, "ANALYSIS_COMPLETE")
    assert lines[:2] == ["```mermaid", "gantt"]
    begin = int(NOW.timestamp())
    assert f"  ANALYSIS_IN_PROGRESS :{begin}, {begin + 10}" in lines
    assert f"  ANALYSIS_COMPLETE :milestone, {begin + 10}, {begin + 11}" in lines
    assert "evil" not in "\n".join(lines)
    assert summary.timeline("INC-1", (), "INCIDENT_DETECTED") == []


def test_a_diff_cannot_end_its_block_and_is_cut():
    lines = summary.fenced("+ x\n```\n````\n# not a heading" + "y" * 50_000, "diff")
    assert lines[0] == "`````diff"
    assert lines[2] == "`````"
    assert len(lines[1]) < summary.DIFF + 100


def test_what_cannot_be_seen_in_a_diff_is_spelled_out():
    shown = "\n".join(summary.fenced("+image: a\u202egnp\x1b[2K\u200b\r", "diff"))
    assert "+image: a\\u{202e}gnp\\u{001b}[2K\\u{200b}\\u{000d}" in shown


def test_addresses_that_are_none_are_not_links():
    found = record(pull_requests=(PullRequest(number=3, url="javascript:alert(1)"),))
    text = summary.of_stage(report(), incident(found, url="https://x/) [y](https://evil.example"), ())
    assert "javascript" not in text
    assert "Pull request #3" in text
    assert "## ✅ INC-1: analyze, progress" in text


def test_a_dry_run_says_what_would_have_been_written():
    text = summary.of_stage(report(would_write=["move INC-1 to ANALYSIS_COMPLETE"]), None)
    assert "nothing was written" in text
    assert "ANALYSIS\\_COMPLETE" in text


def test_the_listing_says_what_is_served_where_and_what_is_not():
    failed = report(stage=Stage.COORDINATE, key="INC-4", outcome=Outcome.PERSON, summary="names no service")
    found = Listing(
        [Item("INC-1", "analyze")],
        [Item("INC-2", "analyze", "acme/x")],
        {"INC-3": "It is closed."},
        2,
        [failed],
    )
    text = summary.of_listing(found)
    for part in (
        "| INC-1 | analyze |",
        "handed to acme/x",
        "INC-3 is not served: It is closed.",
        "INC-4: names no service",
        "2 more wait",
    ):
        assert part in text
    assert "Nothing to do" in summary.of_listing(Listing())
