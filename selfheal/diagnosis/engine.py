"""Runs the catalogue over a snapshot, reduces what it found to root causes, ranks them, decides the
verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from selfheal.clock import Clock, SystemClock
from selfheal.cluster.labels import selected_by
from selfheal.cluster.managed import MANAGED, last_writer
from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.workloads import Workload, by_ref, workloads
from selfheal.diagnosis import symptoms
from selfheal.diagnosis.reduction import distance, front, reduced, touched, workload_of
from selfheal.diagnosis.symptoms import Symptom
from selfheal.diagnosis.target import distances, resolve
from selfheal.faults.backends import complaining
from selfheal.faults.calls import called
from selfheal.faults.catalogue import CATALOGUE
from selfheal.faults.evidence import on_object
from selfheal.faults.interface import Fault, Finding
from selfheal.faults.precedence import layer
from selfheal.faults.refused import reason, unexplained
from selfheal.incidents.record import Analysis, Explained, ObjectRef, Target, Tried
from selfheal.incidents.wording import spoken

#: A finding counts as the cause from this confidence on.
SURE = 0.5
#: What confidence keeps when nothing known leads from the target to the finding: in another namespace, beside
#: the target, for a target that only a text names; and when a fix for it did not help.
FAR = 0.45
BESIDE = 0.55
HINTED = 0.8
TRIED = 0.85
#: What a finding loses in rank for each relation between it and the target, and for having none that is known.
STEP = 0.03
UNRELATED = 0.2
#: Below this a finding says what will go wrong, not what does.
LATENT = 0.7
#: Without these nothing can be called healthy. Endpoints follow from Services and pods, so they are no need.
_NEEDED = ("Pod", "Event", "Service", "Deployment", "ReplicaSet")
_REASONS = 12


@dataclass(frozen=True)
class Diagnosis:
    """What was found. ``findings`` root cause first; ``reasons`` says for ``unknown`` what is not well or
    not known.
    """

    verdict: str
    findings: tuple[Finding, ...]
    target: Target | None
    incomplete: tuple[str, ...]
    reasons: tuple[str, ...]
    ruled_out: tuple[str, ...]
    elapsed_ms: int
    snapshot_digest: str
    taken_at: datetime

    @property
    def root(self) -> Finding | None:
        """The root cause, None when the verdict names none."""
        return self.findings[0] if self.verdict == "fault" else None

    def document(self) -> dict[str, object]:
        """The JSON document of ``selfheal diagnose``, redacted."""
        from selfheal.diagnosis.document import document

        return document(self)

    def to_analysis(self, snapshot: Snapshot) -> Analysis:
        """What the record keeps: redacted, within its budget, evidence numbered e1, e2 …"""
        from selfheal.diagnosis.analysis import to_analysis

        return to_analysis(self, snapshot)


def diagnose(
    snapshot: Snapshot,
    *,
    target: Target | None = None,
    incident_text: str = "",
    excluded: Sequence[Tried] = (),
    clock: Clock | None = None,
    repository: Path | None = None,
    declared: Mapping[ObjectRef, tuple[str, Object]] | None = None,
) -> Diagnosis:
    """The diagnosis of a snapshot, for a target when one is known or the text names one plainly.

    With ``repository`` (a directory) what is live is compared with the plain manifests there; with ``declared``, (file,
    object) by name, with what a repository renders to.
    """
    clock = clock or SystemClock()
    began = clock.monotonic()
    if declared is None and repository is not None:
        from selfheal.cluster.manifests import declared_in

        declared = declared_in(repository, snapshot)
    if declared is not None:
        snapshot = snapshot.beside(declared)
    given = target is not None and bool(target.name)
    target = resolve(snapshot, target, incident_text)
    missing = _missing(snapshot, target)
    near = distances(snapshot, target) if target is not None and target.name else {}
    scope = target.namespace if target is not None else ""
    skipped: list[str] = []
    found = _merged(finding for fault in CATALOGUE for finding in _detected(fault, snapshot, target, skipped))
    found = [finding for finding in found if not scope or _within(finding, scope)]
    found = [_with_tried(finding, excluded) for finding in found]
    roots = reduced(snapshot, found)
    if near:
        roots = [_weighed(finding, near, scope, given=given) for finding in roots]
    roots.sort(key=lambda finding: _rank(finding, near))
    ill = _symptoms(snapshot, target)
    reasons: tuple[str, ...] = ()
    short = frozenset(symptom.object for symptom in ill if "replicas" in symptom.text)
    roots = [_explaining(snapshot, finding, short) for finding in roots]
    roots[:1] = [_attributed(snapshot, finding) for finding in roots[:1]]
    if roots and roots[0].confidence >= SURE:
        verdict = "fault"
    else:
        reasons = (*(f"{symptom.object} {symptom.text}" for symptom in ill[:_REASONS]), *missing, *skipped)
        reasons = (*_refused(snapshot, found, target, near), *reasons)
        if target is not None and target.name and not _exists(snapshot, target):
            reasons = (f"{target.kind} {target.name} is not in the snapshot", *reasons)
        if not snapshot.kinds() or not any(True for _ in workloads(snapshot)):
            reasons = (*reasons, "no workload was read")
        verdict = "unknown" if reasons or roots else "healthy"
    return Diagnosis(
        verdict=verdict,
        findings=tuple(roots) if verdict != "healthy" else (),
        target=target,
        incomplete=(*snapshot.incomplete, *missing, *skipped),
        reasons=reasons,
        ruled_out=tuple(fault.id for fault in CATALOGUE if not any(item.fault == fault.id for item in found)),
        elapsed_ms=round((clock.monotonic() - began) * 1000),
        snapshot_digest=snapshot.digest,
        taken_at=snapshot.taken_at,
    )


def _detected(fault: Fault, snapshot: Snapshot, target: Target | None, skipped: list[str]) -> list[Finding]:
    """A fault's findings. One detector that fails on something unheard of must not silence the others: it is said
    that the fault was not looked for.
    """
    try:
        return list(fault.detect(snapshot, target))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is reported, and the verdict is not "healthy"
        skipped.append(
            f"{fault.id} was not looked for: the snapshot holds something odd ({type(error).__name__})"
        )
        return []


def _exists(snapshot: Snapshot, target: Target) -> bool:
    return snapshot.get(target.kind, target.namespace, target.name) is not None


def _missing(snapshot: Snapshot, target: Target | None) -> tuple[str, ...]:
    """Kinds without which nothing can be called healthy, where they were not read."""
    namespace = target.namespace if target is not None else ""
    places = (namespace,) if namespace else snapshot.namespaces()
    unread = []
    for kind in _NEEDED:
        holes = [place for place in places if not snapshot.known(kind, place)]
        if kind not in snapshot.kinds():
            unread.append(f"{kind} was not read")
        elif holes and len(places) == 1:
            unread.append(f"{kind} was not read in {holes[0]}")
        elif holes:
            populated = [
                place for place in holes if any(item.namespace == place for item in workloads(snapshot))
            ]
            if populated:
                unread.append(f"{kind} was not read in {', '.join(populated[:5])}")
    return tuple(unread)


def _merged(findings: Iterable[Finding]) -> list[Finding]:
    """One finding per fault, object and container: the surest, in an order that objects' order cannot
    change.
    """
    best: dict[tuple[str, ObjectRef, str], Finding] = {}
    for finding in findings:
        key = (finding.fault, finding.object, finding.container)
        held = best.get(key)
        if held is None:
            best[key] = finding
            continue
        first, second = sorted((held, finding), key=lambda item: (-item.confidence, item.summary))
        best[key] = replace(
            first,
            explains=tuple(dict.fromkeys((*first.explains, *second.explains))),
            affects=tuple(dict.fromkeys((*first.affects, *second.affects, *_loads(second)))),
        )
    # A ConfigMap that lacks a key is one cause, however many workloads ask for it.
    shared: dict[tuple[str, ObjectRef, str], Finding] = {}
    for finding in best.values():
        part = (
            finding.container
            if finding.object.kind not in ("ConfigMap", "Secret")
            else str(finding.facts.get("key"))
        )
        shared.setdefault((finding.fault, finding.object, part), finding)
    return sorted(shared.values(), key=lambda item: (item.fault, str(item.object), item.container))


def _loads(finding: Finding) -> tuple[ObjectRef, ...]:
    """The workload that a finding's facts name, as a tuple of one or none."""
    held = finding.facts.get("workload")
    return (ObjectRef(**held),) if isinstance(held, dict) else ()


