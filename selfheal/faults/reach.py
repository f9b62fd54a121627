"""Whether network policies let one pod reach another: the rules of NetworkPolicy, evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from selfheal.cluster.snapshot import Object, Snapshot, metadata, ref_of
from selfheal.cluster.workloads import mapping, mappings, strings
from selfheal.faults.backends import declared
from selfheal.faults.scheduling import selects

DNS = 53


@dataclass(frozen=True)
class Blocked:
    """A direction in which policies select a pod and none admits the traffic; the policies that select it."""

    direction: str
    policies: tuple[Object, ...]


def policies_of(snapshot: Snapshot, pod: Object, direction: str) -> list[Object]:
    """Policies that select a pod and count for a direction (Ingress, Egress)."""
    namespace = str(metadata(pod).get("namespace") or "")
    labels = strings(metadata(pod).get("labels"))
    found = []
    for policy in snapshot.list("NetworkPolicy", namespace):
        spec = mapping(policy.get("spec"))
        types = spec.get("policyTypes")
        types = types if isinstance(types, list) else ["Ingress", *(["Egress"] if spec.get("egress") else [])]
        if direction in types and selects(spec.get("podSelector", {}), labels):
            found.append(policy)
    return sorted(found, key=lambda item: ref_of(item).name)


def blocked(
    snapshot: Snapshot, source: Object, target: Object, port: int | None, protocol: str = "TCP"
) -> list[Blocked]:
    """The directions in which policies keep ``source`` from ``target``'s container port; [] when it may pass."""
    found = []
    into = policies_of(snapshot, target, "Ingress")
    if into and not any(_admits(snapshot, item, "ingress", source, target, port, protocol) for item in into):
        found.append(Blocked("Ingress", tuple(into)))
    out = policies_of(snapshot, source, "Egress")
    if out and not any(_admits(snapshot, item, "egress", target, target, port, protocol) for item in out):
        found.append(Blocked("Egress", tuple(out)))
    return found


def dns_blocked(snapshot: Snapshot, source: Object) -> Blocked | None:
    """Whether no egress rule of the policies on a pod admits port 53 to anything."""
    out = policies_of(snapshot, source, "Egress")
    if not out:
        return None
    for policy in out:
        for rule in mappings(mapping(policy.get("spec")).get("egress")):
            if any(_port_fits(rule, DNS, protocol, None) for protocol in ("UDP", "TCP")):
                return None
    return Blocked("Egress", tuple(out))


def _admits(
    snapshot: Snapshot,
    policy: Object,
    side: str,
    peer: Object,
    target: Object,
    port: int | None,
    protocol: str,
) -> bool:
    for rule in mappings(mapping(policy.get("spec")).get(side)):
        peers = rule.get("from" if side == "ingress" else "to")
        if peers and not any(peer_fits(snapshot, policy, item, peer) for item in mappings(peers)):
            continue
        if _port_fits(rule, port, protocol, target):
            return True
    return False


def peer_fits(snapshot: Snapshot, policy: Object, rule: dict[str, Any], peer: Object) -> bool:
    """Whether one entry of ``from`` or ``to`` means a pod."""
    block = mapping(rule.get("ipBlock"))
    if block:
        return _in_block(block, str(mapping(peer.get("status")).get("podIP") or ""))
    home = ref_of(policy).namespace
    namespace = str(metadata(peer).get("namespace") or "")
    spaces = rule.get("namespaceSelector")
    if isinstance(spaces, dict):
        held = snapshot.get("Namespace", "", namespace)
        labels = strings(metadata(held or {}).get("labels"))
        labels.setdefault("kubernetes.io/metadata.name", namespace)
        if not selects(spaces, labels):
            return False
    elif namespace != home:
        return False
    pods = rule.get("podSelector")
    return not isinstance(pods, dict) or selects(pods, strings(metadata(peer).get("labels")))


def _in_block(block: dict[str, Any], address: str) -> bool:
    try:
        held = ip_address(address)
        outside = block.get("except")
        return held in ip_network(str(block.get("cidr")), strict=False) and not any(
            held in ip_network(str(item), strict=False)
            for item in (outside if isinstance(outside, list) else [])
        )
    except ValueError:
        return False


def _port_fits(rule: dict[str, Any], port: int | None, protocol: str, target: Object | None) -> bool:
    ports = mappings(rule.get("ports"))
    if not ports or port is None:
        return True
    names = {item.name: item.number for item in declared(target)} if target is not None else {}
    for item in ports:
        if str(item.get("protocol") or "TCP") != protocol:
            continue
        wanted = item.get("port")
        wanted = names.get(wanted) if isinstance(wanted, str) and not wanted.isdecimal() else wanted
        if wanted is None and item.get("port") is None:
            return True
        last = item.get("endPort")
        first = int(wanted) if wanted is not None and str(wanted).isdecimal() else -1
        if first == port or (first >= 0 and isinstance(last, int) and first <= port <= last):
            return True
    return False
