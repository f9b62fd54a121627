"""Quantities as numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from selfheal.cluster.quantity import quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1),
        ("128Mi", 128 * 1024**2),
        ("1.5Gi", 1536 * 1024**2),
        ("100m", Decimal("0.1")),
        ("2k", 2000),
        ("1e3", 1000),
        (4, 4),
    ],
)
def test_values(text: Any, number: Any) -> None:
    assert quantity(text) == number


@pytest.mark.parametrize("text", ["", "Mi", "1 Gi", "abc", None, [], "1e999999", "9" * 40])
def test_no_quantities(text: Any) -> None:
    assert quantity(text) is None
