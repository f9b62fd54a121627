"""Kubernetes quantities as numbers."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

_QUANTITY = re.compile(r"^([+-]?\d{1,18}(?:\.\d{1,9})?)(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?\d{1,2})?$")
_FACTORS = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(10) ** 3,
    **{unit: Decimal(10) ** (3 * power) for power, unit in enumerate("MGTPE", start=2)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
}


def quantity(value: Any) -> Decimal | None:
    """The plain number a quantity stands for (bytes, cores), None for what is no quantity."""
    match = _QUANTITY.match(str(value)) if isinstance(value, (str, int, float)) else None
    if match is None:
        return None
    amount, suffix = Decimal(match.group(1)), match.group(2) or ""
    return amount * (_FACTORS[suffix] if suffix in _FACTORS else Decimal(f"1{suffix}"))
