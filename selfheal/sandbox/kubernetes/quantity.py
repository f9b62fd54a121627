"""Resource quantities: ``250m``, ``1.5Gi``, ``2e3``."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal
from typing import Any

_FORM = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))([eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?$")
_SCALE = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", 1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", 1)},
}


def parse(text: Any) -> Decimal:
    """The number a quantity stands for. Raises ValueError with the API server's words."""
    match = _FORM.match(str(text).strip())
    if match is None:
        raise ValueError(
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        )
    number, suffix = match.group(1), match.group(2) or ""
    if suffix[:1] in "eE" and len(suffix) > 1 and suffix != "Ei":
        return Decimal(number + suffix)
    return Decimal(number) * _SCALE[suffix]


def amount(text: Any) -> Decimal:
    """As :func:`parse`, zero for what is absent or malformed."""
    try:
        return parse(text) if text is not None else Decimal(0)
    except ValueError:
        return Decimal(0)


def show(value: Decimal, resource: str) -> str:
    """Written the way the API server prints sums: milli CPUs, binary memory."""
    if "memory" in resource or "storage" in resource:
        for power, suffix in reversed(list(enumerate(("Ki", "Mi", "Gi", "Ti"), 1))):
            scale = Decimal(1024) ** power
            if value and value % scale == 0:
                return f"{int(value / scale)}{suffix}"
        return str(int(value.to_integral_value(ROUND_CEILING)))
    if value == value.to_integral_value():
        return str(int(value))
    return f"{int((value * 1000).to_integral_value(ROUND_CEILING))}m"
