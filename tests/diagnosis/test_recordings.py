"""Recordings of a real control plane, where they are there: the right cause first, healthy called healthy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from selfheal.cluster.dump import load_dump
from selfheal.diagnosis.engine import diagnose
from selfheal.faults.catalogue import CATALOGUE
from selfheal.incidents.record import Target
from tests.conftest import SHARED

KNOWN = {fault.id for fault in CATALOGUE}
CASES = sorted(path.parent for path in SHARED.glob("recordings/*/case.json")) if SHARED else []
#: Without the repository at hand a value changed by hand in the cluster is a bad value, and that is what it is called.
WITHOUT_REPOSITORY = {"drift": "env-var-invalid"}
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
    found = diagnose(load_dump(case / "faulty"), **question)
    if told["fault"] == "healthy":
        assert found.verdict == "healthy", found.reasons
    elif told["fault"] in KNOWN:
        assert found.root is not None, found.reasons
        assert (found.root.fault, found.root.object.model_dump()) == (told["fault"], told["object"])
    else:
        named = found.root.fault if found.root else None
        assert named == WITHOUT_REPOSITORY.get(told["fault"]), "a wrong certainty"
        assert found.verdict != "healthy"


@each
@ways
def test_healthy_half(case: Path, way: str) -> None:
    _told, question = asked(case, way)
    found = diagnose(load_dump(case / "healthy"), **question)
    assert (found.verdict, found.reasons) == ("healthy", ())
