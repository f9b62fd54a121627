"""The reference of inputs, outputs and secrets in docs/github-actions.md, generated from the files that define them.

``python -m selfheal.actions.reference ROOT`` renews it; a test holds the committed page against it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PAGE = "docs/github-actions.md"
_PART = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def renewed(root: Path) -> str:
    """The page with every generated part as the files say now."""
    parts = {
        "action": "\n".join(_action(_yaml(root / "action.yml"))),
        "heal": "\n".join(_called(_yaml(root / ".github/workflows/heal.yml"))),
    }
    text = (root / PAGE).read_text(encoding="utf-8")
    return _PART.sub(lambda match: f"{match.group(1)}{parts[match.group('name')]}\n{match.group(3)}", text)


def _action(document: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", "| input | default | what it is |", "|---|---|---|")
    for name, given in document["inputs"].items():
        default = "required" if given.get("required") else _default(given.get("default", ""))
        yield f"| `{name}` | {default} | {_cell(given['description'])} |"
    yield from ("", "| output | what it is |", "|---|---|")
    for name, given in document["outputs"].items():
        yield f"| `{name}` | {_cell(given['description'])} |"
    yield ""


def _called(document: Mapping[str, Any]) -> Iterator[str]:
    call = document["on"]["workflow_call"]
    yield from ("", "| input | default | what it is |", "|---|---|---|")
    for name, given in call["inputs"].items():
        yield f"| `{name}` | {_default(given.get('default', ''))} | {_cell(given['description'])} |"
    yield from ("", "| secret | | what it is |", "|---|---|---|")
    for name, given in call["secrets"].items():
        yield f"| `{name}` | {'required' if given.get('required') else ''} | {_cell(given['description'])} |"
    yield ""


def _default(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`" if text else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _yaml(path: Path) -> Any:
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    root = Path(sys.argv[1])
    (root / PAGE).write_text(renewed(root), encoding="utf-8")
