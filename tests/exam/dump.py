"""A cluster's state in memory in the layout of a dump: taken from the embedded cluster, edited, written."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from selfheal.sandbox.kubernetes.app import KubernetesEmulator
from selfheal.sandbox.kubernetes.registry import RESOURCES
from tests.exam.dialects import spoken
from tests.exam.parts import Application, Object

_LEFT_OUT = ("Lease", "ControllerRevision", "Endpoints", "MutatingWebhookConfiguration", "PriorityClass")
_SYSTEM = ("kube-system", "kube-public", "kube-node-lease", "default")


class Dump:
    """Objects by (namespace, plural), logs by (namespace, pod, container, previous)."""

    def __init__(self, emulator: KubernetesEmulator, app: Application) -> None:
        self.app, self.namespace = app, app.namespace
        self.now = emulator.now()
        self.objects: dict[tuple[str, str], list[Object]] = {}
        self.logs: dict[tuple[str, str, str, bool], str] = {}
        self.sync = emulator.syncs[-1].text
        self._count = 0
        for resource in RESOURCES:
            if resource.kind in _LEFT_OUT:
                continue
            places = [app.namespace] if resource.namespaced else [""]
            for place in places:
                held = [copy.deepcopy(obj) for obj in emulator.objects(resource.kind, place)]
                for obj in held:
                    obj["metadata"].pop("managedFields", None)
                    obj.setdefault("kind", resource.kind)
                    obj.setdefault("apiVersion", resource.api_version)
                self.objects[place, resource.plural] = held
        self.objects["", "namespaces"] = [
            obj for obj in self.objects["", "namespaces"] if obj["metadata"]["name"] not in _SYSTEM
        ]
        self._read_logs(emulator)
        self._spell_addresses()
        self._beat()

    def _read_logs(self, emulator: KubernetesEmulator) -> None:
        stores = {name: part.store for name, part in self.app.parts.items()}
        protocols = {name: part.protocol for name, part in self.app.parts.items()}
        for pod in self.items("pods"):
            name = str(pod["metadata"]["name"])
            lang = self.lang(pod)
            for container in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]):
                for previous in (False, True):
                    lines = emulator.kubelet.log(
                        self.namespace, name, str(container["name"]), previous=previous
                    )
                    if lines is None:
                        continue
                    told = []
                    for stamped in lines:
                        line = stamped.partition(" ")[2]
                        host = (
                            line.split("@@")[1].split("://")[-1].split("@")[-1].partition(":")[0]
                            if "@@" in line
                            else ""
                        )
                        first = host.partition(".")[0]
                        store = stores.get(first, "")
                        if not store and "@@" in line:
                            scheme = line.split("@@")[1].partition("://")[0]
                            store = {
                                "postgresql": "postgres",
                                "mysql": "mysql",
                                "mongodb": "mongo",
                                "amqp": "rabbitmq",
                            }.get(scheme, "")
                        told.append(spoken(line, lang, store, protocols.get(first, "http")))
                    self.logs[self.namespace, name, str(container["name"]), previous] = (
                        "\n".join(told[-200:]) + "\n"
                    )

    def _beat(self) -> None:
        """Kubelets report their node at least every five minutes."""
        for index, node in enumerate(self.items("nodes")):
            conditions = node["status"]["conditions"]
            if all(item["status"] != "Unknown" for item in conditions):
                for item in conditions:
                    item["lastHeartbeatTime"] = self.ago(15 + 67 * index)

    def lang(self, pod: Object) -> str:
        part = self.app.parts.get(str(pod["metadata"].get("labels", {}).get("app")))
        return part.lang if part else "go"

    def _spell_addresses(self) -> None:
        for plural in ("pods", "deployments", "replicasets", "statefulsets"):
            for obj in self.items(plural):
                spec = obj["spec"] if plural == "pods" else obj["spec"]["template"]["spec"]
                for container in spec.get("containers", ()):
                    for item in container.get("env", ()):
                        if str(item.get("value", "")).startswith("mysql://"):
                            item["value"] = f"jdbc:{item['value']}/app"

    # Reading

    def items(self, plural: str) -> list[Object]:
        place = "" if ("", plural) in self.objects else self.namespace
        return self.objects.setdefault((place, plural), [])

    def one(self, plural: str, name: str) -> Object:
        return next(obj for obj in self.items(plural) if obj["metadata"]["name"] == name)

    def pods(self, name: str) -> list[Object]:
        return [pod for pod in self.items("pods") if pod["metadata"].get("labels", {}).get("app") == name]

    def log(
        self, pod: Object, text: str, *, container: str = "", previous: bool = False, replace: bool = False
    ) -> None:
        """Append to (or replace) a container's log."""
        meta = pod["metadata"]
        name = container or str(pod["spec"]["containers"][0]["name"])
        key = (self.namespace, str(meta["name"]), name, previous)
        self.logs[key] = ("" if replace else self.logs.get(key, "")) + text

    # Time

    def ago(self, seconds: float) -> str:
        return datetime.fromtimestamp(self.now - seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def later(self, seconds: float) -> None:
        """The dump is taken that much later, nothing else having happened."""
        self.now += seconds

    # Events

    def event(self, about: Object, kind: str, reason: str, message: str, *, ago: float = 20, first: float = 0, count: int = 1, container: str = "", by: str = "kubelet", uid: str = "") -> Object:  # fmt: skip
        """An event as its component would have recorded it."""
        self._count += 1
        meta = about["metadata"]
        involved = {
            "apiVersion": about.get("apiVersion", "v1"),
            "kind": about["kind"],
            "name": meta["name"],
            "namespace": meta.get("namespace", ""),
            "uid": uid or meta.get("uid", ""),
            "resourceVersion": meta.get("resourceVersion", ""),
        }
        if container:
            involved["fieldPath"] = f"spec.containers{{{container}}}"
        made = {
            "apiVersion": "v1", "kind": "Event", "type": kind, "reason": reason, "message": message, "count": count,
            "metadata": {"name": f"{meta['name']}.18{self._count:014x}", "namespace": self.namespace, "uid": f"00000000-0000-4000-8000-{self._count:012d}", "creationTimestamp": self.ago(first or ago)},
            "involvedObject": involved, "firstTimestamp": self.ago(first or ago), "lastTimestamp": self.ago(ago), "eventTime": None,
            "source": {"component": by}, "reportingComponent": by, "reportingInstance": "",
        }  # fmt: skip
        self.items("events").append(made)
        return made

    def each_text(self, change: Callable[[str], str]) -> None:
        """Edit every message: of events, of container states, of conditions."""
        for event in self.items("events"):
            event["message"] = change(str(event.get("message", "")))
        for pod in self.items("pods"):
            for holder in _messages(pod.get("status", {})):
                holder["message"] = change(str(holder["message"]))

    # Writing

    def write(self, folder: Path) -> Path:
        for (place, plural), held in self.objects.items():
            target = folder / place if place else folder
            target.mkdir(parents=True, exist_ok=True)
            document = {"apiVersion": "v1", "kind": "List", "items": held}
            (target / f"{plural}.json").write_text(json.dumps(document), encoding="utf-8")
        texts: dict[tuple[str, str, bool], list[str]] = {}
        for (place, pod, container, previous), text in self.logs.items():
            head = f"container {container} of pod {place}/{pod} ====\n"
            texts.setdefault((place, pod, previous), []).append(
                f"==== START logs for {head}{text}==== END logs for {head}"
            )
        for (place, pod, previous), parts in texts.items():
            target = folder / place / pod
            target.mkdir(parents=True, exist_ok=True)
            (target / ("logs.previous.txt" if previous else "logs.txt")).write_text(
                "".join(parts), encoding="utf-8"
            )
        (folder / "sync.txt").write_text(self.sync, encoding="utf-8")
        return folder


def _messages(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if isinstance(value.get("message"), str):
            yield value
        for item in value.values():
            yield from _messages(item)
    elif isinstance(value, list):
        for item in value:
            yield from _messages(item)


def shifted(text: str, seconds: float) -> str:
    """A Kubernetes timestamp moved."""
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
