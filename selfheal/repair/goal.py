"""What is to become of one field of one rendered object: a remedy's edit with its value decided."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from selfheal.cluster import pointer
from selfheal.incidents.record import ObjectRef


@dataclass(frozen=True)
class Goal:
    """``before`` is what the field renders to now (None when it is absent); ``origin`` cites where the value stands."""

    object: ObjectRef
    field: str
    op: Literal["set", "remove"]
    value: Any
    before: Any
    origin: str

    @property
    def path(self) -> tuple[str, ...]:
        """The field as tokens."""
        return pointer.parts(self.field)


def permitted(field: str, patterns: Iterable[str]) -> bool:
    """Whether a field matches one of the pointers that a fault may write (``*`` stands for one token)."""
    tokens = pointer.parts(field)
    for pattern in patterns:
        wanted = pointer.parts(pattern)
        if len(wanted) == len(tokens) and all(w in ("*", t) for w, t in zip(wanted, tokens, strict=True)):
            return True
    return False
