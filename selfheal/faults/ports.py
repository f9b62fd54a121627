"""What is known of the ports and paths a container answers on: from specs, and (as a hint only) from its
log.
"""

from __future__ import annotations

import re
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.workloads import Container, Workload, mapping, mappings, strings, workloads
from selfheal.faults.evidence import of_log
from selfheal.incidents.record import Evidence

_LISTENS = re.compile(
    r"\b(?:listen(?:ing|s|er)?|serving|running|started|bound|bind(?:ing)?|accepting|ready)\b[^\n]{0,80}?"
    r"(?:\bport\(?s?\)?[ :=\"]{1,3}|:)(\d{2,5})\b",
    re.IGNORECASE,
)
_HEAD = 400
_SIDE_PORTS = re.compile(r"metrics|prometheus|debug|admin|telemetry|profil", re.IGNORECASE)


def declared_ports(container: Container) -> list[tuple[str, int]]:
    """(name, number) of the container's ports."""
    found = []
    for port in mappings(container.spec.get("ports")):
        number = port.get("containerPort")
        if isinstance(number, int):
            found.append((str(port.get("name") or ""), number))
    return found


def listening(snapshot: Snapshot, pod: Object, container: Container) -> list[tuple[int, Evidence]]:
    """Ports the log says the program listens on, with the line."""
    ref = ref_of(pod)
    text = snapshot.logs(ref.namespace, ref.name, container.name) or ""
    found = []
    for line in text.splitlines()[:_HEAD]:
        match = _LISTENS.search(line[:1000])
        if match and 0 < int(match.group(1)) < 65536:
            found.append((int(match.group(1)), of_log(pod, container.name, line, previous=False)))
    return found


def candidate_ports(
    snapshot: Snapshot, workload: Workload, container: Container, asking: str = "readinessProbe"
) -> tuple[Any, ...]:
    """Port numbers that specs give for the program, the likeliest first; one when specs agree on it."""
    declared = declared_ports(container)
    numbers = {number for _name, number in declared}
    probed = []
    for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
        if probe == asking:
            continue
        for handler in ("httpGet", "tcpSocket", "grpc"):
            port = pointer.resolve(container.spec, f"/{probe}/{handler}/port")
            number = next((found for name, found in declared if name and name == port), port)
            if isinstance(number, int):
                probed.append(number)
    if probed:
        return (probed[0],)
    served = [number for number in _service_ports(snapshot, workload, container) if number in numbers]
    if len(set(served)) == 1:
        return (served[0],)
    main = [number for name, number in declared if not _SIDE_PORTS.search(name)]
    return tuple(dict.fromkeys(main or sorted(numbers)))


def _service_ports(snapshot: Snapshot, workload: Workload, container: Container) -> list[int]:
    labels = strings(pointer.resolve(workload.object, "/spec/template/metadata/labels", {}))
    names = dict(declared_ports(container))
    found = []
    for service in snapshot.list("Service", workload.namespace):
        spec = mapping(service.get("spec"))
        selector = strings(spec.get("selector"))
        if not selector or any(labels.get(key) != value for key, value in selector.items()):
            continue
        for port in mappings(spec.get("ports")):
            aimed = port.get("targetPort", port.get("port"))
            number = names.get(aimed) if isinstance(aimed, str) else aimed
            if isinstance(number, int):
                found.append(number)
    return found


def answering_paths(
    snapshot: Snapshot, container: Container, asking: str = "readinessProbe"
) -> tuple[str, ...]:
    """Paths that specs ask the same program for: its other probes, and probes of the same image elsewhere."""
    now = pointer.resolve(container.spec, f"/{asking}/httpGet/path")
    found: list[str] = []
    repository = str(container.spec.get("image", "")).rpartition(":")[0]
    for other in workloads(snapshot):
        for sibling in other.containers:
            if repository and str(sibling.spec.get("image", "")).rpartition(":")[0] == repository:
                for probe in ("readinessProbe", "startupProbe", "livenessProbe"):
                    path = pointer.resolve(sibling.spec, f"/{probe}/httpGet/path")
                    if isinstance(path, str) and path != now:
                        found.append(path)
    return tuple(dict.fromkeys(found))
