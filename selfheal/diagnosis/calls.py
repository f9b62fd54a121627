"""Who calls whom, as far as specs and logs tell: addresses in variables, arguments and config; failing
calls in logs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from statistics import median

from selfheal.cluster.labels import pods_selected, selector_of
from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.times import parse
from selfheal.cluster.workloads import Workload, condition, mapping, mappings, ready
from selfheal.faults.references import references

_FAILS = re.compile(
    r"connection refused|i/o timeout|no such host|ECONNREFUSED|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|connection timed out"
    r"|ConnectTimeout|ConnectionError|ConnectException|UnknownHostException|SocketTimeoutException|no route to host"
    r"|name or service not known|temporary failure in name resolution|could not connect|unreachable"
    r"|deadline exceeded|gateway timeout",
    re.IGNORECASE,
)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9-]+)*", re.IGNORECASE)
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
#: Lines from the end of a log, and pods of a workload, that are looked at.
TAIL = 60
#: Seconds callers and Service proxies take to notice that a callee is back.
RECOVERING = 15
PODS = 3


def failing_calls(snapshot: Snapshot, workload: Workload) -> tuple[str, ...]:
    """Services (names; "" when it cannot be told) that the workload's log says it cannot reach right now."""
    table: dict[str, tuple[str, ...]] = snapshot.memo("failing-calls", dict)
    key = str(workload.ref)
    if key not in table:
        table[key] = tuple(sorted(set(_failing(snapshot, workload))))
    return table[key]


def _failing(snapshot: Snapshot, workload: Workload) -> Iterator[str]:
    for pod in workload.pods[:PODS]:
        ref = ref_of(pod)
        for container in workload.containers:
            text = None if container.init else snapshot.logs(ref.namespace, ref.name, container.name)
            if not text or not _FAILS.search(text):
                continue
            lines = text.splitlines()[-TAIL:]
            for line in _current(lines, snapshot.taken_at):
                name = _service_in(snapshot, workload, line)
                if not _back_since(snapshot, workload.namespace, name, _moment(line)):
                    yield name


def _current(lines: list[str], taken_at: datetime) -> list[str]:
    """Failing lines of failures that repeat and have not stopped."""
    failing = [line for line in lines if _FAILS.search(line)]
    if len(failing) < 2:
        return []
    times = [moment for line in failing if (moment := _moment(line)) is not None]
    if len(times) < len(failing):
        # Without times only the very end counts.
        return failing if sum(line in failing for line in lines[-6:]) >= 3 else []
    ends = [moment for line in lines if (moment := _moment(line)) is not None]
    now = max([taken_at, *ends]) if (taken_at - max(ends)).total_seconds() < 3600 else max(ends)
    gaps = [(later - sooner).total_seconds() for sooner, later in pairwise(times)]
    usual = max(median(gaps), 1.0)
    return failing if (now - times[-1]).total_seconds() <= 2 * usual + 2 else []


def _back_since(snapshot: Snapshot, namespace: str, name: str, failed: datetime | None) -> bool:
    """Whether pods behind a Service became ready only about when a call failed, or after it."""
    service = snapshot.get("Service", namespace, name) if name and failed else None
    if service is None or failed is None:
        return False
    since = [
        moment
        for pod in pods_selected(snapshot, namespace, selector_of(service))
        if ready(pod) and (moment := parse(condition(pod, "Ready").get("lastTransitionTime"))) is not None
    ]
    return bool(since) and (min(since) - failed).total_seconds() > -RECOVERING


def _moment(line: str) -> datetime | None:
    match = _TIME.search(line[:200])
    return parse(match.group().replace(" ", "T").replace(",", ".")) if match else None


def _service_in(snapshot: Snapshot, workload: Workload, line: str) -> str:
    names, addresses = _services(snapshot, workload.namespace)
    for address in _ADDRESS.findall(line):
        if address in addresses:
            return str(addresses[address])
    for host in _HOST.findall(line):
        if host.split(".")[0] in names and host.split(".")[0] != workload.ref.name:
            name: str = host.split(".")[0]
            return name
    return ""


def _services(snapshot: Snapshot, namespace: str) -> tuple[frozenset[str], dict[str, str]]:
    def compute() -> tuple[frozenset[str], dict[str, str]]:
        names, addresses = set(), {}
        for service in snapshot.list("Service", namespace):
            name = ref_of(service).name
            names.add(name)
            address = str(mapping(service.get("spec")).get("clusterIP") or "")
            if address and address != "None":
                addresses[address] = name
        return frozenset(names), addresses

    return snapshot.memo(f"services/{namespace}", compute)


def called(snapshot: Snapshot, workload: Workload) -> list[Object]:
    """Services of the same namespace that the workload is told to call, or says it cannot reach."""
    names, _addresses = _services(snapshot, workload.namespace)
    found = set(failing_calls(snapshot, workload))
    for text in _texts(snapshot, workload):
        for host in _HOST.findall(text):
            name, _, rest = host.partition(".")
            if name in names and (not rest or rest.split(".")[0] in (workload.namespace, "svc")):
                found.add(name)
    services = (snapshot.get("Service", workload.namespace, name) for name in sorted(found))
    return [service for service in services if service is not None]


def _texts(snapshot: Snapshot, workload: Workload) -> Iterator[str]:
    """Places where addresses stand: literal variables, arguments, and the ConfigMaps it refers to."""
    for container in workload.containers:
        for entry in mappings(container.spec.get("env")):
            if isinstance(entry.get("value"), str):
                yield entry["value"]
        for word in ("command", "args"):
            items = container.spec.get(word)
            yield from (item for item in (items if isinstance(items, list) else ()) if isinstance(item, str))
    for reference in references(workload.spec):
        if reference.kind == "ConfigMap":
            holder = snapshot.get("ConfigMap", workload.namespace, reference.name) or {}
            data = mapping(holder.get("data"))
            values = [data.get(reference.key)] if reference.key else list(data.values())
            yield from (value[:20_000] for value in values if isinstance(value, str))
