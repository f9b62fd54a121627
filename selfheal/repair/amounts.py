"""Quantities raised within bounds, written the way the present one is."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from selfheal.cluster.quantity import quantity

_PARTS = re.compile(r"^(\d+(?:\.\d+)?)([A-Za-z]*)$")
_SMALLER = {
    "Ei": "Pi",
    "Pi": "Ti",
    "Ti": "Gi",
    "Gi": "Mi",
    "Mi": "Ki",
    "E": "P",
    "P": "T",
    "T": "G",
    "G": "M",
    "M": "k",
}

#: What Kubernetes takes for a probe's field that is not written.
DEFAULTS = {
    "timeoutSeconds": 1,
    "periodSeconds": 10,
    "failureThreshold": 3,
    "successThreshold": 1,
    "initialDelaySeconds": 0,
    "backoffLimit": 6,
    "progressDeadlineSeconds": 600,
    "terminationGracePeriodSeconds": 30,
}


def times(value: Any, factor: float) -> Any:
    """``value`` times ``factor``, rounded up to a whole number of a unit. None for what is no quantity."""
    amount = quantity(value)
    if amount is None or isinstance(value, bool):
        return None
    return written(amount * Decimal(str(factor)), value)


def written(amount: Decimal, like: Any) -> Any:
    """An amount in the unit of ``like`` (an int stays an int), or in the next smaller one where that is whole."""
    if isinstance(like, int):
        return int(amount.to_integral_value(rounding="ROUND_CEILING"))
    match = _PARTS.match(str(like))
    unit = match.group(2) if match else ""
    while True:
        size = quantity(f"1{unit}") or Decimal(1)
        count = amount / size
        if count == count.to_integral_value():
            return f"{int(count)}{unit}"
        if unit in _SMALLER:
            unit = _SMALLER[unit]
        elif unit == "":
            # Parts of a core are written in thousandths.
            unit = "m"
        else:
            return f"{int(count.to_integral_value(rounding='ROUND_CEILING'))}{unit}"


def more(left: Any, right: Any) -> bool:
    """Whether a quantity is larger than another; False when either is none."""
    one, two = quantity(left), quantity(right)
    return one is not None and two is not None and one > two
