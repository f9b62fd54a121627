"""Cron schedules, as CronJobs use them: five fields or an ``@`` word, in one time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

_WORDS = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
#: How far ahead the next time is looked for, in days; February 29 needs eight years at worst.
_AHEAD = 366 * 8


class Schedule:
    """A parsed schedule. Raises ValueError with the parser's words."""

    def __init__(self, text: str) -> None:
        fields = _WORDS.get(text.strip(), text).split()
        if len(fields) != 5:
            raise ValueError(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")
        names: tuple[list[str], ...] = ([], [], [], _MONTHS, _DAYS)
        parsed = [
            _field(field, *bound, known) for field, bound, known in zip(fields, _BOUNDS, names, strict=True)
        ]
        self.minutes, self.hours, self.days, self.months, self.weekdays = parsed
        self._any_day, self._any_weekday = fields[2][0] in "*?", fields[4][0] in "*?"

    def next(self, after: float, zone: tzinfo = UTC) -> float | None:
        """The first time later than ``after`` (seconds since the epoch); None for a day that never comes."""
        moment = datetime.fromtimestamp(after, zone).replace(second=0, microsecond=0) + timedelta(minutes=1)
        for _day in range(_AHEAD):
            if moment.month in self.months and self._on(moment):
                end = moment.replace(hour=23, minute=59)
                while moment <= end:
                    if moment.hour not in self.hours:
                        moment = moment.replace(minute=0) + timedelta(hours=1)
                    elif moment.minute not in self.minutes:
                        moment += timedelta(minutes=1)
                    else:
                        return moment.timestamp()
            else:
                moment = moment.replace(hour=0, minute=0) + timedelta(days=1)
        return None

    def _on(self, moment: datetime) -> bool:
        day, weekday = moment.day in self.days, (moment.weekday() + 1) % 7 in self.weekdays
        # Restricting both means either, as in every cron.
        return (day and weekday) if self._any_day or self._any_weekday else (day or weekday)


def _field(text: str, low: int, high: int, names: list[str]) -> frozenset[int]:
    values: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        if step and (not step.isdigit() or int(step) == 0):
            raise ValueError(f"step of range should be a positive number: {part}")
        if span in ("*", "?"):
            first, last = low, high
        else:
            begin, dash, end = span.partition("-")
            first = _number(begin, low, names)
            last = _number(end, low, names) if dash else (high if step else first)
        if high == 6 and last == 7:
            last = 7
        elif last > high:
            raise ValueError(f"end of range ({last}) above maximum ({high}): {part}")
        if first < low:
            raise ValueError(f"beginning of range ({first}) below minimum ({low}): {part}")
        if first > last:
            raise ValueError(f"beginning of range ({first}) beyond end of range ({last}): {part}")
        values |= {value % 7 if high == 6 else value for value in range(first, last + 1, int(step or 1))}
    return frozenset(values)


def _number(text: str, low: int, names: list[str]) -> int:
    if text.lower() in names:
        return names.index(text.lower()) + low
    if not text.isdigit():
        raise ValueError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    return int(text)
