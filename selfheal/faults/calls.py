"""Who calls whom, as far as specs and logs tell: addresses in variables, arguments and config; failing
calls in logs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from selfheal.cluster import pointer
from selfheal.cluster.labels import pods_selected, selector_of
from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.times import parse
from selfheal.cluster.workloads import Workload, condition, mapping, mappings, ready
from selfheal.faults.references import references
from selfheal.faults.signals import CALLS, Signal, signals
from selfheal.incidents.record import ObjectRef

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9-]+)*", re.IGNORECASE)
_IP = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
_URL = re.compile(
    r"\b[a-z][a-z0-9+.]*:(?:[a-z]+:)?//(?:[^\s/@'\"]*@)?(?P<host>[A-Za-z0-9][A-Za-z0-9._-]*)(?::(?P<port>\d{1,5}))?",
    re.IGNORECASE,
)
_PAIR = re.compile(r"^(?:[^\s/@'\"]*@)?(?P<host>[A-Za-z][A-Za-z0-9.-]*):(?P<port>\d{1,5})(?:/.*)?$")
_IS_HOST = re.compile(
    r"(?:^|_)(?:HOST|HOSTNAME|SERVER|ADDR|ADDRESS|ENDPOINT|URL|URI|SERVICE)$", re.IGNORECASE
)
_IS_PORT = re.compile(r"(?:^|_)PORT$", re.IGNORECASE)
_PLAIN_HOST = re.compile(r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9-]+)*$", re.IGNORECASE)
#: Words of a store's drivers that name no host, schemes of its addresses, its usual port.
_DRIVERS = tuple(
    (re.compile(words, re.IGNORECASE), re.compile(schemes, re.IGNORECASE), port)
    for words, schemes, port in (
        (
            r"com\.mysql|mariadb|Communications link failure|MySQL server|MySQLNonTransient",
            r"\b(?:mysql|mariadb):",
            3306,
        ),
        (r"org\.postgresql|psycopg|PG::|\bpgx?\b|SQLSTATE 08", r"\bpostgres(?:ql)?:", 5432),
        (r"com\.mongodb|pymongo|MongoNetwork|MongoServer|MongoSocket", r"\bmongodb(?:\+srv)?:", 27017),
        (r"lettuce|jedis|ioredis|StackExchange\.Redis|redis\.(?:clients|exceptions)", r"\brediss?:", 6379),
        (r"amqp|rabbit", r"\bamqps?:", 5672),
    )
)
#: Seconds callers and Service proxies take to notice that a callee is back.
RECOVERING = 15
#: Characters of a configuration file that are read.
FILE = 20_000


@dataclass(frozen=True)
class Address:
    """A host (and port, 0 when none is given) that a workload is told to use. ``holder`` and ``field`` say where
    it stands; ``port_field`` where its port stands, when apart. ``value`` is the whole text there.
    """

    host: str
    port: int
    holder: ObjectRef
    field: str
    value: str
    name: str
    container: str
    port_field: str = ""


def addresses(snapshot: Snapshot, workload: Workload) -> tuple[Address, ...]:
    """Addresses in literal variables, arguments and ConfigMaps of a workload."""
    table: dict[str, tuple[Address, ...]] = snapshot.memo("addresses", dict)
    key = str(workload.ref)
    if key not in table:
        table[key] = tuple(_addresses(snapshot, workload))
    return table[key]


def _addresses(snapshot: Snapshot, workload: Workload) -> Iterator[Address]:
    for container in workload.containers:
        plain: dict[str, tuple[ObjectRef, str, str]] = {}
        entries = mappings(container.spec.get("env"))
        for entry in entries:
            name, value = str(entry.get("name", "")), entry.get("value")
            where = container.pointer + pointer.join("env", f"name={name}", "value")
            if isinstance(value, str):
                plain[name] = (workload.ref, workload.at(where), value)
        for reference in references(workload.spec):
            if reference.kind != "ConfigMap" or reference.container != container.name:
                continue
            holder = snapshot.get("ConfigMap", workload.namespace, reference.name) or {}
            data = mapping(holder.get("data"))
            for key in [reference.key] if reference.key else list(data):
                if isinstance(data.get(key), str):
                    name = reference.through.removeprefix("variable ") if reference.key else str(key)
                    plain.setdefault(name, (ref_of(holder), pointer.join("data", str(key)), data[key]))
        yield from _of_variables(plain, container.name)
        for word in ("command", "args"):
            items = container.spec.get(word)
            for index, item in enumerate(items if isinstance(items, list) else ()):
                if isinstance(item, str):
                    field = workload.at(container.pointer + pointer.join(word, index))
                    yield from _in_text(item[:FILE], workload.ref, field, word, container.name)
    for reference in references(workload.spec):
        if reference.kind == "ConfigMap" and not reference.container:
            holder = snapshot.get("ConfigMap", workload.namespace, reference.name) or {}
            for key, text in mapping(holder.get("data")).items():
                if isinstance(text, str) and (not reference.key or reference.key == key):
                    field = pointer.join("data", str(key))
                    yield from _in_text(text[:FILE], ref_of(holder), field, str(key), "")


def _of_variables(plain: dict[str, tuple[ObjectRef, str, str]], container: str) -> Iterator[Address]:
    ports = {name: held for name, held in plain.items() if _IS_PORT.search(name)}
    for name, (holder, field, value) in plain.items():
        text = value.strip()
        pair = _PAIR.match(text)
        if pair and "://" not in text:
            yield Address(pair["host"], int(pair["port"]), holder, field, value, name, container)
        elif _URL.search(text):
            yield from _in_text(text[:FILE], holder, field, name, container)
        elif _IS_HOST.search(name) and _PLAIN_HOST.match(text) and not text.isdecimal():
            stem = _IS_HOST.sub("", name)
            beside = next((item for other, item in ports.items() if _IS_PORT.sub("", other) == stem), None)
            number = int(beside[2]) if beside and beside[2].strip().isdecimal() else 0
            yield Address(text, number, holder, field, value, name, container, beside[1] if beside else "")


def _in_text(text: str, holder: ObjectRef, field: str, name: str, container: str) -> Iterator[Address]:
    for match in _URL.finditer(text):
        yield Address(match["host"], int(match["port"] or 0), holder, field, text, name, container)
    option = re.match(r"^--?[A-Za-z0-9._-]+=(.+)$", text)
    pair = _PAIR.match(option.group(1)) if option else None
    if pair:
        yield Address(pair["host"], int(pair["port"]), holder, field, text, name, container)


def service_of(snapshot: Snapshot, namespace: str, host: str) -> Object | None:
    """The Service that a host name or address of the cluster stands for, seen from a namespace."""
    if _IP.fullmatch(host):
        return _by_address(snapshot).get(host)
    parts = host.rstrip(".").split(".")
    if len(parts) == 1:
        return snapshot.get("Service", namespace, parts[0])
    if len(parts) == 2 or parts[2] == "svc":
        found = snapshot.get("Service", parts[1], parts[0])
        if found is not None:
            return found
    if len(parts) == 2 or (len(parts) > 3 and parts[3] == "svc"):
        # A pod's own name in front of its headless Service.
        place = parts[2] if len(parts) > 3 else namespace
        return snapshot.get("Service", place, parts[1])
    return None


def _by_address(snapshot: Snapshot) -> dict[str, Object]:
    def compute() -> dict[str, Object]:
        found: dict[str, Object] = {}
        for service in snapshot.list("Service"):
            address = str(mapping(service.get("spec")).get("clusterIP") or "")
            if address and address != "None":
                found[address] = service
        return found

    return snapshot.memo("services-by-address", compute)


def pods_by_address(snapshot: Snapshot) -> dict[str, Object]:
    """Pods by their address."""

    def compute() -> dict[str, Object]:
        found = {}
        for pod in snapshot.list("Pod"):
            address = mapping(pod.get("status")).get("podIP")
            if isinstance(address, str) and not mapping(pod.get("spec")).get("hostNetwork"):
                found[address] = pod
        return found

    return snapshot.memo("pods-by-address", compute)


def callee(snapshot: Snapshot, workload: Workload, signal: Signal) -> Object | None:
    """The Service a failing line is about: by the host it names, else by any Service's name or address in it."""
    found = service_of(snapshot, workload.namespace, signal.host) if signal.host else None
    if found is not None:
        return found
    for address in _IP.findall(signal.line):
        if address in _by_address(snapshot):
            return _by_address(snapshot)[address]
    for host in _HOST.findall(signal.line):
        name = host.split(".")[0]
        service = snapshot.get("Service", workload.namespace, name) if len(name) > 2 else None
        if service is not None and name != workload.ref.name and not _fronts(service, workload):
            return service
    return None if signal.host else _by_driver(snapshot, workload, f"{signal.line}\n{signal.record}")