def _with_tried(finding: Finding, excluded: Sequence[Tried]) -> Finding:
    """Notes what a fix for the same fault already tried, so that the remedy does not repeat it."""
    tried = [item for item in excluded if item.fault == finding.fault and item.object == finding.object]
    if not tried:
        return finding
    values = [{"field": change.field, "value": change.after} for item in tried for change in item.rendered]
    facts = {**finding.facts, "tried": values}
    return replace(finding, facts=facts, confidence=round(finding.confidence * TRIED, 2))


def _weighed(finding: Finding, near: dict[ObjectRef, int], namespace: str, *, given: bool) -> Finding:
    """Less sure of what nothing known connects with the target; a target from text only is a hint."""
    if distance(finding, near) is not None:
        return finding
    inside = namespace in {ref.namespace for ref in touched(finding)}
    factor = HINTED if not given else BESIDE if inside else FAR
    return replace(finding, confidence=round(finding.confidence * factor, 2))


def _within(finding: Finding, namespace: str) -> bool:
    """Whether a finding is in a namespace, or on something of the cluster that the namespace suffers from."""
    places = {ref.namespace for ref in touched(finding)}
    return namespace in places or places == {""}


def _rank(finding: Finding, near: dict[ObjectRef, int]) -> tuple[object, ...]:
    apart = distance(finding, near)
    cost = 0.0 if not near else UNRELATED if apart is None else min(STEP * apart, UNRELATED - STEP)
    latent = finding.confidence < LATENT
    return (
        latent,
        round(cost - finding.confidence, 4),
        -len(finding.explains),
        layer(finding.fault),
        finding.fault,
        str(finding.object),
        finding.container,
    )


