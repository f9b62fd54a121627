"""Creating, updating and deleting: what the API server does to an object between the request and the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfheal.sandbox.kubernetes.admission.decoding import decode, without_nulls
from selfheal.sandbox.kubernetes.admission.defaults import default
from selfheal.sandbox.kubernetes.admission.validation import validate
from selfheal.sandbox.kubernetes.errors import already_exists, conflict, forbidden, not_found
from selfheal.sandbox.kubernetes.objects import (
    Key,
    Object,
    controller_of,
    copied,
    dig,
    entries,
    key_of,
    terminating,
)
from selfheal.sandbox.kubernetes.registry import BY_KIND
from selfheal.sandbox.kubernetes.store import Conflict

if TYPE_CHECKING:
    from selfheal.sandbox.kubernetes.cluster import Cluster

#: Kinds whose ``metadata.generation`` counts the changes of what is wanted.
GENERATIONS = frozenset(
    {
        "Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "NetworkPolicy", "Ingress",
        "PodDisruptionBudget", "EndpointSlice", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration",
    }
)  # fmt: skip
#: Kinds that have a spec, if an empty one.
SPECIFIED = GENERATIONS - {"EndpointSlice", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"} | {
    "Service", "PersistentVolumeClaim", "PersistentVolume", "ResourceQuota", "LimitRange", "HorizontalPodAutoscaler",
    "Node", "Namespace",
}  # fmt: skip
_SERVER = (
    "uid",
    "creationTimestamp",
    "resourceVersion",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)


def create(cluster: Cluster, obj: Object, *, user: str, dry_run: bool) -> Object:
    """See :meth:`cluster.Cluster.create`."""
    resource = BY_KIND[obj["kind"]]
    obj = without_nulls(obj)
    meta = obj.setdefault("metadata", {})
    decode(obj)
    if resource.kind in SPECIFIED:
        obj["spec"] = obj.get("spec") or {}
    if resource.namespaced:
        namespace = meta.get("namespace") or "default"
        meta["namespace"] = namespace
        home = cluster.store.get("Namespace", "", namespace)
        if home is None:
            raise not_found("namespaces", namespace)
        if terminating(home):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise forbidden(resource.qualified, str(meta.get("name") or ""), why)
    else:
        meta.pop("namespace", None)
    generated = not meta.get("name") and meta.get("generateName")
    if generated:
        meta["name"] = f"{meta['generateName'][:58]}{cluster.suffix()}"
    if resource.status:
        obj["status"] = {}
    default(obj)
    validate(obj, None)
    if cluster.store.at(key_of(obj)) is not None:
        raise already_exists(resource.qualified, str(meta["name"]))
    cluster.admit(obj, None, user)
    for name in _SERVER:
        meta.pop(name, None)
    meta["uid"] = cluster.uid()
    meta["creationTimestamp"] = cluster.stamp()
    if obj["kind"] in GENERATIONS:
        meta["generation"] = 1
    meta.pop("managedFields", None)
    if not obj.get("status"):
        obj["status"] = initial_status(obj)
        if not obj["status"] and not resource.status:
            del obj["status"]
    if dry_run:
        return obj
    return cluster.store.put(obj)


def initial_status(obj: Object) -> Object:
    """What the API server itself says of a new object."""
    kind = obj["kind"]
    if kind == "Pod":
        return {"phase": "Pending", "qosClass": qos(obj["spec"])}
    if kind == "Namespace":
        return {"phase": "Active"}
    if kind in ("PersistentVolumeClaim", "PersistentVolume"):
        return {"phase": "Pending"}
    if kind in ("Service", "Ingress"):
        return {"loadBalancer": {}}
    return {}


def qos(spec: Object) -> str:
    """The quality of service class that follows from requests and limits."""
    containers = [*entries(spec, "containers"), *entries(spec, "initContainers")]
    resources = [dig(item, "resources", default={}) for item in containers]
    if not any(dig(item, word) for item in resources for word in ("requests", "limits")):
        return "BestEffort"
    for item in resources:
        limits, requests = dig(item, "limits", default={}), dig(item, "requests", default={})
        if any(
            name not in limits or requests.get(name, limits[name]) != limits[name]
            for name in ("cpu", "memory")
        ):
            return "Burstable"
    return "Guaranteed"


def update(cluster: Cluster, obj: Object, *, status: bool, user: str, dry_run: bool) -> Object:
    """See :meth:`cluster.Cluster.update`. ``status``: through the status subresource, which changes nothing else."""
    resource, key = BY_KIND[obj["kind"]], key_of(obj)
    held = cluster.store.at(key)
    if held is None:
        raise not_found(resource.qualified, key.name)
    expected = str(dig(obj, "metadata", "resourceVersion", default=""))
    if expected and expected != held["metadata"]["resourceVersion"]:
        raise conflict(resource.qualified, key.name)
    if status:
        obj = {**copied(held), "status": obj.get("status") or {}}
    else:
        obj = {**without_nulls({name: value for name, value in obj.items() if name != "status"})}
        if resource.status:
            obj.pop("status", None)
            if "status" in held:
                obj["status"] = held["status"]
        uid = dig(obj, "metadata", "uid")
        if uid and uid != held["metadata"]["uid"]:
            raise conflict(resource.qualified, key.name)
        obj["metadata"].pop("managedFields", None)
        for name in _SERVER:
            obj["metadata"].pop(name, None)
            if name in held["metadata"]:
                obj["metadata"][name] = held["metadata"][name]
        decode(obj)
        if key.kind in SPECIFIED:
            obj["spec"] = obj.get("spec") or {}
        default(obj)
        validate(obj, held)
        cluster.admit(obj, held, user)
        if key.kind in GENERATIONS and _wanted(obj) != _wanted(held):
            obj["metadata"]["generation"] = int(held["metadata"].get("generation", 0)) + 1
    obj["metadata"]["resourceVersion"] = held["metadata"]["resourceVersion"]
    if dry_run or obj == held:
        return obj
    try:
        return cluster.store.put(obj, expected=held["metadata"]["resourceVersion"])
    except Conflict:
        raise conflict(resource.qualified, key.name) from None


def _wanted(obj: Object) -> Object:
    return {name: value for name, value in obj.items() if name not in ("metadata", "status")}


def delete(cluster: Cluster, key: Key, *, grace: float | None, propagation: str) -> Object | None:
    """See :meth:`cluster.Cluster.delete`. A running pod goes when its kubelet has stopped it, at once otherwise."""
    held = cluster.store.at(key)
    if held is None:
        return None
    if key.kind == "Pod" and dig(held, "spec", "nodeName") and grace != 0:
        if terminating(held):
            return held
        seconds = (
            grace
            if grace is not None
            else float(dig(held, "spec", "terminationGracePeriodSeconds", default=30))
        )
        obj = copied(held)
        obj["metadata"]["deletionTimestamp"] = cluster.stamp()
        obj["metadata"]["deletionGracePeriodSeconds"] = int(seconds)
        return cluster.store.put(obj)
    gone = cluster.store.remove(key)
    uid = held["metadata"]["uid"]
    if key.kind == "Namespace":
        for obj in list(cluster.store.everything()):
            if dig(obj, "metadata", "namespace") == key.name:
                delete(cluster, key_of(obj), grace=0, propagation="Background")
    elif key.kind not in ("Pod", "Event"):
        for obj in list(cluster.store.everything()):
            if (controller_of(obj) or {}).get("uid") == uid:
                _orphan_or_delete(cluster, obj, uid, propagation)
    return gone


def _orphan_or_delete(cluster: Cluster, obj: Object, uid: str, propagation: str) -> None:
    if propagation != "Orphan":
        delete(cluster, key_of(obj), grace=None, propagation=propagation)
        return
    freed = copied(obj)
    freed["metadata"]["ownerReferences"] = [
        ref for ref in entries(freed, "metadata", "ownerReferences") if ref.get("uid") != uid
    ]
    cluster.store.put(freed)
