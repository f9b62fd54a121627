"""Names that exist cannot be resolved: by the pod's own DNS settings, or since the cluster's DNS fails.

# What it is
`dnsPolicy` or `dnsConfig` of the pod template send the program to a resolver that does not know the cluster's
Services; or the cluster's DNS itself does not answer.

# How it is recognised
Logs repeat that a host is not known, and that host is a Service which exists. The template's `dnsPolicy` is `None`
or `Default`, or its `dnsConfig` names other servers or search domains. When several workloads with plain settings
cannot resolve names that exist, the cluster's DNS is at fault.

# How it is told from its neighbours
A host that is no Service is a wrong address: `env-var-invalid`, `dependency-unreachable`. Refused connections were
resolved. A policy that blocks port 53 is `network-policy-blocking`.

# What is changed
`dnsPolicy` and `dnsConfig` go back to what the last good template had; else `dnsPolicy: ClusterFirst` (or
`ClusterFirstWithHostNet` on the host's network) and no `dnsConfig`.

# How safe that is
That is what pods have by default. Trouble of the cluster's DNS is for a person.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from typing_extensions import override

from selfheal.cluster.snapshot import Snapshot
from selfheal.cluster.workloads import Workload, last_good, mapping, workloads
from selfheal.faults.calls import called, service_of
from selfheal.faults.evidence import of_log, on_object
from selfheal.faults.fields import ANY, pod_fields
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.faults.signals import Signal, signals
from selfheal.incidents.record import Target

_OURS = ("ClusterFirst", "ClusterFirstWithHostNet", "")


class DnsMisconfigured(Fault):
    """See the page above."""

    id = "dns-misconfigured"
    blames = ANY
    writes = pod_fields("/dnsPolicy", "/dnsConfig")

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        plain = []
        for workload in workloads(snapshot):
            lines = [item for item in signals(snapshot, workload) if item.kind == "dns" and item.current]
            odd = _odd(workload)
            existing = [item for item in lines if _exists(snapshot, workload, item.host)]
            if odd and (lines or (_needs_cluster(snapshot, workload) and _ill(workload))):
                yield _own(snapshot, workload, odd, (existing or lines)[:1])
            elif existing:
                plain.append((workload, existing[0]))
        server = next(
            (
                item
                for item in workloads(snapshot)
                if item.namespace == "kube-system" and item.ref.name in ("coredns", "kube-dns")
            ),
            None,
        )
        if server is not None and len(plain) > 1:
            refs = tuple(workload.ref for workload, _signal in plain)
            first = _cluster(plain[0][0], plain[0][1], len(plain))
            yield replace(first, object=server.ref, container="", affects=refs)
            return
        for workload, signal in plain:
            yield _cluster(workload, signal, len(plain))

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Let {finding.object.name} ask the cluster's DNS"
        if not facts["odd"]:
            return Remedy(
                title, (), finding.summary, escalate="The cluster's DNS does not resolve names that exist."
            )
        edits = []
        if "dnsPolicy" in facts["odd"]:
            value = Exact(facts["policy"], "the default of pods")
            edits.append(FieldEdit(finding.object, facts["fields"]["dnsPolicy"], LastGood(value)))
        if "dnsConfig" in facts["odd"]:
            edits.append(FieldEdit(finding.object, facts["fields"]["dnsConfig"], LastGood(), "remove"))
        return Remedy(title, tuple(edits), finding.summary)


def _odd(workload: Workload) -> list[str]:
    """DNS settings of the template that are not the usual ones."""
    found = []
    if str(workload.spec.get("dnsPolicy") or "") not in _OURS:
        found.append("dnsPolicy")
    if mapping(workload.spec.get("dnsConfig")).get("nameservers") or mapping(
        workload.spec.get("dnsConfig")
    ).get("searches"):
        found.append("dnsConfig")
    return found


def _exists(snapshot: Snapshot, workload: Workload, host: str) -> bool:
    return bool(host) and service_of(snapshot, workload.namespace, host) is not None


def _needs_cluster(snapshot: Snapshot, workload: Workload) -> bool:
    return bool(called(snapshot, workload))


def _ill(workload: Workload) -> bool:
    from selfheal.cluster.workloads import ready

    return any(not ready(pod) for pod in workload.pods)


def _own(snapshot: Snapshot, workload: Workload, odd: list[str], lines: list[Signal]) -> Finding:
    evidence: list[Any] = [
        of_log(item.pod, item.container, item.line, previous=item.previous) for item in lines
    ]
    good = []
    for word in odd:
        field = workload.at(f"/{word}")
        evidence.append(on_object(workload.ref, field, workload.spec.get(word), "Not the cluster's DNS"))
        before = last_good(snapshot, workload, f"/{word}")
        if before is not None:
            good.append({"field": field, "value": before[0], "origin": before[1]})
    policy = "ClusterFirstWithHostNet" if workload.spec.get("hostNetwork") is True else "ClusterFirst"
    return Finding(
        fault=DnsMisconfigured.id,
        variant="policy" if "dnsPolicy" in odd else "config",
        object=workload.ref,
        confidence=0.96 if lines else 0.75,
        summary=f"{workload.ref} cannot resolve names of the cluster: its {' and '.join(odd)} ask another resolver.",
        evidence=tuple(evidence),
        facts={
            "odd": odd,
            "policy": policy,
            "fields": {word: workload.at(f"/{word}") for word in odd},
            "last_good": good,
        },
    )


def _cluster(workload: Workload, signal: Signal, count: int) -> Finding:
    return Finding(
        fault=DnsMisconfigured.id,
        variant="cluster",
        object=workload.ref,
        container=signal.container,
        confidence=0.88 if count > 1 else 0.8,
        summary=f"{workload.ref} cannot resolve {signal.host}, a Service that exists; the cluster's DNS fails ({count} workloads).",
        evidence=(of_log(signal.pod, signal.container, signal.line, previous=signal.previous),),
        facts={"odd": [], "policy": "", "fields": {}, "host": signal.host},
    )
