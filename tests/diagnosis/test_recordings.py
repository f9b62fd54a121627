"""Recordings of a real control plane, where they are there: the right cause first, healthy called healthy."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from selfheal.cluster.dump import load_dump
from selfheal.diagnosis.analysis import to_analysis
from selfheal.diagnosis.engine import diagnose
from selfheal.diagnosis.evidence import resolves
from selfheal.faults.catalogue import CATALOGUE
from selfheal.incidents.record import Target
from tests.conftest import SHARED

KNOWN = {fault.id for fault in CATALOGUE}
CASES = sorted(path.parent for path in SHARED.glob("recordings/*/case.json")) if SHARED else []
pytestmark = pytest.mark.skipif(not CASES, reason="no shared recordings here (set SELFHEAL_SHARED)")
each = pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
ways = pytest.mark.parametrize("way", ["nothing", "text", "target"])


def asked(case: Path, way: str) -> tuple[dict[str, Any], dict[str, Any]]:
    told = json.loads((case / "case.json").read_text(encoding="utf-8"))
    incident = told["incident"]
    if way == "text":
        return told, {"incident_text": f"{incident['summary']}\n{incident['description']}"}
    if way == "target":
        return told, {"target": Target(namespace=told["namespace"], name=incident["affected_service"])}
    return told, {}


@each
@ways
def test_faulty_half(case: Path, way: str) -> None:
    told, question = asked(case, way)
    repository = case / "repo" if told["fault"] == "drift" else None
    found = diagnose(load_dump(case / "faulty"), repository=repository, **question)
    if told["fault"] == "healthy":
        assert found.verdict == "healthy", found.reasons
        return
    assert told["fault"] in KNOWN
    assert found.root is not None, found.reasons
    assert (found.root.fault, found.root.object.model_dump()) == (told["fault"], told["object"])


@each
def test_every_piece_of_evidence_resolves(case: Path) -> None:
    snapshot = load_dump(case / "faulty")
    for finding in diagnose(snapshot).findings:
        analysis = to_analysis(replace(diagnose(snapshot), findings=(finding,), verdict="fault"), snapshot)
        confirmed = resolves(analysis, snapshot)
        assert [item.id for item in analysis.evidence] == list(confirmed), finding.fault


@each
@ways
def test_healthy_half(case: Path, way: str) -> None:
    _told, question = asked(case, way)
    found = diagnose(load_dump(case / "healthy"), **question)
    assert (found.verdict, found.reasons) == ("healthy", ())
