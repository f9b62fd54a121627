"""Whether what runs is what was merged: the live objects against the manifests, then the pods against the objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from selfheal.cluster import pointer
from selfheal.cluster.kinds import BY_KIND, WORKLOADS
from selfheal.cluster.snapshot import Object, Snapshot, metadata, ref_of
from selfheal.cluster.workloads import mapping, newest_job, number, spec_pointer, strings
from selfheal.incidents.record import ObjectRef, RenderedChange
from selfheal.redaction import redactor
from selfheal.rollout.compare import Difference, differences

_TEMPLATE_HASH = "pod-template-hash"
_REVISION_HASH = "controller-revision-hash"
#: Differences that are told.
TOLD = 6


@dataclass(frozen=True)
class Arrival:
    """``arrived``: the objects say what was merged, and the newest template is made from it. ``whole``: every pod that
    counts is of that template. None where it cannot be told. ``reasons`` say what is missing.
    """

    arrived: bool | None
    whole: bool | None
    reasons: tuple[str, ...] = ()


def runs_what_was_merged(
    expected: Sequence[dict[str, Any]],
    snapshot: Snapshot,
    *,
    changes: Sequence[RenderedChange] = (),
    about: Iterable[ObjectRef] = (),
    namespace: str = "",
) -> Arrival:
    """Compares rendered manifests and changed fields with what is live.

    ``expected`` are manifests rendered from the merged commit; with ``about`` only those objects of them count.
    ``namespace`` is where manifests that name none are deployed. Whatever cannot be read is unknown, never a yes.
    """
    wanted = set(about)
    manifests = [
        manifest
        for manifest in expected
        if isinstance(manifest, dict) and manifest.get("kind") and metadata(manifest).get("name")
        if not wanted or _ref(manifest, namespace) in wanted
    ]
    if not manifests and not changes:
        return Arrival(
            None, None, ("Nothing says what was merged, so it cannot be compared with what runs.",)
        )
    missing: list[str] = []
    unknown: list[str] = []
    workloads: dict[ObjectRef, Object] = {}
    for manifest in manifests:
        ref = _ref(manifest, namespace)
        live = _live(snapshot, ref, missing, unknown)
        if live is not None:
            missing += _told(ref, _differing(manifest, live))
            if ref.kind in WORKLOADS:
                workloads[ref] = live
    for change in changes:
        live = _live(snapshot, change.object, missing, unknown)
        if live is not None:
            missing += _told(change.object, _unchanged(change, live))
            if change.object.kind in WORKLOADS:
                workloads[change.object] = live
    made: list[str] = []
    old: list[str] = []
    for ref, live in workloads.items():
        for text, kind in _pods(snapshot, ref, live):
            {"made": made, "old": old, "unknown": unknown}[kind].append(text)
    reasons = tuple(dict.fromkeys((*missing, *made, *old, *unknown)))[:TOLD]
    if missing or made:
        return Arrival(False, False, reasons)
    if unknown:
        return Arrival(None, None, reasons)
    return Arrival(True, not old, reasons)


def _ref(manifest: dict[str, Any], namespace: str) -> ObjectRef:
    ref = ref_of(manifest)
    entry = BY_KIND.get(ref.kind)
    if ref.namespace or (entry is not None and not entry.namespaced):
        return ref
    return ref.model_copy(update={"namespace": namespace})


def _live(snapshot: Snapshot, ref: ObjectRef, missing: list[str], unknown: list[str]) -> Object | None:
    live = snapshot.find(ref)
    if live is None:
        if ref.kind in BY_KIND and snapshot.known(ref.kind, ref.namespace):
            missing.append(f"{ref} does not exist.")
        else:
            unknown.append(f"{ref.kind} was not read.")
    return live


def _differing(manifest: dict[str, Any], live: Object) -> Iterator[Difference]:
    """What of the manifest matters for what runs: a workload's pod template, an object's content."""
    kind = str(manifest.get("kind"))
    if kind == "Pod":
        yield from differences(manifest.get("spec"), live.get("spec"), "/spec")
        return
    if kind in WORKLOADS:
        # Replicas and the like belong to autoscalers and people as well; the changed fields are compared apart.
        where = spec_pointer(kind).removesuffix("/spec")
        yield from differences(pointer.resolve(manifest, where, {}), pointer.resolve(live, where, {}), where)
        return
    for section, value in manifest.items():
        if section not in ("apiVersion", "kind", "metadata", "status") and value:
            yield from differences(value, live.get(section), f"/{section}")


def _unchanged(change: RenderedChange, live: Object) -> Iterator[Difference]:
    found = pointer.resolve(live, change.field)
    if change.after is None:
        if found not in (None, "", [], {}):
            yield Difference(change.field, None, found)
        return
    yield from differences(change.after, found, change.field)


def _told(ref: ObjectRef, found: Iterable[Difference]) -> Iterator[str]:
    clean = redactor()
    for item in found:
        wanted, there = clean.text(str(item.expected))[:80], clean.text(str(item.found))[:80]
        yield f"{ref} has {there} at {item.field}, merged was {wanted}."


_Told = tuple[str, Literal["made", "old", "unknown"]]


def _pods(snapshot: Snapshot, ref: ObjectRef, live: Object) -> Iterator[_Told]:
    if ref.kind not in ("Pod",) and not snapshot.known("Pod", ref.namespace):
        yield "Pods were not read.", "unknown"
        return
    match ref.kind:
        case "Deployment":
            yield from _of_deployment(snapshot, ref, live)
        case "StatefulSet":
            update = mapping(live.get("status")).get("updateRevision")
            yield from _by_hash(snapshot, ref, live, str(update) if update else "")
        case "DaemonSet":
            newest = _newest_hash(snapshot, live)
            yield from _by_hash(snapshot, ref, live, newest) if newest else _by_count(ref, live)
        case "CronJob":
            yield from _of_cron_job(snapshot, ref, live)
        case _:
            return


def _of_deployment(snapshot: Snapshot, ref: ObjectRef, live: Object) -> Iterator[_Told]:
    if not snapshot.known("ReplicaSet", ref.namespace):
        yield "ReplicaSets were not read.", "unknown"
        return
    sets = snapshot.replica_sets(live)
    if not sets:
        yield f"{ref} has no ReplicaSet yet.", "made"
        return
    newest = sets[0]
    if _template(newest) != _template(live):
        yield f"The newest ReplicaSet of {ref} is not of its newest template yet.", "made"
        return
    wanted = strings(metadata(newest).get("labels")).get(_TEMPLATE_HASH, "")
    current = {str(metadata(pod).get("uid") or ref_of(pod).name) for pod in snapshot.owned(newest, "Pod")}
    for pod in snapshot.pods_of(live):
        mark = strings(metadata(pod).get("labels")).get(_TEMPLATE_HASH, wanted)
        of_newest = str(metadata(pod).get("uid") or ref_of(pod).name) in current and mark in (wanted, "")
        if not of_newest and not _over(pod):
            yield f"Pod {ref_of(pod).name} is of an older template.", "old"


def _template(obj: Object) -> dict[str, Any]:
    """The pod template without the label that the controller adds to it."""
    template = mapping(pointer.resolve(obj, "/spec/template", {}))
    labels = {
        key: value
        for key, value in strings(metadata(template).get("labels")).items()
        if key != _TEMPLATE_HASH
    }
    annotations = strings(metadata(template).get("annotations"))
    return {"labels": labels, "annotations": annotations, "spec": template.get("spec")}


def _by_hash(snapshot: Snapshot, ref: ObjectRef, live: Object, newest: str) -> Iterator[_Told]:
    if not newest:
        yield f"It cannot be told which is the newest revision of {ref}.", "unknown"
        return
    for pod in snapshot.pods_of(live):
        mark = strings(metadata(pod).get("labels")).get(_REVISION_HASH)
        if mark is None:
            yield f"Pod {ref_of(pod).name} does not say which revision it is of.", "unknown"
        elif mark != newest and not _over(pod):
            yield f"Pod {ref_of(pod).name} is of an older revision.", "old"


def _by_count(ref: ObjectRef, live: Object) -> Iterator[_Told]:
    """Without revisions to look at, what the DaemonSet's controller counted, if it has seen the newest spec."""
    status = mapping(live.get("status"))
    generation, wanted = (
        number(metadata(live).get("generation")),
        number(status.get("desiredNumberScheduled")),
    )
    if "updatedNumberScheduled" not in status or number(status.get("observedGeneration")) < generation:
        yield f"It cannot be told which is the newest revision of {ref}.", "unknown"
    elif number(status.get("updatedNumberScheduled")) < wanted:
        yield f"Not all pods of {ref} are of its newest template.", "old"


def _newest_hash(snapshot: Snapshot, live: Object) -> str:
    """A DaemonSet does not name its newest revision; the one with the highest number is it."""
    revisions = snapshot.owned(live, "ControllerRevision")
    newest = max(revisions, key=lambda item: number(item.get("revision")), default=None)
    return strings(metadata(newest).get("labels")).get(_REVISION_HASH, "") if newest is not None else ""


def _of_cron_job(snapshot: Snapshot, ref: ObjectRef, live: Object) -> Iterator[_Told]:
    if not snapshot.known("Job", ref.namespace):
        yield "Jobs were not read.", "unknown"
        return
    job = newest_job(snapshot, live)
    wanted = pointer.resolve(live, "/spec/jobTemplate/spec/template/spec", {})
    if job is None or any(differences(wanted, pointer.resolve(job, "/spec/template/spec", {}))):
        yield f"{ref} has not run with its newest template yet.", "old"


def _over(pod: Object) -> bool:
    """Whether a pod is going away or has ended; it serves nobody any more."""
    ended = mapping(pod.get("status")).get("phase") in ("Succeeded", "Failed")
    return ended or bool(metadata(pod).get("deletionTimestamp"))
