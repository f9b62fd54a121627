"""A volume cannot be mounted as the pod template says.

# What it is
A mount path is a file where a directory is expected (or the other way round), a `subPath` does not exist, a host
path has another type, a key is mounted over a directory, or a volume is attached to another node.

# How it is recognised
The runtime's or kubelet's words: "not a directory", "failed to prepare subPath", "hostPath type check failed",
"error mounting … to rootfs", "Multi-Attach error", while the pod waits. A `subPath` that is no key of the ConfigMap or
Secret it is taken from gives an empty directory instead of a file: the program fails, and nobody says why.
Or the API server refused such a field at the last apply: the live object is then the old one, and well.

# How it is told from its neighbours
A ConfigMap or Secret that does not exist, or lacks a key, is a reference: `config-ref-missing`,
`config-key-missing`. A claim that is not bound keeps the pod from a node. Permission is
`volume-permission-denied`.

# What is changed
The mount (`mountPath`, `subPath`) or the volume goes back to what the last good template had; a `subPath` else
becomes the key that is plainly meant.
A field that was refused gets back what the live object has there, which was taken.

# How safe that is
The pods that did not start start as they did before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.workloads import (
    Container,
    Workload,
    earlier,
    last_good,
    mapping,
    mappings,
    ready,
    troubled,
)
from selfheal.faults.crashing import first_crash
from selfheal.faults.evidence import complaints, on_object
from selfheal.faults.fields import ANY, container_fields, pod_fields
from selfheal.faults.interface import Fault, FieldEdit, Finding, LastGood, NearName, Remedy
from selfheal.faults.nearness import nearest
from selfheal.faults.references import keys_of
from selfheal.faults.refused import REFUSED, refused, taken_back
from selfheal.incidents.record import Evidence, Target

_KINDS = (
    ("sub-path", re.compile(r"subPath|subpath", re.IGNORECASE)),
    (
        "multi-attach",
        re.compile(r"Multi-Attach error|volume is already (?:exclusively )?attached", re.IGNORECASE),
    ),
    ("host-path", re.compile(r"hostPath type check failed", re.IGNORECASE)),
    (
        "path",
        re.compile(
            r"not a directory|is a directory|error mounting|mount path|mountpoint|must be unique|mount .{0,80}failed"
            r"|no such device|special device .{0,80} does not exist|wrong fs type",
            re.IGNORECASE,
        ),
    ),
)
_ABSENT = re.compile(
    r"no such file or directory|ENOENT|FileNotFound|NoSuchFile|not found|cannot find", re.IGNORECASE
)
_OTHERS = re.compile(
    r"(?:configmap|secret)s? \"[^\"]+\" not found|references non-existent|couldn't find key|permission denied"
    r"|object \"[^\"]+\"/\"[^\"]+\" not registered|failed to sync (?:configmap|secret) cache",
    re.IGNORECASE,
)


class VolumeMountInvalid(Fault):
    """See the page above."""

    id = "volume-mount-invalid"
    blames = ANY
    writes = (
        *container_fields("/volumeMounts/*/mountPath", "/volumeMounts/*/subPath", "/volumeMounts"),
        *container_fields("/volumeMounts/**"),
        *pod_fields("/volumes/*", "/volumes", "/volumes/**"),
        "/spec/volumeClaimTemplates/*/metadata/name",
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        yield from refused(snapshot, self.id)
        for workload in troubled(snapshot):
            if all(ready(pod) for pod in workload.pods):
                continue
            for name, text, evidence in complaints(snapshot, workload):
                if _OTHERS.search(text) or not re.search(
                    r"mount|volume|subpath|hostpath|attach", text, re.IGNORECASE
                ):
                    continue
                variant = next((kind for kind, pattern in _KINDS if pattern.search(text)), "")
                if variant:
                    yield _finding(snapshot, workload, workload.container(name), text, variant, evidence)
                    break
            else:
                yield from _moved(snapshot, workload)
                yield from _no_key(snapshot, workload)

    @override
    def remedy(self, finding: Finding) -> Remedy:
        if finding.variant == REFUSED:
            return taken_back(finding)
        facts = finding.facts
        title = f"Mount the volumes of {finding.object.name} as before"
        if finding.variant == "multi-attach":
            return Remedy(title, (), finding.summary, escalate="The volume is in use on another node.")
        if finding.variant == "key":
            (field,) = facts["fields"]
            meant = NearName("key", facts["key"], tuple(facts["keys"]))
            return Remedy(title, (FieldEdit(finding.object, field, LastGood(meant)),), finding.summary)
        edits = tuple(FieldEdit(finding.object, field, LastGood()) for field in facts["fields"])
        if not edits:
            return Remedy(
                title, (), finding.summary, escalate="Which mount is wrong cannot be told from specs."
            )
        return Remedy(title, edits, finding.summary)


def _finding(
    snapshot: Snapshot,
    workload: Workload,
    container: Container | None,
    text: str,
    variant: str,
    told: Evidence,
) -> Finding:
    fields, good = [], []
    for relative, value, origin in _changed(snapshot, workload):
        fields.append(workload.at(relative))
        good.append({"field": workload.at(relative), "value": value, "origin": origin})
    evidence = [told]
    named = _named(workload, text)
    for relative in named:
        value = pointer.resolve(workload.spec, relative)
        evidence.append(on_object(workload.ref, workload.at(relative), value, "The mount that is named"))
        if not fields:
            fields.append(workload.at(relative))
    return Finding(
        fault=VolumeMountInvalid.id,
        variant=variant,
        object=workload.ref,
        container=container.name if container is not None else "",
        confidence=0.94 if fields else 0.85,
        summary=f"A volume of {workload.ref} cannot be mounted: {text[:200]}",
        evidence=tuple(evidence),
        facts={"fields": fields[:4], "last_good": good[:4]},
    )


def _moved(snapshot: Snapshot, workload: Workload) -> Iterable[Finding]:
    """A program that ends since a file is missing, at a place where a volume was mounted before and is not now."""
    changed = [item for item in _changed(snapshot, workload) if item[0].endswith("/mountPath")]
    for container in workload.containers if changed else ():
        crashed = first_crash(snapshot, workload, container)
        told = next((item for item in crashed.evidence if item.source == "log"), None) if crashed else None
        if told is None or not _ABSENT.search(told.message):
            continue
        for relative, was, _origin in changed:
            own = relative.startswith(f"{container.pointer}/")
            if own and re.search(rf"(?<![\w./-]){re.escape(str(was).rstrip('/'))}(?:/|\b)", told.message):
                yield _finding(snapshot, workload, container, told.message, "path", told)
                return


def _no_key(snapshot: Snapshot, workload: Workload) -> Iterator[Finding]:
    """The first mount of one key of a ConfigMap or Secret that has no such key, where another is plainly meant."""
    for where, item in _mounts(workload):
        key, holder = item.get("subPath"), _holder(snapshot, workload, str(item.get("name")))
        keys = keys_of(holder) if holder is not None else None
        if not isinstance(key, str) or holder is None or keys is None or key in keys:
            continue
        relative = f"{where}/subPath"
        before = last_good(snapshot, workload, relative)
        if nearest(key, keys) is None and not (before is not None and before[0] in keys):
            continue
        yield Finding(
            fault=VolumeMountInvalid.id,
            variant="key",
            object=workload.ref,
            confidence=0.93,
            summary=f"{workload.ref} mounts {key} of {ref_of(holder)}, which has no such key.",
            evidence=(
                on_object(
                    workload.ref,
                    workload.at(relative),
                    key,
                    f"{ref_of(holder)} has {', '.join(sorted(keys))[:200]}",
                ),
            ),
            facts={
                "fields": [workload.at(relative)],
                "key": key,
                "keys": sorted(keys)[:20],
                "last_good": []
                if before is None
                else [{"field": workload.at(relative), "value": before[0], "origin": before[1]}],
            },
        )
        return


def _holder(snapshot: Snapshot, workload: Workload, volume: str) -> Object | None:
    """The ConfigMap or Secret of which a volume is the whole."""
    for item in mappings(workload.spec.get("volumes")):
        if item.get("name") != volume:
            continue
        for word, kind, name in (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName")):
            held = mapping(item.get(word))
            if held and not held.get("items"):
                return snapshot.get(kind, workload.namespace, str(held.get(name)))
    return None


def _mounts(workload: Workload) -> Iterable[tuple[str, dict[str, Any]]]:
    for container in workload.containers:
        for index, item in enumerate(mappings(container.spec.get("volumeMounts"))):
            yield container.pointer + pointer.join("volumeMounts", index), item


def _named(workload: Workload, text: str) -> list[str]:
    """Pointers to the sub-path, else the mount path, that the text names."""
    found = []
    for where, item in _mounts(workload):
        for word in ("subPath", "mountPath"):
            value = item.get(word)
            if isinstance(value, str) and len(value) > 1 and value in text:
                found.append(f"{where}/{word}")
                break
    return found[:2]


def _changed(snapshot: Snapshot, workload: Workload) -> list[tuple[str, Any, str]]:
    """Mounts and volumes that are other than in the last good template: (pointer, earlier value, origin)."""
    older = next(iter(earlier(snapshot, workload.object)), None)
    if older is None:
        return []
    found = []
    for where, item in _mounts(workload):
        for word in ("mountPath", "subPath"):
            was = pointer.resolve(older.spec, f"{where}/{word}")
            if was is not None and was != item.get(word):
                found.append((f"{where}/{word}", was, older.origin))
    for volume in mappings(workload.spec.get("volumes")):
        where = pointer.join("volumes", f"name={volume.get('name')}")
        was = mapping(pointer.resolve(older.spec, where))
        if was and was != volume:
            found.append((where, was, older.origin))
    return found
