"""From a diagnosis to the record's analysis section and back."""

from __future__ import annotations

import hashlib
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Snapshot
from selfheal.cluster.version import kubernetes_version
from selfheal.cluster.workloads import by_ref
from selfheal.diagnosis.engine import Diagnosis
from selfheal.faults import template_change
from selfheal.faults.catalogue import by_id
from selfheal.faults.evidence import on_object
from selfheal.faults.interface import Finding
from selfheal.incidents.record import BUDGETS, Analysis, Companion, Evidence, LastGood, ObjectRef, compact
from selfheal.incidents.telling import QUOTED
from selfheal.redaction import Redactor, redactor

EVIDENCE = 8
EXPLAINS = 12
COMPANIONS = 8
#: Settings of a companion's older template.
SETTINGS = 6
INCOMPLETE = 10
#: Fields that a remedy writes, of which the present value is kept.
WRITTEN = 4
#: Room left for what others add to the section (decided_by, a longer summary).
SPARE = 512
#: Facts that differ between two looks at the same trouble.
_PASSING = ("restarts", "last_good", "tried", "running")


def fingerprint(finding: Finding) -> str:
    """Equal for the same cause on the same object, whatever incident told of it. Facts only, never text."""
    facts = {key: value for key, value in finding.facts.items() if key not in _PASSING}
    told = {
        "fault": finding.fault,
        "variant": finding.variant,
        "object": finding.object.model_dump(),
        "container": finding.container,
        "facts": facts,
    }
    return hashlib.sha256(compact(told).encode()).hexdigest()[:32]


def to_analysis(diagnosis: Diagnosis, snapshot: Snapshot) -> Analysis:
    """The section for the root cause. Evidence is numbered; what exceeds the budget is left out, last
    first.
    """
    clean = redactor()
    root = diagnosis.root
    common: dict[str, Any] = {
        "incomplete": [clean.text(text)[:200] for text in diagnosis.incomplete[:INCOMPLETE]],
        "snapshot_digest": snapshot.digest,
        "taken_at": snapshot.taken_at,
        "kube_version": kubernetes_version(snapshot),
    }
    if root is None:
        return Analysis(verdict=_verdict(diagnosis), summary=clean.text(_summary(diagnosis))[:1500], **common)
    evidence = [
        item.model_copy(
            update={
                "id": f"e{position}",
                "value": clean.cited(item.field, item.value),
                "message": clean.text(item.message),
            }
        )
        for position, item in enumerate([*root.evidence[:EVIDENCE], *_now(root, snapshot)], start=1)
    ]
    explains = list(root.explains[:EXPLAINS])
    facts = _usable(root.facts, clean)
    good = tuple(LastGood(**item) for item in facts.get("last_good", ()))
    companions = _companions(diagnosis, snapshot, clean)
    while True:
        analysis = Analysis(
            verdict="fault",
            fault=root.fault,
            variant=root.variant,
            object=root.object,
            container=root.container,
            confidence=root.confidence,
            summary=clean.text(root.summary)[:1000],
            evidence=tuple(evidence),
            explains=tuple(explains),
            last_good=good,
            companions=tuple(companions),
            facts=facts,
            fingerprint=fingerprint(root),
            mitigation=clean.text(root.mitigation)[:500],
            **common,
        )
        size = len(compact(analysis.model_dump(mode="json", exclude_defaults=True)))
        spare = companions or explains or len(evidence) > 1
        if size <= BUDGETS["analysis"] - SPARE or not (spare or _shrink(facts)):
            return analysis
        if companions:
            companions.pop()
        elif explains:
            explains.pop()
        elif len(evidence) > 1:
            evidence.pop()


def _now(root: Finding, snapshot: Snapshot) -> list[Evidence]:
    """What runs at the fields that the remedy writes, where the finding does not cite it: what is later compared with the
    repository, which is not to be seen here.
    """
    try:
        edits = by_id(root.fault).remedy(root).edits
    except (LookupError, TypeError, ValueError):
        return []
    cited = {(item.object, item.field) for item in root.evidence}
    found = []
    for edit in edits:
        obj = snapshot.find(edit.object)
        value = pointer.resolve(obj, edit.field) if obj is not None and edit.field else None
        short = isinstance(value, int | float) or (isinstance(value, str) and len(value) <= QUOTED)
        if short and (edit.object, edit.field) not in cited:
            found.append(on_object(edit.object, edit.field, value, "What it is now"))
    return found[:WRITTEN]


def _companions(diagnosis: Diagnosis, snapshot: Snapshot, clean: Redactor) -> list[Companion]:
    """The root's object and others with its fault, with what their older templates had: files may be shared."""
    root, *others = diagnosis.findings
    found: list[Companion] = []
    for item in (root, *others):
        if (item.fault, item.object.namespace) != (root.fault, root.object.namespace):
            continue
        workload = by_ref(snapshot).get(item.object)
        good = template_change.before(snapshot, workload, SETTINGS) if workload is not None else []
        kept = tuple(LastGood(**one) for one in good if _open(one, clean))
        if kept and item.object not in [other.object for other in found]:
            found.append(Companion(object=item.object, last_good=kept))
    return found[:COMPANIONS]


def _usable(facts: dict[str, Any], clean: Redactor) -> dict[str, Any]:
    """Facts as they may be stored. A value that redaction changed must never be written anywhere: it is left out,
    and the remedy falls back on git history.
    """
    kept: dict[str, Any] = clean.data(facts)
    if "last_good" in facts:
        kept["last_good"] = [item for item in facts["last_good"] if _open(item, clean)]
    if "near_value" in facts and kept["near_value"] != facts["near_value"]:
        kept["near_value"] = None
    return kept


def _open(item: dict[str, Any], clean: Redactor) -> bool:
    """Whether nothing of an older setting is a secret."""
    return bool(clean.data(item) == item) and bool(
        clean.cited(str(item.get("field", "")), item.get("value")) == item.get("value")
    )


def _shrink(facts: dict[str, Any]) -> bool:
    """Halves the longest list among the facts; False when nothing can go."""
    lists = [key for key, value in facts.items() if isinstance(value, list) and len(value) > 1]
    if not lists:
        return False
    longest = max(lists, key=lambda key: len(compact(facts[key])))
    facts[longest] = facts[longest][: len(facts[longest]) // 2]
    return True


def _verdict(diagnosis: Diagnosis) -> Any:
    return diagnosis.verdict


def _summary(diagnosis: Diagnosis) -> str:
    if diagnosis.verdict == "healthy":
        return "Everything looked at is well, and nothing needed is missing."
    return "No cause was found with certainty. " + "; ".join(diagnosis.reasons[:6])


def finding_of(analysis: Analysis) -> Finding:
    """The finding an analysis was made from, so that its fault can be asked for the remedy.

    Raises ValueError for an analysis that blames nothing.
    """
    if analysis.object is None or not analysis.fault:
        raise ValueError(f"An analysis with the verdict {analysis.verdict} blames nothing.")
    return Finding(
        fault=analysis.fault,
        variant=analysis.variant,
        object=ObjectRef(**analysis.object.model_dump()),
        container=analysis.container,
        confidence=analysis.confidence,
        summary=analysis.summary,
        evidence=tuple(Evidence(**item.model_dump()) for item in analysis.evidence),
        explains=analysis.explains,
        facts=dict(analysis.facts),
        mitigation=analysis.mitigation,
    )
