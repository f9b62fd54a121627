"""What people read in a pull request. Pure functions; all foreign text passes through redaction here.

GitHub refuses a body over 65,536 characters; it is held to as many bytes. What gives way first is the difference, then
the evidence; what is broken, the risk and how to undo are never cut.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from selfheal.incidents.record import Analysis, Change, Evidence, RenderedChange
from selfheal.incidents.wording import counted, repeats, sentence, spoken
from selfheal.pulls.names import hide
from selfheal.redaction import markdown as escaped
from selfheal.redaction import terminal

BUDGET = 65_536
TITLE = 200
EVIDENCE = 8
#: Characters of one quoted text, and of one value in a table.
QUOTED = 600
VALUE = 160

#: Kinds whose pods are replaced when their template changes, and kinds that pods read.
_TEMPLATES = ("Deployment", "StatefulSet", "DaemonSet")
_CONFIGURES = ("ConfigMap", "Secret")

_BACKTICKS = re.compile(r"`+")
_REFERENCE = re.compile(r"(?i)(@)(?=\w)|(#)(?=\d)|\b(gh-)(?=\d)|(?<=/)(issues|pull)/(?=\d)")
_GAP = "\u200b"
#: Characters of foreign text that are looked at for each one that may be shown, and at least.
READ_FACTOR, READ_LEAST = 4, 4_000


@dataclass(frozen=True)
class FixFacts:
    """All that the body of a fix tells. ``url`` and ``summary`` are the incident's, ``run`` names this run."""

    key: str
    attempt: int
    summary: str
    url: str
    analysis: Analysis | None
    change: Change
    diffs: tuple[tuple[str, str], ...]
    base_branch: str
    base_sha: str
    head_sha: str
    identity: str
    triggers_workflows: bool


@dataclass(frozen=True)
class RevertFacts:
    """All that the body of a revert tells. ``undoes`` is the number of the merged pull request."""

    key: str
    attempt: int
    undoes: int
    merge_sha: str
    reason: str
    paths: tuple[str, ...]
    base_branch: str
    base_sha: str
    head_sha: str


def fix_title(key: str, change: Change) -> str:
    """The title of a fix, one line, that notifies and closes nothing."""
    return one_line(f"{key}: {change.title or 'repair what the incident is about'}", TITLE)


def revert_title(key: str, number: int) -> str:
    """The title of a revert. The number is ours, so it may link."""
    return f"{key}: revert pull request {number}, which made it worse"


def commit_message(title: str, key: str, paths: Sequence[str]) -> str:
    """A commit's message. On the default branch GitHub obeys closing words in it, so foreign text is defused."""
    files = "\n".join(f"- {one_line(path, 300)}" for path in paths)
    return f"{title}\n\nIncident: {one_line(key, 80)}\n\n{files}\n"


def fix_body(facts: FixFacts) -> str:
    """The body of a fix, at most 65,536 bytes."""
    end = _join([_risk(facts.change), _undo(facts), _state(facts), _hidden(facts)])
    change = _changes(facts.change)
    checked = _checked(facts.change)
    for evidence in (EVIDENCE, 3, 0):
        start = _join([_broken(facts), _why(facts.analysis, evidence), change])
        room = BUDGET - _size(start) - _size(checked) - _size(end) - 64
        if room > 400 or not evidence:
            break
    return _bounded([start, _difference(facts.diffs, room), checked], end)


def revert_body(facts: RevertFacts) -> str:
    """The body of a revert."""
    files = "\n".join(f"- {_code(path)}" for path in facts.paths)
    parts = [
        "## What is broken\n\n"
        f"Pull request #{facts.undoes} for {_prose(facts.key)} was merged as {_code(facts.merge_sha[:12])} and made it "
        f"worse:\n\n{_quote(facts.reason)}",
        "## What changes\n\nThese files get exactly the bytes back that they had before that pull request; nothing else "
        f"changes:\n\n{files}",
        "## How it was checked\n\n- The files still are what that pull request made of them.\n"
        "- What is restored are the very git objects that stood there before.",
        "## Risk\n\nThe fault that the undone change was meant to mend will be back; a person goes on from there.",
        "## How to undo\n\nRevert this pull request.",
    ]
    data = {
        "incident": facts.key,
        "attempt": facts.attempt,
        "role": "revert",
        "undoes": facts.undoes,
        "base": facts.base_sha,
        "head": facts.head_sha,
    }
    return _bounded(parts, hide(data))


def comment_body(mark: str, text: str) -> str:
    """A comment: foreign text, escaped, with the mark by which it is found again."""
    return _bounded([_prose(_cut(text, 30_000))], mark)


def one_line(text: str, limit: int) -> str:
    """For titles and commit messages, which are no Markdown: one line, no mention, no reference, no closing word."""
    flat = " ".join(_cut(text, 2 * limit).split())
    flat = _REFERENCE.sub(lambda match: match.group(0) + _GAP, flat)
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


