"""Server-side apply, by merging with what the same manager applied before."""

from __future__ import annotations

from selfheal.sandbox.kubernetes.admission.decoding import decode, without_nulls
from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.errors import ApiError, bad_request
from selfheal.sandbox.kubernetes.merge import apply
from selfheal.sandbox.kubernetes.objects import Key, Object, copied, dig
from selfheal.sandbox.kubernetes.registry import find

#: What a manager last applied, by object UID.
Applied = dict[tuple[str, str], Object]


def apply_object(
    cluster: Cluster, applied: Applied, wanted: Object, manager: str, *, user: str, dry_run: bool = False
) -> tuple[Object, bool]:
    """The object as stored, and whether it is new. Raises ApiError, also for a kind that is not served."""
    resource = find(str(wanted.get("apiVersion", "")), str(wanted.get("kind", "")))
    name = str(dig(wanted, "metadata", "name", default=""))
    if resource is None:
        raise no_match(name, str(wanted.get("apiVersion", "")), str(wanted.get("kind", "")))
    wanted = without_nulls(wanted)
    decode(wanted)
    if not name:
        raise bad_request("the object has no metadata.name")
    wanted["metadata"].pop("creationTimestamp", None)
    if resource.status:
        wanted.pop("status", None)
    if resource.namespaced:
        wanted["metadata"].setdefault("namespace", "default")
    else:
        wanted["metadata"].pop("namespace", None)
    key = Key(resource.kind, str(wanted["metadata"].get("namespace") or ""), name)
    live = cluster.store.at(key)
    if live is None:
        made, new = cluster.create(copied(wanted), user=user, dry_run=dry_run), True
    else:
        before = applied.get((manager, live["metadata"]["uid"]))
        made, new = cluster.update(apply(live, before, wanted), user=user, dry_run=dry_run), False
    if not dry_run:
        applied[manager, made["metadata"]["uid"]] = wanted
    return made, new


def no_match(name: str, api_version: str, kind: str) -> ApiError:
    """What kubectl says of a kind that no group serves in that version."""
    text = f'resource mapping not found for name: "{name}" namespace: "" from "STDIN": no matches for kind "{kind}" in version "{api_version}"\nensure CRDs are installed first'
    return ApiError(404, "NotFound", text)
