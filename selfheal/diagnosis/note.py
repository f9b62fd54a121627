"""A diagnosis for people: a colleague's note, for the terminal or as Markdown."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import fill

from selfheal.diagnosis.engine import Diagnosis
from selfheal.faults.interface import Finding
from selfheal.faults.precedence import layer
from selfheal.incidents.record import Evidence
from selfheal.redaction import markdown, terminal

WIDTH = 100
_HEALTHY = "Nothing is wrong: everything looked at is well, and nothing needed is missing."
_UNKNOWN = "I cannot name the cause with certainty."


def as_text(diagnosis: Diagnosis) -> str:
    """For a terminal, control characters of others removed."""
    lines = []
    root = diagnosis.root
    if diagnosis.target is not None and diagnosis.target.name:
        target = diagnosis.target
        lines.append(terminal(f"About {target.kind} {target.namespace}/{target.name}"))
        lines.append("")
    if root is None:
        lines.append(_HEALTHY if diagnosis.verdict == "healthy" else _UNKNOWN)
        lines += _list("What is not well or not known", diagnosis.reasons)
        lines += _list("Seen, but not sure enough", [_brief(finding) for finding in diagnosis.findings])
    else:
        lines.append(_wrapped(root.summary))
        lines.append(terminal(f"Cause: {_name(root)} on {root.object} ({root.confidence:.0%} sure)"))
        lines += _list("Why I think so", [_shown(item) for item in root.evidence])
        lines += _list("It explains", [f"{item.fault} on {item.object}" for item in root.explains])
        lines += _list("Also found", [_brief(finding) for finding in diagnosis.findings[1:]])
        lines += _list("Ruled out", _neighbours(diagnosis, root))
        lines += _list("To look at it yourself", [root.mitigation] if root.mitigation else [])
    lines += _list("Could not be read", diagnosis.incomplete)
    return "\n".join(lines)


def as_markdown(diagnosis: Diagnosis) -> str:
    """For a comment or a report."""
    root = diagnosis.root
    if root is None:
        title = "Healthy" if diagnosis.verdict == "healthy" else "Cause unknown"
        lines = [f"## {title}", "", markdown(_HEALTHY if diagnosis.verdict == "healthy" else _UNKNOWN)]
        lines += _section("What is not well or not known", diagnosis.reasons)
        lines += _section("Seen, but not sure enough", [_brief(finding) for finding in diagnosis.findings])
    else:
        lines = [f"## {markdown(_name(root))} on {markdown(str(root.object))}", "", markdown(root.summary)]
        lines += ["", f"Confidence: {root.confidence:.0%}"]
        lines += _section("Evidence", [_shown(item) for item in root.evidence])
        lines += _section("Explains", [f"{item.fault} on {item.object}" for item in root.explains])
        lines += _section("Also found", [_brief(finding) for finding in diagnosis.findings[1:]])
        lines += _section("Ruled out", _neighbours(diagnosis, root))
    lines += _section("Could not be read", diagnosis.incomplete)
    return "\n".join(lines)


def _neighbours(diagnosis: Diagnosis, root: Finding) -> list[str]:
    """Of what was looked for and not found, the faults that look most like the root: those of near layers."""
    near = [fault for fault in diagnosis.ruled_out if abs(layer(fault) - layer(root.fault)) <= 1]
    rest = len(diagnosis.ruled_out) - len(near)
    return [", ".join(near) + (f", and {rest} other faults" if rest else "")] if near else []


def _wrapped(text: str, mark: str = "") -> str:
    """Redacted and escaped first, wrapped then: a secret broken over two lines would not be recognised."""
    return fill(
        terminal(text),
        WIDTH,
        initial_indent=mark,
        subsequent_indent=" " * len(mark),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _list(title: str, items: tuple[str, ...] | list[str]) -> list[str]:
    return _block(f"{title}:", items, lambda item: _wrapped(item, "  - "))


def _section(title: str, items: tuple[str, ...] | list[str]) -> list[str]:
    return _block(f"### {title}", items, lambda item: f"- {markdown(item)}")


def _block(title: str, items: tuple[str, ...] | list[str], shown: Callable[[str], str]) -> list[str]:
    body = [line for item in items for line in shown(item).splitlines()]
    return ["", title, *([""] if title.startswith("#") else []), *body] if items else []


def _name(finding: Finding) -> str:
    return f"{finding.fault} ({finding.variant})" if finding.variant else finding.fault


def _brief(finding: Finding) -> str:
    return f"{_name(finding)} on {finding.object}, {finding.confidence:.0%} sure: {finding.summary}"


def _shown(item: Evidence) -> str:
    if item.source == "event":
        return f"event {item.value} on {item.object}: {item.message}"
    if item.source == "log":
        return f"log of {item.object}: {item.message}"
    where = f" {item.field}" if item.field else ""
    value = f" is {item.value}" if item.value is not None and str(item.value) not in item.message else ""
    return f"{item.object}{where}{value}: {item.message}"