# -- sections ------------------------------------------------------------------------------------------------


def _broken(facts: FixFacts) -> str:
    link = f"[{_prose(facts.key)}]({facts.url})" if _plain_url(facts.url) else _prose(facts.key)
    told = [f"## What is broken\n\nIncident {link}:", _quote(facts.summary)]
    if facts.analysis is not None and facts.analysis.summary:
        told.append(f"Root cause: {_prose(_cut(facts.analysis.summary, 1_500))}")
    return "\n\n".join(told)


def _why(analysis: Analysis | None, limit: int) -> str:
    if analysis is None:
        return ""
    name = analysis.fault + (f" ({analysis.variant})" if analysis.variant else "")
    blamed = f" on {_code(str(analysis.object))}" if analysis.object else ""
    where = f", container {_code(analysis.container)}" if analysis.container else ""
    rows = [f"## Why\n\n{_code(name)}{blamed}{where}, found by {_prose(_cut(analysis.decided_by, 80))}, "
            f"confidence {analysis.confidence:.2f}."]  # fmt: skip
    items = [_evidence(item) for item in analysis.evidence[:limit]]
    if items:
        rows.append("\n".join(items))
    left = len(analysis.evidence) - limit
    if left > 0:
        rows.append(f"{left} more pieces of evidence are on the incident.")
    return "\n\n".join(rows)


def _evidence(item: Evidence) -> str:
    told = f": {_prose(_cut(item.message, QUOTED))}" if item.message else ""
    shown = item.source == "object" and item.value is not None and not repeats(item.message, item.value)
    value = f" = {_code(_value(item.value))}" if shown else ""
    field = f" {_code(spoken(item.field))}{value}" if item.field else ""
    return f"- {item.source}: {_code(str(item.object))}{field}{told}".replace("\n", " ")


def _changes(change: Change) -> str:
    if not change.rendered:
        return "## What changes\n\n" + (_prose(change.reason) or "See the difference.")
    rows = ["| object | field | before | after | the value comes from |", "|---|---|---|---|---|"]
    rows += [_row(item) for item in change.rendered]
    reason = f"{_prose(_cut(sentence(change.reason), 1_500))}\n\n" if change.reason else ""
    return f"## What changes\n\n{reason}" + "\n".join(rows)


def _row(item: RenderedChange) -> str:
    cells = [
        _code(str(item.object)),
        _code(spoken(item.field) or "all of it"),
        _code(_value(item.before)),
        _code(_value(item.after)),
        _prose(_cut(sentence(item.origin) or "the catalogue's rule for this fault", QUOTED)),
    ]
    # A line break would end the table's row.
    return "| " + " | ".join(" ".join(cell.split()) for cell in cells) + " |"


def _difference(diffs: Sequence[tuple[str, str]], room: int) -> str:
    """All differences that fit; what does not is named, not hidden."""
    if not diffs:
        return ""
    head = "<details open><summary>Difference</summary>\n\n"
    tail = "\n\n</details>"
    left = room - len(head) - len(tail) - 200
    shown: list[str] = []
    missing = 0
    for _path, diff in diffs:
        # What is far too long is not even redacted.
        block = _fenced(terminal(diff).rstrip("\n"), "diff") if _size(diff) <= 2 * BUDGET else ""
        if not block or _size(block) > left:
            missing += 1
            continue
        left -= _size(block) + 2
        shown.append(block)
    if missing:
        shown.append(f"{missing} of {len(diffs)} files are too long to show here; see the changed files.")
    return head + "\n\n".join(shown) + tail


def _checked(change: Change) -> str:
    rows = [
        f"- {'passed' if verdict.passed else '**failed**'}: {_code(verdict.rule)}"
        + (f", {_prose(_cut(verdict.detail, QUOTED))}" if verdict.detail else "")
        for verdict in change.policy
        if verdict.detail or not verdict.passed
    ]
    plain = [verdict.rule for verdict in change.policy if verdict.passed and not verdict.detail]
    if plain:
        rows.append(f"- passed, with nothing to say: {', '.join(_code(rule) for rule in plain)}")
    text = "\n".join(row.replace("\n", " ") for row in rows) or "- No rule left a verdict."
    if change.free:
        return (
            "## How it was checked\n\n**An agent edited these files freely; no known remedy stands behind them.** The gate "
            "could not prove that they help. It proved that they apply, listed every rendered field that changes, looked for "
            "faults in what is rendered, and signed exactly these bytes. selfheal never merges this pull request by "
            f"itself:\n\n{text}"
        )
    return (
        "## How it was checked\n\nThe gate derived this change again from the commit it is based on, without a model, "
        f"and signed exactly these bytes:\n\n{text}"
    )


