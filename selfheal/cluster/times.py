"""Kubernetes timestamps as aware datetimes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def parse(text: Any) -> datetime | None:
    """The time in an RFC 3339 text, None for anything else. Fractions beyond microseconds are cut."""
    if not isinstance(text, str) or len(text) < 19:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def event_time(event: dict[str, Any]) -> datetime | None:
    """When the event was last seen."""
    series = event.get("series")
    series = series if isinstance(series, dict) else {}
    for value in (
        series.get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("deprecatedLastTimestamp"),
        event.get("eventTime"),
        event.get("firstTimestamp"),
    ):
        moment = parse(value)
        if moment is not None:
            return moment
    metadata = event.get("metadata")
    return parse(metadata.get("creationTimestamp")) if isinstance(metadata, dict) else None
