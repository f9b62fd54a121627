"""Evidence as people read it."""

from __future__ import annotations

from typing import Any

import pytest

from selfheal.incidents.record import Evidence, ObjectRef
from selfheal.incidents.telling import QUOTED, told

API = ObjectRef(kind="Deployment", namespace="shop", name="api")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        # A short value is shown even where the message holds the same letters for another reason.
        (
            {"field": "/spec/selector/app", "value": "api", "message": "What api selects"},
            "Deployment shop/api spec.selector.app = api: What api selects",
        ),
        (
            {"field": "/spec/replicas", "value": {"b": 1}, "message": "odd"},
            'Deployment shop/api spec.replicas = {"b":1}: odd',
        ),
        (
            {"field": "/status/message", "value": "x" * 60, "message": "it says: " + "x" * 60},
            "Deployment shop/api status.message: it says: " + "x" * 60,
        ),
        (
            {"field": "/status/message", "value": "y" * QUOTED, "message": "it says: " + "y" * QUOTED},
            "Deployment shop/api status.message: it says: " + "y" * QUOTED + "…",
        ),
        ({"field": "/spec/a", "value": None, "message": "gone"}, "Deployment shop/api spec.a: gone"),
        (
            {"source": "event", "value": "BackOff", "message": "again"},
            "event BackOff on Deployment shop/api: again",
        ),
        ({"source": "log", "message": "panic"}, "log of Deployment shop/api: panic"),
        ({"source": "sync", "message": "no matches"}, "the last apply: no matches"),
    ],
)
def test_evidence_as_a_sentence(more: dict[str, Any], sentence: str) -> None:
    assert told(Evidence(**{"id": "e1", "source": "object", "object": API, **more})) == sentence
