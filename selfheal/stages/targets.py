"""Which workload an incident is about: affected services, then labels, then the text, all within the services map.

Text alone never leaves the map: an incident is written by anybody, and the map says what may be touched and where it
is deployed from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selfheal.config import Service, Settings
from selfheal.diagnosis import target as targets
from selfheal.errors import NeedsPerson
from selfheal.incidents.record import Source, Target

if TYPE_CHECKING:
    from selfheal.cluster.snapshot import Snapshot
    from selfheal.jsm.manager import Incident

#: Characters of incident text that are read.
TEXT = 20_000
_WORD = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", re.IGNORECASE)
_PREFIXES = ("service:", "service=", "svc:", "app:")


@dataclass(frozen=True)
class Chosen:
    """What an incident is about, as far as the map says: ``workloads`` are the candidates when there are several."""

    service: Service
    target: Target
    source: Source
    workloads: tuple[str, ...]


def choose(settings: Settings, incident: Incident) -> Chosen:
    """The entry of the services map. Raises NeedsPerson when none or several fit equally."""
    if not settings.services:
        raise NeedsPerson(
            f"No service is configured, so nothing may be touched for {incident.key}.",
            hint="List the services in .selfheal.yml: name, namespace, workloads, path.",
            code="no-services",
        )
    for names in (incident.services, _labelled(incident.labels)):
        named = _entries(settings.services, names)
        if named:
            return _chosen(settings, _one(incident.key, named), incident)
    told = _told(settings.services, f"{incident.summary}\n{incident.description}"[:TEXT])
    if not told:
        known = ", ".join(sorted({service.name for service in settings.services})[:20])
        raise NeedsPerson(
            f"{incident.key} names no service that is configured.",
            hint=f"Set the affected service, or a label such as service:NAME. Configured: {known}.",
            code="unknown-workload",
        )
    return _chosen(settings, _one(incident.key, told), incident)


def completed(chosen: Chosen, incident: Incident, snapshot: Snapshot | None) -> Target:
    """The target with kind and uid from the cluster, where that was read and the workload exists there."""
    if snapshot is None:
        return chosen.target
    text = f"{incident.summary}\n{incident.description}"
    if len(chosen.workloads) > 1:
        found = targets.from_text(snapshot, text[:TEXT], chosen.target.namespace)
        if found is not None and _listed(found.ref.kind, found.ref.name, chosen.workloads):
            base = chosen.target.model_copy(update={"kind": found.ref.kind, "name": found.ref.name})
            return targets.resolve(snapshot, base, "") or base
    return targets.resolve(snapshot, chosen.target, "") or chosen.target


def _labelled(labels: Iterable[str]) -> tuple[str, ...]:
    """Names out of labels: ``service:checkout`` and the like, or the bare name."""
    found = []
    for label in labels:
        prefix = next((item for item in _PREFIXES if label.lower().startswith(item)), "")
        found.append(label[len(prefix) :])
    return tuple(found)


def _entries(services: Iterable[Service], names: Iterable[str]) -> list[Service]:
    wanted = {name.casefold() for name in names}
    return [service for service in services if service.name.casefold() in wanted]


def _told(services: tuple[Service, ...], text: str) -> list[Service]:
    """The entries that the text names; where it names several, the one named first and its namesakes."""
    words = [word.casefold() for word in _WORD.findall(text)]
    places: dict[str, int] = {}
    for service in services:
        names = {service.name.casefold(), *(_name(workload).casefold() for workload in service.workloads)}
        # Pods are called like their workload, with a hash behind.
        positions = [
            position
            for position, word in enumerate(words)
            if word in names
            or any(re.fullmatch(f"{re.escape(name)}(-[a-z0-9]+){{1,2}}", word) for name in names)
        ]
        if positions:
            places[service.name] = min(positions)
    if not places:
        return []
    first = min(places.values())
    narrowed = [service for service in services if places.get(service.name) == first]
    in_environment = [service for service in narrowed if service.environment.casefold() in words]
    return in_environment or narrowed


def _one(key: str, found: list[Service]) -> Service:
    places = {
        (service.cluster, service.environment, service.repository, service.namespace) for service in found
    }
    if len(places) > 1:
        names = "; ".join(
            f"{service.name} in {service.environment} {service.namespace}".strip() for service in found[:6]
        )
        raise NeedsPerson(
            f"{key} could be about several services: {names}.",
            hint="Set the affected service or a label service:NAME that fits one of them.",
            code="ambiguous-workload",
        )
    return found[0]


def _chosen(settings: Settings, service: Service, incident: Incident) -> Chosen:
    if service.cluster and settings.cluster and service.cluster != settings.cluster:
        raise NeedsPerson(
            f"{service.name} runs in the cluster {service.cluster}; this run serves {settings.cluster}.",
            hint="Run selfheal with the kubeconfig of that cluster.",
            code="other-cluster",
        )
    workloads = service.workloads or (service.name,)
    words = {word.casefold() for word in _WORD.findall(f"{incident.summary}\n{incident.description}"[:TEXT])}
    named = [workload for workload in workloads if _name(workload).casefold() in words]
    first = (named or list(workloads))[0]
    kind, _slash, name = first.rpartition("/")
    target = Target(
        cluster=service.cluster or settings.cluster,
        environment=service.environment,
        namespace=service.namespace,
        kind=kind,
        name=name,
    )
    source = Source(
        repository=service.repository or settings.endpoints.github_repository,
        branch=service.branch,
        path=service.path,
    )
    return Chosen(service, target, source, workloads)


def _name(workload: str) -> str:
    return workload.rpartition("/")[2]


def _listed(kind: str, name: str, workloads: tuple[str, ...]) -> bool:
    return any(_name(item) == name and item.rpartition("/")[0] in ("", kind) for item in workloads)
