"""Whether cited evidence is real: each piece is looked up in the snapshot it is said to come from."""

from __future__ import annotations

from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Snapshot
from selfheal.faults.evidence import READ, quoted, text_of
from selfheal.incidents.errors import ProofRefused
from selfheal.incidents.proofs import EvidenceResolved
from selfheal.incidents.record import Analysis, Evidence, Record, compact
from selfheal.incidents.telling import QUOTED
from selfheal.redaction import Redactor, redactor

#: Characters a citation from a log must have, unless it is the whole line.
CITED = 12


def resolves(analysis: Analysis, snapshot: Snapshot) -> tuple[str, ...]:
    """The ids of evidence that the snapshot confirms, in order."""
    clean = redactor()
    return tuple(item.id for item in analysis.evidence if _holds(item, snapshot, clean))


def _holds(item: Evidence, snapshot: Snapshot, clean: Redactor) -> bool:
    if item.source == "object":
        obj = snapshot.find(item.object)
        try:
            found = obj is not None and pointer.exists(obj, item.field)
        except ValueError:
            return False
        there = pointer.resolve(obj, item.field)
        return found and (_equal(there, item.value, clean) or shown_in(obj, item.field, clean) == item.value)
    if item.source == "event":
        return any(
            str(event.get("reason")) == str(item.value) and quoted(text_of(event)) == item.message
            for event in snapshot.events(item.object)
        )
    if item.source == "log":
        where = item.value if isinstance(item.value, dict) else {}
        text = snapshot.logs(
            item.object.namespace,
            item.object.name,
            str(where.get("container", "")),
            previous=where.get("previous") is True,
        )
        return _in_lines(item.message, text or "", clean)
    if item.source == "sync":
        return _in_lines(item.message, snapshot.sync(), clean)
    return False


def shown_in(obj: Any, field: str, clean: Redactor) -> Any:
    """The value of a field as it may be cited: a variable's name tells of its value, however the element is addressed."""
    value, parts = pointer.resolve(obj, field), pointer.parts(field)
    beside = pointer.resolve(obj, parts[:-1]) if parts else None
    if isinstance(beside, dict) and parts[-1] == "value" and isinstance(beside.get("name"), str):
        field = pointer.join(f"name={beside['name']}", "value")
    return clean.cited(field, value)


def _equal(found: Any, cited: Any, clean: Redactor) -> bool:
    """Equality after redaction; long texts are cited by their beginning."""
    found = clean.data(found)
    if isinstance(found, str) and isinstance(cited, str):
        return found == cited or (len(cited) >= QUOTED - 1 and found.startswith(cited))
    return compact(found) == compact(cited)


def _in_lines(cited: str, text: str, clean: Redactor) -> bool:
    """Whether a line of a text holds the citation, which must be long enough to mean something."""
    cited = cited.strip()
    lines = (clean.text(line[:READ]) for line in text.splitlines())
    return bool(cited) and any(
        cited in line and (len(cited) >= CITED or cited == line.strip()) for line in lines
    )


class EvidenceVerifier:
    """Grants ANALYSIS_COMPLETE when each cited piece is in the snapshot taken and the blamed object exists
    there.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def verify(self, key: str, record: Record) -> EvidenceResolved:
        """Raises ProofRefused naming what is not there."""
        analysis = record.analysis
        if analysis is None:
            raise ProofRefused(f"{key} has no analysis yet.", hint="Store the analysis, then complete it.")
        if analysis.snapshot_digest != self._snapshot.digest:
            raise ProofRefused(
                f"The analysis of {key} was made from another snapshot than the one taken.",
                hint="Diagnose again.",
            )
        if analysis.verdict != "fault":
            raise ProofRefused(
                f"The analysis of {key} says {analysis.verdict}; there is no cause to fix.",
                hint="Hand the incident to a person with that verdict.",
            )
        # What the API server never took is in no snapshot; the last apply tells of it.
        told = any(
            item.source == "sync"
            and item.object == analysis.object
            and f'"{item.object.name}"' in item.message
            for item in analysis.evidence
        )
        if analysis.object is None or (self._snapshot.find(analysis.object) is None and not told):
            raise ProofRefused(
                f"The blamed object {analysis.object} is not in the snapshot.",
                hint="Blame an object that exists.",
            )
        confirmed = resolves(analysis, self._snapshot)
        wrong = [item.id for item in analysis.evidence if item.id not in confirmed]
        if wrong or not confirmed:
            cited = ", ".join(wrong) or "none is cited"
            raise ProofRefused(
                f"Evidence of {key} is not in the snapshot: {cited}.",
                hint="Cite evidence as the diagnosis or the cluster tools returned it.",
            )
        return EvidenceResolved(
            incident=key,
            attempt=record.attempt,
            snapshot_digest=self._snapshot.digest,
            evidence_ids=confirmed,
        )
