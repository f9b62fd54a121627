"""`selfheal run`: all stages of the incidents assigned to the bot."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from selfheal.stages.report import StageReport

MODES = click.Choice(["observe", "propose", "heal"])


@click.command()
@click.option("--incident", "keys", multiple=True, metavar="KEY", help="Only this incident; may be repeated.")
@click.option(
    "--assignee", default="", help="Account the incidents are assigned to. Default: the token's own."
)
@click.option(
    "--priority",
    default="",
    metavar="NAMES",
    help="Only these priorities, comma separated, such as High,Critical.",
)
@click.option(
    "--max-incidents", type=click.IntRange(1, 256), help="At most this many; the rest waits for the next run."
)
@click.option(
    "--parallel", type=click.IntRange(1, 16), default=2, show_default=True, help="Incidents served at a time."
)
@click.option(
    "--mode",
    type=MODES,
    help="observe: propose in Jira only; propose: open pull requests; heal: merge approved ones.",
)
@click.option("--model", metavar="NAME", help="builtin, or a provider model such as openai/gpt-5-mini.")
@click.option("--dry-run", is_flag=True, help="Write nothing anywhere; say what would have been written.")
@click.option("--log-level", type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"]), default=None)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def run(
    keys: tuple[str, ...], assignee: str, priority: str, max_incidents: int | None, parallel: int, mode: str | None,
    model: str | None, dry_run: bool, log_level: str | None, form: str,
) -> int:  # fmt: skip
    """Heal the incidents assigned to the bot: new ones and those in flight.

    Each stage runs as a child process that gets only its own credentials. The log is logs/selfheal.log, the result
    results/<run>.json. Waiting for a review is exit 0; a person being needed is exit 4.
    """
    flags: dict[str, Any] = {
        "mode": mode,
        "dry_run": "true" if dry_run else None,
        "log_level": log_level,
        "model": {"name": model},
        "limits": {"max_incidents": max_incidents},
    }
    code, document = heal(os.environ, flags, keys, assignee, priority, parallel, quiet=form == "json")
    if form == "json":
        import json

        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    return code


def heal(
    environ: Any, flags: dict[str, Any], keys: tuple[str, ...], assignee: str, priority: str, parallel: int, *, quiet: bool,
    detail: bool = False,
) -> tuple[int, dict[str, Any]]:  # fmt: skip
    """Runs, prints progress to the terminal (stderr when ``quiet``), writes the result; answers exit code and document."""
    from rich.console import Console

    from selfheal.cli.terminal import Presenter
    from selfheal.redaction.logfilter import configure_logging, level_of
    from selfheal.reports.result import run_document, write_result
    from selfheal.stages.dispatch import Dispatcher

    presenter = Presenter(Console(stderr=quiet, highlight=False), detail=detail)
    configure_logging(
        Path("logs/selfheal.log"), level_of(flags.get("log_level") or environ.get("SELFHEAL_LOG_LEVEL"))
    )
    dispatcher = Dispatcher(environ, flags, presenter.event)
    started = dispatcher.clock.now()
    queue = dispatcher.queue(keys=keys, assignee=assignee, priority=priority)
    for key, reason in queue.refused.items():
        presenter.line(key, f"not served: {reason}", "yellow")
    reports: dict[str, list[StageReport]] = {}
    if queue.items:
        presenter.line(
            "run", f"{dispatcher.run_id}: {len(queue.items)} incident(s), mode {dispatcher.settings.mode}"
        )
        reports = dispatcher.heal(queue, parallel=parallel)
    elif not queue.refused:
        presenter.line("run", "Nothing to do: no incident is assigned to us and none is in flight.")
    if queue.left_for_next_run:
        presenter.line(
            "run", f"{queue.left_for_next_run} more wait for the next run (--max-incidents).", "yellow"
        )
    document = run_document(dispatcher.run_id, started, dispatcher.clock.now(), reports, dispatcher.settings)
    path = write_result(Path("results"), document)
    presenter.line("run", f"result: {path}", "dim")
    return exit_code(reports) or (4 if queue.refused else 0), document


def exit_code(reports: dict[str, list[StageReport]]) -> int:
    """1 beats 3 beats 4 beats 0, over the last report of each incident."""
    codes = {chain[-1].exit_code for chain in reports.values() if chain}
    return next((code for code in (1, 3, 4) if code in codes), 0)
