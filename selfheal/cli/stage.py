"""`selfheal stage`: one stage of one incident, as a job of its own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from selfheal.incidents.states import Stage

if TYPE_CHECKING:
    from selfheal.cli.terminal import Presenter
    from selfheal.stages.dispatch import Dispatcher


@click.command()
@click.argument("stage", type=click.Choice([name.value for name in Stage]))
@click.option(
    "--incident",
    "key",
    default="",
    metavar="KEY",
    help="The incident; for coordinate, everything that waits.",
)
@click.option("--mode", type=click.Choice(["observe", "propose", "heal"]))
@click.option("--model", metavar="NAME", help="builtin, or a provider model.")
@click.option("--dry-run", is_flag=True, help="Write nothing anywhere; say what would have been written.")
@click.option("--log-level", type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"]), default=None)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def stage(
    stage: str, key: str, mode: str | None, model: str | None, dry_run: bool, log_level: str | None, form: str
) -> int:
    """Run STAGE for one incident, with that stage's credentials only.

    gate and pr need SELFHEAL_SIGNING_KEY, the same for both. The repository is cloned first unless
    SELFHEAL_REPOSITORY_DIR names a checkout. `stage coordinate` without --incident coordinates what is new and lists
    what waits, each with the stage that serves it next.
    """
    if not key and stage != Stage.COORDINATE:
        raise click.UsageError(f"The stage {stage} serves one incident: --incident KEY.")
    from rich.console import Console

    from selfheal.cli.terminal import Presenter
    from selfheal.redaction.logfilter import configure_logging, level_of
    from selfheal.stages.dispatch import Dispatcher

    flags = {
        "mode": mode,
        "dry_run": "true" if dry_run else None,
        "log_level": log_level,
        "model": {"name": model},
    }
    presenter = Presenter(Console(stderr=form == "json", highlight=False))
    configure_logging(Path("logs/selfheal.log"), level_of(log_level or os.environ.get("SELFHEAL_LOG_LEVEL")))
    dispatcher = Dispatcher(os.environ, flags, presenter.event, own_key=False)
    if not key:
        return _list(dispatcher, presenter, form)
    report = dispatcher.alone(Stage(stage), key)
    if form == "json":
        click.echo(json.dumps({"schema_version": 1, **report.document()}, indent=2, ensure_ascii=False))
    else:
        presenter.line(key, f"{report.outcome}: {report.summary or report.state}")
        if report.hint:
            presenter.line(key, f"  what to do: {report.hint}", "yellow")
    return report.exit_code


def _list(dispatcher: Dispatcher, presenter: Presenter, form: str) -> int:
    """What waits. 1 when a new incident could not be coordinated."""
    from selfheal.stages.listing import listing

    found = listing(dispatcher)
    if form == "json":
        click.echo(json.dumps(found.document(), indent=2, ensure_ascii=False))
    for item in found.items:
        presenter.line(item.key, f"next: {item.stage}")
    for item in found.elsewhere:
        presenter.line(item.key, f"belongs to {item.repository}")
    if not (found.items or found.elsewhere):
        presenter.line("run", "Nothing to do: no incident is assigned to us and none is in flight.")
    return 1 if any(report.exit_code == 1 for report in found.reports) else 0
