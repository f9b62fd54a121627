"""A diagnosis for people: a colleague's note, for the terminal or as Markdown."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import fill

from selfheal.diagnosis.engine import Diagnosis
from selfheal.faults.catalogue import by_id
from selfheal.faults.interface import Finding
from selfheal.faults.precedence import layer
from selfheal.incidents.record import Evidence
from selfheal.incidents.telling import told
from selfheal.incidents.wording import spoken
from selfheal.redaction import markdown, redactor, terminal

WIDTH = 100
#: Faults that are named as ruled out, and fields that are named to be changed.
NEIGHBOURS, FIELDS = 6, 3
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
        lines += _list("Why I think so", [shown(item) for item in root.evidence])
        lines += _list("What to do", _advice(root))
        # A command is pasted, so it is not wrapped.
        lines += (
            ["", "To look at it yourself:", f"    {terminal(root.mitigation)}"] if root.mitigation else []
        )
        lines += _list("It explains", [f"{item.fault} on {item.object}" for item in root.explains])
        lines += _list("Also found", [_brief(finding) for finding in diagnosis.findings[1:]])
        lines += _list("Ruled out", _neighbours(diagnosis, root))
    lines += _list("Could not be read", diagnosis.incomplete)
    lines += ["", f"As of {diagnosis.taken_at:%Y-%m-%d %H:%M:%S} UTC."]
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
        lines += _section("Evidence", [shown(item) for item in root.evidence])
        lines += _section("What to do", _advice(root))
        lines += _section("To look at it", [root.mitigation] if root.mitigation else [])
        lines += _section("Explains", [f"{item.fault} on {item.object}" for item in root.explains])
        lines += _section("Also found", [_brief(finding) for finding in diagnosis.findings[1:]])
        lines += _section("Ruled out", _neighbours(diagnosis, root))
    lines += _section("Could not be read", diagnosis.incomplete)
    lines += ["", f"As of {diagnosis.taken_at:%Y-%m-%d %H:%M:%S} UTC"]
    return "\n".join(lines)


def _neighbours(diagnosis: Diagnosis, root: Finding) -> list[str]:
    """Of what was looked for and not found, the faults that look most like the root: those of near layers."""
    apart = {fault: abs(layer(fault) - layer(root.fault)) for fault in diagnosis.ruled_out}
    near = sorted((fault for fault in apart if apart[fault] <= 1), key=lambda fault: (apart[fault], fault))
    rest = len(apart) - len(near[:NEIGHBOURS])
    return [", ".join(near[:NEIGHBOURS]) + (f", and {rest} other faults" if rest else "")] if near else []


def _advice(root: Finding) -> list[str]:
    """What the catalogue would change, or why a person has to; nothing where it does not say."""
    try:
        remedy = by_id(root.fault).remedy(root)
    except (LookupError, TypeError, ValueError):
        return []
    if remedy.escalate:
        return [f"{remedy.title}. {remedy.escalate}" if remedy.title else remedy.escalate]
    if not remedy.edits:
        return [remedy.title] if remedy.title else []
    fields = dict.fromkeys(f"{spoken(edit.field)} of {edit.object}" for edit in remedy.edits if edit.field)
    where = f"; to change: {', '.join(list(fields)[:FIELDS])}" if fields else ""
    return [f"{remedy.title}{where}.", "selfheal repair --repo DIR works out the change."]


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


def shown(item: Evidence) -> str:
    """A piece of evidence as a sentence, its value redacted by what the field is called."""
    return told(item.model_copy(update={"value": redactor().cited(item.field, item.value)}))
