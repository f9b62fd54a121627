"""The faults' pages as Markdown: for ``selfheal faults show`` and for docs/faults, which is generated from them.

``python -m selfheal.faults.pages DIRECTORY`` writes one file a fault and an index.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from selfheal.faults.catalogue import CATALOGUE
from selfheal.faults.interface import Fault
from selfheal.faults.precedence import LAYERS, layer

_HEADING = re.compile(r"^# ", re.MULTILINE)
_MARK = "<!-- Generated from the faults' own pages by `python -m selfheal.faults.pages docs/faults`. -->"


def page(fault: Fault) -> str:
    """The fault's page as it stands in its file."""
    return (sys.modules[type(fault).__module__].__doc__ or "").strip()


def summary(fault: Fault) -> str:
    """The first sentence of the page."""
    return page(fault).partition("\n\n")[0].replace("\n", " ")


def as_markdown(fault: Fault) -> str:
    """The page with its id as title, what it blames, and what its remedy may write."""
    first, _, rest = page(fault).partition("\n\n")
    blames = ", ".join(fault.blames[:12]) + (" and other kinds" if len(fault.blames) > 12 else "")
    writes = "\n".join(f"- `{field}`" for field in shortened(fault.writes)) or "Nothing."
    body = _HEADING.sub("## ", rest)
    return (
        f"# {fault.id}\n\n{_MARK}\n\n{first}\n\nBlames: {blames}. Layer: {LAYERS[layer(fault.id)][0]}.\n\n{body}\n\n"
        f"## What it may write\n{writes}\n"
    )


def shortened(writes: tuple[str, ...]) -> tuple[str, ...]:
    """Pointers once for all places where kinds keep their pod spec, written as ``<pod spec>``."""
    specs = ("/spec/jobTemplate/spec/template/spec", "/spec/template/spec")
    found = []
    for field in writes:
        spec = next((item for item in specs if field.startswith(item + "/")), "")
        rest = field.removeprefix(spec) if spec else field.removeprefix("/spec")
        in_pod = f"{specs[1]}{rest}" in writes
        found.append(f"<pod spec>{rest}" if in_pod else field)
    return tuple(dict.fromkeys(found))


def index() -> str:
    """All faults with their first sentences, by layer."""
    lines = ["# Faults", "", _MARK, ""]
    lines.append(
        "What `selfheal diagnose` knows, in the order of the layers that a pod meets; an earlier layer explains later ones."
    )
    for number, (name, _ids) in enumerate(LAYERS):
        here = [fault for fault in CATALOGUE if layer(fault.id) == number]
        if here:
            lines += ["", f"## {name.capitalize()}", ""]
            lines += [f"- [{fault.id}]({fault.id}.md): {summary(fault)}" for fault in here]
    return "\n".join(lines) + "\n"


def documents() -> dict[str, str]:
    """File name and content of everything in docs/faults."""
    return {"README.md": index(), **{f"{fault.id}.md": as_markdown(fault) for fault in CATALOGUE}}


def write(directory: Path) -> None:
    """Writes the pages, and removes those of faults that are no more."""
    directory.mkdir(parents=True, exist_ok=True)
    wanted = documents()
    for path in directory.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (directory / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/faults"))
