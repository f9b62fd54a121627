"""What the images of a recording do, and the cluster in which its repository is played again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from selfheal.sandbox.kubernetes.app import KubernetesEmulator
from selfheal.sandbox.kubernetes.behaviour import Call, File, ImageBehaviour, Port, Variable
from selfheal.sandbox.kubernetes.fidelity.derive import behaviours
from selfheal.sandbox.kubernetes.fidelity.recording import Recording
from selfheal.sandbox.kubernetes.quantity import amount

Object = dict[str, Any]
_AROUND = ("namespaces", "storageclasses", "ingressclasses", "secrets", "serviceaccounts", "configmaps")


def programs(recorded: Path, healthy: Sequence[Object]) -> dict[str, ImageBehaviour]:
    """What the images do: as recorded, and they need what they are given in good health."""
    table = behaviours(Recording(recorded))
    maps = {obj["metadata"]["name"]: obj.get("data") or {} for obj in healthy if obj["kind"] == "ConfigMap"}
    services = {obj["metadata"]["name"] for obj in healthy if obj["kind"] == "Service"}
    needs: dict[str, list[tuple[dict[str, str], set[str]]]] = {}
    for obj in healthy:
        for spec in _pod_specs(obj):
            volumes = {item["name"]: item for item in spec.get("volumes") or ()}
            for container in (*(spec.get("initContainers") or ()), *spec["containers"]):
                variables = {item["name"]: _value(item, maps) for item in container.get("env") or ()}
                for item in container.get("envFrom") or ():
                    variables |= maps.get((item.get("configMapRef") or {}).get("name"), {})
                files = set(_files(container, volumes, maps))
                needs.setdefault(container["image"], []).append((variables, files))
                limit = ((container.get("resources") or {}).get("limits") or {}).get("memory")
                made = table.get(container["image"], ImageBehaviour(user="1000"))
                if limit:
                    made = replace(made, memory=str(int(amount(limit)) * 6 // 10))
                table[container["image"]] = _serving(made, container)
    for image, given in needs.items():
        names = set.intersection(*(set(variables) for variables, _ in given))
        files = set.intersection(*(paths for _, paths in given))
        first = given[0][0]
        made = table[image]
        starts = sum(map(ord, image)) % 2 == 0
        calls = tuple(
            Call(f"${name}", at_start=starts) for name in sorted(names) if _calls(first[name], services)
        )
        table[image] = replace(
            made,
            variables=tuple(Variable(name, _kind(first[name])) for name in sorted(names)),
            files=tuple(File(path) for path in sorted(files)),
            calls=calls,
            steady_log="{time} INFO still here",
        )
    return table


def _pod_specs(obj: Object) -> Iterator[Object]:
    spec = obj.get("spec") or {}
    if obj["kind"] == "CronJob":
        yield spec["jobTemplate"]["spec"]["template"]["spec"]
    elif "template" in spec and "spec" in (spec["template"] or {}):
        yield spec["template"]["spec"]


def _value(item: Object, maps: Mapping[str, Mapping[str, str]]) -> str:
    if "value" in item:
        return str(item["value"])
    key = (item.get("valueFrom") or {}).get("configMapKeyRef") or {}
    return str(maps.get(key.get("name"), {}).get(key.get("key"), ""))


def _files(
    container: Object, volumes: Mapping[str, Object], maps: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    for mount in container.get("volumeMounts") or ():
        held = volumes.get(mount["name"], {}).get("configMap")
        if not held:
            continue
        if mount.get("subPath"):
            yield mount["mountPath"]
        else:
            paths = [item["path"] for item in held.get("items") or ()] or list(maps.get(held.get("name"), {}))
            yield from (f"{mount['mountPath'].rstrip('/')}/{path}" for path in paths)


def _serving(made: ImageBehaviour, container: Object) -> ImageBehaviour:
    named = {item.get("name"): item["containerPort"] for item in container.get("ports") or ()}
    ports = {port.number: port for port in made.ports}
    paths = dict(made.paths)
    for number in named.values():
        ports.setdefault(number, Port(number))
    for word in ("startupProbe", "readinessProbe", "livenessProbe"):
        get = (container.get(word) or {}).get("httpGet")
        if get:
            number = named.get(get["port"], get["port"])
            if isinstance(number, int):
                ports.setdefault(number, Port(number))
            paths.setdefault(get.get("path", "/"), 200)
    return replace(made, ports=tuple(ports.values()), paths=paths)


def _calls(value: str, services: set[str]) -> bool:
    match = re.fullmatch(r"(?:[a-z+]+://)?(?:[^@/]*@)?([a-z0-9-]+)(?:\.[a-z0-9.-]+)?:\d+(?:/.*)?", value)
    return bool(match and match.group(1) in services)


def _kind(value: str) -> str:
    if re.fullmatch(r"\d{4,5}", value):
        return "port"
    if re.fullmatch(r"\d+", value):
        return "int"
    if "://" in value:
        return "url"
    return "bool" if value in ("true", "false") else "text"


def cluster(recorded: Path, healthy: Sequence[Object]) -> KubernetesEmulator:
    """Its nodes and what the repository does not hold, standing still."""
    recording = Recording(recorded)
    nodes = [_bare(item, status=True) for item in recording.items("nodes")]
    emulator = KubernetesEmulator(time_factor=0, nodes=nodes, start=1_795_500_000.0)
    emulator.images.update(programs(recorded, healthy))
    held = {(obj["kind"], obj["metadata"]["name"]) for obj in healthy}
    around: list[Object] = []
    for word in _AROUND:
        for item in (*recording.items(word), *recording.all(word)):
            name = item["metadata"]["name"]
            if (item["kind"] == "Namespace" or (item["kind"], name) not in held) and name not in (
                "default",
                "kube-root-ca.crt",
            ):
                around.append(_credentials(_bare(item), emulator.images))
    emulator.apply(around)
    return emulator


def _credentials(obj: Object, images: Mapping[str, ImageBehaviour]) -> Object:
    """Values of Secrets were not recorded."""
    if obj["kind"] == "Secret":
        obj["data"] = {name: value or "c2VjcmV0" for name, value in (obj.get("data") or {}).items()}
    return obj


def _bare(obj: Object, *, status: bool = False) -> Object:
    obj = json.loads(json.dumps(obj))
    for name in ("uid", "resourceVersion", "generation", "creationTimestamp", "ownerReferences"):
        obj["metadata"].pop(name, None)
    if not status:
        obj.pop("status", None)
    return obj
