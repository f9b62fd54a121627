"""What stands behind a Service port: which container port it aims at, whether that exists, and who calls it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from selfheal.cluster.labels import pods_selected, selector_of
from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.workloads import Container, Workload, containers, mapping, mappings, ready, workloads
from selfheal.faults.calls import addresses, callers, failing, service_of
from selfheal.faults.signals import Signal
from selfheal.faults.stores import behind
from selfheal.incidents.record import ObjectRef


@dataclass(frozen=True)
class Declared:
    """A port a container declares."""

    container: str
    name: str
    number: int
    protocol: str


def declared(pod: Object) -> list[Declared]:
    """Ports declared by a pod's containers, sidecars among the init containers included."""
    found = []
    for container in containers(mapping(pod.get("spec"))):
        if container.passing:
            continue
        for port in mappings(container.spec.get("ports")):
            if isinstance(port.get("containerPort"), int):
                protocol = str(port.get("protocol") or "TCP").upper()
                name = str(port.get("name") or "")
                found.append(Declared(container.name, name, port["containerPort"], protocol))
    return found


def probed(container: Container) -> dict[int, str]:
    """Port numbers that the container's probes ask, with the way they ask."""
    names = {
        str(port.get("name")): port.get("containerPort") for port in mappings(container.spec.get("ports"))
    }
    found: dict[int, str] = {}
    for section in ("readinessProbe", "livenessProbe", "startupProbe"):
        for way in ("httpGet", "tcpSocket", "grpc"):
            port = mapping(mapping(container.spec.get(section)).get(way)).get("port")
            number = names.get(port, port) if isinstance(port, str) else port
            if isinstance(number, str) and number.isdecimal():
                number = int(number)
            if isinstance(number, int):
                found.setdefault(number, way)
    return found


@dataclass(frozen=True)
class Backend:
    """One Service with the pods it selects and the workloads they belong to."""

    service: Object
    ref: ObjectRef
    ports: list[dict[str, Any]]
    pods: list[Object]
    loads: list[Workload]

    @property
    def serving(self) -> list[Object]:
        return [pod for pod in self.pods if ready(pod)]


def backends(snapshot: Snapshot) -> list[Backend]:
    """All Services with a selector that picks something."""

    def compute() -> list[Backend]:
        found = []
        for service in snapshot.list("Service"):
            selector = selector_of(service)
            pods = pods_selected(snapshot, ref_of(service).namespace, selector) if selector else []
            if not pods:
                continue
            loads = behind(snapshot, service)
            ports = [_plain(port) for port in mappings(mapping(service.get("spec")).get("ports"))]
            found.append(Backend(service, ref_of(service), ports, pods, loads))
        return sorted(found, key=lambda item: str(item.ref))

    return snapshot.memo("backends", compute)


def _plain(port: dict[str, Any]) -> dict[str, Any]:
    """A Service port whose numbers and names are what they should be, whatever else stands there left out."""
    kept = {
        key: value
        for key, value in port.items()
        if isinstance(value, (int, str)) and not isinstance(value, bool)
    }
    return kept if isinstance(kept.get("port", 0), int) else {key: kept[key] for key in kept if key != "port"}


def complaining(snapshot: Snapshot, service: ObjectRef, *kinds: str) -> list[tuple[Workload, Signal]]:
    """Workloads whose log says that they cannot use a Service right now, with the line."""

    def compute() -> dict[ObjectRef, list[tuple[Workload, Signal]]]:
        found: dict[ObjectRef, list[tuple[Workload, Signal]]] = {}
        for workload in workloads(snapshot):
            for signal, about in failing(snapshot, workload):
                if about is not None:
                    found.setdefault(ref_of(about), []).append((workload, signal))
        return found

    known = snapshot.memo("complaining", compute).get(service, [])
    return [item for item in known if not kinds or item[1].kind in kinds]


def asked_ports(snapshot: Snapshot, service: ObjectRef) -> dict[int, list[Workload]]:
    """Port numbers by which callers' specs address a Service, with the callers."""
    found: dict[int, list[Workload]] = {}
    for workload in callers(snapshot, service):
        for address in addresses(snapshot, workload):
            about = service_of(snapshot, workload.namespace, address.host)
            if about is not None and ref_of(about) == service and address.port:
                held = found.setdefault(address.port, [])
                if workload not in held:
                    held.append(workload)
    return found
