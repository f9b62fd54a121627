"""A recorded cluster: a directory in the layout of ``kubectl cluster-info dump --output-directory``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from selfheal.sandbox.kubernetes.objects import Object, controller_of, entries
from selfheal.sandbox.kubernetes.timeline import moment


class Recording:
    """One snapshot."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.namespaces = sorted(path.name for path in folder.iterdir() if path.is_dir())

    def items(self, name: str, namespace: str = "") -> list[Object]:
        """The objects of one file; none where it was not recorded."""
        path = (self.folder / namespace if namespace else self.folder) / f"{name}.json"
        return entries(json.loads(path.read_text(encoding="utf-8")), "items") if path.is_file() else []

    def all(self, name: str) -> Iterator[Object]:
        """The objects of one resource in all namespaces."""
        for namespace in self.namespaces:
            yield from self.items(name, namespace)

    def log(self, pod: Object, container: str) -> list[str]:
        """What the container wrote."""
        meta = pod["metadata"]
        path = self.folder / str(meta["namespace"]) / str(meta["name"]) / "logs.txt"
        if not path.is_file():
            return []
        text = path.read_text(encoding="utf-8", errors="replace")
        head = f"==== START logs for container {container} of pod {meta['namespace']}/{meta['name']} ===="
        return text.partition(head)[2].partition(head.replace("START", "END"))[0].strip().splitlines()

    def begun(self) -> float:
        """When its first workload was made, in seconds since the epoch; 0 for an empty recording."""
        times = [
            moment(obj["metadata"].get("creationTimestamp"))
            for name in ("services", "deployments", "statefulsets", "cronjobs", "pods")
            for obj in self.all(name)
        ]
        return min((time for time in times if time), default=0.0)

    def seconds(self) -> float:
        """How long the recording took: from the first workload to the last event."""
        ends = [moment(event.get("lastTimestamp") or event.get("eventTime")) for event in self.all("events")]
        last = max((time for time in ends if time), default=0.0)
        return last - self.begun() if last else 60.0

    def workload(self, obj: Object) -> str:
        """``Kind/name`` of the topmost owner."""
        plural = {"ReplicaSet": "replicasets", "Job": "jobs"}
        owner = controller_of(obj)
        if owner is None:
            return f"{obj['kind']}/{obj['metadata']['name']}"
        for held in self.items(plural.get(str(owner["kind"]), "none"), str(obj["metadata"]["namespace"])):
            if held["metadata"]["uid"] == owner["uid"]:
                return self.workload(held)
        return f"{owner['kind']}/{owner['name']}"
