"""What Flux fills into a kustomization after it is built (``postBuild``): ``${NAME}`` and ``${NAME:=default}``.

Flux puts an empty text where a variable without a default has no value. Here such a place stays as it is written: the
value may stand in a Secret, or in a ConfigMap of the cluster, and nobody knows it then.
"""

from __future__ import annotations

import re
from typing import Any

from selfheal.cluster.workloads import mapping
from selfheal.repair.edits.nodes import EditRefused
from selfheal.repair.goal import Goal, Move
from selfheal.repair.objects import documents
from selfheal.repair.sources.composed import between
from selfheal.repair.sources.interface import Overlay
from selfheal.repair.sources.overlaid import at_place
from selfheal.repair.sources.sites import Session, Site
from selfheal.repair.view import View

_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)(?::?[=-]([^}]*))?\}")
_DISABLED = re.compile(r"kustomize\.toolkit\.fluxcd\.io/substitute:\s*[\"']?disabled")


def values(view: View, overlay: Overlay) -> dict[str, str]:
    """The variables whose values stand in the repository."""
    found: dict[str, str] = {}
    for place in overlay.variables:
        found |= {key: str(value) for key, value in mapping(at_place(view, *place)).items()}
    return found


def filled(text: str, known: dict[str, str]) -> str:
    """Rendered output with its variables filled in, except in objects that ask to be spared."""
    return "---\n".join(
        part.lstrip("\n") if _DISABLED.search(part) else _filled(part.lstrip("\n"), known)
        for part in documents(text)
    )


def _filled(text: str, known: dict[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        return known.get(match.group(1), match.group() if match.group(2) is None else match.group(2))

    return _VARIABLE.sub(value, text)


class VariableSite(Site):
    """A field made of variables: the one is changed whose value it comes out by. ``raw`` is the field before that."""

    def __init__(self, view: View, overlay: Overlay, raw: Any) -> None:
        super().__init__(overlay.path, -1)
        self._view = view
        self._overlay = overlay
        self._raw = raw
        self._known = values(view, overlay)

    @property
    def made(self) -> bool:
        """Whether variables are in the field at all."""
        return isinstance(self._raw, str) and _VARIABLE.search(self._raw) is not None

    def held(self, goal: Goal) -> int:
        return len(goal.path) if self.made and not isinstance(goal, Move) else -1

    def reach(self, session: Session, goal: Goal) -> None:
        if goal.op != "set" or isinstance(goal.value, dict | list):
            raise EditRefused(f"{goal.field} is filled in by Flux.")
        for match in _VARIABLE.finditer(self._raw):
            head, tail = (
                _filled(part, self._known) for part in (self._raw[: match.start()], self._raw[match.end() :])
            )
            new = between(str(goal.value), head, tail)
            if new and new != self._known.get(match.group(1)) and self._write(session, match.group(1), new):
                return
        raise EditRefused(f"No variable of {self._overlay.path} decides {goal.field}.")

    def _write(self, session: Session, name: str, value: str) -> bool:
        for path, document, at in reversed(self._overlay.variables):
            if name in mapping(at_place(self._view, path, document, at)):
                session.file(path).text.set(document, (*at, name), value)
                return True
        return False
