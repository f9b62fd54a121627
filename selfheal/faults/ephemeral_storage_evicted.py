"""Pods are evicted since they write more to local disk than their limit allows.

# What it is
Logs, caches and emptyDirs count as local storage. A pod that exceeds its container's `ephemeral-storage` limit, or the
`sizeLimit` of an emptyDir, is evicted and made anew, again and again.

# How it is recognised
Pods of the current template ended as `Evicted`, and the message names the container's limit or the volume's size. They
were evicted not long ago, or pods are missing since.

# How it is told from its neighbours
"The node was low on resource" is the node: `node-pressure`. A container killed for memory is `oom-killed`. Evicted pods
left over from earlier, beside pods that are well, are history.

# What is changed
The limit (or `sizeLimit`): back to the larger value it had, else a bounded raise.

# How safe that is
The pods may write more to their node's disk. Rotation of logs is the better answer where the program writes without
end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.quantity import quantity
from selfheal.cluster.snapshot import Object, Snapshot, metadata, ref_of
from selfheal.cluster.times import event_time, parse
from selfheal.cluster.workloads import Workload, last_good, mapping, ready, strings, workloads
from selfheal.faults.absent import lacks_pods
from selfheal.faults.evidence import newest_first, on_object, quoted, seconds_before
from selfheal.faults.fields import ANY, container_fields, pod_fields
from selfheal.faults.interface import AtLeast, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.incidents.record import Target

_CONTAINER = re.compile(
    r"[Cc]ontainer (?P<name>[\w.-]+) exceeded its local ephemeral storage limit|ephemeral local storage usage exceeds the total limit",
    re.IGNORECASE,
)
_VOLUME = re.compile(r"EmptyDir volume \"(?P<name>[\w.-]+)\" exceeds the limit", re.IGNORECASE)
#: Seconds after which an eviction is history when all pods are well.
RECENT = 900
RAISE = 2.0


class EphemeralStorageEvicted(Fault):
    """See the page above."""

    id = "ephemeral-storage-evicted"
    blames = ANY
    writes = (
        *container_fields("/resources/limits/ephemeral-storage"),
        *pod_fields("/volumes/*/emptyDir/sizeLimit"),
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for workload in workloads(snapshot):
            evicted = [pod for pod in snapshot.pods_of(workload.object) if _evicted(snapshot, workload, pod)]
            if evicted:
                yield _finding(snapshot, workload, evicted)

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Raise what {finding.object.name} may write to local disk"
        if not facts["field"] or not facts["limit"]:
            return Remedy(
                title, (), finding.summary, escalate="Which limit was exceeded cannot be told from specs."
            )
        value = LastGood(AtLeast(RAISE, str(facts["limit"])))
        return Remedy(title, (FieldEdit(finding.object, facts["field"], value),), finding.summary)


def _message(pod: Object) -> str:
    return str(mapping(pod.get("status")).get("message") or "")


def _evicted(snapshot: Snapshot, workload: Workload, pod: Object) -> bool:
    status, text = mapping(pod.get("status")), _message(pod)
    if status.get("reason") != "Evicted" or not (_CONTAINER.search(text) or _VOLUME.search(text)):
        return False
    if workload.ref.kind == "Deployment":
        newest = next(iter(snapshot.replica_sets(workload.object)), None)
        hashes = [
            strings(metadata(item or {}).get("labels")).get("pod-template-hash") for item in (newest, pod)
        ]
        if None not in hashes and hashes[0] != hashes[1]:
            return False
    if lacks_pods(snapshot, workload) or any(not ready(item) for item in workload.pods):
        return True
    moments = [
        event_time(event)
        for event in newest_first(snapshot.events_of(pod))
        if event.get("reason") == "Evicted"
    ]
    ago = seconds_before(snapshot, moments[0] if moments else parse(status.get("startTime")))
    return ago is not None and ago < RECENT


def _finding(snapshot: Snapshot, workload: Workload, evicted: list[Object]) -> Finding:
    pod = max(evicted, key=lambda item: (str(metadata(item).get("creationTimestamp", "")), ref_of(item).name))
    text = _message(pod)
    volume, container = _VOLUME.search(text), _CONTAINER.search(text)
    where, name = "", ""
    if volume is not None:
        where = pointer.join("volumes", f"name={volume['name']}", "emptyDir", "sizeLimit")
    else:
        named = container["name"] if container is not None else None
        limited = [
            item
            for item in workload.containers
            if "ephemeral-storage" in mapping(mapping(item.spec.get("resources")).get("limits"))
        ]
        chosen = next((item for item in limited if item.name == named), limited[0] if limited else None)
        if chosen is not None:
            name, where = chosen.name, f"{chosen.pointer}/resources/limits/ephemeral-storage"
    limit = pointer.resolve(workload.spec, where) if where else None
    before = last_good(snapshot, workload, where) if where else None
    larger = before is not None and (quantity(before[0]) or 0) > (quantity(limit) or 0)
    field = workload.at(where) if where else ""
    evidence = [on_object(pod, "/status/message", quoted(text), f"Evicted: {quoted(text)}")]
    if limit is not None:
        evidence.append(on_object(workload.ref, field, limit, "The limit that was exceeded"))
    return Finding(
        fault=EphemeralStorageEvicted.id,
        variant="volume" if volume is not None else "container",
        object=workload.ref,
        container=name,
        confidence=0.95,
        summary=f"Pods of {workload.ref} are evicted: {quoted(text)[:160]}",
        evidence=tuple(evidence),
        facts={
            "field": field,
            "limit": str(limit or ""),
            "evicted": len(evicted),
            "last_good": [{"field": field, "value": before[0], "origin": before[1]}]
            if before is not None and larger
            else [],
        },
    )
