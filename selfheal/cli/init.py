"""`selfheal init`: the files a repository needs, and `selfheal init jira-rule`: Jira's rules through its API."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from selfheal.config import Settings
    from selfheal.init.files import Planned
    from selfheal.init.jira_rules import Site

_MARKS = {"create": "+", "same": "=", "renew": "~", "keep": "!"}
_MEANING = {
    "create": "new", "same": "unchanged", "renew": "renewed (nobody had changed it)",
    "keep": "kept as you changed it; the newer version differs",
}  # fmt: skip
_KEY = re.compile(r"[A-Z][A-Z0-9_]+")


@click.group(invoke_without_command=True)
@click.option(
    "--repository",
    metavar="OWNER/NAME",
    default="",
    help="This repository. Default: GITHUB_REPOSITORY, or its remote.",
)
@click.option(
    "--project",
    metavar="KEY",
    default="",
    help="Jira project that incidents are filed in. Default: SELFHEAL_JIRA_PROJECT.",
)
@click.option(
    "--escalation", metavar="NAME", default="", help="Account or group that gets what cannot be finished."
)
@click.option(
    "--bot", metavar="ACCOUNT", default="", help="Account that incidents are assigned to, for Jira's rules."
)
@click.option(
    "--operations",
    metavar="NAME",
    default="",
    help="This is a service repository; NAME is the operations repository.",
)
@click.option(
    "--directory",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    default=Path(),
    help="The repository.",
)
@click.option("--diff", "only_diff", is_flag=True, help="Show what would change and write nothing.")
@click.pass_context
def init(
    context: click.Context, repository: str, project: str, escalation: str, bot: str, operations: str, directory: Path, only_diff: bool
) -> int:  # fmt: skip
    """Write the workflow, the settings and what goes with them into a repository.

    Writes nothing that a person changed, and shows the difference instead; twice is the same as once. A signing key is
    printed once and written nowhere.
    """
    if context.invoked_subcommand is not None:
        context.obj = (repository, project, escalation, bot)
        return 0
    from selfheal.init import files

    site = _site(repository, project, escalation, bot, directory)
    operations = _same_owner(operations, site.repository)
    planned = files.plan(directory, files.contents(site, operations=operations))
    new = not (directory / files.WRITTEN).exists()
    for item in planned:
        _show(item, detail=only_diff)
    if only_diff:
        return 0
    files.apply(directory, planned)
    if new:
        click.echo(
            f"\nSet these secrets; .github/selfheal/README.md says where each comes from:\n{_secret_list(app=bool(operations))}"
        )
        click.echo(
            f"\nA signing key, shown this once:\n\n    gh secret set SELFHEAL_SIGNING_KEY --body {secrets.token_hex(32)}\n"
        )
        listed = (
            f"name {site.repository} at its services in the .selfheal.yml of {operations}"
            if operations
            else "list your services in .selfheal.yml"
        )
        check = "run `selfheal doctor`" if operations else "start the workflow by hand with `doctor` ticked"
        click.echo(f"Then {listed}, commit, and {check}: it says what is missing.")
    return 0


@init.command("jira-rule")
@click.option(
    "--enable", is_flag=True, help="Switch the rules on at once; by default they are made disabled."
)
@click.option(
    "--minutes",
    type=click.IntRange(15, 1440),
    default=90,
    show_default=True,
    help="Without progress, until people get it back.",
)
@click.option("--api", default="", metavar="URL", help="Another address of the rule API.")
@click.pass_context
def jira_rule(context: click.Context, enable: bool, minutes: int, api: str) -> int:
    """Make Jira's automation rules through its API.

    Needs a Jira administrator's ATLASSIAN_EMAIL and ATLASSIAN_TOKEN with ATLASSIAN_CLOUD_ID, and in
    SELFHEAL_DISPATCH_TOKEN a GitHub token with contents: write on the repository alone. A rule that exists is left alone.
    """
    from dataclasses import replace

    from selfheal import config
    from selfheal.init import jira_rules
    from selfheal.init.automation import Automation

    settings = config.load(environ=os.environ)
    token = os.environ.get("SELFHEAL_DISPATCH_TOKEN", "")
    repository, project, escalation, bot = context.obj
    site = replace(
        _site(repository, project, escalation, bot, Path()),
        minutes=minutes,
        token=token,
        github_url=settings.endpoints.github_url,
    )
    automation = Automation(settings, url=api)
    author, project_id = _who(settings, site.project)
    existing = automation.names()
    for rule in jira_rules.rules(site):
        if rule["name"] in existing:
            click.echo(f"= {rule['name']}: exists")
            continue
        uuid = automation.make(rule, site, author=author, project_id=project_id)
        if enable:
            automation.enable(uuid)
        click.echo(f"+ {rule['name']}: {'on' if enable else 'made, disabled: look at it and switch it on'}")
    if not token:
        click.echo(
            "SELFHEAL_DISPATCH_TOKEN is not set: put a token into the Authorization header of the rules that tell GitHub.",
            err=True,
        )
    return 0


def _site(repository: str, project: str, escalation: str, bot: str, directory: Path) -> Site:
    from selfheal.errors import UsageProblem
    from selfheal.init.jira_rules import Site

    repository = repository or os.environ.get("GITHUB_REPOSITORY", "") or _remote(directory)
    project = project or os.environ.get("SELFHEAL_JIRA_PROJECT", "")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise UsageProblem("Which repository is this?", hint="Write --repository owner/name.")
    if not _KEY.fullmatch(project):
        raise UsageProblem(
            "Which Jira project are incidents filed in?", hint="Write its key, such as --project INC."
        )
    return Site(repository=repository, project=project, escalation=escalation, bot=bot)


def _same_owner(operations: str, repository: str) -> str:
    """The operations repository's bare name. Raises UsageProblem when it is no name, or another owner's."""
    from selfheal.errors import UsageProblem

    owner, _slash, name = operations.rpartition("/")
    if not operations:
        return ""
    if not re.fullmatch(r"[\w.-]+", name) or owner not in ("", repository.partition("/")[0]):
        raise UsageProblem(
            "The operations repository has to be one of the same owner.",
            hint="Write its name alone, such as --operations ops.",
        )
    return name


def _remote(directory: Path) -> str:
    """owner/name out of the remote that the folder's git configuration names, read as text: no git runs here."""
    path = directory / ".git" / "config"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    found = re.search(r"url\s*=\s*\S+?[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?\s", text)
    return found.group(1) if found else ""


