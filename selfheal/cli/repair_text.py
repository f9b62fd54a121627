"""What `selfheal repair` tells a person: the cause, each value and where it comes from, the diff, the risk, what next."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from selfheal.incidents.record import compact
from selfheal.incidents.wording import sentence, spoken
from selfheal.redaction import terminal

if TYPE_CHECKING:
    from rich.console import Console

    from selfheal.diagnosis.engine import Diagnosis
    from selfheal.incidents.record import RenderedChange
    from selfheal.repair.plan import RepairResult

LABEL = 10
WIDTH = 100
_DIFF = (("+++", "bold"), ("---", "bold"), ("@@", "cyan"), ("+", "green"), ("-", "red"))
_DECISION = {"propose": "bold green", "escalate": "bold yellow", "none": "bold green"}
_TEMPLATES = ("Deployment", "StatefulSet", "DaemonSet")
_VALUE = 200


class Teller:
    """Prints to a console; everything that others wrote passes redaction's terminal sink."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = min(console.width, WIDTH) if console.is_terminal else WIDTH

    def tell(
        self,
        found: Diagnosis,
        result: RepairResult,
        *,
        repo: Path,
        command: list[str],
        git: bool,
        written: bool,
        notes: Iterable[str] = (),
    ) -> None:
        """All of it. ``command`` are the options as they were given, without ``--apply``; ``git``: whether git can put
        the files back as they were. ``notes`` come first: what the person may have meant otherwise.
        """
        self._block("note", notes, style="bold yellow")
        self._cause(found)
        self._decision(found, result)
        for change in result.changes:
            self._print("")
            self._diff(change.diff)
        if result.changes:
            self._print("")
        if written and result.changes and result.decision == "propose":
            self._block("written", ["The files were changed."], style="bold green")
        self._block("risk", _risks(result))
        self._block("policy", _policy(result))
        if result.changes and result.decision == "propose":
            self._block("undo", _undo(result, repo, git=git, written=written))
        self._block("next", _next(found, result, repo, command, git=git, written=written), whole=True)

    def _cause(self, found: Diagnosis) -> None:
        from selfheal.diagnosis.note import shown

        root = found.root
        if root is None:
            self._block("cause", [f"none: the verdict is {found.verdict}", *found.reasons[:4]])
            return
        named = f"{root.fault} ({root.variant})" if root.variant else root.fault
        self._block(
            "cause", [f"{named} on {root.object}, {root.confidence:.0%} sure", root.summary], style="bold"
        )
        self._block("evidence", [shown(item) for item in root.evidence[:3]])

    def _decision(self, found: Diagnosis, result: RepairResult) -> None:
        words = {
            "propose": "a change is proposed",
            "escalate": "a person has to decide",
            "none": "nothing to change",
        }
        title = f": {result.title}" if result.title and result.changes else ""
        self._block("decision", [words[result.decision] + title], style=_DECISION[result.decision])
        if result.decision != "propose":
            self._block("why", [sentence(result.reason)])
            root = found.root
            if root is not None and root.mitigation:
                told = "by hand, until it is mended (what is synced from git may undo it):"
                self._block("meanwhile", [told, root.mitigation], whole=True)
        for item in result.rendered:
            value = f"{_short(item.before)} → {_short(item.after)}"
            self._block("field", [f"{spoken(item.field) or 'all'} of {item.object}", value])
            if item.origin:
                self._block("from", [sentence(item.origin)])

    def _diff(self, text: str) -> None:
        from rich.text import Text

        for line in terminal(text).splitlines():
            style = next((style for start, style in _DIFF if line.startswith(start)), "")
            self._console.print(Text(line, style=style), soft_wrap=True)

    def _block(self, label: str, lines: Iterable[str], *, style: str = "", whole: bool = False) -> None:
        """A label, and its lines beside it; ``whole`` lines are for copying and are never broken."""
        from rich.text import Text

        for line in lines:
            clean = terminal(line)
            parts = [clean] if whole else textwrap.wrap(
                clean, self._width - LABEL, break_long_words=False, break_on_hyphens=False
            )  # fmt: skip
            for part in parts:
                self._console.print(
                    Text.assemble((f"{label:<{LABEL}}", "dim"), (part, style)), soft_wrap=True
                )
                label, style = "", ""

    def _print(self, line: str) -> None:
        self._console.print(line)


