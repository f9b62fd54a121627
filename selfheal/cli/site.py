"""What the commands over the State Manager share: a manager from the environment, incidents as JSON and as text."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from selfheal.jsm.manager import Incident, JSMStateManager

#: Of the documents of `state` and `incidents`.
SCHEMA_VERSION = 1

format_option = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)


def manager() -> JSMStateManager:
    """A State Manager for the site that the environment (and ``.selfheal.yml``) names.

    Raises ConfigurationProblem naming what is missing.
    """
    from selfheal import config
    from selfheal.clock import SystemClock
    from selfheal.jsm.manager import JSMStateManager
    from selfheal.redaction import redactor, register

    folder = Path(os.environ.get("SELFHEAL_REPOSITORY_DIR") or ".")
    settings = config.load(file_text=config.read_file(folder), environ=os.environ)
    register(settings.endpoints.jira_token.get_secret_value())
    if settings.redaction.emails:
        redactor().hide_emails()
    return JSMStateManager.connect(settings, clock=SystemClock(), run_id="command line")


def brief(incident: Incident) -> dict[str, Any]:
    """One line of a list."""
    record = incident.record
    return {
        "key": incident.key,
        "state": record.state.value if record else "",
        "attempt": record.attempt if record else 0,
        "served_by": (record.served_by or "") if record else "coordinate",
        "summary": incident.summary,
        "priority": incident.priority,
        "status": incident.status,
        "assignee": incident.assignee.name if incident.assignee else "",
        "url": incident.url,
        "problem": incident.record_problem,
    }


def full(incident: Incident) -> dict[str, Any]:
    """Everything there is about one incident; the record as it is stored."""
    from selfheal.incidents import record as records

    return {
        **brief(incident),
        "description": incident.description,
        "issue_type": incident.issue_type,
        "project": incident.project,
        "reporter": incident.reporter.name if incident.reporter else "",
        "labels": list(incident.labels),
        "services": list(incident.services),
        "created": incident.created.isoformat(),
        "updated": incident.updated.isoformat(),
        "record": records.dump(incident.record) if incident.record else None,
    }


def echo_json(document: dict[str, Any]) -> None:
    """The document on stdout, secrets replaced."""
    import json

    from selfheal.redaction import redactor

    shown = redactor().data({"schema_version": SCHEMA_VERSION, **document})
    click.echo(json.dumps(shown, indent=2, ensure_ascii=False))


def echo(text: str = "", **style: Any) -> None:
    """A line for a person; nothing of others' reaches the terminal unescaped."""
    from selfheal.redaction import terminal

    click.secho(terminal(text), **style)