def _who(settings: Settings, project: str) -> tuple[str, str]:
    """The administrator's account id and the project's id, which the rule API wants instead of names."""
    from selfheal.clock import SystemClock
    from selfheal.jsm.project import project_id

    return project_id(settings, SystemClock(), project)


def _show(item: Planned, *, detail: bool) -> None:
    from selfheal.redaction import terminal

    click.echo(f"{_MARKS[item.action]} {item.path}: {_MEANING[item.action]}")
    if item.action in ("renew", "keep") or (detail and item.action == "create"):
        click.echo(terminal("".join(f"    {line}" for line in item.diff().splitlines(keepends=True))))


def _secret_list(*, app: bool) -> str:
    """``app``: reading the operations repository needs the GitHub App; else it is better than doing without."""
    for_app = "" if app else " (recommended: starts the checks of pull requests)"
    names = (
        "ATLASSIAN_TOKEN", "ATLASSIAN_EMAIL (for a user's token)", "ATLASSIAN_CLOUD_ID", "KUBECONFIG", "SELFHEAL_SIGNING_KEY",
        f"SELFHEAL_APP_CLIENT_ID, SELFHEAL_APP_PRIVATE_KEY{for_app}", "OPENAI_API_KEY (optional)",
    )  # fmt: skip
    return "\n".join(f"    {name}" for name in names)
