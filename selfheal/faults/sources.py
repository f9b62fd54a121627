"""The keys of ConfigMaps as a container meets them: files and variables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.workloads import Container, Workload, mapping, mappings
from selfheal.incidents.record import ObjectRef


@dataclass(frozen=True)
class Source:
    """One key of a ConfigMap as a container sees it: a file at ``path``, or a variable ``name``."""

    holder: ObjectRef
    key: str
    value: str
    path: str
    name: str


def sources(snapshot: Snapshot, workload: Workload, container: Container) -> Iterator[Source]:
    """All keys of ConfigMaps that a container reads, as files first."""
    spec, namespace = workload.spec, workload.namespace
    volumes: dict[str, list[tuple[str, dict[str, str]]]] = {}
    for volume in mappings(spec.get("volumes")):
        held = [
            mapping(volume.get("configMap")),
            *(
                mapping(item.get("configMap"))
                for item in mappings(mapping(volume.get("projected")).get("sources"))
            ),
        ]
        for item in held:
            if item.get("name"):
                renamed = {
                    str(entry.get("key")): str(entry.get("path")) for entry in mappings(item.get("items"))
                }
                volumes.setdefault(str(volume.get("name")), []).append((str(item["name"]), renamed))
    for mount in mappings(container.spec.get("volumeMounts")):
        for name, renamed in volumes.get(str(mount.get("name")), []):
            holder = snapshot.get("ConfigMap", namespace, name)
            for key, value in _data(holder):
                if renamed and key not in renamed:
                    continue
                file = renamed.get(key, key)
                base = str(mount.get("mountPath", "")).rstrip("/")
                sub = str(mount.get("subPath") or "")
                if sub and sub != file:
                    continue
                yield Source(ref_of(holder or {}), key, value, base if sub else f"{base}/{file}", "")
    for entry in mappings(container.spec.get("env")):
        ref = mapping(mapping(entry.get("valueFrom")).get("configMapKeyRef"))
        holder = snapshot.get("ConfigMap", namespace, str(ref.get("name", ""))) if ref else None
        for key, value in _data(holder):
            if key == ref.get("key"):
                yield Source(ref_of(holder or {}), key, value, "", str(entry.get("name")))
    for entry in mappings(container.spec.get("envFrom")):
        ref = mapping(entry.get("configMapRef"))
        holder = snapshot.get("ConfigMap", namespace, str(ref.get("name", ""))) if ref else None
        for key, value in _data(holder):
            yield Source(ref_of(holder or {}), key, value, "", f"{entry.get('prefix') or ''}{key}")


def _data(holder: Object | None) -> list[tuple[str, str]]:
    return [
        (str(key), value)
        for key, value in mapping(mapping(holder).get("data")).items()
        if isinstance(value, str)
    ]
