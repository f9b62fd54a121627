"""A program may not use the files of a volume that it mounts.

# What it is
The volume belongs to another user or group than the one the program runs as, or it is mounted read-only where the
program has to write.

# How it is recognised
The log repeats "permission denied" (or "read-only file system") for a path on a volume of that container, or the
kubelet's mount event says so. The user, `fsGroup` and `readOnly` of the template are cited.

# How it is told from its neighbours
A path that is on no volume is the image's own: `security-context-invalid`. A volume that cannot be mounted at all
is `volume-mount-invalid`.

# What is changed
`fsGroup` of the pod: to what it was, or to the group (or user) the program runs as; `readOnly` of the mount to what
it was.

# How safe that is
A volume's files are given to one more group. No hardening is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Snapshot
from selfheal.cluster.workloads import (
    Container,
    Workload,
    last_good,
    mapping,
    mappings,
    ready,
    state,
    statuses,
    workloads,
)
from selfheal.faults.evidence import newest_first, of_event, of_log, on_object, text_of
from selfheal.faults.fields import ANY, container_fields, pod_fields
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.faults.signals import signals
from selfheal.incidents.record import Evidence, Target

_PATHS = re.compile(r"/[A-Za-z0-9._@+-]+(?:/[A-Za-z0-9._@+-]+)*")
_READ_ONLY = re.compile(r"read-only file system|EROFS", re.IGNORECASE)


class VolumePermissionDenied(Fault):
    """See the page above."""

    id = "volume-permission-denied"
    blames = ANY
    writes = (
        *pod_fields("/securityContext/fsGroup", "/securityContext/runAsUser", "/securityContext/runAsGroup"),
        *container_fields(
            "/volumeMounts/*/readOnly", "/securityContext/runAsUser", "/securityContext/runAsGroup"
        ),
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for workload in workloads(snapshot):
            finding = _by_log(snapshot, workload) or _by_event(snapshot, workload)
            if finding is not None:
                yield finding

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Let {finding.container or 'the pods'} of {finding.object.name} use its volume"
        if not facts["field"]:
            return Remedy(
                title, (), finding.summary, escalate="Which group the volume should belong to is not known."
            )
        value = Exact(facts["wanted"], facts["origin"]) if facts["wanted"] is not None else None
        return Remedy(title, (FieldEdit(finding.object, facts["field"], LastGood(value)),), finding.summary)


def _by_log(snapshot: Snapshot, workload: Workload) -> Finding | None:
    for signal in signals(snapshot, workload):
        container = workload.container(signal.container)
        if container is None or signal.kind not in ("denied", "disk") or not signal.current:
            continue
        if signal.kind == "disk":
            continue
        status = statuses(signal.pod).get(container.name, {})
        well = status.get("ready") is True and not state(status, "terminated", "lastState")
        for path in _PATHS.findall(signal.line):
            mount = mount_of(container, path)
            if mount is None:
                continue
            line = of_log(signal.pod, signal.container, signal.line, previous=signal.previous)
            return _finding(
                snapshot, workload, container, mount, path, line, 0.75 if well else 0.95, signal.line
            )
    return None


def mount_of(container: Container, path: str) -> dict[str, Any] | None:
    """The mount of a container that a path lies on, the deepest one."""
    held = [
        item
        for item in mappings(container.spec.get("volumeMounts"))
        if (root := str(item.get("mountPath", "")).rstrip("/"))
        and (path == root or path.startswith(root + "/"))
        and not root.startswith("/var/run/secrets/kubernetes.io")
    ]
    return max(held, key=lambda item: len(str(item.get("mountPath"))), default=None)


def _by_event(snapshot: Snapshot, workload: Workload) -> Finding | None:
    for pod in workload.pods:
        if ready(pod):
            continue
        for event in newest_first(snapshot.events_of(pod)):
            text = text_of(event)
            if event.get("reason") in ("FailedMount", "Failed") and re.search(
                r"permission denied|operation not permitted", text, re.IGNORECASE
            ):
                if "exec" in text and "mount" not in text.lower():
                    continue
                container = next(
                    (item for item in workload.containers if item.spec.get("volumeMounts")), None
                )
                if container is None:
                    continue
                mount = mappings(container.spec.get("volumeMounts"))[0]
                return _finding(snapshot, workload, container, mount, "", of_event(event), 0.88, text)
    return None


def _finding(
    snapshot: Snapshot,
    workload: Workload,
    container: Container,
    mount: dict[str, Any],
    path: str,
    told: Evidence,
    sure: float,
    text: str,
) -> Finding:
    name = str(mount.get("name", ""))
    read_only = bool(_READ_ONLY.search(text))
    mounts = mappings(container.spec.get("volumeMounts"))
    at = container.pointer + pointer.join("volumeMounts", f"name={name}")
    if sum(item.get("name") == name for item in mounts) > 1:
        at = container.pointer + pointer.join("volumeMounts", mounts.index(mount))
    evidence = [
        told,
        on_object(workload.ref, workload.at(f"{at}/mountPath"), mount.get("mountPath"), f"The volume {name}"),
    ]
    field, wanted, origin = _field(
        snapshot, workload, container, f"{at}/readOnly" if read_only else "", mount
    )
    now = pointer.resolve(workload.spec, field) if field else None
    if now is not None:
        evidence.append(on_object(workload.ref, workload.at(field), now, "The setting that counts"))
    before = last_good(snapshot, workload, field) if field else None
    return Finding(
        fault=VolumePermissionDenied.id,
        variant="read-only" if read_only else "owner",
        object=workload.ref,
        container=container.name,
        confidence=sure,
        summary=f"{container.name} of {workload.ref} may not {'write to' if read_only else 'use'} {path or mount.get('mountPath')} on its volume {name}.",
        evidence=tuple(evidence),
        facts={
            "field": workload.at(field) if field else "",
            "wanted": wanted,
            "origin": origin,
            "last_good": []
            if before is None
            else [{"field": workload.at(field), "value": before[0], "origin": before[1]}],
        },
    )


def _field(
    snapshot: Snapshot, workload: Workload, container: Container, read_only: str, mount: dict[str, Any]
) -> tuple[str, Any, str]:
    """(field relative to the pod spec, value or None, where it comes from) of the setting that is wrong."""
    if read_only:
        return (
            (read_only, False, "what the program does") if mount.get("readOnly") is True else ("", None, "")
        )
    own, pod_wide = (
        mapping(container.spec.get("securityContext")),
        mapping(workload.spec.get("securityContext")),
    )
    for base, context in ((f"{container.pointer}/securityContext", own), ("/securityContext", pod_wide)):
        for word in ("fsGroup", "runAsUser", "runAsGroup"):
            if last_good(snapshot, workload, f"{base}/{word}") is not None and context.get(word) is not None:
                return f"{base}/{word}", None, "the last good template"
    if last_good(snapshot, workload, "/securityContext/fsGroup") is not None:
        return "/securityContext/fsGroup", None, "the last good template"
    for word in ("runAsGroup", "runAsUser"):
        value = own.get(word, pod_wide.get(word))
        if isinstance(value, int) and value > 0 and pod_wide.get("fsGroup") != value:
            return "/securityContext/fsGroup", value, f"{word} of {container.name}"
    return "/securityContext/fsGroup", None, ""
