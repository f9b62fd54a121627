"""`selfheal demo`: the main job on the embedded sandbox, for somebody who has neither Jira, GitHub nor a cluster."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

#: What a newcomer is shown: an out-of-memory kill, a mistyped image tag, a missing ConfigMap key.
SHOWN = ("catalog-out-of-memory", "cart-image-tag", "checkout-missing-key")


@click.command()
@click.option(
    "--scenario", "names", multiple=True, metavar="NAME", help="Instead of the usual three; may be repeated."
)
@click.option(
    "--model", default="builtin", show_default=True, help="A provider model, with OPENAI_API_KEY set."
)
@click.option("--list", "list_them", is_flag=True, help="List the scenarios and stop.")
def demo(names: tuple[str, ...], model: str, list_them: bool) -> int:
    """Heal incidents of a small shop on this machine: real clients, real git, embedded Jira, GitHub and Kubernetes.

    Leaves results/<run>.json and results/<run>.md.
    """
    from rich.console import Console

    from selfheal.sandbox import scenario as scenarios

    if list_them:
        for name in scenarios.names():
            click.echo(f"{name:<28} {scenarios.load(name).incident['summary']}")
        return 0
    unknown = [name for name in names if name not in scenarios.names()]
    if unknown:
        raise click.UsageError(
            f"There is no scenario {unknown[0]!r}; there are: {', '.join(scenarios.names())}."
        )
    return _show(Console(highlight=False), names or SHOWN, model)


def _show(console: Console, names: tuple[str, ...], model: str) -> int:
    from selfheal.cli.run import heal
    from selfheal.reports.markdown import run_markdown
    from selfheal.sandbox.world import World
    from selfheal.stages.credentials import environment_for

    console.print(
        "[bold]selfheal demo[/]: a shop on an embedded Jira, GitHub and Kubernetes, all on this machine."
    )
    with World(scenarios=names) as world:
        for name, address in world.addresses().items():
            console.print(f"  {name:<11} {address}", style="dim")
        for key, scenario in world.incidents.items():
            console.print(f"[bold cyan]{key:<9}[/] {scenario.incident['summary']}", style="dim")
        console.print(
            f"A simulated person, {world.reviewer}, approves each pull request; every other part is the real program.\n",
            style="dim",
        )
        holds = ("model_url", "model_key") if model != "builtin" else ()
        environ = environment_for(holds, os.environ) | world.environ()
        flags: dict[str, Any] = {"mode": "heal", "model": {"name": model}}
        code, document = heal(environ, flags, (), "", "", len(names), quiet=False, detail=True)
    _table(console, document)
    path = Path("results") / f"{document['run']}.md"
    path.write_text(run_markdown(document), encoding="utf-8")
    console.print(f"\nresult: {path} and {path.with_suffix('.json')}", style="dim")
    return code


def _table(console: Console, document: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    from selfheal.redaction import terminal
    from selfheal.reports.markdown import row

    table = Table(
        title=f"{len(document['incidents'])} incidents in {document['seconds']:.1f} s", title_justify="left"
    )
    for heading in ("incident", "root cause", "fix", "pull", "time", "requests", "state"):
        wraps = heading in ("root cause", "fix")
        table.add_column(heading, overflow="fold", no_wrap=not wraps)
    for incident in document["incidents"]:
        texts = [terminal(cell) for cell in row(incident)]
        # The address stands above, and in the result; a number fits a narrow terminal.
        texts[3] = "#" + texts[3].rpartition("/")[2] if texts[3] else ""
        *cells, state = (Text(text) for text in texts)
        state.stylize("green" if state.plain == "RESOLVED" else "yellow")
        table.add_row(*cells, state)
    console.print()
    console.print(table)
