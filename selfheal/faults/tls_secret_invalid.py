"""A certificate or key is missing, wrong, expired, or not trusted.

# What it is
An Ingress names a Secret that does not exist or is no TLS Secret; or programs refuse each other's certificates: not
yet or no longer valid, for another name, or by an unknown authority.

# How it is recognised
The Secrets that Ingresses name for TLS are looked up, by type and keys. Logs repeat the words of TLS libraries; expiry,
name and authority are told apart by them.

# How it is told from its neighbours
A pod whose volume lacks `tls.crt` waits: `config-key-missing`. A webhook with such trouble is `webhook-failing`. Plain
HTTP on a TLS port is a probe's or Service's protocol.

# What is changed
The Secret's name in the Ingress: to the one that is plainly meant. Certificates are renewed by people or by what
issues them.

# How safe that is
Only a TLS Secret that exists is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.workloads import declared, mapping, mappings, workloads
from selfheal.faults.calls import callee
from selfheal.faults.evidence import of_log, on_object
from selfheal.faults.fields import ANY
from selfheal.faults.ingress_backend_invalid import backends_of
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, NearName, Remedy
from selfheal.faults.nearness import nearest
from selfheal.faults.references import keys_of
from selfheal.faults.signals import signals
from selfheal.faults.stores import behind
from selfheal.incidents.record import ObjectRef, Target

_KINDS = (
    ("expired", re.compile(r"expired|not yet valid|CERT_HAS_EXPIRED|NotAfter", re.IGNORECASE)),
    (
        "name",
        re.compile(
            r"valid for|doesn't match|does not match|hostname|SANs|ERR_TLS_CERT_ALTNAME|subject alternative",
            re.IGNORECASE,
        ),
    ),
    (
        "key",
        re.compile(
            r"PEM|key values mismatch|private key|no such file|cannot load certificate", re.IGNORECASE
        ),
    ),
    (
        "authority",
        re.compile(
            r"unknown authority|self[- ]signed|unable to get local issuer|PKIX|verify failed|CERTIFICATE_VERIFY_FAILED",
            re.IGNORECASE,
        ),
    ),
)


class TlsSecretInvalid(Fault):
    """See the page above."""

    id = "tls-secret-invalid"
    blames = ("Ingress", *ANY)
    writes = ("/spec/tls/*/secretName",)

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for ingress in snapshot.list("Ingress"):
            yield from _ingress(snapshot, ingress)
        for workload in workloads(snapshot):
            signal = next(
                (item for item in signals(snapshot, workload) if item.kind == "tls" and item.current), None
            )
            if signal is None:
                continue
            variant = next((name for name, pattern in _KINDS if pattern.search(signal.line)), "handshake")
            service = callee(snapshot, workload, signal)
            who = f" of {ref_of(service).name}" if service is not None else ""
            yield Finding(
                fault=self.id,
                variant=variant,
                object=workload.ref,
                container=signal.container,
                confidence=0.82,
                summary=f"{workload.ref} does not accept a certificate{who} ({variant}, {signal.count} times in its log).",
                evidence=(of_log(signal.pod, signal.container, signal.line, previous=signal.previous),),
                facts={"field": "", "name": "", "names": [], "was": None},
                through=() if service is None else (ref_of(service),),
            )

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Let {finding.object.name} use a certificate that fits"
        if not facts["field"] or not (facts["names"] or facts["was"]):
            return Remedy(
                title,
                (),
                finding.summary,
                escalate="Certificates are renewed by people or by what issues them.",
            )
        near = NearName("Secret", facts["name"], tuple(facts["names"]))
        value = LastGood(Exact(facts["was"], "the last applied manifest") if facts["was"] else near)
        return Remedy(title, (FieldEdit(finding.object, facts["field"], value),), finding.summary)


def _ingress(snapshot: Snapshot, ingress: Object) -> Iterator[Finding]:
    ref = ref_of(ingress)
    if not snapshot.known("Secret", ref.namespace):
        return
    usable = [
        ref_of(item).name
        for item in snapshot.list("Secret", ref.namespace)
        if item.get("type") == "kubernetes.io/tls"
    ]
    for index, entry in enumerate(mappings(mapping(ingress.get("spec")).get("tls"))):
        name = entry.get("secretName")
        if not isinstance(name, str):
            continue
        held = snapshot.get("Secret", ref.namespace, name)
        keys = keys_of(held) if held is not None else None
        field = f"/spec/tls/{index}/secretName"
        if held is None:
            variant, why = "missing", "which does not exist"
        elif keys is not None and not {"tls.crt", "tls.key"} <= keys:
            variant, why = "key", "which lacks tls.crt or tls.key"
        else:
            continue
        near = nearest(name, usable)
        was = pointer.resolve(declared(ingress), field)
        yield Finding(
            fault=TlsSecretInvalid.id,
            variant=variant,
            object=ref,
            confidence=0.93,
            summary=f"{ref} takes its certificate from the Secret {name}, {why}{f'; {near} exists' if near else ''}.",
            evidence=(on_object(ref, field, name, "Where the certificate should come from"),),
            facts={
                "field": field,
                "name": name,
                "names": [near] if near else [],
                "was": was if was not in (None, name) else None,
            },
            affects=_behind(snapshot, ingress),
        )


def _behind(snapshot: Snapshot, ingress: Object) -> tuple[ObjectRef, ...]:
    found: set[ObjectRef] = set()
    for _where, backend in backends_of(ingress):
        service = snapshot.get("Service", ref_of(ingress).namespace, str(backend.get("name", "")))
        if service is not None:
            found.update(item.ref for item in behind(snapshot, service))
    return tuple(sorted(found, key=str))
