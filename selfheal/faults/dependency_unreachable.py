"""A workload cannot reach something it depends on, which itself is well.

# What it is
The program is told a wrong host or port for a data store, a broker or another service, or what it depends on does
not answer. It crashes, never becomes ready, or answers with errors.

# How it is recognised
The log repeats refused or timed-out connections, or unknown hosts, up to now. The host and port in it, and the
addresses in variables, arguments and ConfigMaps, are compared with the Services that exist and the ports they
offer.

# How it is told from its neighbours
When what is called is ill itself, its own trouble is the cause and this is a consequence. Refused credentials,
full connection pools and read-only stores answer: `dependency-auth-failed`, `dependency-exhausted`,
`dependency-read-only`. A Service with a wrong port or selector, a policy that blocks, or DNS that fails for names
that exist, are their own faults.

# What is changed
The address, where it stands in a variable, an argument or a ConfigMap: to what it was, or to the Service and port
that are plainly meant. Addresses in Secrets are mended by people.

# How safe that is
Only names and ports of Services that exist are written, or what git had.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from typing_extensions import override

from selfheal.cluster.labels import pods_selected, selector_of
from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.workloads import Workload, mapping, mappings, ready, workloads
from selfheal.faults.addressing import Wrong, facts_of, inside, is_address, services, wrong_addresses
from selfheal.faults.calls import failing, service_of
from selfheal.faults.evidence import of_log, on_object
from selfheal.faults.fields import ANY, container_fields
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.faults.signals import Signal
from selfheal.incidents.record import ObjectRef, Target

_KINDS = ("refused", "timeout", "unreachable", "dns")


class DependencyUnreachable(Fault):
    """See the page above."""

    id = "dependency-unreachable"
    blames = (*ANY, "ConfigMap")
    writes = (*container_fields("/env/*/value", "/args/*", "/command/*"), "/data/*")

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for workload in workloads(snapshot):
            wrong = [
                item
                for item in wrong_addresses(snapshot, workload)
                if item.store or item.address.holder != workload.ref or "/env/" not in item.address.field
            ]
            for item in wrong[:3]:
                yield _address(workload, item)
            if not wrong:
                yield from _by_log(snapshot, workload)

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Let {finding.object.name} find what it depends on"
        if not facts.get("field"):
            return Remedy(
                title, (), finding.summary, escalate="Where the address is set cannot be told from specs."
            )
        wanted = Exact(facts["wanted"], facts["origin"]) if facts["wanted"] else None
        return Remedy(title, (FieldEdit(finding.object, facts["field"], LastGood(wanted)),), finding.summary)


def _address(workload: Workload, item: Wrong) -> Finding:
    address = item.address
    where = f"{address.host}:{address.port}" if address.port else address.host
    meant = (
        f"; {ref_of(item.service).name} is meant"
        if item.service is not None and item.variant == "host"
        else ""
    )
    return Finding(
        fault=DependencyUnreachable.id,
        variant=item.variant,
        object=address.holder,
        container=address.container if address.holder == workload.ref else "",
        confidence=item.confidence,
        summary=f"{workload.ref} is told by {address.name} to use {where}, which no Service offers{meant}.",
        evidence=item.evidence,
        facts=facts_of(item, workload),
        affects=() if address.holder == workload.ref else (workload.ref,),
        through=services(item) if item.variant == "port" else (),
    )


def _by_log(snapshot: Snapshot, workload: Workload) -> Iterator[Finding]:
    best: tuple[float, Finding] | None = None
    for signal, service in failing(snapshot, workload):
        if signal.kind not in _KINDS or signal.container not in {item.name for item in workload.containers}:
            continue
        found = _signal(snapshot, workload, signal, service)
        if found is not None and (best is None or found.confidence > best[0]):
            best = (found.confidence, found)
    if best is not None:
        yield best[1]


def _signal(snapshot: Snapshot, workload: Workload, signal: Signal, service: Object | None) -> Finding | None:
    host = signal.host or (ref_of(service).name if service is not None else "")
    evidence = [of_log(signal.pod, signal.container, signal.line, previous=signal.previous)]
    if service is not None:
        ports = [item.get("port") for item in mappings(mapping(service.get("spec")).get("ports"))]
        served = any(
            ready(pod) for pod in pods_selected(snapshot, ref_of(service).namespace, selector_of(service))
        )
        if signal.kind == "dns":
            return None
        if signal.port and ports and signal.port not in ports and not _headless(service):
            evidence.append(on_object(ref_of(service), "/spec/ports/0/port", ports[0], "The port it offers"))
            what, variant, sure = f"port {signal.port} of {host}, which offers {ports[0]}", "port", 0.9
        elif not served:
            # The callee is ill itself: what ails it is the cause, not this.
            what, variant, sure = f"{host}, which has no ready pods", "down", 0.45
        else:
            what, variant, sure = f"{host}, although its pods are ready", signal.kind, 0.62
        through: tuple[ObjectRef, ...] = (ref_of(service),)
    else:
        through = ()
        # Where Services were not read, nobody can say which of them is not there.
        unread = not snapshot.known("Service", workload.namespace)
        local = bool(host) and inside(snapshot, workload.namespace, host)
        if unread and (local or not host or is_address(host)):
            what, variant, sure = (
                f"{host or 'something it depends on'}; no Services were read",
                signal.kind,
                0.45,
            )
        elif signal.kind == "dns" and not local and host:
            what, variant, sure = f"{host}, a name that is not known", "host", 0.72
        elif local and service_of(snapshot, workload.namespace, host) is None and signal.kind != "timeout":
            what, variant, sure = f"{host}, a Service that does not exist", "host", 0.88
        elif host:
            what, variant, sure = (
                f"{host}{':' + str(signal.port) if signal.port else ''}",
                "port" if signal.kind == "refused" else "host",
                0.66,
            )
        elif signal.count >= 2:
            what, variant, sure = "something it depends on", signal.kind, 0.55
        else:
            return None
    return Finding(
        fault=DependencyUnreachable.id,
        variant=variant,
        object=workload.ref,
        container=signal.container,
        confidence=sure,
        summary=f"{workload.ref} cannot reach {what} ({signal.count} times in its log).",
        evidence=tuple(evidence),
        facts={"host": host, "port": signal.port, "field": "", "wanted": "", "origin": ""},
        through=through,
    )


def _headless(service: Object) -> bool:
    return mapping(service.get("spec")).get("clusterIP") == "None"
