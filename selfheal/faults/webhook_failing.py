"""An admission webhook does not answer (or says no), so objects cannot be created.

# What it is
The API server asks webhooks before it stores an object. One that cannot be reached, with `failurePolicy: Fail`,
stops everything its rules cover, such as every pod of a namespace.

# How it is recognised
Pods are missing (or the last apply failed), and the refusal says "failed calling webhook" with the webhook's
name, or "admission webhook … denied the request". The configuration that holds the webhook is looked up, and the
Service it calls.

# How it is told from its neighbours
Quota, LimitRange and PodSecurity refuse in their own words. A webhook with `failurePolicy: Ignore` stops nothing.
An old refusal counts no longer once the pods are there.

# What is changed
The Service or port that the webhook names, where one is plainly meant. Removing the webhook or relaxing its
`failurePolicy` needs approval.

# How safe that is
Admission is a guard; it is never weakened on its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.workloads import mapping, mappings
from selfheal.faults.absent import refused
from selfheal.faults.evidence import on_object, quoted
from selfheal.faults.fields import ANY
from selfheal.faults.interface import Fault, FieldEdit, Finding, LastGood, NearName, Remedy
from selfheal.faults.nearness import nearest
from selfheal.incidents.record import Evidence, ObjectRef, Target

_FAILED = re.compile(r"failed calling webhook \"(?P<name>[^\"]+)\"")
_DENIED = re.compile(r"admission webhook \"(?P<name>[^\"]+)\" denied the request")
_KINDS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")


class WebhookFailing(Fault):
    """See the page above."""

    id = "webhook-failing"
    blames = (*_KINDS, *ANY)
    writes = ("/webhooks/*/clientConfig/service/name", "/webhooks/*/clientConfig/service/port")

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        found: dict[str, Finding] = {}
        for workload, said in refused(snapshot):
            for text, evidence in said:
                failed, denied = _FAILED.search(text), _DENIED.search(text)
                if failed is not None:
                    finding = _failing(snapshot, failed["name"], text, evidence, workload.ref)
                elif denied is not None:
                    finding = _denied(denied["name"], text, evidence, workload.ref)
                else:
                    continue
                key = str(finding.object)
                held = found.get(key)
                affects = (*(held.affects if held else ()), workload.ref)
                found[key] = Finding(**{**finding.__dict__, "affects": tuple(dict.fromkeys(affects))})
                break
        for line in snapshot.sync().splitlines():
            failed = _FAILED.search(line)
            config = _holder(snapshot, failed["name"]) if failed else None
            if failed is not None and config is not None and str(ref_of(config[0])) not in found:
                evidence = Evidence(id="", source="sync", object=ref_of(config[0]), message=quoted(line))
                finding = _failing(snapshot, failed["name"], line, evidence, None)
                found[str(finding.object)] = finding
        yield from (found[name] for name in sorted(found))

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Let the webhook of {finding.object.name} be answered"
        if finding.variant == "service" and facts["near"]:
            query = LastGood(NearName("Service", facts["service"], tuple(facts["services"])))
            return Remedy(title, (FieldEdit(finding.object, facts["field"], query),), finding.summary)
        if finding.variant == "denied":
            return Remedy(
                title,
                (),
                finding.summary,
                escalate="The webhook denies it on purpose; comply, or ask its owner.",
            )
        return Remedy(
            title,
            (),
            finding.summary,
            escalate="Removing the webhook, or letting it fail open, weakens admission and needs approval.",
        )


def _holder(snapshot: Snapshot, name: str) -> tuple[Object, int, dict[str, Any]] | None:
    """The configuration that holds a webhook, its position in it, and the webhook."""
    for kind in _KINDS:
        for config in snapshot.list(kind):
            for index, hook in enumerate(mappings(config.get("webhooks"))):
                if hook.get("name") == name:
                    return config, index, hook
    return None


def _failing(snapshot: Snapshot, name: str, text: str, told: Evidence, workload: ObjectRef | None) -> Finding:
    held = _holder(snapshot, name)
    evidence, facts, variant = (
        [told],
        {"name": name, "service": "", "near": "", "services": [], "field": ""},
        "call",
    )
    ref = workload or told.object
    why = "it does not answer"
    if held is not None:
        config, index, hook = held
        ref = ref_of(config)
        policy = hook.get("failurePolicy", "Fail")
        evidence.append(
            on_object(ref, f"/webhooks/{index}/failurePolicy", policy, "Without an answer nothing passes")
        )
        service = mapping(mapping(hook.get("clientConfig")).get("service"))
        place, called = str(service.get("namespace") or ""), str(service.get("name") or "")
        if called and snapshot.known("Service", place) and place in snapshot.namespaces():
            names = [ref_of(item).name for item in snapshot.list("Service", place)]
            if called not in names:
                variant, why = "service", f"the Service {place}/{called} does not exist"
                field = pointer.join("webhooks", index, "clientConfig", "service", "name")
                evidence.append(on_object(ref, field, called, f"No Service of that name is in {place}"))
                facts.update(
                    service=called, near=nearest(called, names) or "", services=names[:20], field=field
                )
    if "x509" in text or "certificate" in text:
        variant, why = "certificate", "its certificate is not trusted"
    elif variant == "call" and ("timeout" in text or "deadline" in text):
        variant = "timeout"
    return Finding(
        fault=WebhookFailing.id,
        variant=variant,
        object=ref,
        confidence=0.97,
        summary=f"The admission webhook {name} stops objects from being created: {why}.",
        evidence=tuple(evidence),
        facts=facts,
        affects=() if workload is None else (workload,),
        mitigation=f"kubectl get {ref.kind.lower()} {ref.name} -o yaml",
    )


def _denied(name: str, text: str, told: Evidence, workload: ObjectRef) -> Finding:
    reason = text.partition("denied the request:")[2].strip()
    return Finding(
        fault=WebhookFailing.id,
        variant="denied",
        object=workload,
        confidence=0.85,
        summary=f"The admission webhook {name} denies pods of {workload}: {reason[:160]}",
        evidence=(told,),
        facts={"name": name, "service": "", "near": "", "services": [], "field": ""},
    )
