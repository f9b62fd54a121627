"""`selfheal sandbox serve`: the embedded servers as a process of their own."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

PARTS = ("jira", "github", "kubernetes")


@click.group()
def sandbox() -> None:
    """The embedded JSM, GitHub and Kubernetes."""


@sandbox.command()
@click.option(
    "--only",
    default=",".join(PARTS),
    show_default=True,
    metavar="NAMES",
    help="Which servers, comma separated.",
)
@click.option(
    "--scenario", "scenarios", multiple=True, metavar="NAME", help="Stage this scenario; may be repeated."
)
@click.option(
    "--env-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the variables another shell needs.",
)
@click.option(
    "--directory", type=click.Path(file_okay=False, path_type=Path), help="Where repositories are kept."
)
@click.option(
    "--time-factor",
    type=click.FloatRange(1, 1000),
    default=20.0,
    show_default=True,
    help="How much faster than life.",
)
@click.option(
    "--approve-after",
    type=click.FloatRange(0, 3600),
    default=0.5,
    show_default=True,
    help="Seconds until the simulated person approves a pull request.",
)
def serve(
    only: str,
    scenarios: tuple[str, ...],
    env_file: Path | None,
    directory: Path | None,
    time_factor: float,
    approve_after: float,
) -> None:
    """Serve the sandbox on loopback until interrupted.

    Then, in another shell: `set -a; . ./FILE; set +a; selfheal run`.
    """
    from selfheal.sandbox.world import World

    parts = tuple(part.strip() for part in only.split(",") if part.strip())
    wrong = [part for part in parts if part not in PARTS]
    if wrong or not parts:
        raise click.UsageError(
            f"--only takes {', '.join(PARTS)}; {', '.join(wrong) or 'nothing'} is none of them."
        )
    with World(
        directory, scenarios=list(scenarios), only=parts, time_factor=time_factor, approve_after=approve_after
    ) as world:
        if env_file is not None:
            world.env_file(env_file)
            click.echo(f"variables: {env_file}")
        for name, address in world.addresses().items():
            click.echo(f"{name:<11} {address}")
        click.echo("ready; stop with Ctrl-C")
        stopped = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        stopped.wait()
