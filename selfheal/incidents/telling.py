"""A piece of evidence as a sentence. Redaction and escaping are the sink's business."""

from __future__ import annotations

from typing import Final

from selfheal.incidents.record import Evidence, compact
from selfheal.incidents.wording import spoken

#: Characters of a text that are cited.
QUOTED: Final = 300
#: A value up to so many characters is shown always; what is longer stands in most messages already.
_SHORT: Final = 40


def told(item: Evidence) -> str:
    """Where it was seen and what it says."""
    if item.source == "event":
        return f"event {item.value} on {item.object}: {item.message}"
    if item.source == "log":
        return f"log of {item.object}: {item.message}"
    if item.source == "sync":
        return f"the last apply: {item.message}"
    value = item.value if isinstance(item.value, str) else compact(item.value)
    cut = "…" if len(value) >= QUOTED else ""
    field = f" {spoken(item.field)}" if item.field else ""
    if not field or item.value is None or (len(value) > _SHORT and value in item.message):
        return f"{item.object}{field}: {item.message}{cut}"
    return f"{item.object}{field} = {value}{cut}: {item.message}"
