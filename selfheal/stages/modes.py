"""Which mode counts for an incident: per fault, per service, or the general one; the most careful wins."""

from __future__ import annotations

from selfheal.config import Mode, Service, Settings
from selfheal.incidents.record import Record

_CAREFUL: tuple[Mode, ...] = ("observe", "propose", "heal")


def service_of(settings: Settings, record: Record) -> Service | None:
    """The entry of the services map that the incident's target belongs to."""
    target = record.target
    if target is None:
        return None
    for service in settings.services:
        names = {workload.rpartition("/")[2] for workload in service.workloads} or {service.name}
        if target.name in names and (not service.namespace or service.namespace == target.namespace):
            return service
    return None


def mode_for(settings: Settings, record: Record) -> Mode:
    """The most careful of the modes that are set for this incident."""
    modes: list[Mode] = [settings.mode]
    service = service_of(settings, record)
    if service is not None:
        if service.mode is not None:
            modes.append(service.mode)
        fault = record.analysis.fault if record.analysis else ""
        if fault in service.modes_by_fault:
            modes.append(service.modes_by_fault[fault])
    if record.change is not None and record.change.free:
        # Nothing proves that it helps, so people decide.
        modes.append("propose")
    return min(modes, key=_CAREFUL.index)