def _risk(change: Change) -> str:
    objects = list(dict.fromkeys(str(item.object) for item in change.rendered))
    told = [f"- It touches {counted(len(change.paths), 'file')}."]
    if objects:
        named = ", ".join(_code(name) for name in objects[:6]) + (" and others" if len(objects) > 6 else "")
        rest = "" if change.reaches else ", and nothing else that is rendered"
        told.append(f"- It changes {named}{rest}.")
    told += [
        f"- **It reaches another environment too: {_prose(_cut(name, QUOTED))}.**" for name in change.reaches
    ]
    if change.requires_recreate:
        told.append("- **A field cannot be changed in place: the object has to be deleted and made anew.**")
    replaced = dict.fromkeys(
        str(item.object)
        for item in change.rendered
        if item.object.kind in _TEMPLATES and (item.field.startswith("/spec/template") or not item.field)
    )
    told += [
        f"- The pods of {_code(name)} are replaced, as its strategy says." for name in list(replaced)[:6]
    ]
    read = dict.fromkeys(str(item.object) for item in change.rendered if item.object.kind in _CONFIGURES)
    told += [
        f"- Pods that read {_code(name)} as variables see the change once they are replaced."
        for name in list(read)[:6]
    ]
    return "## Risk\n\n" + "\n".join(told)


def _undo(facts: FixFacts) -> str:
    return (
        "## How to undo\n\nRevert this pull request. Should the service be worse after the merge, a revert is proposed by "
        f"itself. To stop all of this, close the pull request or put the label {_code('selfheal-stop')} on the incident."
    )


def _state(facts: FixFacts) -> str:
    told = [
        f"- Attempt {facts.attempt}, based on {_code(facts.base_sha[:12])} of {_code(facts.base_branch)}.",
        f"- Written by {_prose(facts.identity) or 'the configured account'}; the change was proposed by "
        f"{_prose(_cut(facts.change.decided_by, 80))}.",
        "- It is merged only after a person who may write here approved this very commit and the checks are green.",
    ]
    if not facts.triggers_workflows:
        told.append(
            "- **It was made with a token that starts no workflows: checks may have to be started by hand.**"
        )
    return "## State of the run\n\n" + "\n".join(told)


def _hidden(facts: FixFacts) -> str:
    data = {
        "incident": facts.key,
        "attempt": facts.attempt,
        "role": "fix",
        "fault": facts.analysis.fault if facts.analysis else "",
        "base": facts.base_sha,
        "head": facts.head_sha,
    }
    # Where the record is edited afterwards, this still says who merges it.
    return hide({**data, "free": True} if facts.change.free else data)


# -- pieces --------------------------------------------------------------------------------------------------


def _prose(text: str) -> str:
    """Foreign text as plain words."""
    return escaped(text)


def _code(text: str) -> str:
    """Inline code that its content cannot end; a pipe would end a table's cell."""
    flat = " ".join(terminal(text).split()).replace("|", "¦") or " "
    ticks = "`" * (max((len(run) for run in _BACKTICKS.findall(flat)), default=0) + 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{ticks}{pad}{flat}{pad}{ticks}"


def _fenced(text: str, language: str) -> str:
    """A block whose fence is longer than any run of backticks in it."""
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _quote(text: str) -> str:
    lines = _prose(_cut(text, QUOTED)).splitlines() or [" "]
    return "\n".join(f"> {line}" for line in lines)


def _value(value: Any) -> str:
    if value is None:
        return "(none)"
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return _cut(terminal(text), VALUE)


def _plain_url(url: str) -> bool:
    return bool(re.fullmatch(r"https?://[A-Za-z0-9.:\-]+(?:/[A-Za-z0-9_.~/\-]*)?", url))


def _cut(text: str, limit: int) -> str:
    """At most ``limit`` characters. Redacted before it is cut, so that half a secret is never left."""
    read = max(READ_FACTOR * limit, READ_LEAST)
    safe = terminal(text[:read])
    if len(text) > read and len(safe) <= limit:
        # Redaction shortened it so much that the end of what was read shows; its last word may be half a secret.
        safe = safe.rpartition(" ")[0]
    elif len(safe) <= limit:
        return safe
    return safe[: limit - 1].rstrip() + "…"


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _join(parts: Sequence[str]) -> str:
    return "\n\n".join(part for part in parts if part)


def _bounded(parts: Sequence[str], end: str) -> str:
    """``parts`` cut so that they and ``end`` fit the budget."""
    text = _join(parts)
    room = BUDGET - _size(end) - 2
    if _size(text) > room:
        note = "\n\n(cut here: the rest is on the incident)"
        text = text.encode()[: room - _size(note)].decode(errors="ignore") + note
    return f"{text}\n\n{end}"