def _symptoms(snapshot: Snapshot, target: Target | None) -> list[Symptom]:
    """What is not well: of the target and what it depends on when there is one, of everything else."""
    scope = target.namespace if target is not None else ""
    own = None
    if target is not None and target.name:
        obj = snapshot.get(target.kind, target.namespace, target.name)
        if obj is not None and target.kind == "Service":
            selected = [found for found in workloads(snapshot) if obj in selected_by(snapshot, found)]
            return list(_unique([*symptoms.of_service(snapshot, obj), *_of_all(snapshot, selected)]))
        own = by_ref(snapshot).get(ref_of(snapshot.workload_of(obj))) if obj is not None else None
        if own is None:
            return []
        services = [
            *selected_by(snapshot, own),
            *called(snapshot, own),
            *filter(None, [snapshot.get("Service", own.namespace, own.ref.name)]),
        ]
        beside = [
            symptom
            for symptom in symptoms.around(snapshot, frozenset({own.namespace}))
            if symptom.object.kind not in ("Service",) and _about(snapshot, symptom, own, services)
        ]
        of_services = [symptom for service in services for symptom in symptoms.of_service(snapshot, service)]
        return list(_unique([*_of_all(snapshot, [own]), *of_services, *beside]))
    chosen = [found for found in workloads(snapshot) if not scope or found.namespace == scope]
    places = frozenset({scope} if scope else snapshot.namespaces())
    cluster = [] if scope else list(symptoms.nodes(snapshot))
    return list(_unique([*_of_all(snapshot, chosen), *symptoms.around(snapshot, places), *cluster]))


def _about(snapshot: Snapshot, symptom: Symptom, own: Workload, services: list[dict[str, object]]) -> bool:
    """Whether an autoscaler, claim or ingress with a symptom has to do with the workload."""
    obj = snapshot.find(symptom.object) or {}
    spec = obj.get("spec")
    text = str(spec)
    if symptom.object.kind == "HorizontalPodAutoscaler":
        return f"'{own.ref.name}'" in text or symptom.object.name == own.ref.name
    if symptom.object.kind == "PersistentVolumeClaim":
        return any(symptom.object.name in str((pod.get("spec") or {}).get("volumes")) for pod in own.pods)
    names = {own.ref.name, *(ref_of(service).name for service in services)}
    return any(f"'{name}'" in text for name in names)


def _refused(
    snapshot: Snapshot, found: Iterable[Finding], target: Target | None, near: Mapping[ObjectRef, int]
) -> list[str]:
    """What the last apply was refused and no finding tells of: the objects are well, but not what was deployed.

    Of a target, what is known to have to do with it, and what names no object.
    """
    scope = target.namespace if target is not None else ""
    told = []
    for refusal in unexplained(snapshot, found):
        ref = refusal.object
        within = ref is None or not scope or ref.namespace in ("", scope)
        if within and (not near or ref is None or ref in near or snapshot.find(ref) is None):
            told.append(reason(refusal))
    return list(dict.fromkeys(told))[:_REASONS]


def _of_all(snapshot: Snapshot, chosen: Iterable[Workload]) -> Iterator[Symptom]:
    for workload in chosen:
        yield from symptoms.of_workload(snapshot, workload)


def _unique(items: Iterable[Symptom]) -> Iterator[Symptom]:
    return iter(dict.fromkeys(items))


def _explaining(snapshot: Snapshot, finding: Finding, short: frozenset[ObjectRef]) -> Finding:
    """Adds what follows from the finding: Services without endpoints, a stuck rollout, callers that fail."""
    workload = workload_of(snapshot, finding)
    added = []
    stuck = workload is not None and workload.ref.kind == "Deployment" and finding.object.kind != "Service"
    if workload is not None and stuck and workload.ref in short:
        added.append(Explained(fault="rollout-stuck", object=workload.ref))
    for ref in sorted(front(snapshot, finding), key=str):
        added += [
            Explained(fault="dependency-unreachable", object=caller.ref)
            for caller, _signal in complaining(snapshot, ref)
            if caller != workload
        ]
    return replace(finding, explains=tuple(dict.fromkeys((*finding.explains, *added))))


def _attributed(snapshot: Snapshot, finding: Finding) -> Finding:
    """Adds who wrote the field at fault last, where the cluster keeps that: whom to ask, and whether it was by hand."""
    obj = snapshot.find(finding.object)
    for item in finding.evidence if obj is not None else ():
        cited = item.source == "object" and item.object == finding.object and item.field
        writer = last_writer(obj, item.field) if obj is not None and cited else None
        if writer is not None:
            at = f" at {writer.at}" if writer.at else ""
            message = f"{writer.manager} wrote {spoken(item.field)} last{at}"
            where = f"{MANAGED}/{writer.index}/manager"
            told = on_object(item.object, where, writer.manager, message)
            return replace(finding, evidence=(*finding.evidence, told))
    return finding
