"""A CronJob does not run as it is meant to.

# What it is
It is suspended, its schedule or time zone cannot be read, or a run that never ends keeps the next ones from
starting.

# How it is recognised
`suspend` is true; the schedule is not five fields (or a known name) within their ranges; the time zone is not a
name of that kind; events `UnparseableSchedule`, `InvalidSchedule`, `UnknownTimeZone`; `concurrencyPolicy: Forbid`
with one Job active for longer than several intervals; a starting deadline too short to ever be met.
Or the API server refused such a field at the last apply: the live object is then the old one, and well.

# How it is told from its neighbours
Jobs that start and fail are `job-failed`. A CronJob that is simply not due has nothing wrong.

# What is changed
The field: `suspend`, `schedule`, `timeZone`, `startingDeadlineSeconds` back to what it was; `suspend` is lifted where
git says nothing else.
A field that was refused gets back what the live object has there, which was taken.

# How safe that is
The Jobs run again as planned. A suspension that somebody wants stands in git's history; the pull request asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot, metadata, ref_of
from selfheal.cluster.times import event_time, parse
from selfheal.cluster.workloads import declared, mapping, mappings, number
from selfheal.faults.evidence import newest_first, of_event, on_object, seconds_before
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.faults.refused import REFUSED, refused, taken_back
from selfheal.incidents.record import Evidence, Target

_NAMES = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], start=1
    )
}
_DAYS = {name: number for number, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}
_ZONE = re.compile(
    r"^(?:UTC|GMT|[A-Z][A-Za-z]+(?:/[A-Za-z0-9_+-]+)+|Etc/[A-Za-z0-9+-]+|[A-Z]{3,5}[0-9]?[A-Z]{0,3})$"
)
#: Below this a controller that looks every ten seconds may never meet a starting deadline.
TOO_SHORT = 10
#: Seconds after which an active Job that may have no companion is called stuck, when nothing says how long it takes.
STUCK = 86_400
_EVENTS = {
    "UnparseableSchedule": "schedule",
    "InvalidSchedule": "schedule",
    "UnknownTimeZone": "timeZone",
}


@dataclass(frozen=True)
class _Wrong:
    variant: str
    field: str
    why: str
    confidence: float
    evidence: tuple[Evidence, ...]
    wanted: Any = None


class CronjobInvalid(Fault):
    """See the page above."""

    id = "cronjob-invalid"
    blames = ("CronJob",)
    writes = (
        "/spec/suspend",
        "/spec/schedule",
        "/spec/timeZone",
        "/spec/startingDeadlineSeconds",
        "/spec/concurrencyPolicy",
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        yield from refused(snapshot, self.id)
        for cron in snapshot.list("CronJob"):
            wrong = _examine(snapshot, cron, target)
            if wrong is None:
                continue
            was = pointer.resolve(declared(cron), wrong.field)
            now = pointer.resolve(cron, wrong.field)
            wanted = was if was is not None and was != now else wrong.wanted
            evidence = [on_object(cron, wrong.field, now, wrong.why)] if now is not None else []
            yield Finding(
                fault=self.id,
                variant=wrong.variant,
                object=ref_of(cron),
                confidence=wrong.confidence,
                summary=f"{ref_of(cron)} does not run as it is meant to: {wrong.why}.",
                evidence=(*evidence, *wrong.evidence),
                facts={"field": wrong.field, "wanted": wanted},
                mitigation=f"kubectl -n {ref_of(cron).namespace} describe cronjob {ref_of(cron).name}",
            )

    @override
    def remedy(self, finding: Finding) -> Remedy:
        if finding.variant == REFUSED:
            return taken_back(finding)
        facts = finding.facts
        title = f"Let {finding.object.name} run on its schedule"
        wanted = (
            Exact(facts["wanted"], "the last applied manifest, or the default")
            if facts["wanted"] is not None
            else None
        )
        return Remedy(title, (FieldEdit(finding.object, facts["field"], LastGood(wanted)),), finding.summary)


def _examine(snapshot: Snapshot, cron: Object, target: Target | None) -> _Wrong | None:
    spec = mapping(cron.get("spec"))
    told = _told(snapshot, cron)
    if told is not None:
        field, evidence = told
        why = f"its {'time zone' if field == 'timeZone' else 'schedule'} cannot be read"
        return _Wrong(
            "time-zone" if field == "timeZone" else "schedule", f"/spec/{field}", why, 0.97, (evidence,)
        )
    schedule = str(spec.get("schedule") or "")
    if schedule and not readable(schedule):
        return _Wrong("schedule", "/spec/schedule", f"the schedule {schedule} cannot be read", 0.93, ())
    zone = spec.get("timeZone")
    if isinstance(zone, str) and zone and not _ZONE.match(zone):
        return _Wrong("time-zone", "/spec/timeZone", f"there is no time zone {zone}", 0.85, ())
    if spec.get("suspend") is True:
        meant = target is not None and target.name == ref_of(cron).name
        return _Wrong("suspend", "/spec/suspend", "it is suspended", 0.9 if meant else 0.75, (), False)
    deadline = spec.get("startingDeadlineSeconds")
    if isinstance(deadline, int) and not isinstance(deadline, bool) and deadline < TOO_SHORT:
        why = f"a starting deadline of {deadline} s is missed each time"
        return _Wrong("deadline", "/spec/startingDeadlineSeconds", why, 0.8, ())
    return _overrun(snapshot, cron)


def _told(snapshot: Snapshot, cron: Object) -> tuple[str, Evidence] | None:
    """The controller's newest complaint about a field that was not changed since."""
    for event in newest_first(snapshot.events_of(cron)):
        field = _EVENTS.get(str(event.get("reason")))
        if field is None:
            continue
        value = str(mapping(cron.get("spec")).get(field) or "")
        text = str(event.get("message") or event.get("note") or "")
        ago = seconds_before(snapshot, event_time(event))
        quoted_value = value in text if value else True
        if quoted_value and (ago is None or ago < 86_400):
            return field, of_event(event)
    return None


