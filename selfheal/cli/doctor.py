"""`selfheal doctor`: what is configured, what answers, what is missing, how to fix it."""

from __future__ import annotations

import json
import os

import click

_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "missing": ("✗", "red"), "failed": ("✗", "red")}


@click.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def doctor(form: str) -> int:
    """Check what is configured, what answers and what is missing. Writes nothing anywhere.

    Exit code 3 when something that is needed is missing or fails.
    """
    from selfheal import doctor as examination
    from selfheal.clock import SystemClock
    from selfheal.redaction import terminal

    checks = []
    for check in examination.examine(os.environ, SystemClock()):
        checks.append(check)
        if form == "text":
            mark, colour = _MARKS[check.result]
            click.secho(f"{mark} {check.area:<13} {terminal(check.what)}", fg=colour)
            if check.why:
                click.echo(f"    why it matters: {terminal(check.why)}")
            if check.fix:
                click.echo(f"    how to fix it:  {terminal(check.fix)}")
    if form == "json":
        click.echo(json.dumps(examination.document(checks), indent=2, ensure_ascii=False))
    return examination.exit_code(checks)
