"""Whether it is a workload that asks a namespace's quota for too much, and what it asked for before."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.quantity import quantity
from selfheal.cluster.snapshot import Snapshot
from selfheal.cluster.workloads import Workload, earlier, mapping, number
from selfheal.faults.scheduling import requests

_SIDES = ("requests", "limits")


def split(resource: str) -> tuple[str, str]:
    """(requests or limits, name) of a resource as a quota names it; ("", "") for counts of objects."""
    side, dot, name = resource.partition(".")
    if dot and side in _SIDES and name != "storage":
        return side, name
    return ("requests", resource) if resource in ("cpu", "memory") else ("", "")


def asked_before(snapshot: Snapshot, workload: Workload, resource: str) -> list[dict[str, Any]]:
    """Fields in which the workload's containers asked for less of a resource before, or asked at all and do no more:
    facts of earlier values.
    """
    side, name = split(resource)
    older = next(iter(earlier(snapshot, workload.object)), None)
    if not side or older is None:
        return []
    found = []
    for container in workload.containers:
        for word in _SIDES:
            relative = f"{container.pointer}/resources/{word}/{pointer.escape(name)}"
            was, now = (pointer.resolve(spec, relative) for spec in (older.spec, workload.spec))
            before, present = quantity(was), quantity(now)
            if before is not None and (now is None or (present is not None and present > before)):
                found.append({"field": workload.at(relative), "value": was, "origin": older.origin})
    # A limit alone is no reason why requests are refused.
    return found if any(f"/{side}/" in item["field"] for item in found) else []


def beyond(workload: Workload, resource: str, allowed: Any) -> list[str]:
    """Fields by which the workload alone exceeds what is allowed, whatever else runs: requests, or the replicas."""
    side, name = split(resource)
    most = quantity(allowed)
    if most is None or workload.ref.kind not in ("Deployment", "StatefulSet"):
        return []
    replicas = number(mapping(workload.object.get("spec")).get("replicas"), 1)
    each = requests(workload.spec).get(name, Decimal(0)) if side == "requests" else Decimal(0)
    if each > most:
        return [
            workload.at(f"{container.pointer}/resources/requests/{pointer.escape(name)}")
            for container in workload.containers
            if (quantity(pointer.resolve(container.spec, f"/resources/requests/{pointer.escape(name)}")) or 0)
            > most
        ]
    wanted = Decimal(replicas) if resource in ("pods", "count/pods") else each * replicas
    return ["/spec/replicas"] if wanted > most else []
