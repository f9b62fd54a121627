"""From what an agent says is the cause to an analysis that can be checked: every citation comes from the snapshot."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Snapshot
from selfheal.diagnosis.evidence import shown_in
from selfheal.errors import Refused
from selfheal.faults.evidence import of_event, on_object, quoted, text_of
from selfheal.incidents.record import Analysis, Evidence, ObjectRef, compact
from selfheal.redaction import redactor
from selfheal.rollout import baseline
from selfheal.tools.context import StageContext
from selfheal.tools.metadata import AnalysisGiven, Citation


def made(context: StageContext, given: AnalysisGiven) -> Analysis:
    """The analysis to store. Raises Refused naming the citation that the snapshot does not hold."""
    if given.finding:
        return _of_finding(context, given.finding)
    if given.verdict != "fault":
        return _without_cause(context, given)
    return _own(context, given)


def _of_finding(context: StageContext, name: str) -> Analysis:
    diagnosis = context.diagnosis()
    position = int(name[1:]) if name[1:].isdecimal() else 0
    if not name.startswith("f") or not 1 <= position <= len(diagnosis.findings):
        raise Refused(
            f"There is no finding {name!r}.",
            hint="Use an id that k8s_diagnose answered, such as f1.",
            code="no-such-finding",
        )
    finding = diagnosis.findings[position - 1]
    chosen = replace(diagnosis, verdict="fault", findings=(finding,))
    return _noted(context, chosen.to_analysis(context.snapshot()))


def _without_cause(context: StageContext, given: AnalysisGiven) -> Analysis:
    diagnosis = context.diagnosis()
    verdict = given.verdict or diagnosis.verdict
    if verdict == "healthy" and diagnosis.verdict != "healthy":
        raise Refused(
            f"The catalogue's verdict is {diagnosis.verdict}; nothing shows that all is healthy.",
            hint="Name the fault with evidence, or say unknown.",
            code="not-healthy",
        )
    stripped = replace(diagnosis, verdict=verdict, findings=())
    analysis = stripped.to_analysis(context.snapshot())
    if given.summary:
        analysis = analysis.model_copy(update={"summary": redactor().text(given.summary)})
    return _noted(context, analysis)


def _own(context: StageContext, given: AnalysisGiven) -> Analysis:
    """A cause that the agent found itself. It may disagree with the catalogue, but it must cite."""
    snapshot = context.snapshot()
    if given.object is None or not given.fault or not given.summary:
        raise Refused(
            "A fault needs its id, the object to blame and a summary.",
            hint="Give fault, object {kind, namespace, name}, summary and evidence.",
            code="incomplete",
        )
    if snapshot.find(given.object) is None:
        raise Refused(
            f"{given.object} is not in the snapshot.",
            hint="Blame an object that exists; k8s_get lists them.",
            code="no-such-object",
        )
    for position, finding in enumerate(context.diagnosis().findings, start=1):
        # The same cause as the catalogue's: its facts are needed to repair it.
        same = (finding.fault, finding.object, finding.container)
        if same == (given.fault, given.object, given.container or finding.container):
            return _of_finding(context, f"f{position}")
    if not given.evidence:
        raise Refused(
            "No evidence is cited.",
            hint="Cite ids from k8s_diagnose, or {source, object, field} of what k8s_get showed.",
            code="no-evidence",
        )
    cited = [_cited(context, snapshot, item) for item in given.evidence]
    clean = redactor()
    told = {"fault": given.fault, "variant": given.variant, "object": given.object.model_dump()}
    analysis = Analysis(
        verdict="fault",
        fault=given.fault,
        variant=given.variant,
        object=given.object,
        container=given.container,
        confidence=given.confidence,
        summary=clean.text(given.summary),
        mitigation=clean.text(given.mitigation),
        evidence=tuple(
            item.model_copy(update={"id": f"e{position}"}) for position, item in enumerate(cited, start=1)
        ),
        incomplete=tuple(clean.text(text)[:200] for text in snapshot.incomplete[:10]),
        fingerprint=hashlib.sha256(compact(told).encode()).hexdigest()[:32],
        snapshot_digest=snapshot.digest,
        taken_at=snapshot.taken_at,
    )
    return _noted(context, analysis)


def _noted(context: StageContext, analysis: Analysis) -> Analysis:
    """Who decided, what the agent had to do without, and what the target is like before anything is changed."""
    missing = tuple(text[:200] for text in context.missing)
    return analysis.model_copy(
        update={
            "decided_by": context.model,
            "incomplete": (*analysis.incomplete, *missing)[:12],
            "baseline": _baseline(context),
        }
    )


def _baseline(context: StageContext) -> dict[str, Any]:
    """{} where the target is not known well enough; then it is taken when the deployment begins."""
    target, snapshot = context.record.target, context.snapshot()
    if target is None or not (target.kind and target.name):
        return {}
    ref = ObjectRef(kind=target.kind, namespace=target.namespace, name=target.name)
    # What was tried is left out of the stage's own diagnosis; it is there all the same.
    return baseline(snapshot, ref, None if context.record.tried else context.diagnosis())


def _cited(context: StageContext, snapshot: Snapshot, item: str | Citation) -> Evidence:
    if isinstance(item, str):
        if item not in context.evidence:
            raise Refused(
                f"There is no evidence {item[:40]!r}.",
                hint="Use an id that k8s_diagnose answered, such as f1.e2.",
                code="no-such-evidence",
            )
        found = context.evidence[item]
    else:
        found = _looked_up(snapshot, item)
    clean = redactor()
    return found.model_copy(
        update={
            "value": clean.cited(found.field, found.value),
            "message": clean.text(found.message)[:300],
        }
    )


def _looked_up(snapshot: Snapshot, item: Citation) -> Evidence:
    ref = item.object
    if item.source == "object":
        obj = snapshot.find(ref)
        try:
            there = obj is not None and pointer.exists(obj, item.field)
        except ValueError:
            there = False
        if there:
            value = shown_in(obj, item.field, redactor())
            if len(compact(value)) > 1_000:
                raise Refused(
                    f"{item.field or '/'} of {ref} is too large to cite.",
                    hint="Point at the single field that matters.",
                    code="too-large",
                )
            return on_object(ref, item.field, value, item.message or f"{item.field} as it stands")
        raise _absent(ref, item.field or "the object")
    if item.source == "event":
        wanted = item.message.strip()
        for event in snapshot.events(ref):
            if wanted and wanted in quoted(text_of(event)):
                return of_event(event)
        raise _absent(ref, "an event with that text")
    return _log_line(snapshot, ref, item)


def _log_line(snapshot: Snapshot, ref: ObjectRef, item: Citation) -> Evidence:
    wanted = item.message.strip()
    text = snapshot.logs(ref.namespace, ref.name, item.container, previous=item.previous) or ""
    for line in text.splitlines():
        if wanted and wanted in quoted(line):
            where = {"container": item.container, "previous": item.previous}
            return Evidence(id="", source="log", object=ref, value=where, message=quoted(line))
    raise _absent(ref, "a log line with that text")


def _absent(ref: ObjectRef, what: str) -> Refused:
    return Refused(
        f"{what} of {ref} is not in the snapshot.",
        hint="Cite what k8s_get, k8s_events or k8s_logs showed, word for word.",
        code="no-such-evidence",
    )
