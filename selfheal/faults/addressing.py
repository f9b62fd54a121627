"""Addresses in a workload's settings that lead nowhere: a host that is no Service, a port that a Service lacks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.workloads import Workload, earlier, mapping, mappings, ready, state, statuses
from selfheal.faults import generations
from selfheal.faults.backends import asked_ports
from selfheal.faults.calls import Address, addresses, failing, service_of
from selfheal.faults.evidence import of_log, on_object
from selfheal.faults.nearness import nearest
from selfheal.faults.signals import Signal
from selfheal.faults.stores import behind, to_store
from selfheal.incidents.record import Evidence, ObjectRef


@dataclass(frozen=True)
class Wrong:
    """One address that leads nowhere. ``variant`` is host or port; ``service`` the one plainly meant."""

    address: Address
    variant: str
    service: Object | None
    wanted: str
    before: str
    origin: str
    confidence: float
    evidence: tuple[Evidence, ...]
    store: bool


def wrong_addresses(snapshot: Snapshot, workload: Workload) -> list[Wrong]:
    """Addresses of a workload that lead nowhere, the surest first."""
    table: dict[str, list[Wrong]] = snapshot.memo("wrong-addresses", dict)
    key = str(workload.ref)
    if key not in table:
        found = []
        if snapshot.known("Service", workload.namespace):
            for address in addresses(snapshot, workload):
                item = _examine(snapshot, workload, address)
                if item is not None:
                    found.append(item)
        table[key] = sorted(found, key=lambda item: (-item.confidence, item.address.field, item.address.host))
    return table[key]


def is_address(host: str) -> bool:
    """Whether a host is given by its number."""
    return re.fullmatch(r"\d{1,3}(?:\.\d{1,3}){3}", host) is not None


def inside(snapshot: Snapshot, namespace: str, host: str) -> bool:
    """Whether a host name is one that only the cluster's DNS could know."""
    if is_address(host) or host == "localhost":
        return False
    parts = host.split(".")
    if len(parts) == 1:
        return True
    return (len(parts) > 2 and parts[2] == "svc") or (
        len(parts) == 2
        and (parts[1] == namespace or parts[1] in snapshot.namespaces() or bool(_space(snapshot, host)))
    )


def _examine(snapshot: Snapshot, workload: Workload, address: Address) -> Wrong | None:
    host = address.host
    if not inside(snapshot, workload.namespace, host):
        return None
    service = service_of(snapshot, workload.namespace, host)
    before, origin = _before(snapshot, workload, address)
    if service is None:
        return _host(snapshot, workload, address, before, origin)
    if address.port and not _offers(snapshot, service, address.port):
        return _port(snapshot, workload, address, service, before, origin)
    if before and before != address.value:
        return _moved(snapshot, workload, address, service, before, origin)
    return None


def _offers(snapshot: Snapshot, service: Object, port: int) -> bool:
    spec = mapping(service.get("spec"))
    ports = mappings(spec.get("ports"))
    if any(item.get("port") == port for item in ports):
        return True
    if spec.get("type") == "ExternalName" or not ports:
        return True
    # A headless Service gives the pods' own addresses: whatever they listen on can be reached.
    return spec.get("clusterIP") == "None" and any(
        item.get("containerPort") == port
        for load in behind(snapshot, service)
        for container in load.containers
        for item in mappings(container.spec.get("ports"))
    )


def _before(snapshot: Snapshot, workload: Workload, address: Address) -> tuple[str, str]:
    """What stood at the address's place before, and where that stands."""
    if address.holder == workload.ref:
        relative = address.field.removeprefix(workload.spec_pointer)
        for older in earlier(snapshot, workload.object):
            value = pointer.resolve(older.spec, relative)
            if isinstance(value, str) and value != address.value:
                return value, older.origin
    was = generations.before(snapshot, address.holder, address.field, address.value)
    return (was[0], was[1]) if was is not None and isinstance(was[0], str) else ("", "")


def _told(
    snapshot: Snapshot, workload: Workload, address: Address, service: Object | None
) -> tuple[float, tuple[Evidence, ...]]:
    """How the workload suffers: 0.95 when its log complains about this address, less when it is only not well."""
    for signal, about in failing(snapshot, workload):
        same = signal.host == address.host and signal.port in (0, address.port)
        if same or (service is not None and about is not None and ref_of(about) == ref_of(service)):
            return 0.95, (_line(signal),)
    for signal, about in failing(snapshot, workload):
        if about is None and (not signal.host or signal.port == address.port != 0):
            return 0.88, (_line(signal),)
    for pod in workload.pods:
        for status in statuses(pod).values():
            if state(status, "waiting").get("reason") == "CrashLoopBackOff":
                return 0.82, ()
        if not ready(pod):
            return 0.78, ()
    return 0.0, ()


def _line(signal: Signal) -> Evidence:
    return of_log(signal.pod, signal.container, signal.line, previous=signal.previous)


def _space(snapshot: Snapshot, host: str) -> str:
    """The namespace plainly meant by a host that names one that does not exist, where it has that Service; else ""."""
    parts = host.split(".")
    spaces = snapshot.namespaces()
    if len(parts) < 2 or parts[1] in spaces or (len(parts) > 2 and parts[2] != "svc"):
        return ""
    near = nearest(parts[1], spaces)
    return near if near and snapshot.get("Service", near, parts[0]) is not None else ""