def _overrun(snapshot: Snapshot, cron: Object) -> _Wrong | None:
    """One run that does not end forbids all others."""
    spec = mapping(cron.get("spec"))
    if spec.get("concurrencyPolicy") != "Forbid":
        return None
    missed = [
        event for event in newest_first(snapshot.events_of(cron)) if event.get("reason") == "JobAlreadyActive"
    ]
    for entry in mappings(mapping(cron.get("status")).get("active")):
        job = snapshot.get("Job", ref_of(cron).namespace, str(entry.get("name", "")))
        began = parse(mapping(mapping(job).get("status")).get("startTime")) or parse(
            metadata(job or {}).get("creationTimestamp")
        )
        ago = seconds_before(snapshot, began)
        if job is None or ago is None or not number(mapping(job.get("status")).get("active")):
            continue
        if ago > STUCK or (missed and ago > 3600):
            evidence = [of_event(missed[0])] if missed else []
            evidence.append(
                on_object(
                    job,
                    "/status/active",
                    number(mapping(job.get("status")).get("active")),
                    f"It runs since {ago:.0f} s",
                )
            )
            return _Wrong(
                "concurrency",
                "/spec/concurrencyPolicy",
                f"{ref_of(job).name} never ends and forbids the next",
                0.8,
                tuple(evidence),
            )
    return None


def readable(schedule: str) -> bool:
    """Whether a schedule is one that the controller can read."""
    text = re.sub(r"^(?:CRON_)?TZ=\S+\s+", "", schedule.strip())
    if text.startswith("@"):
        return text in _NAMES or bool(re.fullmatch(r"@every (?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+", text))
    fields = text.split()
    return len(fields) == len(_RANGES) and all(
        _field(part, low, high, _MONTHS if index == 3 else _DAYS if index == 4 else {})
        for index, (part, (low, high)) in enumerate(zip(fields, _RANGES, strict=True))
    )


def _field(text: str, low: int, high: int, names: dict[str, int]) -> bool:
    for part in text.split(","):
        span, slash, step = part.partition("/")
        if slash and not (step.isdecimal() and int(step) > 0):
            return False
        if span in ("*", "?"):
            continue
        ends = [names.get(item.lower(), item) for item in span.split("-")]
        if len(ends) > 2 or not all(str(end).isdecimal() for end in ends):
            return False
        numbers = [int(end) for end in ends]
        if not all(low <= value <= high for value in numbers) or numbers != sorted(numbers):
            return False
    return True
