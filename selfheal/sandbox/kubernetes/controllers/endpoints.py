"""Services: a cluster address, and the EndpointSlice and Endpoints of the pods they select."""

from __future__ import annotations

from collections.abc import Iterable

from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.network import named_port
from selfheal.sandbox.kubernetes.objects import (
    Key,
    Object,
    copied,
    dig,
    entries,
    finished,
    is_true,
    key_of,
    labels_of,
    owner_reference,
    terminating,
)
from selfheal.sandbox.kubernetes.store import Change

SERVICE = "kubernetes.io/service-name"
MANAGED = "endpointslice.kubernetes.io/managed-by"


class EndpointsController:
    """See the module."""

    name = "endpoint-slice-controller"

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def wake(self, change: Change) -> Iterable[Key]:
        obj = change.object
        if obj["kind"] == "Service":
            yield key_of(obj)
        elif obj["kind"] == "Pod":
            namespace = str(obj["metadata"]["namespace"])
            for service in self.cluster.store.of("Service", namespace):
                selector = dig(service, "spec", "selector")
                if selector and any(
                    _selected(selector, pod) for pod in (obj, change.before) if pod is not None
                ):
                    yield key_of(service)

    def sync(self, key: Key) -> None:
        service = self.cluster.store.at(key)
        if service is None:
            self.cluster.delete(Key("Endpoints", key.namespace, key.name))
            return
        selector = dig(service, "spec", "selector")
        if not selector or dig(service, "spec", "type") == "ExternalName":
            return
        pods = [
            pod
            for pod in self.cluster.store.of("Pod", key.namespace)
            if _selected(selector, pod) and dig(pod, "status", "podIP") and not finished(pod)
        ]
        self._slice(service, pods)
        self._endpoints(service, pods)

    def _slice(self, service: Object, pods: list[Object]) -> None:
        meta = service["metadata"]
        groups: dict[str, tuple[list[Object], list[Object]]] = {}
        for pod in pods:
            ports = _ports(service, pod)
            groups.setdefault(str(ports), (ports, []))[1].append(pod)
        wanted = list(groups.values()) or [(_ports(service, None), [])]
        held = [
            item
            for item in self.cluster.store.of("EndpointSlice", str(meta["namespace"]))
            if labels_of(item).get(SERVICE) == meta["name"] and MANAGED in labels_of(item)
        ]
        for index, (ports, members) in enumerate(wanted):
            endpoints = [self._endpoint(service, pod) for pod in members]
            if index < len(held):
                obj = copied(held[index])
                obj["endpoints"], obj["ports"] = endpoints, ports
                self.cluster.update(obj)
                continue
            self.cluster.create(
                {
                    "apiVersion": "discovery.k8s.io/v1",
                    "kind": "EndpointSlice",
                    "metadata": {
                        "generateName": f"{meta['name']}-",
                        "namespace": meta["namespace"],
                        "labels": {MANAGED: "endpointslice-controller.k8s.io", SERVICE: meta["name"]},
                        "ownerReferences": [owner_reference(service)],
                    },
                    "addressType": "IPv4",
                    "endpoints": endpoints,
                    "ports": ports,
                }
            )
        for item in held[len(wanted) :]:
            self.cluster.delete(key_of(item))

    def _endpoint(self, service: Object, pod: Object) -> Object:
        going = terminating(pod)
        serving = is_true(pod, "Ready")
        ready = (serving or bool(dig(service, "spec", "publishNotReadyAddresses"))) and not going
        node = self.cluster.store.get("Node", "", str(dig(pod, "spec", "nodeName")))
        zone = labels_of(node).get("topology.kubernetes.io/zone") if node else None
        made: Object = {
            "addresses": [pod["status"]["podIP"]],
            "conditions": {"ready": ready, "serving": serving, "terminating": going},
            "targetRef": _target(pod),
            "nodeName": dig(pod, "spec", "nodeName"),
        }
        if zone:
            made["zone"] = zone
        return made

    def _endpoints(self, service: Object, pods: list[Object]) -> None:
        meta = service["metadata"]
        subsets: dict[str, Object] = {}
        for pod in pods:
            if terminating(pod):
                continue
            ports = [{**port} for port in _ports(service, pod)]
            subset = subsets.setdefault(str(ports), {"ports": ports})
            word = "addresses" if is_true(pod, "Ready") else "notReadyAddresses"
            address = {
                "ip": pod["status"]["podIP"],
                "nodeName": dig(pod, "spec", "nodeName"),
                "targetRef": _target(pod),
            }
            subset.setdefault(word, []).append(address)
        key = Key("Endpoints", str(meta["namespace"]), str(meta["name"]))
        held = self.cluster.store.at(key)
        if held is None:
            self.cluster.create(
                {
                    "apiVersion": "v1",
                    "kind": "Endpoints",
                    "metadata": {"name": key.name, "namespace": key.namespace},
                    "subsets": list(subsets.values()),
                }
            )
        elif held.get("subsets") != list(subsets.values()):
            obj = copied(held)
            obj["subsets"] = list(subsets.values())
            self.cluster.update(obj)


def _target(pod: Object) -> Object:
    meta = pod["metadata"]
    return {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}


def _selected(selector: Object, pod: Object) -> bool:
    labels = labels_of(pod)
    return all(labels.get(name) == str(value) for name, value in selector.items())


def _ports(service: Object, pod: Object | None) -> list[Object]:
    """The slice's ports: names of container ports are looked up in the pod, and left out where it has none."""
    found = []
    for port in entries(service, "spec", "ports"):
        target = port.get("targetPort") or port.get("port") or 0
        if isinstance(target, str) and not target.isdigit():
            number = named_port(pod, target) if pod is not None else None
        else:
            number = int(target) if pod is not None else None
        if number is not None:
            found.append(
                {"name": str(port.get("name") or ""), "protocol": port.get("protocol", "TCP"), "port": number}
            )
    return found
