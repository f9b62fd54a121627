"""`selfheal state`: where an incident stands, and a person's way to say where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from selfheal.cli.site import echo, echo_json, format_option, full, manager
from selfheal.incidents.states import State

if TYPE_CHECKING:
    from selfheal.jsm.manager import Incident


@click.group()
def state() -> None:
    """Read or set the state of one incident. Works alone: needs Jira and nothing else."""


@state.command("get")
@click.argument("key")
@format_option
def get(key: str, form: str) -> int:
    """Print the state of KEY and what it rests on."""
    incident = manager().load(key)
    if form == "json":
        echo_json(document(incident))
    else:
        _print(incident)
    return 1 if incident.record_problem else 0


@state.command("set")
@click.argument("key")
@click.argument(
    "new_state", metavar="STATE", type=click.Choice([item.value for item in State], case_sensitive=False)
)
@click.option("--force", is_flag=True, help="Set it without the proof that the step asks for.")
@click.option(
    "--reason", default="", metavar="TEXT", help="Why; needed with --force and when handing over. Recorded."
)
@format_option
def put(key: str, new_state: str, force: bool, reason: str, form: str) -> int:
    """Move KEY to STATE.

    Without --force only steps are possible whose proof Jira itself gives, such as handing over to a person
    (INCIDENT_REQUIRES_HUMAN with a --reason). With --force a person answers for it: the reason goes into the record,
    and whoever works on the incident stops.
    """
    jira = manager()
    to = State(new_state.upper())
    if force:
        incident = jira.force(key, to, reason)
    else:
        incident = jira.transition(key, to, {"reason": reason, "code": "by-command"} if reason else None)
    if form == "json":
        echo_json(document(incident))
    else:
        _print(incident)
    return 0


def document(incident: Incident) -> dict[str, Any]:
    """The JSON form: the incident with its state, its record, and what comes next."""
    from selfheal.incidents.states import TRANSITIONS

    record = incident.record
    return {**full(incident), "next": sorted(TRANSITIONS[record.state]) if record else []}


def _print(incident: Incident) -> None:
    record = incident.record
    echo(f"{incident.key}  {incident.summary}", bold=True)
    if incident.record_problem:
        echo(f"  the record cannot be read: {incident.record_problem}", fg="red")
        echo(
            "  add the label selfheal-retry to start afresh, or use `selfheal state set … --force --reason …`"
        )
        return
    if record is None:
        echo("  not started: selfheal has no record on it")
        return
    echo(f"  state    {record.state}, attempt {record.attempt}, since {record.entered:%Y-%m-%d %H:%M:%S} UTC")
    echo(f"  next     {record.served_by or 'a person'}")
    if record.claim is not None:
        claim = record.claim
        echo(f"  claimed  by {claim.owner} for {claim.stage} until {claim.expires:%H:%M:%S} UTC")
    if record.not_before is not None:
        echo(f"  put off  until {record.not_before:%Y-%m-%d %H:%M:%S} UTC")
    for step in record.history[-5:]:
        note = f"  {step.note}" if step.note else ""
        echo(f"  {step.at:%m-%d %H:%M:%S}  {step.from_state} → {step.to_state}{note}")
