"""What a person reads when the crew hands an incident over: everything found, and why it is theirs now."""

from __future__ import annotations

from selfheal.incidents.record import Record
from selfheal.incidents.telling import told
from selfheal.jsm.adf import Block, bullets, code, heading, link, paragraph

_REASON: int = 4_000


def blocks(record: Record, reason: str) -> list[Block]:
    """The comment's blocks. ``reason`` may end with a diff or other lines, which are kept as they are."""
    first, _newline, rest = reason.partition("\n")
    found: list[Block] = [heading("selfheal hands this incident over"), paragraph(first)]
    if rest.strip():
        found.append(code(rest[:_REASON]))
    analysis = record.analysis
    if analysis is not None:
        found.append(heading("What was found", 4))
        found.append(paragraph(analysis.summary or analysis.verdict))
        if analysis.evidence:
            found.append(bullets(told(item) for item in analysis.evidence[:8]))
    if record.tried:
        found.append(heading("What was tried", 4))
        found.append(
            bullets(f"Attempt {item.attempt}: {item.fault}. {item.learned}" for item in record.tried)
        )
    if record.change is not None and record.change.title:
        found.append(paragraph(f"Proposed change: {record.change.title} ({', '.join(record.change.paths)})"))
    if record.pull_request is not None and record.pull_request.url:
        found.append(link(f"Pull request #{record.pull_request.number}", record.pull_request.url))
    found.append(
        paragraph("The label selfheal-retry lets selfheal start again; selfheal-stop keeps it away.")
    )
    return found
