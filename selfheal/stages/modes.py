"""Which mode counts for an incident: per fault, per service, or the general one; the most careful wins."""

from __future__ import annotations

from selfheal.config import Mode, Service, Settings
from selfheal.incidents.record import Record

_CAREFUL: tuple[Mode, ...] = ("observe", "propose", "heal")


def services_of(settings: Settings, record: Record) -> tuple[Service, ...]:
    """Entries of the services map that the incident touches: by its target, what is blamed, and what changes.

    Whoever may edit the issue may name another target; that drops no entry that the change itself belongs to.
    """
    touched = [(record.target.namespace, record.target.name)] if record.target is not None else []
    refs = (
        [record.analysis.object] if record.analysis is not None and record.analysis.object is not None else []
    )
    refs += [change.object for change in record.change.rendered] if record.change is not None else []
    touched += [(ref.namespace, ref.name) for ref in refs]
    return tuple(entry for entry in settings.services if any(_holds(entry, *item) for item in touched))


def _holds(entry: Service, namespace: str, name: str) -> bool:
    names = {workload.rpartition("/")[2] for workload in entry.workloads} or {entry.name}
    return name in names and (not entry.namespace or entry.namespace == namespace)


def mode_for(settings: Settings, record: Record) -> Mode:
    """The most careful of the modes that are set for this incident."""
    modes: list[Mode] = [settings.mode]
    services = services_of(settings, record)
    fault = record.analysis.fault if record.analysis else ""
    for service in services:
        if service.mode is not None:
            modes.append(service.mode)
        if fault in service.modes_by_fault:
            modes.append(service.modes_by_fault[fault])
    if record.target is not None and settings.services and not services:
        # The map says what may be touched; what is not in it is merged by people.
        modes.append("propose")
    if record.change is not None and record.change.free:
        # Nothing proves that it helps, so people decide.
        modes.append("propose")
    return min(modes, key=_CAREFUL.index)
