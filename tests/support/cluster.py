"""Builds small clusters out of plain objects, the way the controllers would leave them."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

from selfheal.cluster.kinds import KINDS
from selfheal.cluster.snapshot import Object, Snapshot

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def ago(seconds: float) -> str:
    """A Kubernetes timestamp that many seconds before the snapshot."""
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def container(name: str = "app", **more: Any) -> dict[str, Any]:
    return {"name": name, "image": "ghcr.io/acme/app:1.0", **more}


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {
        "state": {"waiting": {"reason": reason, "message": message}},
        "ready": False,
        "restartCount": 0,
        **more,
    }


def running(*, ready: bool = True, since: float = 3600, **more: Any) -> dict[str, Any]:
    return {"state": {"running": {"startedAt": ago(since)}}, "ready": ready, "restartCount": 0, **more}


def ended(reason: str, code: int, before: float = 30, message: str = "") -> dict[str, Any]:
    return {
        "terminated": {
            "reason": reason,
            "exitCode": code,
            "startedAt": ago(before + 5),
            "finishedAt": ago(before),
            "message": message,
        }
    }


def crashing(reason: str, code: int, *, restarts: int = 4) -> dict[str, Any]:
    return waiting("CrashLoopBackOff", "back-off", lastState=ended(reason, code), restartCount=restarts)


class Cluster:
    """Collects objects of one namespace; ``snapshot()`` makes the snapshot."""

    def __init__(self, namespace: str = "shop") -> None:
        self.namespace = namespace
        self.objects: list[Object] = []
        self.log_texts: dict[tuple[str, str, bool], str] = {}
        self.unread: set[str] = set()
        #: What the last apply printed.
        self.sync = ""
        self._count = 0

    def add(self, kind: str, name: str, *, metadata: dict[str, Any] | None = None, **body: Any) -> Object:
        self._count += 1
        obj: Object = {
            "kind": kind,
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "uid": f"uid-{self._count}",
                "resourceVersion": str(self._count),
                "creationTimestamp": ago(4000 - self._count),
                **(metadata or {}),
            },
            **body,
        }
        self.objects.append(obj)
        return obj

    def owned(
        self, owner: Object, kind: str, name: str, *, metadata: dict[str, Any] | None = None, **body: Any
    ) -> Object:
        reference = {
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "controller": True,
        }
        return self.add(kind, name, metadata={"ownerReferences": [reference], **(metadata or {})}, **body)

    def deployment(
        self,
        name: str,
        spec: dict[str, Any],
        *,
        status: dict[str, Any] | None = None,
        before: dict[str, Any] | None = None,
        replicas: int = 1,
        labels: dict[str, str] | None = None,
        kind: str = "Deployment",
    ) -> Object:
        """A Deployment (or other workload) whose one container has ``status``; ``before``: the older pod spec."""
        labels = labels or {"app": name}
        ready = status is None or status["ready"]
        spec = copy.deepcopy(spec)
        template = {"metadata": {"labels": labels}, "spec": spec}
        available = replicas if ready or before is not None else 0
        body: dict[str, Any] = {
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
        }
        counts = {
            "replicas": replicas,
            "updatedReplicas": replicas,
            "readyReplicas": available,
            "availableReplicas": available,
            "desiredNumberScheduled": replicas,
            "numberReady": available,
        }
        if kind == "CronJob":
            body = {"spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": template}}}}
            counts = {}
        if kind == "Job":
            counts = {"active": 1}
        top = self.add(kind, name, status=counts, **body)
        parent = top
        if kind == "CronJob":
            parent = self.owned(top, "Job", f"{name}-1", spec={"template": template}, status={"active": 1})
        if kind == "Deployment":
            if before is not None:
                older = self._replica_set(top, name, 1, copy.deepcopy(before), labels, ready=1)
                self.pod(older, f"{name}-old-1", before, running(), labels)
            parent = self._replica_set(top, name, 2, spec, labels, ready=replicas if ready else 0)
        for number in range(replicas):
            self.pod(parent, f"{name}-new-{number}", spec, status or running(), labels)
        return top

    def _replica_set(
        self,
        owner: Object,
        name: str,
        revision: int,
        spec: dict[str, Any],
        labels: dict[str, str],
        ready: int,
    ) -> Object:
        return self.owned(
            owner,
            "ReplicaSet",
            f"{name}-rs{revision}",
            metadata={"annotations": {"deployment.kubernetes.io/revision": str(revision)}},
            spec={"replicas": 1, "template": {"metadata": {"labels": labels}, "spec": spec}},
            status={"readyReplicas": ready},
        )

    def pod(
        self,
        owner: Object | None,
        name: str,
        spec: dict[str, Any],
        status: dict[str, Any],
        labels: dict[str, str],
    ) -> Object:
        names = [item["name"] for item in spec.get("containers", [])]
        inits = [item["name"] for item in spec.get("initContainers", [])]
        init_status = {
            "state": {"terminated": {"exitCode": 0, "reason": "Completed"}},
            "ready": True,
            "restartCount": 0,
        }
        on_init = bool(inits) and status.pop("on_init", False) if inits else False
        pod_status = {
            "phase": "Running",
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True" if status["ready"] else "False",
                    "lastTransitionTime": ago(3000),
                }
            ],
            "containerStatuses": [
                {"name": item, **copy.deepcopy(waiting("PodInitializing") if on_init else status)}
                for item in names
            ],
            "initContainerStatuses": [
                {"name": item, **copy.deepcopy(status if on_init else init_status)} for item in inits
            ],
        }
        body = {"spec": copy.deepcopy(spec), "status": pod_status}
        if owner is None:
            return self.add("Pod", name, metadata={"labels": labels}, **body)
        return self.owned(owner, "Pod", name, metadata={"labels": labels}, **body)

    def event(
        self, pod: str, reason: str, message: str, *, container: str = "app", seconds: float = 5
    ) -> Object:
        about = next(obj for obj in self.objects if obj["kind"] == "Pod" and obj["metadata"]["name"] == pod)
        return self.add(
            "Event",
            f"{pod}.{self._count}",
            type="Warning",
            reason=reason,
            message=message,
            lastTimestamp=ago(seconds),
            involvedObject={
                "kind": "Pod",
                "namespace": self.namespace,
                "name": pod,
                "uid": about["metadata"]["uid"],
                "fieldPath": f"spec.containers{{{container}}}",
            },
        )

    def service(self, name: str, selector: dict[str, str], port: int = 8080) -> Object:
        return self.add(
            "Service",
            name,
            spec={"selector": selector, "ports": [{"port": port, "targetPort": port}], "type": "ClusterIP"},
        )

    def log(self, pod: str, container_name: str, text: str, *, previous: bool = False) -> None:
        self.log_texts[pod, container_name, previous] = text

    def snapshot(self) -> Snapshot:
        texts = dict(self.log_texts)
        return Snapshot(
            copy.deepcopy(self.objects),
            coverage={kind.kind: None for kind in KINDS if kind.kind not in self.unread},
            taken_at=NOW,
            logs=lambda _namespace, pod, name, previous: texts.get((pod, name, previous)),
            sync=self.sync,
        )
