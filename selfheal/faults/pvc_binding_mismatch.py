"""A volume claim asks for something that the volume meant for it does not offer.

# What it is
A claim is bound to a volume only when class, access modes, capacity, mode and labels fit. One that asks for more,
or for something else, stays Pending, and so do the pods that need it.

# How it is recognised
Kubernetes has one text for all causes ("no persistent volumes available for this claim"). So the claim is compared
with every volume: the one that comes nearest (named by the claim, reserved for it, or alike in all but one thing)
tells what does not fit. A claim that a pod names and that does not exist counts as well.
Or the API server refused such a field at the last apply: the live object is then the old one, and well.

# How it is told from its neighbours
A class that nothing knows is `pvc-storage-class-missing`. A volume that fits in all but is held by another claim
is `pv-occupied`. A claim that waits for its first consumer is well.

# What is changed
The claim's field (`storageClassName`, `accessModes`, `resources.requests.storage`, `selector`) to what the volume
offers, or what it was before; a claim name that is plainly meant.
A field that was refused gets back what the live object has there, which was taken.

# How safe that is
Claims are immutable in these fields and have to be made anew, which loses nothing as long as the claim was never
bound.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Snapshot, metadata, ref_of
from selfheal.cluster.workloads import Workload, declared, last_good, mapping, strings
from selfheal.faults.claims import Claim, affected, meant, missing_claims, unbound, waits_for_consumer
from selfheal.faults.evidence import on_object
from selfheal.faults.fields import ANY, pod_fields
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, NearName, Remedy
from selfheal.faults.nearness import nearest
from selfheal.faults.refused import REFUSED, refused, taken_back
from selfheal.faults.scheduling import told, unscheduled
from selfheal.incidents.record import Target

#: Where each variant stands in a claim's spec, and where the volume says what it offers.
FIELDS = {
    "class": ("storageClassName", "/spec/storageClassName"),
    "access-mode": ("accessModes", "/spec/accessModes"),
    "capacity": ("resources/requests/storage", "/spec/capacity/storage"),
    "selector": ("selector", "/metadata/labels"),
    "mode": ("volumeMode", "/spec/volumeMode"),
}
_ORDER = ("selector", "access-mode", "capacity", "class", "mode")


class PvcBindingMismatch(Fault):
    """See the page above."""

    id = "pvc-binding-mismatch"
    blames = ("PersistentVolumeClaim", *ANY)
    writes = (
        *(
            f"{base}/{field}"
            for base in ("/spec", "/spec/volumeClaimTemplates/*/spec")
            for field in (*(field for field, _where in FIELDS.values()), "selector/matchLabels", "volumeName")
        ),
        *pod_fields("/volumes/*/persistentVolumeClaim/claimName"),
        "/spec/accessModes/*",
        "/spec/selector/matchLabels/*",
        "/spec/resources/requests/storage",
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        yield from refused(snapshot, self.id)
        for claim in unbound(snapshot):
            finding = _examine(snapshot, claim)
            if finding is not None:
                yield finding
        for workload, name, where in missing_claims(snapshot):
            finding = _missing(snapshot, workload, name, where)
            if finding is not None:
                yield finding

    @override
    def remedy(self, finding: Finding) -> Remedy:
        if finding.variant == REFUSED:
            return taken_back(finding)
        facts = finding.facts
        if finding.variant == "claim":
            value = LastGood(NearName("PersistentVolumeClaim", facts["name"], tuple(facts["claims"])))
            title = f"Let {finding.object.name} mount a claim that exists"
            return Remedy(title, (FieldEdit(finding.object, facts["field"], value),), finding.summary)
        title = f"Ask for what the volume {facts['volume']} offers"
        fallback = Exact(facts["wanted"], facts["origin"]) if facts["wanted"] is not None else None
        edit = FieldEdit(finding.object, facts["field"], LastGood(fallback))
        return Remedy(title, (edit,), finding.summary, requires_recreate=True)


def _examine(snapshot: Snapshot, claim: Claim) -> Finding | None:
    if not snapshot.known("PersistentVolume") or waits_for_consumer(snapshot, claim):
        return None
    named = claim.spec.get("volumeName")
    near = meant(snapshot, claim)
    if named and snapshot.get("PersistentVolume", "", str(named)) is None:
        return _finding(
            claim, "volume", "volumeName", None, None, f"the volume {named}, which does not exist", 0.9
        )
    if near is None or not near.reasons - {"occupied"}:
        return None
    reasons = [name for name in _ORDER if name in near.reasons]
    variant = _changed(claim, reasons) or reasons[0]
    field, where = FIELDS[variant]
    offers = pointer.resolve(near.volume, where)
    volume = ref_of(near.volume)
    asked = pointer.resolve(claim.spec, f"/{field}")
    what = f"{variant.replace('-', ' ')} {_short(asked)}; the volume {volume.name} has {_short(offers)}"
    sure = 0.95 if len(reasons) == 1 else 0.85
    if "occupied" in near.reasons:
        sure -= 0.1
    return _finding(claim, variant, field, near.volume, offers, what, round(sure, 2))


def _changed(claim: Claim, reasons: list[str]) -> str:
    """The variant whose field is other than in the last applied manifest."""
    was = mapping(declared(claim.object).get("spec"))
    for variant in reasons:
        field = "/" + FIELDS[variant][0]
        before = pointer.resolve(was, field)
        if was and before is not None and before != pointer.resolve(claim.spec, field):
            return variant
    return ""


def _short(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "none"
    if isinstance(value, dict):
        pairs = {**strings(value.get("matchLabels")), **strings(value)}
        return ", ".join(f"{key}={item}" for key, item in sorted(pairs.items())) or "none"
    return str(value) if value not in (None, "") else "none"


def _finding(
    claim: Claim, variant: str, field: str, volume: Any, offers: Any, what: str, confidence: float
) -> Finding:
    was = pointer.resolve(mapping(declared(claim.object).get("spec")), f"/{field}")
    now = pointer.resolve(claim.spec, f"/{field}")
    if was is not None and was != now:
        wanted, origin = was, "the last applied manifest"
    else:
        wanted, origin = _wanted(claim, variant, volume, offers)
    evidence = claim.evidence(field, "What the claim asks for")
    if volume is not None and variant in FIELDS:
        where = FIELDS[variant][1]
        if pointer.exists(volume, where):
            evidence.append(on_object(ref_of(volume), where, offers, "What the volume offers"))
    if claim.blamed != claim.ref and pointer.resolve(claim.spec, f"/{field}") is not None:
        evidence.append(on_object(claim.blamed, f"{claim.base}/{field}", now, "Where the claim comes from"))
    return Finding(
        fault=PvcBindingMismatch.id,
        variant=variant,
        object=claim.blamed,
        confidence=confidence,
        summary=f"The claim {claim.ref.name} cannot be bound: it asks for {what}.",
        evidence=tuple(evidence),
        facts={
            "field": f"{claim.base}/{field}",
            "wanted": wanted,
            "origin": origin,
            "volume": ref_of(volume).name if volume is not None else "",
        },
        affects=affected(claim),
        mitigation=f"kubectl -n {claim.ref.namespace} describe pvc {claim.ref.name}; kubectl get pv",
    )


def _wanted(claim: Claim, variant: str, volume: Any, offers: Any) -> tuple[Any, str]:
    if volume is None:
        return None, ""
    origin = f"the volume {ref_of(volume).name}"
    if variant == "selector":
        labels = strings(metadata(volume).get("labels"))
        asked = strings(mapping(claim.spec.get("selector")).get("matchLabels"))
        same = {key: labels[key] for key in asked if key in labels}
        return ({"matchLabels": same} if same else None), origin
    if variant == "access-mode" and isinstance(offers, list):
        return offers[:1], origin
    return offers, origin


def _missing(snapshot: Snapshot, workload: Workload, name: str, where: str) -> Finding | None:
    pods = unscheduled(workload)
    if not pods:
        return None
    text, evidence = told(snapshot, pods[0])
    said = evidence if f'"{name}" not found' in text else None
    claims = [ref_of(item).name for item in snapshot.list("PersistentVolumeClaim", workload.namespace)]
    near = nearest(name, claims)
    before = last_good(snapshot, workload, where)
    field = workload.at(where)
    marks = [on_object(workload.ref, field, name, "The claim that the pods mount")]
    hint = f"; {near} exists" if near else ""
    return Finding(
        fault=PvcBindingMismatch.id,
        variant="claim",
        object=workload.ref,
        confidence=0.95 if said is not None else 0.85,
        summary=f"{workload.ref} mounts the claim {name}, which does not exist{hint}.",
        evidence=tuple([said, *marks] if said is not None else marks),
        facts={
            "field": field,
            "name": name,
            "claims": claims[:12],
            "last_good": []
            if before is None
            else [{"field": field, "value": before[0], "origin": before[1]}],
        },
    )
