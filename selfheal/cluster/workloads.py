"""Workloads as people deploy them, with their pods, containers and earlier templates."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.kinds import WORKLOADS
from selfheal.cluster.podtemplates import outdated, template_of
from selfheal.cluster.snapshot import Object, Snapshot, metadata, owner_of, ref_of
from selfheal.incidents.record import ObjectRef

_SPEC_POINTERS = {"Pod": "/spec", "CronJob": "/spec/jobTemplate/spec/template/spec"}
#: Characters of a last-applied manifest that are read.
MAX_APPLIED = 262_144


def mapping(value: Any) -> dict[str, Any]:
    """``value`` when it is a mapping, {} for anything odd."""
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> list[dict[str, Any]]:
    """The mappings in a list, [] for anything odd."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def strings(value: Any) -> dict[str, str]:
    """The pairs of a mapping whose values are texts, as labels and selectors are."""
    return {key: item for key, item in mapping(value).items() if isinstance(item, str)}


def number(value: Any, default: int = 0) -> int:
    """A whole number of a spec or status, ``default`` for anything odd."""
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def spec_pointer(kind: str) -> str:
    """Where a workload of ``kind`` keeps its pod spec."""
    return _SPEC_POINTERS.get(kind, "/spec/template/spec")


def pod_spec(workload: Object) -> dict[str, Any]:
    """The pod spec of a workload (or of a pod), {} when it has none."""
    return mapping(pointer.resolve(workload, spec_pointer(str(workload.get("kind", ""))), {}))


def pod_labels(workload: Object) -> dict[str, str]:
    """The labels pods of a workload carry."""
    where = spec_pointer(str(workload.get("kind", ""))).removesuffix("/spec") + "/metadata/labels"
    return strings(pointer.resolve(workload, where, {}))


@dataclass(frozen=True)
class Container:
    """A container of a pod spec. ``pointer`` is relative to the pod spec; ``index`` its position in the
    list.
    """

    name: str
    spec: dict[str, Any]
    pointer: str
    index: int
    init: bool

    @property
    def passing(self) -> bool:
        """Whether it ends before the program starts. An init container that is always restarted is a sidecar, which
        runs, is probed and serves beside the program.
        """
        return self.init and self.spec.get("restartPolicy") != "Always"

    @property
    def statuses(self) -> str:
        """Where a pod's status tells of it."""
        return "initContainerStatuses" if self.init else "containerStatuses"


def containers(spec: dict[str, Any]) -> tuple[Container, ...]:
    """Init containers first, then the others."""
    found = []
    for section in ("initContainers", "containers"):
        items = spec.get(section)
        for index, item in enumerate(items if isinstance(items, list) else ()):
            if isinstance(item, dict):
                name = str(item.get("name", ""))
                where = pointer.join(section, f"name={name}")
                found.append(Container(name, item, where, index, section == "initContainers"))
    return tuple(found)


@dataclass(frozen=True)
class Workload:
    """A workload that nothing else in the snapshot owns, with the pods that count now.

    ``pods`` leaves out pods that are going away, that finished, and those of an older template.
    """

    object: Object
    ref: ObjectRef
    spec: dict[str, Any]
    containers: tuple[Container, ...]
    pods: tuple[Object, ...]

    @property
    def namespace(self) -> str:
        return self.ref.namespace

    @property
    def spec_pointer(self) -> str:
        return spec_pointer(self.ref.kind)

    def at(self, relative: str) -> str:
        """A pointer into the workload from one into its pod spec."""
        return self.spec_pointer + relative

    def container(self, name: str) -> Container | None:
        return next((found for found in self.containers if found.name == name), None)


def workloads(snapshot: Snapshot) -> tuple[Workload, ...]:
    """All workloads at the top of their chain of owners, ordered by kind and name."""
    return snapshot.memo("workloads", lambda: tuple(_workloads(snapshot)))


def troubled(snapshot: Snapshot) -> tuple[Workload, ...]:
    """Workloads with a pod that is not ready, or whose containers restarted, wait, or ended in error."""
    return snapshot.memo(
        "troubled", lambda: tuple(found for found in workloads(snapshot) if any(map(_troubled, found.pods)))
    )


def _troubled(pod: Object) -> bool:
    if not ready(pod):
        return True
    return any(
        number(status.get("restartCount")) > 0
        or not state(status, "running")
        or bool(state(status, "terminated", "lastState"))
        for status in statuses(pod).values()
        if state(status, "terminated").get("exitCode") != 0
    )


def by_ref(snapshot: Snapshot) -> dict[ObjectRef, Workload]:
    """The same by reference."""
    return snapshot.memo("workloads-by-ref", lambda: {found.ref: found for found in workloads(snapshot)})


