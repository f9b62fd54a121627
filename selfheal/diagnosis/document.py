"""A diagnosis as the JSON document of ``selfheal diagnose``. All text in it is redacted."""

from __future__ import annotations

from typing import Any

from selfheal.diagnosis.engine import Diagnosis
from selfheal.incidents.record import Evidence
from selfheal.redaction import redactor

SCHEMA_VERSION = 1


def document(diagnosis: Diagnosis) -> dict[str, Any]:
    """The shape is a contract (docs/architecture.md); ``reasons`` says why a verdict is unknown."""
    found: dict[str, Any] = redactor().data(
        {
            "schema_version": SCHEMA_VERSION,
            "target": None if diagnosis.target is None else diagnosis.target.model_dump(),
            "findings": [
                {
                    "fault": finding.fault,
                    "variant": finding.variant,
                    "object": finding.object.model_dump(),
                    "container": finding.container,
                    "confidence": finding.confidence,
                    "summary": finding.summary,
                    "evidence": [_evidence(item) for item in finding.evidence],
                    "explains": [item.model_dump() for item in finding.explains],
                }
                for finding in diagnosis.findings
            ],
            "verdict": diagnosis.verdict,
            "reasons": list(diagnosis.reasons),
            "incomplete": list(diagnosis.incomplete),
            "elapsed_ms": diagnosis.elapsed_ms,
        }
    )
    return found


def _evidence(item: Evidence) -> dict[str, Any]:
    return {
        "source": item.source,
        "object": item.object.model_dump(),
        "field": item.field,
        "value": redactor().cited(item.field, item.value),
        "message": item.message,
    }
