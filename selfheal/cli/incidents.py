"""`selfheal incidents`: which incidents there are, and everything about one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from selfheal.cli.site import brief, echo, echo_json, format_option, full, manager
from selfheal.incidents.states import State

if TYPE_CHECKING:
    from selfheal.jsm.manager import Incident


@click.group()
def incidents() -> None:
    """List incidents or show one. Reads only."""


@incidents.command("list")
@click.option(
    "--state", "states", multiple=True, type=click.Choice([item.value for item in State], case_sensitive=False),
    help="Only incidents in this state; may be repeated. Default: new ones and those in flight.",
)  # fmt: skip
@click.option("--assignee", default="", help="New incidents of this account. Default: the token's own.")
@click.option("--priority", default="", metavar="NAMES", help="New incidents of these priorities only.")
@click.option("--max-results", type=click.IntRange(1, 500), default=50, show_default=True)
@format_option
def listed(states: tuple[str, ...], assignee: str, priority: str, max_results: int, form: str) -> int:
    """List incidents by state."""
    jira = manager()
    found = jira.search([State(item.upper()) for item in states], max_results)
    if not states:
        known = {incident.key for incident in found}
        new = jira.fetch(assignee, priority, max_results=max_results)
        found = (found + [incident for incident in new if incident.key not in known])[:max_results]
    if form == "json":
        echo_json({"incidents": [brief(incident) for incident in found]})
        return 0
    if not found:
        echo("No incident.")
    for incident in found:
        row = brief(incident)
        where = row["state"] or ("record unreadable" if row["problem"] else "new")
        echo(f"{row['key']:<10} {where:<26} {row['priority']:<8} {row['summary']}")
    return 0


@incidents.command("show")
@click.argument("key")
@format_option
def show(key: str, form: str) -> int:
    """Show everything about KEY."""
    incident = manager().show(key)
    if form == "json":
        echo_json(full(incident))
        return 0
    _print(incident)
    return 0


def _print(incident: Incident) -> None:
    echo(f"{incident.key}  {incident.summary}", bold=True)
    for name, value in (
        ("address", incident.url),
        ("status", f"{incident.status}, priority {incident.priority}"),
        ("assigned to", incident.assignee.name if incident.assignee else "nobody"),
        ("reported by", incident.reporter.name if incident.reporter else "nobody"),
        ("services", ", ".join(incident.services) or "none named"),
        ("labels", ", ".join(incident.labels) or "none"),
        ("record", incident.record_problem or ("" if incident.record else "none: not started")),
    ):
        if value:
            echo(f"  {name:<12} {value}")
    if incident.description:
        echo()
        for line in incident.description.splitlines():
            echo(f"  {line}")
    _print_record(incident)


def _print_record(incident: Incident) -> None:
    record = incident.record
    if record is None:
        return
    echo()
    echo(f"  {'state':<12} {record.state}, attempt {record.attempt}")
    analysis, change, request, verified = (
        record.analysis,
        record.change,
        record.pull_request,
        record.verification,
    )
    if analysis is not None:
        echo(
            f"  {'cause':<12} {analysis.fault or analysis.verdict} on {analysis.object or 'nothing'}: {analysis.summary}"
        )
        for item in analysis.evidence:
            echo(f"  {'':<12} · {item.object}: {item.message or item.field}")
    if change is not None:
        echo(f"  {'change':<12} {change.title or change.reason} ({', '.join(change.paths)})")
    if request is not None:
        echo(f"  {'pull request':<12} #{request.number} {request.state} {request.url}")
    if verified is not None and verified.outcome is not None:
        echo(f"  {'verification':<12} {verified.outcome}: {'; '.join(verified.reasons)}")
    for step in record.history:
        note = f"  {step.note}" if step.note else ""
        echo(f"  {step.at:%m-%d %H:%M:%S}  {step.from_state} → {step.to_state}{note}")
