"""Diagnosis of large clusters: CPU seconds, growth, memory. Aim: 5,000 pods under 2 s and 500 MB, twice at most 2.2 times.

Run with ``python benchmarks/diagnosis.py [PODS ...]``. Each size is measured in a process of its own, from a dump on
disk to the verdict: a tenth of the workloads is ill in one of several ways, each pod has events.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PODS_OF_A_WORKLOAD = 5
STAMP = "2026-11-22T11:{:02d}:00Z"


def pod_spec(number: int) -> dict[str, Any]:
    reference = {"name": f"config-{number % 50}", "key": "KEY" if number % 10 != 3 else "KEYS"}
    return {
        "containers": [
            {
                "name": "app",
                "image": f"registry.example/team/app-{number}:1.{number % 7}",
                "ports": [{"name": "http", "containerPort": 8080}],
                "env": [
                    {"name": "PEER", "value": f"http://app-{number + 1}:8080"},
                    {"name": "KEY", "valueFrom": {"configMapKeyRef": reference}},
                ],
                "resources": {"limits": {"memory": "256Mi"}, "requests": {"cpu": "50m", "memory": "128Mi"}},
                "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 10},
            }
        ]
    }


def status_of(number: int) -> dict[str, Any]:
    if number % 10 == 1:
        ended = {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": STAMP.format(58)}}
        return {
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": ended,
            "ready": False,
            "restartCount": 4,
        }
    if number % 10 == 3:
        message = f"couldn't find key KEYS in ConfigMap large/config-{number % 50}"
        return {
            "state": {"waiting": {"reason": "CreateContainerConfigError", "message": message}},
            "ready": False,
        }
    return {"state": {"running": {"startedAt": STAMP.format(1)}}, "ready": True, "restartCount": 0}


def build(directory: Path, pods: int) -> None:
    """Writes a dump with that many pods and what belongs to them."""
    kinds: dict[str, list[dict[str, Any]]] = {}

    def add(
        resource_name: str, kind: str, name: str, owner: dict[str, Any] | None = None, **body: Any
    ) -> dict[str, Any]:
        meta: dict[str, Any] = {
            "name": name, "namespace": "large", "uid": f"{kind}-{name}", "resourceVersion": "1",
            "creationTimestamp": STAMP.format(0), **body.pop("meta", {}),
        }  # fmt: skip
        if owner is not None:
            up = owner["metadata"]
            meta["ownerReferences"] = [
                {"kind": owner["kind"], "name": up["name"], "uid": up["uid"], "controller": True}
            ]
        made = {"apiVersion": "v1", "kind": kind, "metadata": meta, **body}
        kinds.setdefault(resource_name, []).append(made)
        return made

    for number in range(50):
        add("configmaps", "ConfigMap", f"config-{number}", data={"KEY": "value", "OTHER": "x" * 500})
    for number in range(pods // PODS_OF_A_WORKLOAD):
        name, spec, labels = f"app-{number}", pod_spec(number), {"app": f"app-{number}"}
        template = {"metadata": {"labels": labels}, "spec": spec}
        status = status_of(number)
        available = PODS_OF_A_WORKLOAD if status["ready"] else 0
        counts = {
            "replicas": PODS_OF_A_WORKLOAD,
            "updatedReplicas": PODS_OF_A_WORKLOAD,
            "availableReplicas": available,
        }
        top = add(
            "deployments",
            "Deployment",
            name,
            spec={"replicas": PODS_OF_A_WORKLOAD, "template": template},
            status=counts,
        )
        for revision in (1, 2):
            made = add(
                "replicasets", "ReplicaSet", f"{name}-{revision}", top, spec={"template": template}, status={},
                meta={"annotations": {"deployment.kubernetes.io/revision": str(revision)}},
            )  # fmt: skip
        add(
            "services",
            "Service",
            name,
            spec={"selector": labels, "ports": [{"port": 8080, "targetPort": 8080}]},
        )
        add("endpointslices", "EndpointSlice", name, endpoints=[{"addresses": ["10.0.0.1"]}],
            meta={"labels": {"kubernetes.io/service-name": name}})  # fmt: skip
        for place in range(PODS_OF_A_WORKLOAD):
            ready = {"type": "Ready", "status": "True" if status["ready"] else "False"}
            body = {
                "phase": "Running",
                "conditions": [ready],
                "containerStatuses": [{"name": "app", **status}],
            }
            pod = add(
                "pods", "Pod", f"{name}-2-{place}", made, spec=spec, status=body, meta={"labels": labels}
            )
            about = {
                "kind": "Pod",
                "namespace": "large",
                "name": pod["metadata"]["name"],
                "uid": pod["metadata"]["uid"],
            }
            for event in range(3):
                add("events", "Event", f"{name}-{place}-{event}", involvedObject=about, type="Normal" if event else "Warning",
                    reason="Started" if event else "Unhealthy", message="Readiness probe failed: connection refused",
                    lastTimestamp=STAMP.format(2))  # fmt: skip
    for empty in ("statefulsets", "daemonsets", "jobs", "cronjobs"):
        kinds.setdefault(empty, [])
    folder = directory / "large"
    folder.mkdir(parents=True)
    for resource_name, items in kinds.items():
        document = {"kind": "List", "apiVersion": "v1", "items": items}
        (folder / f"{resource_name}.json").write_text(json.dumps(document), encoding="utf-8")


def measure(directory: Path) -> dict[str, Any]:
    """One diagnosis in this process: CPU seconds, peak memory in MB, what was found."""
    began = time.process_time()
    from selfheal.cluster.dump import load_dump
    from selfheal.diagnosis.engine import diagnose

    found = diagnose(load_dump(directory))
    found.document()
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "cpu_s": round(seconds, 2),
        "peak_mb": round(peak),
        "verdict": found.verdict,
        "findings": len(found.findings),
    }


def main() -> None:
    if len(sys.argv) == 3 and sys.argv[1] == "--measure":
        print(json.dumps(measure(Path(sys.argv[2]))))
        return
    sizes = [int(size) for size in sys.argv[1:]] or [1_000, 2_500, 5_000]
    previous: tuple[int, float] | None = None
    for pods in sizes:
        with tempfile.TemporaryDirectory() as folder:
            build(Path(folder) / "dump", pods)
            done = subprocess.run(
                [sys.executable, __file__, "--measure", str(Path(folder) / "dump")],
                capture_output=True, text=True, check=True, cwd=Path(__file__).resolve().parent.parent,
            )  # fmt: skip
        row = json.loads(done.stdout)
        growth = (
            f", {row['cpu_s'] / previous[1]:.2f}x CPU for {pods / previous[0]:.2f}x pods" if previous else ""
        )
        print(
            f"{pods:>6} pods: {row['cpu_s']:.2f} s CPU, {row['peak_mb']} MB, {row['findings']} findings{growth}"
        )
        previous = (pods, row["cpu_s"])


if __name__ == "__main__":
    main()
