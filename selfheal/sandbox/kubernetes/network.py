"""Whether one pod reaches another at this moment, and the client's words when it does not.

Follows names, Services, EndpointSlices, what containers listen on, and NetworkPolicies as they are now.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from selfheal.sandbox.kubernetes.objects import Object, dig, entries, labels_of
from selfheal.sandbox.kubernetes.selectors import matches

if TYPE_CHECKING:
    from selfheal.sandbox.kubernetes.cluster import Cluster

DNS = "10.96.0.10"
_DEFAULT_PORTS = {
    "http": 80, "https": 443, "redis": 6379, "rediss": 6379, "postgres": 5432, "postgresql": 5432, "mysql": 3306,
    "amqp": 5672, "amqps": 5671, "mongodb": 27017, "nats": 4222, "kafka": 9092, "grpc": 80,
}  # fmt: skip


@dataclass(frozen=True)
class Target:
    """A place to call: parts of a ``host:port`` or URL."""

    host: str
    port: int
    text: str
    scheme: str = ""
    user: str = ""
    password: str = ""
    path: str = "/"


@dataclass(frozen=True)
class Reached:
    """Which pod answered on which port; pod "" for a host outside. ``error`` "" when it was reached."""

    error: str = ""
    namespace: str = ""
    pod: str = ""
    port: int = 0


def target_of(text: str) -> Target | None:
    """None for what names no host."""
    text = text.strip()
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or not re.fullmatch(r"[A-Za-z0-9_.-]+", host):
        return None
    scheme = parts.scheme.partition("+")[0] if "://" in text else ""
    number = port or _DEFAULT_PORTS.get(scheme, 80)
    return Target(host, number, text, scheme, parts.username or "", parts.password or "", parts.path or "/")


class Network:
    """The cluster's network. ``listening`` answers what a pod listens on now: port to protocol, by pod UID."""

    def __init__(self, cluster: Cluster, listening: Any) -> None:
        self._cluster = cluster
        self._listening = listening

    def dial(self, source: Object, target: Target) -> Reached:
        """Try to connect from a pod."""
        namespace = str(source["metadata"]["namespace"])
        policy = dig(source, "spec", "dnsPolicy")
        server = (dig(source, "spec", "dnsConfig", "nameservers", default=[""]) or [""])[0]
        unknown = f"dial tcp: lookup {target.host} on {server or DNS}:53: no such host"
        if self._denied(source, "Egress", self._dns_peer(), 53, "UDP"):
            return Reached(f"dial tcp: lookup {target.host} on {DNS}:53: i/o timeout")
        service = self._service(namespace, target.host) if policy not in ("None", "Default") else None
        if service is None:
            outside = self._cluster.images.hosts
            if target.host in outside or f"{target.host}:{target.port}" in outside:
                return Reached()
            pod = self._by_address(target.host)
            if pod is not None:
                return self._connect(source, pod, target.port, target.host)
            return Reached(unknown)
        if dig(service, "spec", "type") == "ExternalName":
            name = str(dig(service, "spec", "externalName", default=""))
            return self.dial(source, Target(name, target.port, target.text, target.scheme))
        return self._through(source, service, target, unknown)

    def _dns_peer(self) -> Object:
        return {
            "metadata": {"name": "coredns", "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}},
            "spec": {},
        }

    def _service(self, namespace: str, host: str) -> Object | None:
        parts = host.rstrip(".").split(".")
        if parts[-2:] == ["cluster", "local"]:
            parts = parts[:-2]
        if len(parts) > 2 and parts[2:] != ["svc"]:
            # A pod of a headless service: name.service.namespace.svc
            return self._service(namespace, ".".join(parts[1:])) if len(parts) > 3 else None
        return self._cluster.store.get("Service", parts[1] if len(parts) > 1 else namespace, parts[0])

    def _by_address(self, address: str) -> Object | None:
        if not re.fullmatch(r"[\d.]+", address):
            return None
        pods = self._cluster.store.of("Pod")
        return next((pod for pod in pods if dig(pod, "status", "podIP") == address), None)

    def _through(self, source: Object, service: Object, target: Target, unknown: str) -> Reached:
        headless = dig(service, "spec", "clusterIP") == "None"
        address = str(dig(service, "spec", "clusterIP", default=""))
        backends = self.backends(service)
        if headless:
            if not backends:
                return Reached(unknown)
            _port, _protocol, pod, _number = backends[0]
            return self._connect(source, pod, target.port, str(dig(pod, "status", "podIP")))
        ports = {port.get("port"): port for port in entries(service, "spec", "ports")}
        if target.port not in ports:
            return Reached(f"dial tcp {address}:{target.port}: i/o timeout")
        if ports[target.port].get("protocol") != "TCP":
            return Reached(f"dial tcp {address}:{target.port}: connect: connection refused")
        chosen = [item for item in backends if item[0] == target.port]
        if not chosen:
            return Reached(f"dial tcp {address}:{target.port}: connect: connection refused")
        answers = [self._connect(source, pod, number, address, target.port) for _p, _t, pod, number in chosen]
        return next((answer for answer in answers if answer.error), answers[0])

    def backends(self, service: Object) -> list[tuple[int, str, Object, int]]:
        """(service port, protocol, pod, pod's port) of every ready endpoint."""
        meta, store = service["metadata"], self._cluster.store
        ports = {str(port.get("name") or ""): port for port in entries(service, "spec", "ports")}
        found = []
        for part in store.of("EndpointSlice", str(meta["namespace"])):
            if labels_of(part).get("kubernetes.io/service-name") != meta["name"]:
                continue
            for endpoint in entries(part, "endpoints"):
                if not dig(endpoint, "conditions", "ready"):
                    continue
                pod = store.get("Pod", str(meta["namespace"]), str(dig(endpoint, "targetRef", "name")))
                for port in entries(part, "ports"):
                    front = ports.get(str(port.get("name") or ""))
                    if pod is not None and front is not None:
                        found.append((int(front["port"]), str(port["protocol"]), pod, int(port["port"])))
        return found

    def _connect(self, source: Object, pod: Object, number: int, address: str, shown: int = 0) -> Reached:
        where = f"{address}:{shown or number}"
        if self._denied(pod, "Ingress", source, number, "TCP") or self._denied(
            source, "Egress", pod, number, "TCP"
        ):
            return Reached(f"dial tcp {where}: i/o timeout")
        protocol = self._listening(pod["metadata"]["uid"]).get(number)
        if protocol is None or protocol == "udp":
            return Reached(f"dial tcp {where}: connect: connection refused")
        return Reached("", str(pod["metadata"]["namespace"]), str(pod["metadata"]["name"]), number)

    # Policies

    def _denied(self, pod: Object, direction: str, peer: Object, number: int, protocol: str) -> bool:
        """Whether policies that select ``pod`` exist for the direction and none of their rules lets ``peer`` through."""
        meta = pod["metadata"]
        policies = [
            policy
            for policy in self._cluster.store.of("NetworkPolicy", str(meta["namespace"]))
            if direction in dig(policy, "spec", "policyTypes", default=[])
            and matches(dig(policy, "spec", "podSelector", default={}), labels_of(pod))
        ]
        word, side = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
        return bool(policies) and not any(
            self._allows(
                rule, side, meta["namespace"], pod if direction == "Ingress" else peer, peer, number, protocol
            )
            for policy in policies
            for rule in entries(policy, "spec", word)
        )

    def _allows(
        self,
        rule: Object,
        side: str,
        namespace: str,
        served: Object,
        peer: Object,
        number: int,
        protocol: str,
    ) -> bool:
        ports, peers = entries(rule, "ports"), entries(rule, side)
        if ports and not any(self._port_fits(port, served, number, protocol) for port in ports):
            return False
        return not peers or any(self._peer_fits(item, namespace, peer) for item in peers)

    def _port_fits(self, port: Object, served: Object, number: int, protocol: str) -> bool:
        wanted = port.get("port")
        if port.get("protocol", "TCP") != protocol:
            return False
        if isinstance(wanted, str):
            return number == named_port(served, wanted)
        return wanted is None or int(wanted) <= number <= int(port.get("endPort") or wanted)

    def _peer_fits(self, item: Object, namespace: str, peer: Object) -> bool:
        meta = peer["metadata"]
        if "ipBlock" in item:
            return dig(item, "ipBlock", "cidr") in ("0.0.0.0/0", "10.0.0.0/8", "10.244.0.0/16")
        if "namespaceSelector" in item:
            place = self._cluster.store.get("Namespace", "", str(meta["namespace"]))
            held = labels_of(place) if place else {"kubernetes.io/metadata.name": str(meta["namespace"])}
            if not matches(item["namespaceSelector"], held):
                return False
        elif meta["namespace"] != namespace:
            return False
        return "podSelector" not in item or matches(item["podSelector"], labels_of(peer))


def named_port(pod: Mapping[str, Any], name: str) -> int | None:
    """The number of a named container port."""
    for container in (*entries(pod, "spec", "containers"), *entries(pod, "spec", "initContainers")):
        for port in entries(container, "ports"):
            if port.get("name") == name:
                return int(port["containerPort"])
    return None
