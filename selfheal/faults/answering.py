"""Dependencies that answer, and refuse: by credentials, for want of connections, or because they are read-only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.workloads import Workload, by_ref, last_good, mapping, mappings, workloads
from selfheal.faults.calls import called, callee, pods_by_address
from selfheal.faults.references import references
from selfheal.faults.signals import Signal, signals
from selfheal.faults.stores import behind, is_store
from selfheal.incidents.record import ObjectRef

_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")


@dataclass(frozen=True)
class Answer:
    """A refusal that a workload's log (or the dependency's own) tells: who asked, what answered."""

    caller: Workload
    signal: Signal
    service: Object | None
    stores: tuple[Workload, ...]


def answers(snapshot: Snapshot, kind: str) -> Iterator[Answer]:
    """Current refusals of a kind (auth, exhausted, read-only), one for each caller and store."""
    seen = set()
    for workload in workloads(snapshot):
        own = is_store(workload)
        for signal in signals(snapshot, workload):
            if signal.kind != kind or not signal.current:
                continue
            if own:
                # A store tells of its clients; they are known by their address.
                found = _client(snapshot, signal)
                if found is None and kind == "auth":
                    continue
                answer = Answer(found or workload, signal, None, (workload,))
            else:
                service = callee(snapshot, workload, signal) or _only_store(snapshot, workload, signal)
                stores = tuple(behind(snapshot, service)) if service is not None else ()
                answer = Answer(workload, signal, service, stores)
            key = (answer.caller.ref, tuple(str(item.ref) for item in answer.stores))
            if key not in seen:
                seen.add(key)
                yield answer


def _client(snapshot: Snapshot, signal: Signal) -> Workload | None:
    for address in _ADDRESS.findall(signal.line):
        pod = pods_by_address(snapshot).get(address)
        if pod is not None:
            return by_ref(snapshot).get(ref_of(snapshot.workload_of(pod)))
    return None


_FAMILY = re.compile(
    r"mysql|maria|postgres|mongo|redis|rabbit|amqp|kafka|elastic|cassandra|sql", re.IGNORECASE
)


def _only_store(snapshot: Snapshot, workload: Workload, signal: Signal) -> Object | None:
    """The store plainly meant by a line that names none: the only one called, or the only one of its family."""
    stores = [
        service
        for service in called(snapshot, workload)
        if any(is_store(item) for item in behind(snapshot, service))
    ]
    if not stores:
        # Addresses in Secrets are not seen: a store of the namespace may be meant all the same.
        stores = _of_namespace(snapshot, workload)
    if len(stores) > 1:
        families = {word.lower() for word in _FAMILY.findall(signal.line)}
        stores = [
            service
            for service in stores
            if any(word in str(item.spec).lower() for word in families for item in behind(snapshot, service))
        ]
    if len(stores) > 1:
        # A store that is named after the workload is its own.
        words = [word for word in workload.ref.name.split("-") if len(word) > 2]
        shared = {
            id(service): sum(word in ref_of(service).name.split("-") for word in words) for service in stores
        }
        best = max(shared.values())
        stores = [service for service in stores if shared[id(service)] == best] if best else stores
    return stores[0] if len(stores) == 1 else None


def _of_namespace(snapshot: Snapshot, workload: Workload) -> list[Object]:
    """Services of the workload's namespace with a store behind them."""
    return [
        service
        for service in snapshot.list("Service", workload.namespace)
        if any(is_store(item) for item in behind(snapshot, service))
    ]


def settings(
    snapshot: Snapshot, workload: Workload, pattern: re.Pattern[str]
) -> list[tuple[ObjectRef, str, str]]:
    """(object, field, text) of arguments, variables and ConfigMap entries of a workload that match."""
    found = []
    for container in workload.containers:
        for word in ("command", "args"):
            items = container.spec.get(word)
            for index, item in enumerate(items if isinstance(items, list) else ()):
                if isinstance(item, str) and pattern.search(item):
                    found.append(
                        (workload.ref, workload.at(container.pointer + pointer.join(word, index)), item)
                    )
        for entry in mappings(container.spec.get("env")):
            name, value = str(entry.get("name", "")), entry.get("value")
            if isinstance(value, str) and pattern.search(f"{name}={value}"):
                where = container.pointer + pointer.join("env", f"name={name}", "value")
                found.append((workload.ref, workload.at(where), value))
    for reference in references(workload.spec):
        if reference.kind != "ConfigMap":
            continue
        holder = snapshot.get("ConfigMap", workload.namespace, reference.name)
        for key, text in mapping(mapping(holder).get("data")).items():
            if (
                isinstance(text, str)
                and (not reference.key or reference.key == key)
                and pattern.search(f"{key}={text}")
            ):
                found.append((ref_of(holder or {}), pointer.join("data", str(key)), text))
    return list(dict.fromkeys(found))


def good_of(snapshot: Snapshot, workload: Workload, field: str) -> list[dict[str, Any]]:
    """The last good value of a field of the workload, as facts."""
    before = last_good(snapshot, workload, field.removeprefix(workload.spec_pointer))
    return [] if before is None else [{"field": field, "value": before[0], "origin": before[1]}]
