"""A container's own port that was renamed or renumbered under the probe that asks for it by name.

The probe is as it was; what it means is not. Told from an older template with the same image, else from the Services that
send to the same name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.labels import selected_by
from selfheal.cluster.snapshot import Snapshot, ref_of
from selfheal.cluster.workloads import Container, Workload, earlier, mapping, mappings
from selfheal.faults.ports import declared_ports


@dataclass(frozen=True)
class Moved:
    """``relative`` points into the pod spec at the port's name or number, ``value`` is what it has to be."""

    relative: str
    value: Any
    origin: str


def moved_port(snapshot: Snapshot, workload: Workload, container: Container, asked: Any) -> Moved | None:
    """The declared port that a probe asks for by name, where that is what changed; None where it is not."""
    if not isinstance(asked, str) or asked.isdecimal():
        return None
    ports = mappings(container.spec.get("ports"))
    named = [index for index, port in enumerate(ports) if port.get("name") == asked]
    for older in earlier(snapshot, workload.object):
        was = _number(mapping(pointer.resolve(older.spec, container.pointer)), container, asked)
        if was is None:
            continue
        if named:
            same = ports[named[0]].get("containerPort") == was
            return None if same else Moved(_at(container, named[0], "containerPort"), was, older.origin)
        held = [index for index, port in enumerate(ports) if port.get("containerPort") == was]
        return Moved(_at(container, held[0], "name"), asked, older.origin) if len(held) == 1 else None
    if named:
        return None
    senders = _sending_to(snapshot, workload, asked)
    unnamed = [
        index for index, port in enumerate(ports) if not _sending_to(snapshot, workload, port.get("name"))
    ]
    return (
        Moved(_at(container, unnamed[0], "name"), asked, senders[0])
        if senders and len(unnamed) == 1
        else None
    )


def _number(older: dict[str, Any], container: Container, name: str) -> int | None:
    """The number that the name had in the older container, where it ran the same image."""
    if older.get("image") != container.spec.get("image"):
        return None
    ports = declared_ports(replace(container, spec=older))
    return next((number for found, number in ports if found == name), None)


def _at(container: Container, index: int, word: str) -> str:
    return container.pointer + pointer.join("ports", index, word)


def _sending_to(snapshot: Snapshot, workload: Workload, name: Any) -> list[str]:
    """Services of the workload that send to a port of that name."""
    return [
        f"Service {ref_of(service).name}"
        for service in selected_by(snapshot, workload)
        if name
        and any(
            port.get("targetPort") == name for port in mappings(mapping(service.get("spec")).get("ports"))
        )
    ]
