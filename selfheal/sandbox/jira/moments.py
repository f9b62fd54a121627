"""Dates as JQL writes them: absolute, a period from now, or a function. All in UTC, the site's time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"w": 7 * 24 * 60, "d": 24 * 60, "h": 60, "m": 1}
_FORMATS = ("%Y/%m/%d %H:%M", "%Y-%m-%d %H:%M", "%Y/%m/%d", "%Y-%m-%d")


def period(text: str) -> timedelta | None:
    """``-4w 2d`` and the like."""
    match = re.fullmatch(r"\s*([+-]?)((?:[0-9]{1,9}[wdhm]\s*)+)", text)
    if not match:
        return None
    minutes = sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"(\d+)([wdhm])", match[2]))
    try:
        return timedelta(minutes=-minutes if match[1] == "-" else minutes)
    except OverflowError:
        return None


def moment(text: str, now: datetime) -> datetime | None:
    """The time a value names; None when it names none."""
    offset = period(text)
    try:
        if offset is not None:
            return now + offset
        if re.fullmatch(r"[0-9]{10,14}", text):
            return datetime.fromtimestamp(int(text) / 1000, UTC)
    except (OverflowError, ValueError):
        return None
    for form in _FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def span_start(name: str, arguments: tuple[str, ...], now: datetime) -> datetime | None:
    """``now()``, ``startOfDay()``, ``endOfWeek("-1w")`` …; None when there is no such function."""
    match = re.fullmatch(r"(start|end)of(day|week|month|year)", name.casefold())
    if name.casefold() == "now" and not arguments:
        return now
    if not match or len(arguments) > 1:
        return None
    offset = period(arguments[0]) if arguments else timedelta(0)
    if offset is None:
        return None
    try:
        start = _start(now + offset, match[2])
        return start if match[1] == "start" else _after(start, match[2]) - timedelta(milliseconds=1)
    except (OverflowError, ValueError):
        return None


def _start(at: datetime, span: str) -> datetime:
    """Weeks start on Sunday, as on a site that nobody told otherwise."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if span == "week":
        return day - timedelta(days=(day.weekday() + 1) % 7)
    if span == "day":
        return day
    return day.replace(day=1) if span == "month" else day.replace(day=1, month=1)


def _after(start: datetime, span: str) -> datetime:
    if span in ("day", "week"):
        return start + timedelta(days=1 if span == "day" else 7)
    if span == "month":
        return (start + timedelta(days=32)).replace(day=1)
    return start.replace(year=start.year + 1)
