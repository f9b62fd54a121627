"""The result of a run as a JSON document, and where it is kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from selfheal.config import Settings
from selfheal.redaction import redactor
from selfheal.stages.report import StageReport

SCHEMA_VERSION = 1


def run_document(
    run_id: str,
    started: datetime,
    ended: datetime,
    reports: Mapping[str, Sequence[StageReport]],
    settings: Settings,
) -> dict[str, Any]:
    """``{"schema_version", "run", "started", "ended", "seconds", "mode", "model", "dry_run", "incidents", "totals"}``.

    Everything in it is redacted. ``incidents`` are in the order of the queue; counts are requests and writes by vendor.
    """
    incidents = [_incident(key, chain) for key, chain in reports.items() if chain]
    document = {
        "schema_version": SCHEMA_VERSION,
        "run": run_id,
        "started": started.isoformat(),
        "ended": ended.isoformat(),
        "seconds": round((ended - started).total_seconds(), 3),
        "mode": settings.mode,
        "model": settings.model_name,
        "dry_run": settings.dry_run,
        "incidents": incidents,
        "totals": {
            "incidents": len(incidents),
            "requests": _summed(incident["requests"] for incident in incidents),
            "writes": _summed(incident["writes"] for incident in incidents),
            "tokens": _summed(incident["tokens"] for incident in incidents),
        },
    }
    clean: dict[str, Any] = redactor().data(document)
    return clean


def _incident(key: str, chain: Sequence[StageReport]) -> dict[str, Any]:
    """One incident: what its last stage left, and every stage in order."""
    last = chain[-1]
    facts = next((report.facts for report in reversed(chain) if report.facts), {})
    return {
        "key": key,
        "state": next((report.state for report in reversed(chain) if report.state), ""),
        "outcome": last.outcome.value,
        "exit_code": last.exit_code,
        "summary": last.summary,
        "hint": last.hint,
        "facts": facts,
        "seconds": round(sum(report.seconds for report in chain), 3),
        "requests": _summed(report.requests for report in chain),
        "writes": _summed(report.writes for report in chain),
        "tokens": _summed(report.tokens for report in chain),
        "would_write": [line for report in chain for line in report.would_write],
        "stages": [_stage(report) for report in chain],
    }


def _stage(report: StageReport) -> dict[str, Any]:
    document = report.document()
    for name in ("key", "facts", "overlay", "would_write"):
        document.pop(name)
    return document


def _summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for count in counts:
        for name, value in count.items():
            total[name] = total.get(name, 0) + value
    return dict(sorted(total.items()))


def write_result(folder: Path, document: Mapping[str, Any]) -> Path:
    """Writes ``<folder>/<run>.json``; answers its path. A reader never sees half a file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{document['run']}.json"
    unfinished = path.with_suffix(".json.part")
    unfinished.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    unfinished.replace(path)
    return path