def _by_driver(snapshot: Snapshot, workload: Workload, line: str) -> Object | None:
    """The one store of the kind whose driver speaks in a line, among those the workload is told to use."""
    for words, schemes, port in _DRIVERS:
        if not words.search(line):
            continue
        found = {
            str(ref_of(service)): service
            for address in addresses(snapshot, workload)
            if (address.port == port or schemes.search(address.value))
            and (service := service_of(snapshot, workload.namespace, address.host)) is not None
        }
        return next(iter(found.values())) if len(found) == 1 else None
    return None


def _fronts(service: Object, workload: Workload) -> bool:
    from selfheal.cluster.labels import labels_of, matches

    selector = selector_of(service)
    return bool(selector) and matches(selector, labels_of(workload))


def failing(snapshot: Snapshot, workload: Workload) -> tuple[tuple[Signal, Object | None], ...]:
    """Calls that fail right now by the workload's own log, with the Service each is about where known."""
    table: dict[str, tuple[tuple[Signal, Object | None], ...]] = snapshot.memo("failing", dict)
    key = str(workload.ref)
    if key not in table:
        found = []
        for signal in signals(snapshot, workload):
            if signal.kind not in CALLS or not signal.current:
                continue
            service = callee(snapshot, workload, signal)
            if service is None or not _back_since(snapshot, service, signal.last):
                found.append((signal, service))
        table[key] = tuple(found)
    return table[key]


