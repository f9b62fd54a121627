"""Pods cannot be created since they violate the namespace's PodSecurity level.

# What it is
A namespace enforces the `baseline` or `restricted` level. Pods whose security settings do not comply are refused;
running pods stay.

# How it is recognised
Pods are missing, and the refusal says "violates PodSecurity" and lists what is wrong.

# How it is told from its neighbours
A warning of PodSecurity beside pods that are created is no fault. A webhook's denial names the webhook. A
container that the kubelet refuses to start (`will run as root`) was admitted: `security-context-invalid`.

# What is changed
The settings the refusal names, as far as they have one safe value: `allowPrivilegeEscalation: false`,
`runAsNonRoot: true`, `seccompProfile: RuntimeDefault`, capabilities dropped, `privileged` and host namespaces
removed. The namespace's level is not relaxed.

# How safe that is
Hardening only. A program that needs what it loses will say so; a person decides then.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Snapshot
from selfheal.cluster.workloads import Workload, last_good, mapping
from selfheal.faults.absent import refused
from selfheal.faults.evidence import on_object
from selfheal.faults.fields import ANY, container_fields, pod_fields
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.incidents.record import Evidence, Target

_LEVEL = "the PodSecurity standard that the namespace enforces"


class PodSecurityRejected(Fault):
    """See the page above."""

    id = "pod-security-rejected"
    blames = ANY
    writes = (
        *container_fields(
            "/securityContext/allowPrivilegeEscalation",
            "/securityContext/capabilities/drop",
            "/securityContext/privileged",
            "/securityContext/runAsNonRoot",
        ),
        *pod_fields(
            "/securityContext/runAsNonRoot",
            "/securityContext/seccompProfile/type",
            "/hostNetwork",
            "/hostPID",
            "/hostIPC",
        ),
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for workload, said in refused(snapshot):
            for text, evidence in said:
                if "violates PodSecurity" in text:
                    yield _finding(snapshot, workload, text, evidence)
                    break

    @override
    def remedy(self, finding: Finding) -> Remedy:
        title = f"Let {finding.object.name} comply with the namespace's PodSecurity level"
        edits = tuple(
            FieldEdit(
                finding.object,
                item["field"],
                LastGood(Exact(item["value"], _LEVEL)) if item["value"] is not None else LastGood(),
                "set" if item["value"] is not None else "remove",
            )
            for item in finding.facts["changes"]
        )
        if not edits:
            return Remedy(
                title, (), finding.summary, escalate="What the level asks for has no single safe value."
            )
        return Remedy(title, edits, finding.summary)


def _finding(snapshot: Snapshot, workload: Workload, text: str, told: Evidence) -> Finding:
    changes, marks, good = [], [], []
    for relative, value in _changes(workload, text):
        field = workload.at(relative)
        now = pointer.resolve(workload.spec, relative)
        changes.append({"field": field, "value": value})
        if now is not None:
            marks.append(on_object(workload.ref, field, now, "What the level does not admit"))
        before = last_good(snapshot, workload, relative)
        if before is not None:
            good.append({"field": field, "value": before[0], "origin": before[1]})
    level = text.partition('violates PodSecurity "')[2].partition('"')[0]
    return Finding(
        fault=PodSecurityRejected.id,
        variant=level.partition(":")[0] or "level",
        object=workload.ref,
        confidence=0.97,
        summary=f"No pod of {workload.ref} can be created: it violates the PodSecurity level {level}.",
        evidence=(told, *marks[:4]),
        facts={"changes": changes[:12], "last_good": good},
    )


def _changes(workload: Workload, text: str) -> list[tuple[str, Any]]:
    """(field relative to the pod spec, value or None to remove it) for what the refusal names."""
    found: list[tuple[str, Any]] = []
    for container in workload.containers:
        context, base = mapping(container.spec.get("securityContext")), container.pointer + "/securityContext"
        if "allowPrivilegeEscalation" in text and context.get("allowPrivilegeEscalation") is not False:
            found.append((f"{base}/allowPrivilegeEscalation", False))
        if "unrestricted capabilities" in text and mapping(context.get("capabilities")).get("drop") != [
            "ALL"
        ]:
            found.append((f"{base}/capabilities/drop", ["ALL"]))
        if "privileged" in text and context.get("privileged") is True:
            found.append((f"{base}/privileged", False))
        if "runAsNonRoot" in text and context.get("runAsNonRoot") is False:
            found.append((f"{base}/runAsNonRoot", True))
    context = mapping(workload.spec.get("securityContext"))
    if "runAsNonRoot" in text and context.get("runAsNonRoot") is not True:
        found.append(("/securityContext/runAsNonRoot", True))
    if "seccompProfile" in text and not context.get("seccompProfile"):
        found.append(("/securityContext/seccompProfile/type", "RuntimeDefault"))
    if "host namespaces" in text:
        found += [
            (f"/{name}", None) for name in ("hostNetwork", "hostPID", "hostIPC") if workload.spec.get(name)
        ]
    return found
