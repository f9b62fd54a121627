"""What objects ask of one another, and whether it is there: names, keys, selectors, ports, room.

Facts about a set of objects, for comparing the sets before and after a change. What the set does not know to be
absent is unknown, never broken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from selfheal.cluster import pointer
from selfheal.cluster.labels import matches, selector_of
from selfheal.cluster.workloads import (
    containers,
    mapping,
    mappings,
    pod_labels,
    pod_spec,
    spec_pointer,
    strings,
)
from selfheal.faults.references import keys_of, references
from selfheal.incidents.record import ObjectRef
from selfheal.repair import room
from selfheal.repair.objects import Object

State = Literal["met", "broken", "unknown"]
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod")


@dataclass(frozen=True)
class Relation:
    """``check`` says what kind of thing is asked for, ``at`` where in the object, ``text`` what, for people."""

    check: str
    object: ObjectRef
    at: str
    state: State
    text: str


@dataclass(frozen=True)
class World:
    """Objects by name. ``known`` says whether absence of a kind in a namespace means that it does not exist."""

    objects: Mapping[ObjectRef, Object]
    known: Callable[[str, str], bool]

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """One object."""
        return self.objects.get(ObjectRef(kind=kind, namespace=namespace, name=name))

    def of(self, kinds: Iterable[str], namespace: str) -> Iterator[tuple[ObjectRef, Object]]:
        """Objects of some kinds in a namespace."""
        wanted = frozenset(kinds)
        for key, obj in self.objects.items():
            if key.kind in wanted and key.namespace == namespace:
                yield key, obj

    def whether(self, there: bool, kind: str, namespace: str) -> State:
        """The state of something that is asked for."""
        return "met" if there else "broken" if self.known(kind, namespace) else "unknown"


def relations(world: World, namespaces: frozenset[str]) -> Iterator[Relation]:
    """Everything that objects in these namespaces ask for."""
    for key, obj in world.objects.items():
        if key.namespace not in namespaces:
            continue
        if key.kind in WORKLOADS:
            yield from _of_pods(world, key, obj)
        elif key.kind == "Service":
            yield from _of_service(world, key, obj)
        elif key.kind == "Ingress":
            yield from _of_ingress(world, key, obj)
        elif key.kind == "HorizontalPodAutoscaler":
            target = mapping(pointer.resolve(obj, "/spec/scaleTargetRef", {}))
            kind, name = str(target.get("kind", "")), str(target.get("name", ""))
            yield _exists(world, "scale-target", key, "/spec/scaleTargetRef/name", kind, name)
    for namespace in sorted(namespaces):
        loads = list(world.of(WORKLOADS, namespace))
        for key, obj in world.of(("LimitRange",), namespace):
            for workload, at, text in room.outside(obj, loads):
                yield Relation("limit-range", workload, f"{key.name}{at}", "broken", text)
        for key, obj in world.of(("ResourceQuota",), namespace):
            for resource, text in room.over(obj, loads):
                yield Relation("quota", key, f"/spec/hard/{resource}", "broken", text)


def _exists(world: World, check: str, key: ObjectRef, at: str, kind: str, name: str) -> Relation:
    there = world.get(kind, key.namespace, name) is not None
    return Relation(check, key, at, world.whether(there, kind, key.namespace), f"{key} names {kind} {name}")


def _of_pods(world: World, key: ObjectRef, obj: Object) -> Iterator[Relation]:
    spec, base = pod_spec(obj), spec_pointer(key.kind)
    for item in references(spec):
        held = world.get(item.kind, key.namespace, item.name)
        if not item.key:
            yield _exists(world, "reference", key, base + item.name_pointer, item.kind, item.name)
            continue
        keys = keys_of(held) if held is not None else None
        state: State = "unknown" if keys is None else "met" if item.key in keys else "broken"
        text = f"{key} reads the key {item.key} of {item.kind} {item.name}"
        yield _exists(world, "reference", key, base + item.name_pointer, item.kind, item.name)
        yield Relation("key", key, base + item.key_pointer, state, text)
    account = spec.get("serviceAccountName")
    if isinstance(account, str) and account != "default":
        yield _exists(world, "service-account", key, f"{base}/serviceAccountName", "ServiceAccount", account)
    volumes = mappings(spec.get("volumes"))
    for volume in volumes:
        claim = mapping(volume.get("persistentVolumeClaim")).get("claimName")
        if isinstance(claim, str):
            at = base + pointer.join(
                "volumes", f"name={volume.get('name')}", "persistentVolumeClaim", "claimName"
            )
            yield _exists(world, "claim", key, at, "PersistentVolumeClaim", claim)
    names = {
        *(volume.get("name") for volume in volumes),
        *(
            mapping(t.get("metadata")).get("name")
            for t in mappings(pointer.resolve(obj, "/spec/volumeClaimTemplates"))
        ),
    }
    for container in containers(spec):
        for mount in mappings(container.spec.get("volumeMounts")):
            at = (
                base + container.pointer + pointer.join("volumeMounts", f"mountPath={mount.get('mountPath')}")
            )
            state = "met" if mount.get("name") in names else "broken"
            yield Relation("volume", key, at, state, f"{key} mounts the volume {mount.get('name')}")
    chosen = strings(pointer.resolve(obj, "/spec/selector/matchLabels"))
    if chosen and key.kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"):
        state = "met" if matches(chosen, pod_labels(obj)) else "broken"
        yield Relation("own-selector", key, "/spec/selector", state, f"{key} selects the pods that it makes")


def _of_service(world: World, key: ObjectRef, obj: Object) -> Iterator[Relation]:
    selector = selector_of(obj)
    if not selector:
        return
    chosen = [
        item
        for ref, item in world.of(WORKLOADS, key.namespace)
        if matches(
            selector,
            strings(pointer.resolve(item, "/metadata/labels")) if ref.kind == "Pod" else pod_labels(item),
        )
    ]
    known = all(world.known(kind, key.namespace) for kind in ("Deployment", "StatefulSet", "DaemonSet"))
    state: State = "met" if chosen else "broken" if known else "unknown"
    yield Relation("selector", key, "/spec/selector", state, f"{key} selects pods")
    if not chosen:
        return
    ports = [
        port for item in chosen for c in containers(pod_spec(item)) for port in mappings(c.spec.get("ports"))
    ]
    named, numbers = {port.get("name") for port in ports}, {port.get("containerPort") for port in ports}
    for position, port in enumerate(mappings(pointer.resolve(obj, "/spec/ports"))):
        target = port.get("targetPort", port.get("port"))
        if isinstance(target, str) and not target.isdecimal():
            there = target in named
        else:
            # A port may be listened on without being declared; where some are declared, that is no accident.
            there = not ports or str(target) in {str(number) for number in numbers}
        token = f"name={port['name']}" if isinstance(port.get("name"), str) else str(position)
        at = pointer.join("spec", "ports", token, "targetPort")
        text = f"{key} leads to the port {target} of the pods"
        yield Relation("port", key, at, "met" if there else "broken", text)


def _of_ingress(world: World, key: ObjectRef, obj: Object) -> Iterator[Relation]:
    backends = [("/spec/defaultBackend", pointer.resolve(obj, "/spec/defaultBackend"))]
    for number, rule in enumerate(mappings(pointer.resolve(obj, "/spec/rules"))):
        for index, path in enumerate(mappings(pointer.resolve(rule, "/http/paths"))):
            backends.append((f"/spec/rules/{number}/http/paths/{index}/backend", path.get("backend")))
    for at, backend in backends:
        service = mapping(mapping(backend).get("service"))
        name = service.get("name")
        if not isinstance(name, str):
            continue
        yield _exists(world, "backend", key, f"{at}/service/name", "Service", name)
        held = world.get("Service", key.namespace, name)
        if held is None:
            continue
        wanted: Any = mapping(service.get("port"))
        offered = mappings(pointer.resolve(held, "/spec/ports"))
        there = any(
            port.get("name") == wanted.get("name")
            if "name" in wanted
            else port.get("port") == wanted.get("number")
            for port in offered
        )
        text = f"{key} leads to the port {wanted.get('name', wanted.get('number'))} of Service {name}"
        yield Relation("backend-port", key, f"{at}/service/port", "met" if there else "broken", text)
