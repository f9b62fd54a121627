"""`selfheal repair`: the change in a repository that mends what is wrong in a cluster or a dump of one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfheal.cluster.snapshot import Snapshot
    from selfheal.diagnosis.engine import Diagnosis
    from selfheal.incidents.record import Target
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
    from selfheal.cli import apply
    from selfheal.cli.diagnose import load
    from selfheal.diagnosis.engine import diagnose
    from selfheal.diagnosis.target import parse_target
    from selfheal.errors import UsageProblem
    from selfheal.incidents.record import Target
    from selfheal.repair.plan import plan
    from selfheal.repository.foldertree import open_tree

    if not repo.is_dir():
        raise UsageProblem(f"There is no directory {repo}.", hint="Give --repo the checked-out repository.")
    if directory is not None and directory.resolve() == repo.resolve():
        raise UsageProblem(
            f"{repo} is the dump of the cluster, which nobody deploys.",
            hint="Give --repo the checked-out repository.",
        )
    target = parse_target(target_text, namespace) if target_text else Target(namespace=namespace)
    settings = config.load(file_text=config.read_file(repo))
    snapshot = load(directory, context, namespace)
    found = diagnose(snapshot, target=target if target.name or target.namespace else None)
    tree = open_tree(repo)
    result = plan(
        tree,
        found.to_analysis(snapshot),
        settings=settings,
        path=_relative(repo, path),
        snapshot=snapshot,
        target=found.target,
    )
    if write and result.decision == "propose":
        apply.write(repo, result.changes)
    if form == "json":
        click.echo(json.dumps(document(found, result), indent=2, ensure_ascii=False))
    else:
        from rich.console import Console

        from selfheal.cli.repair_text import Teller

        given = (
            ("--repo", str(repo)), ("--path", path), ("--snapshot", str(directory or "")),
            ("--context", context or ""), ("--namespace", namespace), ("--target", target_text),
        )  # fmt: skip
        command = [part for name, value in given if value for part in (name, value)]
        # Where somebody was at work on a file already, git cannot put it back as it was.
        clean = bool(tree.base_sha) and all(
            tree.show(tree.base_sha, change.path) == change.before for change in result.changes
        )
        Teller(Console(highlight=False)).tell(
            found,
            result,
            repo=repo,
            command=command,
            git=clean,
            written=write and result.decision == "propose",
            notes=_notes(snapshot, target),
        )
    return 4 if result.decision == "escalate" else 0


def _notes(snapshot: Snapshot, target: Target) -> Iterator[str]:
    """What was asked about and is not there: a slip of the pen would lead to somebody else's cause."""
    space = target.namespace
    if space and snapshot.known("Namespace") and snapshot.get("Namespace", "", space) is None:
        yield f"There is no namespace {space}."
    elif (
        target.kind
        and target.name
        and snapshot.known(target.kind, space)
        and not any(
            obj["metadata"].get("name") == target.name for obj in snapshot.list(target.kind, space or None)
        )
    ):
        where = f" in {space}" if space else ""
        yield f"There is no {target.kind} {target.name}{where}; this is what was found nearest to it."


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
