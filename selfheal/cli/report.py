"""`selfheal report`: the result of a run, for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from selfheal.errors import NotFound, UsageProblem


@click.command()
@click.argument("result", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(["markdown", "json"]), default="markdown", show_default=True
)
def report(result: Path | None, form: str) -> None:
    """Show RESULT, or the newest file in results/."""
    from selfheal.redaction import terminal
    from selfheal.reports.markdown import run_markdown

    document = _read(result or _newest(Path("results")))
    text = (
        run_markdown(document) if form == "markdown" else json.dumps(document, indent=2, ensure_ascii=False)
    )
    click.echo(terminal(text))


def _newest(folder: Path) -> Path:
    found = sorted(folder.glob("*.json"))
    if not found:
        raise NotFound(f"There is no result in {folder}/.", hint="`selfheal run` leaves one, or name a file.")
    return found[-1]


def _read(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        known = document["schema_version"] == 1 and isinstance(document["incidents"], list)
    except FileNotFoundError as error:
        raise NotFound(f"There is no file {path}.", hint="Results are kept in results/.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageProblem(
            f"{path} is not the result of a run.", hint="Name a file out of results/."
        ) from error
    if not known:
        raise UsageProblem(f"{path} is the result of another version.", hint="Name a file out of results/.")
    return document
