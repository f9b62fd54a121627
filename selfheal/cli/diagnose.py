"""`selfheal diagnose`: the root cause in a cluster or in a dump of one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from selfheal.cluster.snapshot import Snapshot


@click.command()
@click.option(
    "--snapshot", "directory", type=click.Path(path_type=Path), metavar="DIR", help="A dump directory."
)
@click.option("--context", metavar="NAME", help="A context of the kubeconfig in KUBECONFIG.")
@click.option("--namespace", default="", metavar="NS", help="Look at this namespace only.")
@click.option("--target", "target_text", default="", metavar="KIND/NAME", help="What the incident is about.")
@click.option(
    "--incident-text",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What was reported; a hint at the target, no more.",
)
@click.option(
    "--repo", type=click.Path(path_type=Path), metavar="DIR", help="The repository that deploys it."
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True
)
def diagnose(
    directory: Path | None,
    context: str | None,
    namespace: str,
    target_text: str,
    incident_text: Path | None,
    repo: Path | None,
    form: str,
) -> int:
    """Find the root cause in a cluster or a snapshot of one.

    The verdict is fault, healthy or unknown; the exit code is 0 for any of them. With --format json nothing
    but the document is printed on stdout.
    """
    from selfheal.diagnosis.engine import diagnose as examine
    from selfheal.diagnosis.target import parse_target
    from selfheal.errors import UsageProblem
    from selfheal.incidents.record import Target

    target = parse_target(target_text, namespace) if target_text else Target(namespace=namespace)
    if repo is not None and not repo.is_dir():
        raise UsageProblem(f"There is no directory {repo}.", hint="Give --repo the checked-out repository.")
    text = ""
    if incident_text is not None:
        try:
            text = incident_text.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise UsageProblem(
                f"The incident text {incident_text} cannot be read: {error.strerror}.",
                hint="Give a readable file.",
            ) from error
    snapshot = load(directory, context, namespace)
    given = target if target.name or target.namespace else None
    held = None
    if repo is not None:
        from selfheal.repair.declared import declared

        held = declared(repo, snapshot)
    found = examine(snapshot, target=given, incident_text=text, declared=held)
    if form == "json":
        click.echo(json.dumps(found.document(), indent=2, ensure_ascii=False))
        return 0
    from selfheal.diagnosis.note import as_markdown, as_text

    click.echo(as_markdown(found) if form == "markdown" else as_text(found))
    return 0


def load(directory: Path | None, context: str | None, namespace: str) -> Snapshot:
    """The snapshot two options name: a dump, or a live cluster. Raises UsageProblem when both are given."""
    from selfheal.errors import UsageProblem

    if directory is not None and context is not None:
        raise UsageProblem("--snapshot and --context exclude each other.", hint="Give one of them.")
    if directory is not None:
        from selfheal.cluster.dump import load_dump

        return load_dump(directory)
    from selfheal import config
    from selfheal.cluster.live import LiveCluster

    endpoints = config.load().endpoints
    cluster = LiveCluster(endpoints.kubeconfig, context or endpoints.kube_context)
    return cluster.snapshot([namespace] if namespace else None)
