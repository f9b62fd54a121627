"""References from pod specs to ConfigMaps and Secrets, wherever Kubernetes allows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot
from selfheal.cluster.workloads import containers, mapping, mappings

_ENV = (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret"))
_ENV_FROM = (("configMapRef", "ConfigMap"), ("secretRef", "Secret"))


@dataclass(frozen=True)
class Reference:
    """One reference. ``key`` is "" where the whole object is meant. Pointers are relative to the pod spec."""

    kind: str
    name: str
    key: str
    name_pointer: str
    key_pointer: str
    container: str
    through: str


def references(spec: dict[str, Any]) -> Iterator[Reference]:
    """All references that are not optional."""
    for container in containers(spec):
        env = container.spec.get("env")
        names = [item.get("name") for item in mappings(env)]
        for index, entry in enumerate(env if isinstance(env, list) else ()):
            if not isinstance(entry, dict):
                continue
            name = str(entry.get("name", ""))
            # A name that stands twice can only be told by position.
            token: str | int = f"name={name}" if names.count(entry.get("name")) == 1 else index
            source = mapping(entry.get("valueFrom"))
            for word, kind in _ENV if source else ():
                if word in source:
                    base = container.pointer + pointer.join("env", token, "valueFrom", word)
                    yield from _one(kind, source[word], base, "name", container.name, f"variable {name}")
        for index, entry in enumerate(mappings(container.spec.get("envFrom"))):
            for word, kind in _ENV_FROM:
                if word in entry:
                    base = container.pointer + pointer.join("envFrom", index, word)
                    yield from _one(kind, entry[word], base, "name", container.name, "envFrom")
    for volume in mappings(spec.get("volumes")):
        name = str(volume.get("name", ""))
        if name.startswith("kube-api-access-"):
            continue
        base = pointer.join("volumes", f"name={name}")
        through = f"volume {name}"
        yield from _one("ConfigMap", volume.get("configMap"), base + "/configMap", "name", "", through)
        yield from _one("Secret", volume.get("secret"), base + "/secret", "secretName", "", through)
        for index, source in enumerate(mappings(mapping(volume.get("projected")).get("sources"))):
            at = base + pointer.join("projected", "sources", index)
            yield from _one("ConfigMap", source.get("configMap"), at + "/configMap", "name", "", through)
            yield from _one("Secret", source.get("secret"), at + "/secret", "name", "", through)


def _one(kind: str, source: Any, base: str, field: str, container: str, through: str) -> Iterator[Reference]:
    if (
        not isinstance(source, dict)
        or source.get("optional") is True
        or not isinstance(source.get(field), str)
    ):
        return
    name, name_pointer = source[field], f"{base}/{field}"
    if isinstance(source.get("key"), str):
        yield Reference(kind, name, source["key"], name_pointer, f"{base}/key", container, through)
        return
    yield Reference(kind, name, "", name_pointer, "", container, through)
    for index, item in enumerate(mappings(source.get("items"))):
        if isinstance(item.get("key"), str):
            where = base + pointer.join("items", index, "key")
            yield Reference(kind, name, item["key"], name_pointer, where, container, through)


def keys_of(obj: Object) -> frozenset[str] | None:
    """The keys of a ConfigMap or Secret; None when they were not read (a Secret listed without its data)."""
    if obj.get("kind") == "Secret" and not isinstance(obj.get("data"), dict) and "data" not in obj:
        return frozenset() if obj.get("type") is not None else None
    return frozenset({**mapping(obj.get("data")), **mapping(obj.get("binaryData"))})


def existing(snapshot: Snapshot, kind: str, namespace: str) -> tuple[str, ...]:
    """Names of ConfigMaps or Secrets that people made in a namespace."""
    return tuple(
        sorted(
            str(obj["metadata"]["name"])
            for obj in snapshot.list(kind, namespace)
            if mapping(obj.get("metadata")).get("name") and obj["metadata"]["name"] != "kube-root-ca.crt"
        )
    )
