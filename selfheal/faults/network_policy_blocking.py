"""A NetworkPolicy keeps a workload from what it needs to call.

# What it is
Once a policy selects a pod, only what some policy admits may reach it (or leave it). A selector, namespace or port
that does not fit leaves calls to time out, although both sides are well.

# How it is recognised
For each call that specs or logs show, the policies on both sides are evaluated: ingress of the callee's pods,
egress of the caller's, and DNS. Calls that time out up to now confirm it.

# How it is told from its neighbours
"Connection refused" comes from a port nobody listens on. Without ready endpoints it is the callee. Probes come from
the node and are not affected. A policy that blocks what nobody calls is as meant.

# What is changed
The rule that nearly admits the caller: its label selector to the labels the caller carries, or its port to the
port of the pods. A deny-all is not touched.

# How safe that is
The narrowest rule for this caller, from labels and ports that stand in specs. Where no rule comes near, a person
writes one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.labels import labels_of, pods_selected
from selfheal.cluster.snapshot import Object, Snapshot, metadata, ref_of
from selfheal.cluster.workloads import Workload, declared, mapping, mappings, ready, strings, workloads
from selfheal.faults.backends import Backend, backends
from selfheal.faults.backends import declared as declared_ports
from selfheal.faults.calls import called, failing
from selfheal.faults.evidence import of_log, on_object
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.faults.reach import Blocked, blocked, dns_blocked, peer_fits
from selfheal.faults.service_port_mismatch import aimed
from selfheal.faults.signals import Signal
from selfheal.incidents.record import Evidence, ObjectRef, Target

_GENERATED = (
    "pod-template-hash",
    "controller-revision-hash",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
)


@dataclass(frozen=True)
class _Case:
    """One call that policies block."""

    caller: Workload
    backend: Backend | None
    block: Blocked
    signal: Signal | None
    port: int | None
    protocol: str = "TCP"


class NetworkPolicyBlocking(Fault):
    """See the page above."""

    id = "network-policy-blocking"
    blames = ("NetworkPolicy",)
    writes = (
        "/spec/ingress/*/from/*/podSelector",
        "/spec/ingress/*/from/*/podSelector/matchLabels",
        "/spec/ingress/*/from/*/namespaceSelector/matchLabels",
        "/spec/egress/*/to/*/podSelector/matchLabels",
        "/spec/ingress/*/ports/*/port",
        "/spec/egress/*/ports/*/port",
        "/spec/ingress/*/ports/*/protocol",
        "/spec/egress/*/ports/*/protocol",
        "/spec/podSelector",
        "/spec/podSelector/matchLabels",
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        if not snapshot.list("NetworkPolicy"):
            return
        found: dict[ObjectRef, Finding] = {}
        for case in _cases(snapshot):
            finding = _finding(snapshot, case)
            if (
                case.signal is None
                and not finding.facts["field"]
                and all(ready(pod) for pod in case.caller.pods)
            ):
                # Nobody misses it: the call may never be made.
                continue
            held = found.get(finding.object)
            if held is None or finding.confidence > held.confidence:
                base, other = finding, held
            else:
                base, other = held, finding
            affects = tuple(dict.fromkeys((*base.affects, *(other.affects if other else ()))))
            found[finding.object] = Finding(**{**base.__dict__, "affects": affects})
        yield from (found[ref] for ref in sorted(found, key=str))

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Let {finding.object.name} admit {facts['caller']}"
        if not facts["field"]:
            return Remedy(
                title, (), finding.summary, escalate="No rule comes near; a person writes a narrow one."
            )
        value = Exact(facts["wanted"], facts["origin"])
        return Remedy(title, (FieldEdit(finding.object, facts["field"], LastGood(value)),), finding.summary)


def _cases(snapshot: Snapshot) -> Iterator[_Case]:
    by_service = {item.ref: item for item in backends(snapshot)}
    for caller in workloads(snapshot):
        source = next(iter(caller.pods), None)
        if source is None:
            continue
        signals = {
            ref_of(service): signal
            for signal, service in reversed(failing(snapshot, caller))
            if service is not None and signal.kind in ("timeout", "unreachable", "dns")
        }
        lost = dns_blocked(snapshot, source)
        if lost is not None:
            line = next(
                (item for item, _service in failing(snapshot, caller) if item.kind in ("dns", "timeout")),
                None,
            )
            if line is not None:
                yield _Case(caller, None, lost, line, 53)
        for service in called(snapshot, caller):
            backend = by_service.get(ref_of(service))
            if (
                backend is None
                or not backend.serving
                or any(load.ref == caller.ref for load in backend.loads)
            ):
                continue
            for port in backend.ports[:4]:
                where = _number(backend.serving[0], aimed(port))
                speaks = _protocol(backend.serving[0], where, str(port.get("protocol") or "TCP"))
                blocks = blocked(snapshot, source, backend.serving[0], where, speaks)
                if blocks:
                    yield _Case(caller, backend, blocks[0], signals.get(backend.ref), where, speaks)
                    break


def _number(pod: Object, where: Any) -> int | None:
    if isinstance(where, int):
        return where
    return next((port.number for port in declared_ports(pod) if port.name == where), None)


def _protocol(pod: Object, number: int | None, offered: str) -> str:
    """The protocol a pod speaks on a port: what its container declares, since a Service that offers another one is
    wrong itself, and else what the Service offers.
    """
    spoken = {port.protocol for port in declared_ports(pod) if port.number == number}
    return offered if offered in spoken or len(spoken) != 1 else spoken.pop()


def _finding(snapshot: Snapshot, case: _Case) -> Finding:
    nearest, edit = _nearest(snapshot, case)
    ref = ref_of(nearest)
    callee = case.backend.ref.name if case.backend is not None else "the cluster's DNS"
    evidence: list[Evidence] = []
    if case.signal is not None:
        signal = case.signal
        evidence.append(of_log(signal.pod, signal.container, signal.line, previous=signal.previous))
    field = edit[0] if edit else "/spec/podSelector"
    value = pointer.resolve(nearest, field)
    evidence.append(
        on_object(ref, field, value, f"{case.caller.ref.name} is not admitted ({case.block.direction})")
    )
    base = case.caller.spec_pointer.removesuffix("/spec") + "/metadata/labels"
    base = "/metadata/labels" if case.caller.ref.kind == "Pod" else base
    evidence.append(
        on_object(case.caller.ref, base, dict(labels_of(case.caller)), "What the caller's pods carry")
    )
    ill = any(not ready(pod) for pod in case.caller.pods)
    sure = 0.95 if case.signal is not None else 0.75 if ill and edit else 0.72
    affects = [case.caller.ref]
    return Finding(
        fault=NetworkPolicyBlocking.id,
        variant=case.block.direction.lower() if case.backend is not None else "dns",
        object=ref,
        confidence=sure,
        summary=f"{case.caller.ref} may not reach {callee}: no policy admits it, {ref.name} comes nearest.",
        evidence=tuple(evidence),
        facts={
            "caller": case.caller.ref.name,
            "callee": callee,
            "field": edit[0] if edit else "",
            "wanted": edit[1] if edit else None,
            "origin": edit[2] if edit else "",
        },
        affects=tuple(affects),
        mitigation=f"kubectl -n {ref.namespace} describe networkpolicy {ref.name}",
    )


def _nearest(snapshot: Snapshot, case: _Case) -> tuple[Object, tuple[str, Any, str] | None]:
    """The policy that nearly admits the call with the edit that would, else the one that denies it."""
    side = case.block.direction.lower()
    changed = [item for item in case.block.policies if _differs(item)]
    ranked = []
    for policy in case.block.policies:
        spec = mapping(policy.get("spec"))
        pairs = len(strings(mapping(spec.get("podSelector")).get("matchLabels")))
        edit = _edit(snapshot, case, policy, side)
        ranked.append((policy in changed, edit is not None, bool(spec.get(side)), pairs, policy, edit))
    best = max(ranked, key=lambda item: item[:4])
    if best[1] or case.backend is None:
        return best[4], best[5]
    meant = _misdirected(snapshot, case, side)
    if meant is not None:
        return meant
    # No rule comes near. The policy that denies is the one without any rule, or the most specific one.
    denying = [item for item in ranked if not item[2]] or ranked
    chosen = max(denying, key=lambda item: (item[0], item[3]))
    return chosen[4], None


def _misdirected(snapshot: Snapshot, case: _Case, side: str) -> tuple[Object, tuple[str, Any, str]] | None:
    """A policy that would admit the call and selects no pod at all, by labels that nearly are those of the pod in question."""
    assert case.backend is not None  # noqa: S101 - told apart by the caller
    source, target = next(iter(case.caller.pods)), case.backend.serving[0]
    subject, peer = (target, source) if side == "ingress" else (source, target)
    owner = case.backend.ref.name if side == "ingress" else case.caller.ref.name
    carried = {
        key: value for key, value in strings(metadata(subject).get("labels")).items() if key not in _GENERATED
    }
    word = "from" if side == "ingress" else "to"
    found = []
    for policy in snapshot.list("NetworkPolicy", ref_of(subject).namespace):
        spec = mapping(policy.get("spec"))
        asked = strings(mapping(spec.get("podSelector")).get("matchLabels"))
        meant = _meant(asked, carried) if asked else None
        if meant is None or pods_selected(snapshot, ref_of(subject).namespace, asked):
            continue
        for rule in mappings(spec.get(side)):
            peers = mappings(rule.get(word))
            ports = {port.get("port") for port in mappings(rule.get("ports"))}
            admits = not peers or any(peer_fits(snapshot, policy, item, peer) for item in peers)
            if admits and (not ports or case.port in ports or any(isinstance(port, str) for port in ports)):
                origin = f"the labels of the pods of {owner}"
                found.append((policy, ("/spec/podSelector/matchLabels", meant, origin)))
                break
    return found[0] if len(found) == 1 else None


def _differs(policy: Object) -> bool:
    """Whether a policy is other than the last applied manifest."""
    was = mapping(declared(policy).get("spec"))
    return bool(was) and any(
        was.get(key) != mapping(policy.get("spec")).get(key) for key in ("podSelector", "ingress", "egress")
    )


def _edit(snapshot: Snapshot, case: _Case, policy: Object, side: str) -> tuple[str, Any, str] | None:
    """(field, value, origin) of the one change in a rule that would admit the call."""
    if case.backend is None:
        return None
    source, target = next(iter(case.caller.pods)), case.backend.serving[0]
    peer = source if side == "ingress" else target
    carried = {
        key: value for key, value in strings(metadata(peer).get("labels")).items() if key not in _GENERATED
    }
    word = "from" if side == "ingress" else "to"
    for number, rule in enumerate(mappings(mapping(policy.get("spec")).get(side))):
        peers = mappings(rule.get(word))
        fits = not peers or any(peer_fits(snapshot, policy, item, peer) for item in peers)
        if fits and case.port is not None:
            ports = mappings(rule.get("ports"))
            if len(ports) == 1:
                field = f"/spec/{side}/{number}/ports/0/port"
                if ports[0].get("port") == case.port and ports[0].get("protocol", "TCP") != case.protocol:
                    origin = f"the protocol of the container port of {case.backend.ref.name}"
                    return f"/spec/{side}/{number}/ports/0/protocol", case.protocol, origin
                return field, case.port, f"the container port of {case.backend.ref.name}"
        for index, item in enumerate(peers):
            asked = strings(mapping(item.get("podSelector")).get("matchLabels"))
            meant = _meant(asked, carried)
            if meant is None or item.get("ipBlock"):
                continue
            field = f"/spec/{side}/{number}/{word}/{index}/podSelector/matchLabels"
            return (
                field,
                meant,
                f"the labels of the pods of {case.caller.ref.name if side == 'ingress' else case.backend.ref.name}",
            )
    return None


def _meant(asked: dict[str, str], carried: dict[str, str]) -> dict[str, str] | None:
    """The selector that is plainly meant: the same values under keys that are carried, or near values."""
    from selfheal.faults.nearness import likeness

    found: dict[str, str] = {}
    for key, value in asked.items():
        if carried.get(key) == value:
            found[key] = value
            continue
        keys = sorted(other for other, held in carried.items() if held == value)
        if keys:
            found[keys[0]] = value
        elif key in carried and likeness(value, carried[key]) >= 0.7:
            found[key] = carried[key]
        else:
            return None
    return found if found and found != asked else None
