"""The container's security settings do not let the program start or work.

# What it is
`runAsNonRoot` with an image that runs as root, a read-only root file system where the program has to write, a
user that may not open a low port, or capabilities that were dropped and are needed.

# How it is recognised
The kubelet refuses to create the container ("container has runAsNonRoot and image will run as root", "non-numeric
user"), or the container's log repeats "read-only file system" or "operation not permitted" while the template
sets the matching field. What changed against the last good template counts more.
Or the API server refused such a field at the last apply: the live object is then the old one, and well.

# How it is told from its neighbours
A path on a mounted volume is `volume-permission-denied`. Pods that are refused when they are created are
`pod-security-rejected`. A store that is read-only says so in the words of its driver.

# What is changed
`runAsUser` (a user that the namespace's other workloads run as, or the one it had), or the field that changed, to
what it was. Hardening is never dropped: a program that needs more is for a person.
A field that was refused gets back what the live object has there, which was taken.

# How safe that is
A non-root user is more restricted than what the image asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot
from selfheal.cluster.workloads import (
    Container,
    Workload,
    earlier,
    last_good,
    mapping,
    mappings,
    state,
    statuses,
    workloads,
)
from selfheal.faults.crashing import crash
from selfheal.faults.evidence import complaints, of_log, on_object
from selfheal.faults.fields import ANY, container_fields, pod_fields
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, OneOf, Remedy
from selfheal.faults.refused import REFUSED, refused, taken_back
from selfheal.faults.signals import signals
from selfheal.incidents.record import Evidence, Target

_ROOT = re.compile(
    r"runAsNonRoot and image will run as root|runAsNonRoot and image has non-numeric user|will run as root"
    r"|runAsUser breaks non-root|non-root policy",
    re.IGNORECASE,
)
_READ_ONLY = re.compile(r"read-only file system|EROFS", re.IGNORECASE)
_LOW_PORT = re.compile(
    r"(?:bind|listen)\D{0,60}:(?P<port>\d{1,4})\b.{0,40}(?:permission denied|EACCES)|EACCES.{0,60}:(?P<port2>\d{1,4})\b",
    re.IGNORECASE,
)


class SecurityContextInvalid(Fault):
    """See the page above."""

    id = "security-context-invalid"
    blames = ANY
    writes = (
        *container_fields(
            "/securityContext/runAsUser",
            "/securityContext/runAsNonRoot",
            "/securityContext/readOnlyRootFilesystem",
            "/securityContext/capabilities",
        ),
        *pod_fields("/securityContext/runAsUser", "/securityContext/runAsNonRoot"),
        *container_fields("/securityContext/**"),
        *pod_fields("/securityContext/**"),
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        yield from refused(snapshot, self.id)
        for workload in workloads(snapshot):
            yield from _as_root(snapshot, workload)
            yield from _by_log(snapshot, workload)

    @override
    def remedy(self, finding: Finding) -> Remedy:
        if finding.variant == REFUSED:
            return taken_back(finding)
        facts = finding.facts
        title = f"Let {finding.container} of {finding.object.name} run within its security settings"
        if finding.variant == "user":
            # Whom others run as says nothing where this workload had a user of its own.
            values = () if facts["last_good"] else tuple(facts["users"])
            origin = "users that other workloads of the namespace run as"
            fallback = (
                Exact(values[0], origin) if len(values) == 1 else OneOf(values, origin) if values else None
            )
            return Remedy(
                title, (FieldEdit(finding.object, facts["field"], LastGood(fallback)),), finding.summary
            )
        if facts["last_good"]:
            return Remedy(title, (FieldEdit(finding.object, facts["field"], LastGood()),), finding.summary)
        if facts["new"]:
            return Remedy(
                title, (FieldEdit(finding.object, facts["field"], LastGood(), "remove"),), finding.summary
            )
        return Remedy(
            title,
            (),
            finding.summary,
            escalate="Hardening is not dropped; give the program a place to write, or the user it needs.",
        )


def _as_root(snapshot: Snapshot, workload: Workload) -> Iterable[Finding]:
    for name, text, told in complaints(snapshot, workload):
        if not _ROOT.search(text):
            continue
        container = workload.container(name) or next(iter(workload.containers), None)
        if container is None:
            return
        own, pod_wide = (
            mapping(container.spec.get("securityContext")),
            mapping(workload.spec.get("securityContext")),
        )
        own_says = "runAsNonRoot" in own or "runAsUser" in own
        base = f"{container.pointer}/securityContext" if own_says or not pod_wide else "/securityContext"
        where = f"{base}/runAsUser"
        flag = f"{base}/runAsNonRoot"
        before = last_good(snapshot, workload, where)
        evidence = [told]
        value = pointer.resolve(workload.spec, flag)
        if value is not None:
            evidence.append(on_object(workload.ref, workload.at(flag), value, "The image runs as root"))
        yield Finding(
            fault=SecurityContextInvalid.id,
            variant="user",
            object=workload.ref,
            container=container.name,
            confidence=0.97,
            summary=f"{container.name} of {workload.ref} must not run as root, and its image does.",
            evidence=tuple(evidence),
            facts={
                "field": workload.at(where),
                "users": _users(snapshot, workload),
                "new": False,
                "last_good": []
                if before is None or before[0] == 0
                else [{"field": workload.at(where), "value": before[0], "origin": before[1]}],
            },
        )
        return


def _users(snapshot: Snapshot, workload: Workload) -> list[int]:
    """Users other than root that the workload's volumes or the namespace's workloads use, the most frequent first."""
    counts: dict[int, int] = {}
    group = mapping(workload.spec.get("securityContext")).get("fsGroup")
    if isinstance(group, int) and group > 0:
        return [group]
    for other in workloads(snapshot):
        if other.namespace != workload.namespace:
            continue
        for context in (
            other.spec.get("securityContext"),
            *(item.spec.get("securityContext") for item in other.containers),
        ):
            user = mapping(context).get("runAsUser")
            if isinstance(user, int) and user > 0:
                counts[user] = counts.get(user, 0) + 1
    return sorted(counts, key=lambda user: (-counts[user], user))[:5]


def _by_log(snapshot: Snapshot, workload: Workload) -> Iterable[Finding]:
    for signal in signals(snapshot, workload):
        container = workload.container(signal.container)
        if (
            container is None
            or signal.kind != "denied"
            or not signal.current
            or not _ill(snapshot, container, signal.pod)
        ):
            continue
        if on_mount(container, signal.path or _path_in(signal.line)):
            continue
        if _READ_ONLY.search(signal.line) and _says(workload, container, "readOnlyRootFilesystem") is True:
            word, variant, sure = "readOnlyRootFilesystem", "file-system", 0.93
        else:
            low = _LOW_PORT.search(signal.line)
            word = _changed(snapshot, workload, container)
            if low is None and not word:
                continue
            variant, sure = ("port" if low else "privilege"), 0.88
            word = word or "runAsUser"
        line = of_log(signal.pod, signal.container, signal.line, previous=signal.previous)
        yield _finding(snapshot, workload, container, word, variant, sure, line)
        return


def _path_in(line: str) -> str:
    match = re.search(r"['\"]?(/[\w./@+-]+)['\"]?", line)
    return match.group(1) if match else ""


def on_mount(container: Container, path: str) -> bool:
    """Whether a path lies on a volume of the container."""
    mounts = [
        str(item.get("mountPath", "")).rstrip("/") for item in mappings(container.spec.get("volumeMounts"))
    ]
    return any(path == mount or path.startswith(mount + "/") for mount in mounts if mount and path)


def _ill(snapshot: Snapshot, container: Container, pod: Object) -> bool:
    status = statuses(pod).get(container.name, {})
    return (
        crash(snapshot, container, pod) is not None
        or bool(state(status, "waiting"))
        or status.get("ready") is False
    )


def _says(workload: Workload, container: Container, word: str) -> Any:
    own = mapping(container.spec.get("securityContext"))
    return own.get(word, mapping(workload.spec.get("securityContext")).get(word))


def _changed(snapshot: Snapshot, workload: Workload, container: Container) -> str:
    """The security setting that is other than in an earlier template."""
    for older in earlier(snapshot, workload.object):
        for word in ("runAsUser", "runAsNonRoot", "readOnlyRootFilesystem", "capabilities", "runAsGroup"):
            for base in (f"{container.pointer}/securityContext", "/securityContext"):
                if pointer.resolve(older.spec, f"{base}/{word}") != pointer.resolve(
                    workload.spec, f"{base}/{word}"
                ):
                    return word
        return ""
    return ""


def _finding(
    snapshot: Snapshot,
    workload: Workload,
    container: Container,
    word: str,
    variant: str,
    sure: float,
    line: Evidence,
) -> Finding:
    own = f"{container.pointer}/securityContext/{word}"
    where = own if pointer.exists(workload.spec, own) else f"/securityContext/{word}"
    field, now = workload.at(where), pointer.resolve(workload.spec, where)
    before = last_good(snapshot, workload, where)
    new = before is None and any(
        not pointer.exists(older.spec, where) for older in earlier(snapshot, workload.object)[:1]
    )
    evidence = [line]
    if now is not None:
        evidence.append(on_object(workload.ref, field, now, "The setting that forbids it"))
    return Finding(
        fault=SecurityContextInvalid.id,
        variant=variant,
        object=workload.ref,
        container=container.name,
        confidence=sure,
        summary=f"{container.name} of {workload.ref} needs what its security settings ({word}) forbid.",
        evidence=tuple(evidence),
        facts={
            "field": field,
            "users": [],
            "new": new and now is not None,
            "last_good": []
            if before is None
            else [{"field": field, "value": before[0], "origin": before[1]}],
        },
    )
