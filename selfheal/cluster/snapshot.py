"""The snapshot: everything known of a cluster at one time, indexed. Never changed after it is made.

Kinds that were not read are unknown, not absent: ask :meth:`Snapshot.known` before concluding from absence.
"""

from __future__ import annotations

import builtins
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, TypeVar

from selfheal.cluster.kinds import BY_KIND
from selfheal.incidents.record import ObjectRef

Object = dict[str, Any]
T = TypeVar("T")
#: (namespace, pod, container, previous) -> text, or None when it was not read.
LogReader = Callable[[str, str, str, bool], str | None]

_REVISION = "deployment.kubernetes.io/revision"
_NOTHING: tuple[Object, ...] = ()
#: Beside nothing: no repository is known.
_NO_MANIFESTS: Mapping[ObjectRef, tuple[str, Object]] = {}


def metadata(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object's metadata, {} when it has none."""
    found = obj.get("metadata")
    return found if isinstance(found, dict) else {}


def ref_of(obj: Mapping[str, Any]) -> ObjectRef:
    """The name of an object."""
    meta = metadata(obj)
    return _named(str(obj.get("kind", "")), str(meta.get("namespace") or ""), str(meta.get("name", "")))


@lru_cache(maxsize=65_536)
def _named(kind: str, namespace: str, name: str) -> ObjectRef:
    """References are asked for over and over and never change, so each is validated once."""
    return ObjectRef(kind=kind, namespace=namespace, name=name)


def owner_of(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """The controlling owner reference, {} when nothing owns the object."""
    owners = metadata(obj).get("ownerReferences")
    if not owners or not isinstance(owners, list):
        return {}
    owners = [owner for owner in owners if isinstance(owner, dict)]
    return next((owner for owner in owners if owner.get("controller")), owners[0] if owners else {})


def revision(replica_set: Mapping[str, Any]) -> int:
    """The Deployment revision a ReplicaSet stands for, 0 when it does not say."""
    annotations = metadata(replica_set).get("annotations")
    text = str(annotations.get(_REVISION, "")) if isinstance(annotations, dict) else ""
    return int(text) if text.isdecimal() else 0


def _deployment_of(pod: Mapping[str, Any], owner: Mapping[str, Any]) -> str:
    """The name of the Deployment behind a pod of a ReplicaSet: the Deployment controller names its ReplicaSets
    after itself and the hash that the pods carry as a label. "" where that is not so.
    """
    labels = metadata(pod).get("labels")
    digest = labels.get("pod-template-hash") if isinstance(labels, dict) else None
    name = str(owner.get("name", ""))
    if owner.get("kind") != "ReplicaSet" or not digest or not name.endswith(f"-{digest}"):
        return ""
    return name.removesuffix(f"-{digest}")


def _about_uid(event: Mapping[str, Any]) -> str:
    """The uid of what an event is about, "" when it does not say."""
    about = event.get("involvedObject") or event.get("regarding")
    return str(about.get("uid") or "") if isinstance(about, dict) else ""


class Snapshot:
    """Objects, events and logs of a cluster at ``taken_at``.

    ``coverage`` says for each kind that was read in which namespaces (None: everywhere). ``incomplete`` names
    in plain words what could not be read.
    """

    def __init__(
        self,
        objects: Iterable[Object],
        *,
        coverage: Mapping[str, frozenset[str] | None],
        taken_at: datetime,
        cluster: str = "",
        incomplete: Sequence[str] = (),
        logs: LogReader | None = None,
        sync: str = "",
    ) -> None:
        self.cluster = cluster
        self.taken_at = taken_at
        self.incomplete = tuple(incomplete)
        self._coverage = dict(coverage)
        self._logs = logs
        self._sync = sync
        self._memo: dict[str, Any] = {}
        self._manifests = _NO_MANIFESTS
        self._by_kind: dict[str, list[Object]] = {kind: [] for kind in coverage}
        self._by_name: dict[tuple[str, str, str], Object] = {}
        self._by_namespace: dict[tuple[str, str], list[Object]] = {}
        for obj in objects:
            meta = metadata(obj)
            kind, namespace, name = (
                str(obj.get("kind", "")),
                str(meta.get("namespace") or ""),
                str(meta.get("name", "")),
            )
            key = (kind, namespace, name)
            if not kind or key in self._by_name:
                continue
            self._by_name[key] = obj
            self._by_kind.setdefault(kind, []).append(obj)
            self._by_namespace.setdefault((kind, namespace), []).append(obj)

    def memo(self, key: str, compute: Callable[[], T]) -> T:
        """What ``compute`` derives from this snapshot, computed once per ``key``."""
        if key not in self._memo:
            self._memo[key] = compute()
        found: T = self._memo[key]
        return found

    def beside(self, manifests: Mapping[ObjectRef, tuple[str, Object]]) -> Snapshot:
        """The same cluster beside what a repository declares: (file, manifest) by name. Looked at when asked for."""
        other = copy(self)
        other._memo = {}
        other._manifests = manifests
        return other

    def manifest(self, ref: ObjectRef) -> tuple[str, Object] | None:
        """What the repository declares for an object, and in which file; None when that is not known."""
        if self._manifests is _NO_MANIFESTS:
            return None
        return self._manifests.get(ref) or self._manifests.get(_named(ref.kind, "", ref.name))

    # What was read

    def kinds(self) -> frozenset[str]:
        """The kinds that were read somewhere; an empty list counts as read."""
        return frozenset(self._coverage)

    def known(self, kind: str, namespace: str = "") -> bool:
        """Whether absence of an object of ``kind`` in ``namespace`` means that it does not exist."""
        if kind not in self._coverage:
            return False
        where = self._coverage[kind]
        entry = BY_KIND.get(kind)
        return (
            where is None
            or (entry is not None and not entry.namespaced)
            or not namespace
            or namespace in where
        )

    def namespaces(self) -> tuple[str, ...]:
        """Namespaces that hold something, sorted."""
        return tuple(sorted({namespace for _kind, namespace in self._by_namespace if namespace}))

    def names(self) -> frozenset[str]:
        """The names of all objects but events."""
        return frozenset(name for kind, _namespace, name in self._by_name if kind != "Event")

    @cached_property
    def digest(self) -> str:
        """SHA-256 over kind, uid and resourceVersion of everything, independent of order."""
        lines = sorted(
            f"{kind}/{namespace}/{name}/{metadata(obj).get('uid', '')}/{metadata(obj).get('resourceVersion', '')}"
            for (kind, namespace, name), obj in self._by_name.items()
        )
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    # Objects

    def list(self, kind: str, namespace: str | None = None) -> Sequence[Object]:
        """Objects of ``kind``, in one namespace or in all."""
        if namespace is None:
            return self._by_kind.get(kind, _NOTHING)
        return self._by_namespace.get((kind, namespace), _NOTHING)

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """One object by name."""
        return self._by_name.get((kind, namespace, name))

    def find(self, ref: ObjectRef) -> Object | None:
        """One object by reference."""
        return self._by_name.get((ref.kind, ref.namespace, ref.name))

    @cached_property
    def _uids(self) -> dict[str, Object]:
        return {
            str(metadata(obj).get("uid", "")): obj
            for obj in self._by_name.values()
            if metadata(obj).get("uid")
        }

    def by_uid(self, uid: str) -> Object | None:
        """One object by uid."""
        return self._uids.get(uid)

    # Ownership

    @cached_property
    def _owned(self) -> dict[tuple[str, str, str, str], builtins.list[tuple[Any, Object]]]:
        """Pods, ReplicaSets and Jobs by (own kind, namespace, owner kind, owner name), each with its owner's uid."""
        found: dict[tuple[str, str, str, str], builtins.list[tuple[Any, Object]]] = {}
        for kind in ("Pod", "ReplicaSet", "Job", "ControllerRevision"):
            for obj in self._by_kind.get(kind, _NOTHING):
                owner = owner_of(obj)
                if owner:
                    namespace = str(metadata(obj).get("namespace") or "")
                    key = (kind, namespace, str(owner.get("kind", "")), str(owner.get("name", "")))
                    found.setdefault(key, []).append((owner.get("uid"), obj))
        return found

    def owned(self, owner: Object, kind: str) -> Sequence[Object]:
        """Objects of ``kind`` that ``owner`` controls, by name and, where both are known, by uid."""
        ref = ref_of(owner)
        uid = metadata(owner).get("uid")
        children = self._owned.get((kind, ref.namespace, ref.kind, ref.name), ())
        return [child for held, child in children if not uid or not held or held == uid]

    def replica_sets(self, deployment: Object) -> Sequence[Object]:
        """The Deployment's ReplicaSets, newest revision first."""
        return sorted(
            self.owned(deployment, "ReplicaSet"),
            key=lambda found: (
                revision(found),
                str(metadata(found).get("creationTimestamp", "")),
                ref_of(found).name,
            ),
            reverse=True,
        )

    def pods_of(self, workload: Object) -> Sequence[Object]:
        """Pods that belong to a workload of any kind, through ReplicaSets and Jobs."""
        kind = workload.get("kind")
        if kind == "Pod":
            return [workload]
        if kind == "Deployment":
            found = [pod for held in self.replica_sets(workload) for pod in self.owned(held, "Pod")]
            ref = ref_of(workload)
            return found if self.known("ReplicaSet", ref.namespace) else [*found, *self._adopted.get(ref, ())]
        if kind == "CronJob":
            return [pod for job in self.owned(workload, "Job") for pod in self.owned(job, "Pod")]
        return self.owned(workload, "Pod")

    @cached_property
    def _adopted(self) -> dict[ObjectRef, builtins.list[Object]]:
        """Pods by the Deployment whose ReplicaSet made them, told by names, for when no ReplicaSet was read."""
        found: dict[ObjectRef, builtins.list[Object]] = {}
        for pod in self._by_kind.get("Pod", _NOTHING):
            name = _deployment_of(pod, owner_of(pod))
            if name:
                ref = _named("Deployment", str(metadata(pod).get("namespace") or ""), name)
                found.setdefault(ref, []).append(pod)
        return found

    def workload_of(self, obj: Object) -> Object:
        """The topmost owner that is in the snapshot; the object itself when nothing owns it."""
        for _ in range(4):
            owner = owner_of(obj)
            namespace = str(metadata(obj).get("namespace") or "")
            above = (
                self.get(str(owner.get("kind", "")), namespace, str(owner.get("name", ""))) if owner else None
            )
            if above is None and owner and not self.known("ReplicaSet", namespace):
                above = self.get("Deployment", namespace, _deployment_of(obj, owner))
            if above is None:
                return obj
            obj = above
        return obj

    # Events and logs

    @cached_property
    def _events(
        self,
    ) -> tuple[dict[str, builtins.list[Object]], dict[tuple[str, str, str], builtins.list[Object]]]:
        by_uid: dict[str, builtins.list[Object]] = {}
        by_ref: dict[tuple[str, str, str], builtins.list[Object]] = {}
        for event in self._by_kind.get("Event", _NOTHING):
            about = event.get("involvedObject") or event.get("regarding")
            if not isinstance(about, dict):
                continue
            if about.get("uid"):
                by_uid.setdefault(str(about["uid"]), []).append(event)
            key = (str(about.get("kind", "")), str(about.get("namespace") or ""), str(about.get("name", "")))
            by_ref.setdefault(key, []).append(event)
        return by_uid, by_ref

    def events(self, ref: ObjectRef | None = None, uid: str = "") -> Sequence[Object]:
        """Events about an object. With ``uid`` only those about that very object, not an earlier one of its
        name.

        Without arguments: all events.
        """
        by_uid, by_ref = self._events
        if uid:
            return by_uid.get(uid, _NOTHING)
        if ref is not None:
            return by_ref.get((ref.kind, ref.namespace, ref.name), _NOTHING)
        return self._by_kind.get("Event", _NOTHING)

    def events_of(self, obj: Object) -> Sequence[Object]:
        """Events about this very object."""
        uid = str(metadata(obj).get("uid") or "")
        named = self.events(ref_of(obj))
        return [event for event in named if _about_uid(event) in ("", uid)] if uid else named

    def logs(self, namespace: str, pod: str, container: str, *, previous: bool = False) -> str | None:
        """What a container wrote, or its previous run did; None when that was not read."""
        return self._logs(namespace, pod, container, previous) if self._logs is not None else None

    def sync(self) -> str:
        """What the last apply printed; "" when that is not known."""
        return self._sync