def _other_space(
    snapshot: Snapshot, workload: Workload, address: Address, space: str, before: str, origin: str
) -> Wrong | None:
    """A host that names a namespace that does not exist, and of which calls fail."""
    name, was = address.host.split(".")[:2]
    service = snapshot.get("Service", space, name)
    sure, told = _told(snapshot, workload, address, service)
    if service is None or not sure:
        return None
    pattern = rf"(?<![\w.-]){re.escape(f'{name}.{was}')}(?![\w-])"
    return Wrong(
        address,
        "host",
        service,
        before or re.sub(pattern, f"{name}.{space}", address.value),
        before,
        origin or f"the Service {name} of the namespace {space} exists",
        sure,
        _evidence(address, told, f"There is no namespace {was}"),
        to_store(snapshot, workload, address),
    )


def _host(snapshot: Snapshot, workload: Workload, address: Address, before: str, origin: str) -> Wrong | None:
    space = _space(snapshot, address.host)
    if space:
        return _other_space(snapshot, workload, address, space, before, origin)
    # Services that other addresses of the workload name already are not meant by this one.
    taken = {
        item.host.split(".")[0]
        for item in addresses(snapshot, workload)
        if item is not address and service_of(snapshot, workload.namespace, item.host) is not None
    }
    place = workload.namespace if len(address.host.split(".")) == 1 else address.host.split(".")[1]
    names = [ref_of(item).name for item in snapshot.list("Service", place)]
    head = address.host.split(".")[0]
    near = nearest(head, [name for name in names if name not in taken])
    meant = snapshot.get("Service", place, near) if near else None
    if before and meant is None:
        meant = _service_in(snapshot, workload, before)
    sure, told = _told(snapshot, workload, address, meant)
    if not told and (meant is None or (sure and not near)):
        sure = 0.0
    if sure == 0.0:
        # Settings of parts that are not deployed are common; only a name that was changed lately tells.
        if not before or meant is None:
            return None
        sure = 0.75
    elif meant is None:
        sure = min(sure, 0.85)
    if before:
        sure = min(sure + 0.03, 0.97)
    wanted = before or (
        re.sub(rf"(?<![\w.-]){re.escape(head)}(?![\w-])", near, address.value) if near else ""
    )
    why = origin or (f"the Service {near} exists" if near else "")
    return Wrong(
        address,
        "host",
        meant,
        wanted,
        before,
        why,
        sure,
        _evidence(address, told, f"No Service is called {head}"),
        to_store(snapshot, workload, address),
    )


def _service_in(snapshot: Snapshot, workload: Workload, text: str) -> Object | None:
    for host in re.findall(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?", text):
        found = service_of(snapshot, workload.namespace, host)
        if found is not None:
            return found
    return None


def _port(
    snapshot: Snapshot, workload: Workload, address: Address, service: Object, before: str, origin: str
) -> Wrong | None:
    ports = [item.get("port") for item in mappings(mapping(service.get("spec")).get("ports"))]
    sure, told = _told(snapshot, workload, address, service)
    others = asked_ports(snapshot, ref_of(service))
    right = any(number in ports for number in others)
    sure = max(sure, 0.8 if before or right else 0.72)
    text = str(address.port)
    wanted = before
    if not wanted and len(ports) == 1:
        # What follows the digits and is no part of a path belongs to the slip: 808x.
        pattern = rf"(?<=:){text}(?!\d)[A-Za-z]*(?![\w-])" if not address.port_field else rf"^{text}$"
        wanted = re.sub(pattern, str(ports[0]), text if address.port_field else address.value)
    shown = ", ".join(map(str, ports))
    evidence = [
        *_evidence(address, told, f"{ref_of(service).name} offers {shown}"),
        on_object(ref_of(service), "/spec/ports/0/port", ports[0], f"What {ref_of(service).name} offers"),
    ]
    return Wrong(
        address,
        "port",
        service,
        wanted,
        before,
        origin or f"the ports of {ref_of(service)}",
        round(sure, 2),
        tuple(evidence),
        to_store(snapshot, workload, address),
    )


def _moved(
    snapshot: Snapshot, workload: Workload, address: Address, service: Object, before: str, origin: str
) -> Wrong | None:
    """An address that was changed to another Service that exists, and calls to it fail since."""
    was = _service_in(snapshot, workload, before)
    _sure, told = _told(snapshot, workload, address, service)
    if was is None or ref_of(was) == ref_of(service) or not told:
        return None
    return Wrong(
        address,
        "host",
        was,
        before,
        before,
        origin,
        0.88,
        _evidence(address, told, f"It was {before[:120]} before"),
        to_store(snapshot, workload, address),
    )


def _evidence(address: Address, told: tuple[Evidence, ...], why: str) -> tuple[Evidence, ...]:
    return (*told, on_object(address.holder, address.field, address.value, why))


def field_of(item: Wrong) -> str:
    """The field that a remedy writes: the port's own where it stands apart."""
    return (
        item.address.port_field if item.variant == "port" and item.address.port_field else item.address.field
    )


def services(item: Wrong) -> tuple[ObjectRef, ...]:
    """The Service that an address should lead to."""
    return (ref_of(item.service),) if item.service is not None else ()


def facts_of(item: Wrong, workload: Workload) -> dict[str, Any]:
    """Facts for a remedy."""
    field = field_of(item)
    good = [{"field": field, "value": item.before, "origin": item.origin}] if item.before else []
    return {
        "name": item.address.name,
        "field": field,
        "host": item.address.host,
        "port": item.address.port,
        "wanted": item.wanted,
        "origin": item.origin,
        "workload": workload.ref.model_dump(),
        "last_good": good,
    }
