"""From a remedy or edited files to the change that waits for the gate: an envelope, stored with the incident."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from selfheal import progress
from selfheal.errors import Refused
from selfheal.incidents.record import Change, PolicyVerdict
from selfheal.redaction import redactor
from selfheal.tools.context import StageContext
from selfheal.tools.metadata import ChangeGiven

if TYPE_CHECKING:
    from selfheal.repair.plan import RepairResult


def suggested(context: StageContext) -> RepairResult:
    """The remedy for the stored analysis, made once a stage.

    Raises Refused when there is no analysis to mend.
    """
    from selfheal.repair.plan import plan

    analysis = context.record.analysis
    if analysis is None or analysis.verdict != "fault":
        raise Refused(
            f"{context.key} has no analysis with a cause.", hint="Analyse it first.", code="no-analysis"
        )
    if context.plan is None:
        source = context.record.source
        context.plan = plan(
            context.tree(),
            analysis,
            settings=context.settings,
            source=source,
            path=source.path if source is not None else "",
            tried=context.record.tried,
            target=context.record.target,
            now=context.clock.now(),
        )
    return context.plan


def store(context: StageContext, given: ChangeGiven) -> Change:
    """Packs the change, stores its bytes, then what the record says of it. Doing it twice stores the same."""
    if given.use == "remedy":
        return store_remedy(context)
    return _store_edits(context, given.title)


def store_remedy(context: StageContext) -> Change:
    """The suggested remedy as the change. Raises Refused when it proposes nothing."""
    result = suggested(context)
    if result.decision != "propose":
        raise Refused(
            f"There is nothing to store: {result.reason}",
            hint="Hand the incident to a person with that reason.",
            code="nothing-proposed",
        )
    files = {entry.path: (entry.before, entry.after) for entry in result.changes}
    return _stored(context, files, title=result.title, reason=result.reason, result=result)


def _store_edits(context: StageContext, title: str) -> Change:
    if not context.edits:
        raise Refused("No file was edited.", hint="Edit with repo_edit first.", code="nothing-proposed")
    if suggested(context).decision == "propose":
        raise Refused(
            "The catalogue knows a remedy for this cause; free edits are for what it does not know.",
            hint='Store that instead: {"change": {"use": "remedy"}}.',
            code="remedy-known",
        )
    files = {path: (context.tree().read(path), after) for path, after in context.edits.items()}
    return _stored(context, files, title=title or "Change the source", reason="", result=None)


def _stored(
    context: StageContext,
    files: Mapping[str, tuple[bytes | None, bytes | None]],
    *,
    title: str,
    reason: str,
    result: RepairResult | None,
) -> Change:
    tree, record = context.tree(), context.record
    data, diff = _packed(context, files)
    pointer = context.manager.put_patch(context.key, data, lease=context.lease())
    clean = redactor()
    details: dict[str, Any] = {}
    if result is not None:
        details = {
            "rendered": tuple(result.rendered),
            "policy": tuple(result.policy),
            "requires_recreate": result.requires_recreate,
        }
    else:
        details = {"free": True}
    change = Change(
        decision="propose",
        reason=clean.text(reason)[:1_000],
        title=clean.text(title)[:200],
        base_sha=tree.base_sha,
        paths=tuple(sorted(files)),
        patch=pointer,
        attempt=record.attempt,
        decided_by=context.model,
        **details,
    )
    context.store("change", change, later=True)
    progress.emit("diff", diff=diff)
    return change


def _packed(
    context: StageContext, files: Mapping[str, tuple[bytes | None, bytes | None]]
) -> tuple[bytes, str]:
    """The envelope's bytes, and its diff for reading."""
    from selfheal.repair.envelope import Envelope, pack, patch_file

    tree, record = context.tree(), context.record
    entries = tuple(
        patch_file(path, tree.mode(path), before, after) for path, (before, after) in sorted(files.items())
    )
    source = record.source
    repository = (source.repository if source else "") or context.settings.endpoints.github_repository
    data = pack(Envelope(repository, context.key, record.attempt, tree.base_sha, entries))
    return data, "\n".join(entry.diff for entry in entries)


def judged(context: StageContext) -> tuple[PolicyVerdict, ...]:
    """The policy's verdicts on the remedy, or on the edited files where there are any. Raises Refused for neither."""
    if not context.edits:
        result = suggested(context)
        if not result.policy:
            raise Refused(
                f"There is nothing to validate: {result.reason}",
                hint="Edit a file first where that is allowed, or hand the incident to a person with that reason.",
                code="nothing-proposed",
            )
        return tuple(result.policy)
    from selfheal.repair.gate import judge

    files = {path: (context.tree().read(path), after) for path, after in context.edits.items()}
    data = _packed(context, files)[0]
    # The API server is asked by the gate alone, which has an account for that.
    policy = context.settings.policy.model_copy(update={"server_dry_run": False})
    verdicts: tuple[PolicyVerdict, ...] = judge(
        context.tree(),
        data,
        settings=context.settings.model_copy(update={"policy": policy}),
        analysis=context.record.analysis,
        source=context.record.source,
        target=context.record.target,
        tried=context.record.tried,
        now=context.clock.now(),
        free=True,
    )
    return verdicts
