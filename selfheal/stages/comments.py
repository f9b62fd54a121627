"""What a person reads in Jira on the way: the cause, the pull request, the outcome. Handing over has its own comment."""

from __future__ import annotations

from selfheal.incidents.record import Outcome, PullRequest, Record, Verification
from selfheal.incidents.telling import told
from selfheal.jsm.adf import Block, bullets, code, heading, link, paragraph

_EVIDENCE = 6


def analysis(record: Record) -> list[Block]:
    """The root cause with its evidence, and a command that helps until the fix is deployed."""
    found = record.analysis
    if found is None:
        return []
    name = f"{found.fault} ({found.variant})" if found.variant else found.fault
    blocks: list[Block] = [
        heading("Root cause"),
        paragraph(found.summary),
        paragraph(f"{name} on {found.object}, {found.confidence:.0%} sure, decided by {found.decided_by}."),
        bullets(told(item) for item in found.evidence[:_EVIDENCE]),
    ]
    if found.mitigation:
        blocks += [
            paragraph(
                "Until the fix is deployed, this helps. selfheal never runs it, and where a GitOps controller (Argo CD, "
                "Flux) deploys the workload, its next sync reverts it:"
            ),
            code(found.mitigation, "bash"),
        ]
    if found.incomplete:
        blocks.append(paragraph(f"Could not be read: {'; '.join(found.incomplete[:5])}"))
    if record.tried:
        blocks.append(paragraph("Tried before, without success:"))
        blocks.append(
            bullets(f"attempt {item.attempt}: {item.fault}. {item.learned}" for item in record.tried)
        )
    return blocks


def pull_request(record: Record) -> list[Block]:
    """Where the change is and what happens next."""
    found = record.pull_request
    if found is None:
        return []
    title = record.change.title if record.change is not None else ""
    what = "The revert of the fix" if found.role == "revert" else title or "The change"
    return [
        heading("Pull request"),
        paragraph(
            f"{what} is proposed; it is merged only after a person approved it and the checks are green."
        ),
        link(f"Pull request #{found.number}", found.url),
    ]


def outcome(found: Verification, request: PullRequest) -> list[Block]:
    """What the verification measured, and of which merge."""
    word = found.outcome.value if found.outcome is not None else "unfinished"
    blocks: list[Block] = [
        heading(f"Verification: {word}"),
        paragraph(f"{found.good_samples} good samples in a row, {found.samples} in all."),
    ]
    if found.reasons:
        blocks.append(bullets(found.reasons[:6]))
    if word == Outcome.REGRESSED.value:
        blocks.append(paragraph("The fix made things worse; its revert is proposed next."))
    blocks.append(link(f"Merged as {request.merge_sha[:12]} in pull request #{request.number}", request.url))
    return blocks


def recovered(record: Record, found: Verification) -> list[Block]:
    """That nothing was changed for this incident, and why it is closed all the same."""
    with_whom = (
        f"It followed {record.parent}, which is over." if record.parent else "Nothing was found to repair."
    )
    return [
        heading("Recovered"),
        paragraph(f"{with_whom} selfheal changed nothing for this incident."),
        paragraph(
            f"Measured by itself: {found.good_samples} good looks in a row, {found.samples} in all, of replicas, "
            "endpoints, restarts, events and every fault that is known."
        ),
    ]


def another_attempt(record: Record) -> list[Block]:
    """That the fix did not help and what was learned."""
    learned = record.tried[-1] if record.tried else None
    return [
        heading(f"The fix did not help; attempt {record.attempt} begins"),
        paragraph(
            f"{learned.fault}: {learned.learned}" if learned is not None else "The fault is still there."
        ),
    ]
