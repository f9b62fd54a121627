"""What tests of detectors share: nodes, events on anything, and the question "what is the root?"."""

from __future__ import annotations

from typing import Any

from selfheal.cluster.snapshot import Object
from selfheal.diagnosis.engine import Diagnosis, diagnose
from selfheal.faults.catalogue import by_id
from selfheal.faults.interface import Finding, Remedy
from tests.support.cluster import Cluster, ago, container


def found(fault: str, cluster: Cluster) -> list[Finding]:
    """What the fault's own detector says, without reduction."""
    return list(by_id(fault).detect(cluster.snapshot(), None))


def only(fault: str, cluster: Cluster) -> Finding:
    (finding,) = found(fault, cluster)
    return finding


def examined(cluster: Cluster) -> Diagnosis:
    return diagnose(cluster.snapshot())


def root(cluster: Cluster) -> tuple[str, str]:
    """Fault and object of the root cause; the verdict and "" when there is none."""
    answer = examined(cluster)
    return (answer.root.fault, str(answer.root.object)) if answer.root else (answer.verdict, "")


def remedy(finding: Finding) -> Remedy:
    return by_id(finding.fault).remedy(finding)


def node(
    cluster: Cluster,
    name: str = "node-1",
    *,
    cpu: str = "4",
    memory: str = "8Gi",
    labels: dict[str, str] | None = None,
    taints: list[dict[str, Any]] | None = None,
    cordoned: bool = False,
    conditions: list[dict[str, Any]] | None = None,
) -> Object:
    """A node that is ready unless ``conditions`` say otherwise."""
    spec: dict[str, Any] = {"taints": taints or []}
    if cordoned:
        spec["unschedulable"] = True
    made = cluster.add(
        "Node",
        name,
        metadata={"labels": {"kubernetes.io/hostname": name, **(labels or {})}, "namespace": None},
        spec=spec,
        status={
            "allocatable": {"cpu": cpu, "memory": memory, "pods": "110"},
            "conditions": conditions or [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        },
    )
    del made["metadata"]["namespace"]
    return made


def cluster_wide(cluster: Cluster, kind: str, name: str, **body: Any) -> Object:
    """An object without a namespace."""
    made = cluster.add(kind, name, **body)
    del made["metadata"]["namespace"]
    return made


def event(cluster: Cluster, about: Object, reason: str, message: str, *, seconds: float = 20) -> Object:
    """A warning about any object."""
    meta = about["metadata"]
    return cluster.add(
        "Event",
        f"{meta['name']}.{len(cluster.objects)}",
        type="Warning",
        reason=reason,
        message=message,
        lastTimestamp=ago(seconds),
        involvedObject={
            "kind": about["kind"],
            "namespace": meta.get("namespace", ""),
            "name": meta["name"],
            "uid": meta["uid"],
        },
    )


def get(cluster: Cluster, kind: str, name: str) -> Object:
    return next(obj for obj in cluster.objects if obj["kind"] == kind and obj["metadata"]["name"] == name)


def unscheduled(
    name: str, spec: dict[str, Any], message: str = "", *, before: dict[str, Any] | None = None
) -> Cluster:
    """A Deployment whose one pod has no node; ``message`` is what the scheduler says."""
    cluster = Cluster()
    cluster.deployment(name, spec, status={"ready": False, "state": {}}, before=before)
    pending(cluster, f"{name}-new-0", message)
    return cluster


def pending(cluster: Cluster, pod_name: str, message: str) -> Object:
    pod = get(cluster, "Pod", pod_name)
    pod["status"] = {"phase": "Pending"}
    if message:
        pod["status"]["conditions"] = [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        ]
        event(cluster, pod, "FailedScheduling", message)
    return pod


def refused(name: str, message: str, spec: dict[str, Any] | None = None) -> Cluster:
    """A Deployment none of whose pods may be created."""
    cluster = Cluster()
    top = cluster.deployment(name, spec or {"containers": [container()]})
    cluster.objects = [obj for obj in cluster.objects if obj["kind"] != "Pod"]
    top["status"].update(availableReplicas=0, readyReplicas=0, updatedReplicas=0)
    event(cluster, get(cluster, "ReplicaSet", f"{name}-rs2"), "FailedCreate", message)
    return cluster


def lines(text: str, count: int = 6, start: int = 20) -> str:
    """A log in which a line repeats up to the snapshot."""
    return "\n".join(
        f"2026-11-22T11:59:{second:02d}Z {text}" for second in range(start, start + 6 * count, 6)
    )


def caller(cluster: Cluster, name: str, env: dict[str, str], log: str = "", **more: Any) -> Object:
    """A Deployment that is told addresses by variables and writes a log."""
    made = cluster.deployment(
        name,
        {"containers": [container(env=[{"name": key, "value": value} for key, value in env.items()])]},
        **more,
    )
    if log:
        cluster.log(f"{name}-new-0", "app", log)
    return made


def served(cluster: Cluster, name: str, port: int = 8080, **more: Any) -> Object:
    """A ready Deployment with a Service of its name in front of it; the Service is returned."""
    spec = {"containers": [container(ports=[{"containerPort": port, "name": "main"}], **more)]}
    cluster.deployment(name, spec)
    return cluster.service(name, {"app": name}, port)
