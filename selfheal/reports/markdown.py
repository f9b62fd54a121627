"""The result of a run as Markdown, to read or to paste. Foreign text passes the Markdown sink."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfheal.redaction import markdown

#: Characters of a cell; what is longer is in the JSON document.
CELL = 120


def run_markdown(document: Mapping[str, Any]) -> str:
    """The document of :func:`selfheal.reports.result.run_document` for people: a table, then a section an incident."""
    incidents = document["incidents"]
    lines = [
        f"# Run {markdown(str(document['run']))}",
        "",
        f"{len(incidents)} incident(s) in {document['seconds']:.1f} s, mode `{document['mode']}`, "
        f"model `{document['model']}`{', dry run: nothing was written' if document['dry_run'] else ''}.",
        "",
    ]
    if not incidents:
        return "\n".join([*lines, "Nothing to do: no incident is assigned to us and none is in flight.", ""])
    lines += [
        "| incident | root cause | fix | pull request | time | requests | state |",
        "|---|---|---|---|---:|---:|---|",
    ]
    lines += ["| " + " | ".join(_cells(incident)) + " |" for incident in incidents]
    for incident in incidents:
        lines += ["", *_section(incident)]
    return "\n".join([*lines, ""])


def row(incident: Mapping[str, Any]) -> tuple[str, ...]:
    """Incident, root cause, fix, pull request, time, requests, state, as plain text for any table."""
    facts = incident["facts"]
    cause = " on ".join(part for part in (facts.get("fault", ""), facts.get("object", "")) if part)
    return (
        str(incident["key"]),
        cause,
        str(facts.get("fix", "")),
        str(facts.get("pull_request", "")),
        f"{incident['seconds']:.1f} s",
        str(sum(incident["requests"].values())),
        str(incident["state"]).removeprefix("INCIDENT_"),
    )


def _cells(incident: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(markdown(" ".join(text.split())[:CELL]) for text in row(incident))


def _section(incident: Mapping[str, Any]) -> list[str]:
    facts = incident["facts"]
    lines = [f"## {markdown(str(incident['key']))}: {markdown(str(facts.get('summary', '')))}", ""]
    if facts.get("cause"):
        lines += [f"**Cause.** {markdown(str(facts['cause']))}", ""]
    if incident["summary"]:
        lines += [f"**Outcome.** {markdown(str(incident['summary']))}", ""]
    if incident["hint"]:
        lines += [f"**What to do.** {markdown(str(incident['hint']))}", ""]
    lines += ["| stage | outcome | seconds | requests |", "|---|---|---:|---:|"]
    lines += [
        f"| {stage['stage']} | {stage['outcome']} | {stage['seconds']:.1f} | {sum(stage['requests'].values())} |"
        for stage in incident["stages"]
    ]
    if incident["would_write"]:
        lines += ["", "What would have been written:", ""]
        lines += [f"- {markdown(line)}" for line in incident["would_write"]]
    return lines