def _workloads(snapshot: Snapshot) -> Iterator[Workload]:
    for kind in WORKLOADS:
        for obj in sorted(
            snapshot.list(kind), key=lambda found: (ref_of(found).namespace, ref_of(found).name)
        ):
            owner = owner_of(obj)
            if owner and snapshot.workload_of(obj) is not obj:
                continue
            if kind == "ReplicaSet" and owner and not number(mapping(obj.get("spec")).get("replicas"), 1):
                # A release before the present one; its Deployment was not read.
                continue
            spec = pod_spec(obj)
            yield Workload(obj, ref_of(obj), spec, containers(spec), tuple(current_pods(snapshot, obj)))


def current_pods(snapshot: Snapshot, workload: Object) -> list[Object]:
    """Pods of the newest template that are not going away and have not ended well."""
    kind = workload.get("kind")
    pods: Sequence[Object]
    if kind == "Deployment":
        sets = snapshot.replica_sets(workload)
        newest = list(snapshot.owned(sets[0], "Pod")) if sets else []
        pods = snapshot.pods_of(workload)
        pods = newest or (pods if sets else _of_newest_template(pods))
    elif kind == "CronJob":
        job = newest_job(snapshot, workload)
        pods = snapshot.owned(job, "Pod") if job is not None and not job_complete(job) else ()
    elif kind == "Job":
        pods = () if job_complete(workload) else snapshot.pods_of(workload)
    elif kind == "StatefulSet":
        pods = snapshot.pods_of(workload)
        update = mapping(workload.get("status")).get("updateRevision")
        pods = [
            pod
            for pod in pods
            if not update
            or strings(metadata(pod).get("labels")).get("controller-revision-hash") in (None, update)
        ] or pods
    elif kind == "DaemonSet":
        pods = snapshot.pods_of(workload)
        template = pod_spec(workload)
        pods = [pod for pod in pods if not outdated(pod, kind, template)] or pods
    else:
        pods = snapshot.pods_of(workload)
    over = ("Succeeded",) if kind in ("Job", "CronJob", "Pod") else ("Succeeded", "Failed")
    return [
        pod
        for pod in pods
        if not metadata(pod).get("deletionTimestamp") and mapping(pod.get("status")).get("phase") not in over
    ]


def _of_newest_template(pods: Sequence[Object]) -> Sequence[Object]:
    """The pods of the template that came last: pods of an older one began before."""
    groups: dict[str, list[Object]] = {}
    for pod in pods:
        groups.setdefault(strings(metadata(pod).get("labels")).get("pod-template-hash", ""), []).append(pod)
    if len(groups) < 2:
        return pods
    return max(
        groups.values(), key=lambda held: min(str(metadata(pod).get("creationTimestamp", "")) for pod in held)
    )


def newest_job(snapshot: Snapshot, cron_job: Object) -> Object | None:
    """The CronJob's most recent Job."""
    jobs = snapshot.owned(cron_job, "Job")
    return max(jobs, key=lambda job: str(metadata(job).get("creationTimestamp", "")), default=None)


def condition(obj: Object, kind: str) -> dict[str, Any]:
    """The condition of that type in an object's status, {} when it has none."""
    found = mapping(obj.get("status")).get("conditions")
    for item in found if isinstance(found, list) else ():
        if isinstance(item, dict) and item.get("type") == kind:
            return item
    return {}


def job_complete(job: Object) -> bool:
    """Whether a Job ended well."""
    return condition(job, "Complete").get("status") == "True"


def ready(pod: Object) -> bool:
    """Whether a pod's Ready condition is true."""
    return condition(pod, "Ready").get("status") == "True"


def statuses(pod: Object) -> dict[str, dict[str, Any]]:
    """Container statuses by container name, init containers included."""
    status = mapping(pod.get("status"))
    found: dict[str, dict[str, Any]] = {}
    for section in ("initContainerStatuses", "containerStatuses"):
        for item in mappings(status.get(section)):
            found[str(item.get("name", ""))] = item
    return found


def state(status: dict[str, Any], kind: str, section: str = "state") -> dict[str, Any]:
    """``running``, ``waiting`` or ``terminated`` of a container status, {} when it is in another state."""
    return mapping(mapping(status.get(section)).get(kind))


@dataclass(frozen=True)
class Earlier:
    """An older pod spec of a workload. ``proven``: pods of it are ready still; ``origin`` names where it
    stands: a ReplicaSet, a ControllerRevision or, where that was not read, a pod that is left of it.
    """

    spec: dict[str, Any]
    origin: str
    proven: bool

    @property
    def ref(self) -> ObjectRef:
        """The object that ``origin`` names."""
        kind, _, rest = self.origin.partition(" ")
        namespace, _, name = rest.rpartition("/")
        return ObjectRef(kind=kind, namespace=namespace, name=name)

    def at(self, relative: str) -> str:
        """A pointer into that object from one into its pod spec."""
        return (
            ("/data" if self.ref.kind == "ControllerRevision" else "")
            + spec_pointer(self.ref.kind)
            + relative
        )