def failing_calls(snapshot: Snapshot, workload: Workload) -> tuple[str, ...]:
    """Names of Services ("" when it cannot be told) that the workload's log says it cannot use right now."""
    names = {ref_of(service).name if service else "" for _signal, service in failing(snapshot, workload)}
    return tuple(sorted(names))


def through(snapshot: Snapshot, workload: Workload) -> tuple[ObjectRef, ...]:
    """The Services a workload's log says it cannot use right now."""
    found = {ref_of(service) for _signal, service in failing(snapshot, workload) if service is not None}
    return tuple(sorted(found, key=str))


def _back_since(snapshot: Snapshot, service: Object, failed: datetime | None) -> bool:
    """Whether pods behind a Service became ready only about when a call failed, or after it."""
    if failed is None:
        return False
    since = [
        found
        for pod in pods_selected(snapshot, ref_of(service).namespace, selector_of(service))
        if ready(pod) and (found := parse(condition(pod, "Ready").get("lastTransitionTime"))) is not None
    ]
    return bool(since) and (min(since) - failed).total_seconds() > -RECOVERING


def called(snapshot: Snapshot, workload: Workload) -> list[Object]:
    """Services that the workload is told to call, or says it cannot reach."""
    table: dict[str, list[Object]] = snapshot.memo("called", dict)
    key = str(workload.ref)
    if key not in table:
        found = {str(ref): ref for ref in through(snapshot, workload)}
        for text in _texts(snapshot, workload):
            for host in set(_HOST.findall(text)):
                service = service_of(snapshot, workload.namespace, host)
                if service is not None and not _fronts(service, workload):
                    found[str(ref_of(service))] = ref_of(service)
        services = (snapshot.find(found[name]) for name in sorted(found))
        table[key] = [service for service in services if service is not None]
    return table[key]


def callers(snapshot: Snapshot, service: ObjectRef) -> list[Workload]:
    """Workloads that are told to call a Service, or say that they cannot."""
    from selfheal.cluster.workloads import workloads

    def compute() -> dict[ObjectRef, list[Workload]]:
        found: dict[ObjectRef, list[Workload]] = {}
        for workload in workloads(snapshot):
            for target in called(snapshot, workload):
                found.setdefault(ref_of(target), []).append(workload)
        return found

    return snapshot.memo("callers", compute).get(service, [])


def _texts(snapshot: Snapshot, workload: Workload) -> Iterator[str]:
    """Places where addresses stand: literal variables, arguments, and the ConfigMaps it refers to."""
    for container in workload.containers:
        for entry in mappings(container.spec.get("env")):
            if isinstance(entry.get("value"), str):
                yield entry["value"][:FILE]
        for word in ("command", "args"):
            items = container.spec.get(word)
            yield from (
                item[:FILE] for item in (items if isinstance(items, list) else ()) if isinstance(item, str)
            )
    for reference in references(workload.spec):
        if reference.kind == "ConfigMap":
            holder = snapshot.get("ConfigMap", workload.namespace, reference.name) or {}
            data = mapping(holder.get("data"))
            values = [data.get(reference.key)] if reference.key else list(data.values())
            yield from (value[:FILE] for value in values if isinstance(value, str))
