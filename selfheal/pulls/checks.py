"""Whether a commit's checks are green. Pure. Check runs and commit statuses count alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from selfheal.redaction import terminal

Colour = Literal["green", "red", "pending", "none", "unknown"]
_GOOD = frozenset({"success", "neutral", "skipped"})


@dataclass(frozen=True)
class Checks:
    """``none``: the commit has no check at all; ``unknown``: our token may not read them (``why``)."""

    colour: Colour
    failed: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    why: str = ""


def judge(runs: Iterable[Mapping[str, Any]], statuses: Iterable[Mapping[str, Any]]) -> Checks:
    """``runs`` are check runs, ``statuses`` the latest status of each context. Anything not known to be good is not."""
    failed: list[str] = []
    pending: list[str] = []
    passed: list[str] = []
    for run in runs:
        name = _name(run.get("name"))
        if run.get("status") != "completed":
            pending.append(name)
        elif run.get("conclusion") in _GOOD:
            passed.append(name)
        else:
            failed.append(name)
    for status in statuses:
        name, state = _name(status.get("context")), status.get("state")
        (passed if state == "success" else pending if state == "pending" else failed).append(name)
    colour: Colour = "red" if failed else "pending" if pending else "green" if passed else "none"
    return Checks(colour, tuple(sorted(failed)), tuple(sorted(pending)), tuple(sorted(passed)))


def _name(text: Any) -> str:
    return terminal(str(text or "unnamed"))[:100]
