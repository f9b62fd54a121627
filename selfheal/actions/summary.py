"""The step summary of a stage: what happened, when, what changes, and where to go on. Bounded; foreign text is escaped."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime

from selfheal.incidents.record import Record, Step
from selfheal.incidents.states import Stage
from selfheal.jsm.manager import Incident
from selfheal.redaction import markdown, redactor
from selfheal.stages.listing import Listing
from selfheal.stages.report import Outcome, StageReport

#: Characters of one diff shown; the rest is in the pull request.
DIFF = 20_000
_STEPS = 20
_STAGES = frozenset(stage.value for stage in Stage)
_EVIDENCE = 6
_MARKS = {
    Outcome.PROGRESS: "✅", Outcome.ENDED: "✅", Outcome.WAITING: "⏳", Outcome.BUSY: "⏳", Outcome.POSTPONED: "⚠️",
    Outcome.PERSON: "🙋", Outcome.FAILED: "❌",
}  # fmt: skip


def of_stage(report: StageReport, incident: Incident | None, diffs: Sequence[str] = ()) -> str:
    """Markdown for one stage of one incident."""
    lines = [
        f"## {_MARKS[report.outcome]} {_linked(report.key, incident)}: {report.stage}, {report.outcome}",
        "",
    ]
    if incident is not None:
        lines += [f"**{markdown(_short(incident.summary))}**", ""]
    if report.summary:
        lines += [markdown(_short(report.summary, 2_000)), ""]
    if report.hint:
        lines += [f"**What to do:** {markdown(_short(report.hint, 2_000))}", ""]
    if report.would_write:
        lines += ["Dry run: nothing was written. It would have been:", ""]
        lines += [f"- {markdown(_short(line))}" for line in report.would_write[:50]] + [""]
    record = incident.record if incident is not None else None
    if record is not None:
        lines += [
            *_cause(record),
            *_pull_requests(record),
            *timeline(report.key, record.history, record.state.value),
        ]
    for diff in diffs:
        lines += fenced(diff, "diff")
    lines += [_used(report), ""]
    return "\n".join(lines)


def of_listing(listing: Listing) -> str:
    """Markdown for the coordinator."""
    lines = [f"## selfheal: {len(listing.items)} incident(s) to serve", ""]
    if not (listing.items or listing.elsewhere or listing.refused or listing.reports):
        return "\n".join([*lines, "Nothing to do: no incident is assigned to us and none is in flight.", ""])
    if listing.items or listing.elsewhere:
        lines += ["| incident | next |", "|---|---|"]
        lines += [f"| {item.key} | {item.stage} |" for item in listing.items]
        lines += [f"| {item.key} | handed to {markdown(item.repository)} |" for item in listing.elsewhere]
        lines += [""]
    lines += [
        f"- {markdown(key)} is not served: {markdown(_short(why))}" for key, why in listing.refused.items()
    ]
    for report in listing.reports:
        if report.outcome not in (Outcome.PROGRESS, Outcome.WAITING):
            lines.append(f"- {_MARKS[report.outcome]} {report.key}: {markdown(_short(report.summary))}")
    if listing.left_for_next_run:
        lines += ["", f"{listing.left_for_next_run} more wait for the next run (`max-incidents`)."]
    return "\n".join([*lines, ""])


def timeline(key: str, history: Sequence[Step], state: str) -> list[str]:
    """The incident's life as a Mermaid chart. Only keys, states and numbers go into it, so no text can leave it."""
    steps = [step for step in history if step.at is not None][-_STEPS:]
    if not steps:
        return []
    lines = ["```mermaid", "gantt", f"  title {key}", "  dateFormat X", "  axisFormat %H:%M:%S"]
    for number, step in enumerate(steps):
        begin = _seconds(step.at)
        last = number + 1 == len(steps)
        end = begin + 1 if last else max(begin + 1, _seconds(steps[number + 1].at))
        # The section is the stage that took the step, if it is one: people can edit the record.
        mark = "milestone, " if last else ""
        lines.append(f"  section {step.stage if step.stage in _STAGES else 'selfheal'}")
        lines.append(f"  {step.to_state.value.removeprefix('INCIDENT_')} :{mark}{begin}, {end}")
    return [*lines, "```", "", f"State now: `{state}`.", ""]


def fenced(text: str, language: str) -> list[str]:
    """A code block that its text cannot end. What nobody can see, or what turns the order of words around, is spelled out."""
    clean = "".join(map(_visible, redactor().text(text)))
    if len(clean) > DIFF:
        clean = clean[:DIFF] + "\n(cut here)"
    fence = "```"
    while fence in clean:
        fence += "`"
    return [f"{fence}{language}", clean.rstrip("\n"), fence, ""]


def _visible(char: str) -> str:
    hidden = char not in "\n\t" and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co")
    return f"\\u{{{ord(char):04x}}}" if hidden else char


def _cause(record: Record) -> list[str]:
    analysis = record.analysis
    if analysis is None:
        return []
    about = f" on {markdown(str(analysis.object))}" if analysis.object else ""
    lines = [
        f"**Root cause:** `{markdown(analysis.fault or analysis.verdict)}`{about}. {markdown(_short(analysis.summary))}",
        "",
    ]
    lines += [
        f"- {markdown(_short(item.message or str(item.value)))}" for item in analysis.evidence[:_EVIDENCE]
    ]
    return [*lines, ""]


def _pull_requests(record: Record) -> list[str]:
    return [
        f"- [Pull request #{entry.number}]({entry.url}) ({entry.role}, {entry.state})" if _safe_url(entry.url) else f"- Pull request #{entry.number}"
        for entry in record.pull_requests
    ] + ([""] if record.pull_requests else [])  # fmt: skip


def _linked(key: str, incident: Incident | None) -> str:
    return f"[{key}]({incident.url})" if incident is not None and _safe_url(incident.url) else key


def _safe_url(url: str) -> bool:
    return url.startswith(("https://", "http://")) and not any(char in url for char in " ()<>[]\"'\n\\`")


def _used(report: StageReport) -> str:
    requests = ", ".join(f"{count} to {name}" for name, count in report.requests.items())
    model = f", model `{markdown(report.model)}`" if report.model else ""
    return f"<sub>{report.seconds:.1f} s{model}, requests: {requests or 'none'}</sub>"


def _short(text: str, limit: int = 300) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= limit else one_line[: limit - 1] + "…"


def _seconds(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp())
