"""What a ConfigMap held before: as its last applied manifest says, or as the object says that stands beside it.

A generator names a ConfigMap by its content, so that a change of the content is another object, and the former one stays in
the cluster while older ReplicaSets refer to it.
"""

from __future__ import annotations

from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.generated import generated_name
from selfheal.cluster.snapshot import Object, Snapshot, metadata, ref_of
from selfheal.cluster.workloads import declared, earlier, workloads
from selfheal.faults.references import references
from selfheal.incidents.record import ObjectRef


def before(snapshot: Snapshot, holder: ObjectRef, field: str, now: Any) -> tuple[Any, str] | None:
    """(value, where it stands) that ``field`` of a ConfigMap had before, None where that is not known."""
    value = pointer.resolve(declared(snapshot.find(holder) or {}), field)
    if value is not None and value != now:
        return value, f"the last applied manifest of {holder}"
    for older in _former(snapshot, holder):
        value = pointer.resolve(older, field)
        if value is not None and value != now:
            return value, f"{ref_of(older)}, which an older template reads"
    return None


def _former(snapshot: Snapshot, holder: ObjectRef) -> list[Object]:
    """ConfigMaps that the same generator made and older templates of workloads refer to, the newest first."""
    base = generated_name(holder.name)
    if not base or holder.kind != "ConfigMap":
        return []
    read = {
        reference.name
        for workload in workloads(snapshot)
        if workload.namespace == holder.namespace
        for older in earlier(snapshot, workload.object)
        for reference in references(older.spec)
        if reference.kind == "ConfigMap"
    }
    found = [
        obj
        for obj in snapshot.list("ConfigMap", holder.namespace)
        if (name := ref_of(obj).name) != holder.name and name in read and generated_name(name) == base
    ]
    return sorted(found, key=lambda obj: str(metadata(obj).get("creationTimestamp")), reverse=True)
