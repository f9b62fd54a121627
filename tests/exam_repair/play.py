"""Lets an application run in the embedded Kubernetes, well and then ill, and writes down what a dump would hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from selfheal.cluster.dump import blank_secret
from selfheal.cluster.kinds import KINDS
from selfheal.sandbox.kubernetes.app import KubernetesEmulator
from tests.exam_repair.application import Application

Object = dict[str, Any]
#: Kinds that dumps seldom have; the old templates of StatefulSets are then not to be had.
UNUSUAL = frozenset(
    {
        "ControllerRevision",
        "Gateway",
        "HTTPRoute",
        "GRPCRoute",
        "VirtualService",
        "MutatingWebhookConfiguration",
    }
)
SYSTEM = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})
START = 1_795_500_000.0


def cluster(app: Application) -> KubernetesEmulator:
    """A cluster whose time stands still, with what stands there before the application."""
    emulator = KubernetesEmulator(time_factor=0, nodes=deepcopy(app.nodes), start=START)
    emulator.images.update(app.images)
    emulator.registries.update(app.registries)
    emulator.hosts.update(app.hosts)
    emulator.apply(app.around)
    return emulator


def play(
    app: Application, healthy: Sequence[Object] | None, ill: Sequence[Object], *, ill_for: float = 420
) -> KubernetesEmulator:
    """``healthy`` None: the application never ran well here."""
    emulator = cluster(app)
    if healthy is not None:
        emulator.apply(healthy, namespace=app.namespace)
        emulator.advance(300)
        emulator.apply(changed(healthy, ill), namespace=app.namespace)
    else:
        emulator.apply(ill, namespace=app.namespace)
    emulator.advance(ill_for)
    return emulator


def changed(before: Sequence[Object], after: Sequence[Object]) -> list[Object]:
    """A Job that is as it was is not applied again."""
    return [obj for obj in after if obj not in before or obj.get("kind") != "Job"]


def dump(emulator: KubernetesEmulator, folder: Path) -> None:
    """The layout of ``kubectl cluster-info dump``, without system namespaces."""
    spaces = [
        obj["metadata"]["name"]
        for obj in emulator.objects("Namespace")
        if obj["metadata"]["name"] not in SYSTEM
    ]
    for kind in KINDS:
        if kind.kind in UNUSUAL:
            continue
        objects = [_bare(obj) for obj in emulator.objects(kind.kind)]
        if not kind.namespaced:
            objects = [
                obj for obj in objects if kind.kind != "Namespace" or obj["metadata"]["name"] in spaces
            ]
            _list(folder / f"{kind.resource}.json", objects)
            continue
        for space in spaces:
            _list(
                folder / space / f"{kind.resource}.json",
                [obj for obj in objects if obj["metadata"].get("namespace") == space],
            )
    for pod in emulator.objects("Pod"):
        space, name = pod["metadata"].get("namespace"), pod["metadata"]["name"]
        if space in spaces:
            for previous, file in ((False, "logs.txt"), (True, "logs.previous.txt")):
                text = _logs(emulator, pod, previous)
                if text or not previous:
                    (folder / space / name).mkdir(parents=True, exist_ok=True)
                    (folder / space / name / file).write_text(text)
    (folder / "sync.txt").write_text(emulator.syncs[-1].text)


def _bare(obj: Object) -> Object:
    bare = blank_secret(deepcopy(obj)) if obj.get("kind") == "Secret" else deepcopy(obj)
    bare["metadata"].pop("managedFields", None)
    return bare


def _list(path: Path, objects: list[Object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}, indent=1))


def _logs(emulator: KubernetesEmulator, pod: Object, previous: bool) -> str:
    text = ""
    space, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    spec = pod["spec"]
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        lines = emulator.kubelet.log(space, name, container["name"], previous=previous)
        if lines is None:
            continue
        where = f"logs for container {container['name']} of pod {space}/{name} ====\n"
        text += f"==== START {where}" + "".join(f"{line.rstrip()}\n" for line in lines) + f"==== END {where}"
    return text