def _risks(result: RepairResult) -> Iterator[str]:
    if not result.rendered:
        return
    if result.requires_recreate:
        yield "The field cannot be changed on the living object: it has to be deleted and made again."
    replaced = dict.fromkeys(str(item.object) for item in result.rendered if _restarts(item))
    for name in replaced:
        yield f"The pods of {name} are replaced, one after the other as its strategy says."
    renamed = [item for item in result.consequences if item.field == "/metadata/name"]
    for item in renamed:
        yield f"{item.object} gets the name {item.after}; what reads it follows, and its pods are replaced."
    for item in result.consequences:
        if item not in renamed:
            yield f"A checksum of {item.object} changes with it, so its pods are replaced."
    configured = [item.object for item in result.rendered if item.object.kind in ("ConfigMap", "Secret")]
    if configured and not result.consequences and not replaced:
        yield f"Pods that read {configured[0]} as variables see it only when they are restarted."
    for name in result.disclosed:
        yield f"It reaches another environment too: {name}."


def _restarts(item: RenderedChange) -> bool:
    return item.object.kind in _TEMPLATES and item.field.startswith("/spec/template")


def _policy(result: RepairResult) -> Iterator[str]:
    failed = [verdict for verdict in result.policy if not verdict.passed]
    if result.policy:
        yield f"{len(result.policy) - len(failed)} of {len(result.policy)} rules are met"
    for verdict in failed:
        yield f"{verdict.rule}: {verdict.detail}"


def _undo(result: RepairResult, repo: Path, *, git: bool, written: bool) -> Iterator[str]:
    paths = [change.path for change in result.changes]
    if written and git:
        yield f"{shlex.join(['git', '-C', str(repo), 'restore', '--', *paths])}, or revert the commit once it is made."
    elif written:
        yield f"Put the lines that begin with - back into {', '.join(paths)}."
    elif git:
        yield "Nothing was written yet. Once it is: revert the commit, and everything is as before."
    else:
        yield "Nothing was written yet. Once it is: put the lines that begin with - back, and everything is as before."


def _next(
    found: Diagnosis, result: RepairResult, repo: Path, command: list[str], *, git: bool, written: bool
) -> Iterator[str]:
    if result.decision == "none":
        return
    if result.decision == "escalate":
        yield f"{shlex.join(['selfheal', 'diagnose', *_looking(command)])}    # all that was found"
    elif not written:
        yield f"{shlex.join(['selfheal', 'repair', *command, '--apply'])}    # write it into the files"
    else:
        if git:
            paths = [change.path for change in result.changes]
            root = ["git", "-C", str(repo)]
            yield f"{shlex.join([*root, 'diff', '--', *paths])}    # look at it"
            yield f"{shlex.join([*root, 'commit', '-m', result.title or 'Mend it', '--', *paths])}"
            yield "then push it for review as usual; once it is deployed:"
        else:
            yield "deploy it as usual; then:"
        yield f"{shlex.join(['selfheal', 'diagnose', *_living(found, command)])}    # did it help?"


def _looking(command: list[str]) -> list[str]:
    """The options that ``diagnose`` shares."""
    return _without(command, "--path")


def _living(found: Diagnosis, command: list[str]) -> list[str]:
    """The same for the cluster as it is then (a dump does not change), and for the workload that was found."""
    kept = _without(_looking(command), "--snapshot", "--repo")
    target, root = found.target, found.root
    namespace = (target.namespace if target is not None else "") or (root.object.namespace if root else "")
    if namespace and "--namespace" not in kept:
        kept += ["--namespace", namespace]
    if "--target" not in kept and target is not None and target.name:
        kept += ["--target", f"{target.kind}/{target.name}"]
    return kept


def _without(command: list[str], *options: str) -> list[str]:
    pairs = list(zip(command[::2], command[1::2], strict=True))
    return [part for name, value in pairs if name not in options for part in (name, value)]


def _short(value: object) -> str:
    text = "(nothing)" if value is None else value if isinstance(value, str) else compact(value)
    return text if len(text) <= _VALUE else text[: _VALUE - 1] + "…"
