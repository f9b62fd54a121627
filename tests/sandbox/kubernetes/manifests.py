"""Small manifests and a cluster that stands still but for ``advance``."""

from __future__ import annotations

from typing import Any

from selfheal.sandbox.kubernetes.app import KubernetesEmulator
from selfheal.sandbox.kubernetes.behaviour import ImageBehaviour, Port

Object = dict[str, Any]
NAMESPACE = "shop"
IMAGE = "ghcr.io/acme/web:1"
WEB = ImageBehaviour(ports=(Port(8080),), paths={"/healthz": 200}, start_log=("{time} listening on 8080",))
READY = {"readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 5}}
START = 1_767_603_620.0  # 2026-01-05T09:00:20Z: what is due within a minute is due at a known distance


def still(**images: ImageBehaviour) -> KubernetesEmulator:
    """A stepped cluster with the namespace; ``images`` by the name before the tag 1."""
    emulator = KubernetesEmulator(time_factor=0, start=START)
    emulator.images[IMAGE] = WEB
    emulator.images.update({f"ghcr.io/acme/{name}:1": behaviour for name, behaviour in images.items()})
    emulator.apply([namespace()])
    return emulator


def namespace(name: str = NAMESPACE) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def pod_spec(image: str = IMAGE, container: Object | None = None, **more: Any) -> Object:
    return {"containers": [{"name": "app", "image": image, **(container or {})}], **more}


def deployment(
    name: str = "web", image: str = IMAGE, container: Object | None = None, *, replicas: int = 1, spec: Object | None = None,
    **more: Any,
) -> Object:  # fmt: skip
    template = {"metadata": {"labels": {"app": name}}, "spec": pod_spec(image, container, **(spec or {}))}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template,
            **more,
        },
    }


def service(name: str, selects: str = "", *, port: int = 8080, target: Any = 8080) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"selector": {"app": selects or name}, "ports": [{"port": port, "targetPort": target}]},
    }


def configmap(name: str = "config", **data: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "data": data,
    }


def made(kind: str, api: str, name: str, spec: Object, **more: Any) -> Object:
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
        **more,
    }


def pods(emulator: KubernetesEmulator, of: str = "") -> list[Object]:
    return [pod for pod in emulator.objects("Pod", NAMESPACE) if pod["metadata"]["name"].startswith(of)]


def status(emulator: KubernetesEmulator, of: str, index: int = 0) -> Object:
    """The status of the first container of the first pod of a workload."""
    return pods(emulator, of)[index]["status"]["containerStatuses"][0]


def told(emulator: KubernetesEmulator, reason: str, about: str = "") -> list[str]:
    """Messages of events with a reason."""
    return [
        event["message"]
        for event in emulator.objects("Event")
        if event["reason"] == reason and event["involvedObject"]["name"].startswith(about)
    ]


def condition(emulator: KubernetesEmulator, kind: str, name: str, which: str) -> tuple[str, str]:
    obj = emulator.get(kind, NAMESPACE, name)
    assert obj is not None
    found = next(item for item in obj["status"]["conditions"] if item["type"] == which)
    return found["status"], found["reason"]
