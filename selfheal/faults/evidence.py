"""Evidence as detectors make it, and what they ask of events and waiting messages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.times import event_time
from selfheal.cluster.workloads import Workload, mapping, mappings, state, statuses
from selfheal.incidents.record import Evidence, ObjectRef
from selfheal.incidents.telling import QUOTED
from selfheal.redaction import redactor

#: Characters of the text that a quotation is cut from.
READ = 4_000
_NEVER = datetime.min.replace(tzinfo=UTC)


def quoted(text: str) -> str:
    """The beginning of a text. Redacted before it is cut, so that half a secret is never left."""
    return redactor().text(text[:READ])[:QUOTED]


def on_object(obj: Object | ObjectRef, field: str, value: Any, message: str) -> Evidence:
    """A field of an object."""
    ref = obj if isinstance(obj, ObjectRef) else ref_of(obj)
    return Evidence(id="", source="object", object=ref, field=field, value=value, message=message)


def of_event(event: Object) -> Evidence:
    """An event: ``value`` is its reason, ``message`` its text."""
    about = event.get("involvedObject") or event.get("regarding") or {}
    ref = ObjectRef(
        kind=str(about.get("kind", "")),
        namespace=str(about.get("namespace") or ""),
        name=str(about.get("name", "")),
    )
    return Evidence(
        id="", source="event", object=ref, value=event.get("reason"), message=quoted(text_of(event))
    )


def of_log(pod: Object, container: str, line: str, *, previous: bool) -> Evidence:
    """A log line, quoted as it stands."""
    value = {"container": container, "previous": previous}
    return Evidence(id="", source="log", object=ref_of(pod), value=value, message=quoted(line))


def text_of(event: Object) -> str:
    """An event's text in either API."""
    return str(event.get("message") or event.get("note") or "")


def container_of(event: Object) -> str:
    """The container an event of the kubelet is about, "" for the whole pod."""
    about = event.get("involvedObject") or event.get("regarding") or {}
    match = re.search(r"\{(.+)\}", str(about.get("fieldPath") or ""))
    return match.group(1) if match else ""


def newest_first(events: Iterable[Object]) -> list[Object]:
    """Events by when they were last seen, newest first; ties by text, so order in the dump never matters."""
    return sorted(events, key=lambda event: (event_time(event) or _NEVER, text_of(event)), reverse=True)


def seconds_before(snapshot: Snapshot, moment: datetime | None) -> float | None:
    """How long before the snapshot something was."""
    return None if moment is None else (snapshot.taken_at - moment).total_seconds()


def complaints(snapshot: Snapshot, workload: Workload) -> Iterator[tuple[str, str, Evidence]]:
    """Why pods of a workload do not start: (container, text, evidence), from waiting states, then from
    events.
    """
    for pod in workload.pods:
        stuck = False
        for name, status in statuses(pod).items():
            waiting = state(status, "waiting")
            message = str(waiting.get("message") or "")
            if not waiting:
                continue
            stuck = True
            if message:
                section = "initContainerStatuses" if _is_init(pod, name) else "containerStatuses"
                field = f"/status/{section}/name={name}/state/waiting/message"
                yield (
                    name,
                    message,
                    on_object(pod, field, quoted(message), f"{name} waits: {quoted(message)}"),
                )
        if stuck or not statuses(pod):
            for event in newest_first(snapshot.events_of(pod)):
                if event.get("type") != "Normal":
                    yield container_of(event), text_of(event), of_event(event)


def _is_init(pod: Object, name: str) -> bool:
    return any(
        item.get("name") == name for item in mappings(mapping(pod.get("status")).get("initContainerStatuses"))
    )
