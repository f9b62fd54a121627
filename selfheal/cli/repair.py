"""`selfheal repair`: the change in a repository that mends what is wrong in a cluster or a dump of one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from selfheal.diagnosis.engine import Diagnosis
    from selfheal.repair.plan import RepairResult

SCHEMA_VERSION = 1


@click.command()
@click.option(
    "--repo",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="The repository that deploys it; need not be a git work tree.",
)
@click.option(
    "--path", default="", metavar="DIR", help="The folder in it that is deployed, when several could be."
)
@click.option(
    "--snapshot", "directory", type=click.Path(path_type=Path), metavar="DIR", help="A dump directory."
)
@click.option("--context", metavar="NAME", help="A context of the kubeconfig in KUBECONFIG.")
@click.option("--namespace", default="", metavar="NS", help="Look at this namespace only.")
@click.option("--target", "target_text", default="", metavar="KIND/NAME", help="What the incident is about.")
@click.option("--apply", "write", is_flag=True, help="Write the proposed change into the files.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def repair(
    repo: Path,
    path: str,
    directory: Path | None,
    context: str | None,
    namespace: str,
    target_text: str,
    write: bool,
    form: str,
) -> int:
    """Find the smallest change in a repository that mends what is wrong, and prove it by rendering.

    Nothing is written without --apply. Exit 0 when a change is proposed or none is needed, 4 when a person has to
    decide.
    """
    from selfheal import config
    from selfheal.cli.diagnose import load
    from selfheal.diagnosis.engine import diagnose
    from selfheal.diagnosis.target import parse_target
    from selfheal.errors import UsageProblem
    from selfheal.incidents.record import Target
    from selfheal.repair.plan import plan
    from selfheal.repository.foldertree import open_tree

    if not repo.is_dir():
        raise UsageProblem(f"There is no directory {repo}.", hint="Give --repo the checked-out repository.")
    target = parse_target(target_text, namespace) if target_text else Target(namespace=namespace)
    settings = config.load(file_text=config.read_file(repo))
    snapshot = load(directory, context, namespace)
    found = diagnose(snapshot, target=target if target.name or target.namespace else None)
    result = plan(
        open_tree(repo),
        found.to_analysis(snapshot),
        settings=settings,
        path=_relative(repo, path),
        snapshot=snapshot,
        target=found.target,
    )
    if write and result.decision == "propose":
        _write(repo, result)
    if form == "json":
        click.echo(json.dumps(document(found, result), indent=2, ensure_ascii=False))
    else:
        _tell(found, result, written=write)
    return 4 if result.decision == "escalate" else 0


def document(found: Diagnosis, result: RepairResult) -> dict[str, Any]:
    """The JSON document; its shape is a contract. All text in it is redacted."""
    from selfheal.redaction import redactor

    told: dict[str, Any] = redactor().data(
        {
            "schema_version": SCHEMA_VERSION,
            "diagnosis": found.document(),
            "decision": result.decision,
            "reason": result.reason,
            "title": result.title,
            "requires_recreate": result.requires_recreate,
            "changes": [{"path": change.path, "diff": change.diff} for change in result.changes],
            "rendered": [
                {
                    "object": item.object.model_dump(),
                    "field": item.field,
                    "before": item.before,
                    "after": item.after,
                    "origin": item.origin,
                }
                for item in result.rendered
            ],
            "consequences": [
                {
                    "object": item.object.model_dump(),
                    "field": item.field,
                    "before": item.before,
                    "after": item.after,
                }
                for item in result.consequences
            ],
            "reaches": list(result.disclosed),
            "policy": [verdict.model_dump() for verdict in result.policy],
        }
    )
    return told


def _relative(repo: Path, path: str) -> str:
    """``--path`` relative to the repository, however it was typed. Raises UsageProblem."""
    from selfheal.errors import SelfhealError, UsageProblem
    from selfheal.repository.paths import normalised

    if not path:
        return ""
    given = Path(path)
    root = repo.resolve()
    if given.is_absolute():
        if not given.resolve().is_relative_to(root):
            raise UsageProblem(
                f"{path} is not inside {repo}.", hint="Give --path a folder of the repository."
            )
        path = given.resolve().relative_to(root).as_posix()
    try:
        inside = normalised(path)
    except SelfhealError as error:
        raise UsageProblem(error.message, hint=error.hint) from error
    if not (root / inside).exists():
        raise UsageProblem(f"There is no {path} in {repo}.", hint="Give --path a folder of the repository.")
    return inside


def _write(repo: Path, result: RepairResult) -> None:
    """Writes the changes. Raises Conflict when a file is not what the change was made from."""
    from selfheal.errors import Conflict
    from selfheal.repository.paths import confined

    root = repo.resolve()
    for change in result.changes:
        target = root / confined(change.path)
        if not target.resolve().is_relative_to(root) or target.is_symlink():
            raise Conflict(f"{change.path} leads out of the repository.", hint="Nothing further was written.")
        if (target.read_bytes() if target.exists() else None) != change.before:
            raise Conflict(f"{change.path} changed meanwhile.", hint="Run the command again.")
        if change.after is not None:
            target.write_bytes(change.after)


def _tell(found: Diagnosis, result: RepairResult, *, written: bool) -> None:
    from selfheal.redaction import terminal

    root = found.root
    if root is not None:
        click.echo(f"cause     {root.fault} on {root.object} ({root.confidence:.0%})")
        click.echo(f"          {terminal(root.summary)}")
    click.echo(f"decision  {result.decision}")
    if result.title:
        click.echo(f"title     {terminal(result.title)}")
    click.echo(f"reason    {terminal(result.reason)}")
    for item in result.rendered:
        click.echo(
            f"field     {item.object} {item.field}: {terminal(str(item.before))} → {terminal(str(item.after))}"
        )
    if result.requires_recreate:
        click.echo(
            "note      The field cannot be changed on the living object: it has to be deleted and made again."
        )
    for change in result.changes:
        click.echo("")
        for line in terminal(change.diff).splitlines():
            colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
            click.echo(click.style(line, fg=colour) if colour else line)
    failed = [verdict for verdict in result.policy if not verdict.passed]
    if result.policy:
        click.echo(f"\npolicy    {len(result.policy) - len(failed)} of {len(result.policy)} rules are met")
    for verdict in failed:
        click.echo(f"          {verdict.rule}: {terminal(verdict.detail)}")
    if result.decision == "propose":
        told = (
            "The files were changed." if written else "Nothing was written; add --apply to change the files."
        )
        click.echo(f"\n{told}")
