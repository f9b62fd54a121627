"""The command line: one file per command, thin. Commands are imported when they are called, not before.

Only this package prints to the terminal and decides exit codes; everything below raises or returns.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from selfheal import __version__
from selfheal.errors import SelfhealError
from selfheal.incidents.errors import IncidentError

#: Command -> (module, attribute, one line for --help). The module is imported only when the command runs.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "diagnose": (
        "selfheal.cli.diagnose",
        "diagnose",
        "Find the root cause in a cluster or a snapshot of one.",
    ),
    "repair": (
        "selfheal.cli.repair",
        "repair",
        "Find the smallest change in a repository that mends it, and prove it.",
    ),
    "run": ("selfheal.cli.run", "run", "Heal the incidents assigned to the bot, all stages."),
    "stage": ("selfheal.cli.stage", "stage", "Run one stage of one incident."),
    "incidents": (
        "selfheal.cli.incidents",
        "incidents",
        "List and show incidents as the State Manager knows them.",
    ),
    "state": ("selfheal.cli.state", "state", "Read or set the state of an incident."),
    "report": ("selfheal.cli.report", "report", "Show the result of a run."),
    "faults": ("selfheal.cli.faults", "faults", "List the known faults and show their pages."),
    "demo": ("selfheal.cli.demo", "demo", "Heal three incidents on the embedded sandbox."),
    "sandbox": ("selfheal.cli.sandbox", "sandbox", "Serve the embedded Jira, GitHub and Kubernetes."),
    "init": ("selfheal.cli.init", "init", "Write the workflow and the settings into a repository."),
    "doctor": ("selfheal.cli.doctor", "doctor", "Check what is configured, what answers, what is missing."),
}


class _LazyGroup(click.Group):
    """Knows every command's name and line of help; loads a command's module when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, attribute, _line = COMMANDS[name]
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - the table above is ours
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_module, _attribute, line) in COMMANDS.items()])


@click.group(
    cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, prog_name="selfheal")
def group() -> None:
    """Heals Kubernetes incidents filed in Jira Service Management.

    Exit codes: 0 done; 1 something failed; 2 usage; 3 configuration or credentials; 4 a person is needed.
    """


def main(arguments: list[str] | None = None) -> None:
    """Entry point. Errors of the house become one clear message and their exit code, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    try:
        code = group.main(args=arguments, prog_name="selfheal", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (SelfhealError, IncidentError) as error:
        sys.exit(explain(error))
    sys.exit(code if isinstance(code, int) else 0)


def explain(error: SelfhealError | IncidentError) -> int:
    """Prints the error for a person and answers its exit code."""
    from selfheal.redaction import terminal

    click.echo(f"error: {terminal(error.message)}", err=True)
    if error.hint:
        click.echo(f"  what to do: {terminal(error.hint)}", err=True)
    return getattr(error, "exit_code", 1)