def earlier(snapshot: Snapshot, workload: Object) -> tuple[Earlier, ...]:
    """Older templates: those whose pods still serve first, then the newest."""
    found: list[Earlier] = []
    if workload.get("kind") == "Deployment":
        sets = snapshot.replica_sets(workload)
        if not sets:
            found += _of_pods(snapshot, workload)
        for replica_set in sets[1:]:
            proven = number(mapping(replica_set.get("status")).get("readyReplicas")) > 0
            found.append(Earlier(pod_spec(replica_set), str(ref_of(replica_set)), proven))
    elif workload.get("kind") in ("StatefulSet", "DaemonSet"):
        update = mapping(workload.get("status")).get("updateRevision")
        revisions = [
            item
            for item in snapshot.owned(workload, "ControllerRevision")
            if metadata(item).get("name") != update
        ]
        newest_last = sorted(revisions, key=lambda item: number(item.get("revision")), reverse=True)
        # A DaemonSet does not name its newest revision; the one with the highest number is it.
        for item in newest_last if update else newest_last[1:]:
            spec = mapping(pointer.resolve(item, "/data/spec/template/spec", {}))
            found.append(Earlier(spec, str(ref_of(item)), False))
        if not revisions:
            found += _of_pods(snapshot, workload)
    elif workload.get("kind") == "CronJob":
        found += _of_jobs(snapshot, workload)
    return tuple(sorted(found, key=lambda item: not item.proven))


def proven(snapshot: Snapshot, workload: Workload) -> str:
    """Where a Deployment says that all pods of its present template were available once, "" where it does not.

    The Deployment controller reports a finished rollout by that reason, naming the ReplicaSet, and keeps it until the
    template changes, whatever becomes of the pods later.
    """
    found = mapping(workload.object.get("status")).get("conditions")
    sets = snapshot.replica_sets(workload.object) if workload.ref.kind == "Deployment" else ()
    for index, item in enumerate(mappings(found)):
        done = (item.get("type"), item.get("status")) == ("Progressing", "True")
        if done and item.get("reason") == "NewReplicaSetAvailable" and sets:
            return (
                f"/status/conditions/{index}/message"
                if ref_of(sets[0]).name in str(item.get("message"))
                else ""
            )
    return ""


def _of_pods(snapshot: Snapshot, workload: Object) -> Iterator[Earlier]:
    """The templates that pods of an older revision were made from, the newest pod first."""
    kind, template = str(workload.get("kind")), pod_spec(workload)
    update = mapping(workload.get("status")).get("updateRevision")
    seen: list[dict[str, Any]] = []
    pods = sorted(
        snapshot.pods_of(workload),
        key=lambda pod: str(metadata(pod).get("creationTimestamp", "")),
        reverse=True,
    )
    for pod in pods:
        revision = strings(metadata(pod).get("labels")).get("controller-revision-hash")
        if (update and revision == update) or not outdated(pod, kind, template):
            continue
        spec = template_of(pod, kind, template)
        if spec not in seen:
            seen.append(spec)
            yield Earlier(spec, str(ref_of(pod)), ready(pod))


def _of_jobs(snapshot: Snapshot, cron_job: Object) -> Iterator[Earlier]:
    """The templates of a CronJob's Jobs that went well, where they are not its present one, the newest first."""
    template = pod_spec(cron_job)
    jobs = sorted(
        snapshot.owned(cron_job, "Job"),
        key=lambda job: str(metadata(job).get("creationTimestamp", "")),
        reverse=True,
    )
    seen: list[dict[str, Any]] = []
    for job in jobs:
        spec = pod_spec(job)
        if job_complete(job) and spec not in seen and outdated({"spec": spec}, "Job", template):
            seen.append(spec)
            yield Earlier(spec, str(ref_of(job)), True)


def last_good(snapshot: Snapshot, workload: Workload, relative: str) -> tuple[Any, str] | None:
    """The newest differing value an older template has at ``relative`` (into the pod spec), and where it
    stands.
    """
    now = pointer.resolve(workload.spec, relative)
    for older in earlier(snapshot, workload.object):
        value = pointer.resolve(older.spec, relative)
        if value is not None and value != now:
            return value, older.origin
    applied = pointer.resolve(declared(workload.object), workload.spec_pointer + relative)
    if applied is not None and applied != now and _is_leaf(applied):
        return applied, f"{workload.ref} last-applied-configuration"
    return None


def _is_leaf(value: Any) -> bool:
    """Whether a value is written as it is read; in mappings and lists the API server fills in defaults."""
    return isinstance(value, (str, int)) or (
        isinstance(value, list) and all(isinstance(item, (str, int)) for item in value)
    )


def declared(obj: Object) -> dict[str, Any]:
    """The manifest that the last ``kubectl apply`` of an object brought, {} when it is not known.

    What differs from it was changed in the cluster since.
    """
    annotations = mapping(metadata(obj).get("annotations"))
    text = annotations.get("kubectl.kubernetes.io/last-applied-configuration")
    if not isinstance(text, str) or len(text) > MAX_APPLIED:
        return {}
    try:
        return mapping(json.loads(text))
    except (ValueError, RecursionError):
        return {}
