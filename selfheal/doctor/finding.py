"""One finding."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True)
class Check:
    """One finding. ``why`` says why it matters, ``fix`` what to do; both are empty when all is well."""

    area: str
    result: Literal["ok", "warning", "missing", "failed"]
    what: str
    why: str = ""
    fix: str = ""

    def document(self) -> dict[str, str]:
        return asdict(self)
