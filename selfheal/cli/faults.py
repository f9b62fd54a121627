"""`selfheal faults`: what the catalogue knows."""

from __future__ import annotations

import json

import click


@click.group()
def faults() -> None:
    """List the known faults and show their pages."""


@faults.command("list")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def list_(form: str) -> int:
    """All faults with their first sentence, in the order of the layers that a pod meets."""
    from selfheal.faults.catalogue import CATALOGUE
    from selfheal.faults.pages import summary
    from selfheal.faults.precedence import LAYERS, layer

    ordered = sorted(CATALOGUE, key=lambda fault: layer(fault.id))
    if form == "json":
        items = [
            {
                "id": fault.id,
                "summary": summary(fault),
                "layer": LAYERS[layer(fault.id)][0],
                "blames": list(fault.blames),
                "writes": list(fault.writes),
            }
            for fault in ordered
        ]
        click.echo(json.dumps({"schema_version": 1, "faults": items}, indent=2))
        return 0
    width = max(len(fault.id) for fault in ordered)
    for fault in ordered:
        click.echo(f"{fault.id:<{width}}  {summary(fault)}")
    return 0


@faults.command()
@click.argument("fault_id", metavar="ID")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def show(fault_id: str, form: str) -> int:
    """The page of one fault: what it is, how it is recognised and told apart, what is changed, how safe that is."""
    from selfheal.faults.catalogue import by_id
    from selfheal.faults.pages import page, shortened

    fault = by_id(fault_id)
    if form == "json":
        document = {
            "schema_version": 1,
            "id": fault.id,
            "page": page(fault),
            "blames": list(fault.blames),
            "writes": list(fault.writes),
        }
        click.echo(json.dumps(document, indent=2))
        return 0
    click.echo(f"{fault.id}\n\n{page(fault)}\n\n# What it may write")
    click.echo("\n".join(f"- {field}" for field in shortened(fault.writes)) or "Nothing.")
    return 0
