"""The API server: from a request to an answer. One entry, :meth:`ApiServer.serve`."""

from __future__ import annotations

import json
from typing import Any

from werkzeug.wrappers import Request, Response

from selfheal.sandbox.kubernetes import merge
from selfheal.sandbox.kubernetes.accounts import Account
from selfheal.sandbox.kubernetes.api import discovery, logs, reviews
from selfheal.sandbox.kubernetes.api.applying import Applied, apply_object
from selfheal.sandbox.kubernetes.api.listing import flag, listing
from selfheal.sandbox.kubernetes.api.paths import Place, place_of
from selfheal.sandbox.kubernetes.api.scale import scale_of, scaled
from selfheal.sandbox.kubernetes.api.watching import watch
from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.errors import ApiError, bad_request, not_found
from selfheal.sandbox.kubernetes.events import as_new
from selfheal.sandbox.kubernetes.kubelet.agent import Kubelet
from selfheal.sandbox.kubernetes.objects import Key, Object, copied
from selfheal.sandbox.kubernetes.registry import EVENTS_GROUP

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}
_SUBRESOURCES = frozenset({"", "status", "log", "scale", "eviction", "finalize"})


def answer(document: Any, status: int) -> Response:
    """A JSON answer."""
    body = json.dumps(document, separators=(",", ":")).encode()
    return Response(body, status=status, content_type="application/json")


class ApiServer:
    """Serves one cluster."""

    def __init__(self, cluster: Cluster, kubelet: Kubelet, applied: Applied) -> None:
        self.cluster, self.kubelet, self.applied = cluster, kubelet, applied
        self.open = True

    def serve(self, request: Request, account: Account) -> Response:
        """Any request under /api, /apis and the like."""
        try:
            return self._serve(request, account)
        except ApiError as error:
            return answer(error.status(), error.code)

    def _serve(self, request: Request, account: Account) -> Response:
        known = discovery.document(request.path)
        if known is not None:
            return answer(known, 200)
        review = reviews.review(self.cluster, request.path, account, request)
        if review is not None:
            return answer(review, 201)
        place = place_of(request.path)
        if place is None or place.subresource not in _SUBRESOURCES:
            raise ApiError(404, "NotFound", "the server could not find the requested resource")
        verb = self._verb(request, place)
        self._authorise(account, verb, place)
        if verb == "watch":
            return watch(self, request, place)
        with self.cluster.lock:
            return self._handle(request, place, account)

    def _verb(self, request: Request, place: Place) -> str:
        if request.method in _VERBS:
            return _VERBS[request.method]
        if request.method == "DELETE":
            return "delete" if place.name else "deletecollection"
        if place.name:
            return "get"
        return "watch" if flag(request.args, "watch") else "list"

    def _authorise(self, account: Account, verb: str, place: Place) -> None:
        resource = place.resource
        named = f"{resource.plural}/{place.subresource}" if place.subresource else resource.plural
        if account.may(verb, resource.group, named, place.namespace):
            return
        where = f'in the namespace "{place.namespace}"' if place.namespace else "at the cluster scope"
        text = (
            f"{resource.qualified}{f' {chr(34)}{place.name}{chr(34)}' if place.name else ''} is forbidden: User "
            f'"{account.user}" cannot {verb} resource "{named}" in API group "{resource.group}" {where}'
        )
        raise ApiError(
            403, "Forbidden", text, {"name": place.name, "kind": resource.plural, "group": resource.group}
        )

    def _handle(self, request: Request, place: Place, account: Account) -> Response:
        dry = request.args.get("dryRun", "") == "All"
        if place.subresource == "log":
            return logs.log(self.kubelet, request, self._named(place))
        if request.method == "GET":
            if not place.name:
                return answer(listing(self.cluster.store, place, request.args), 200)
            found = self._named(place)
            return answer(scale_of(found) if place.subresource == "scale" else self._shown(found, place), 200)
        if request.method == "DELETE":
            return answer(self._delete(request, place, dry=dry), 200)
        if request.method == "POST" and place.subresource == "eviction":
            return answer(self._evict(place), 201)
        if request.method == "POST":
            made = self.cluster.create(self._body(request, place), user=account.user, dry_run=dry)
            return answer(self._shown(made, place), 201)
        if request.method == "PUT":
            obj = self._body(request, place)
            if obj["metadata"].get("name") != place.name:
                raise bad_request("the name of the object does not match the name on the URL")
            if place.subresource == "scale":
                obj = scaled(self._named(place), obj)
            status = place.subresource == "status"
            done = self.cluster.update(obj, status=status, user=account.user, dry_run=dry)
            return answer(scale_of(done) if place.subresource == "scale" else self._shown(done, place), 200)
        return self._patch(request, place, account, dry=dry)

    # Objects

    def _named(self, place: Place) -> Object:
        found = self.cluster.store.get(place.resource.kind, place.namespace, place.name)
        if found is None:
            raise not_found(place.resource.qualified, place.name)
        return found

    def _shown(self, obj: Object, place: Place) -> Object:
        return as_new(obj) if place.resource.group == EVENTS_GROUP else obj

    def _body(self, request: Request, place: Place) -> Object:
        obj = parsed(request)
        if not isinstance(obj, dict):
            raise bad_request("the body of the request is not an object")
        resource = place.resource
        obj.setdefault("apiVersion", resource.api_version)
        obj.setdefault("kind", resource.kind)
        if place.subresource != "scale" and (obj["kind"], obj["apiVersion"]) != (
            resource.kind,
            resource.api_version,
        ):
            raise bad_request(
                f"the API version in the data ({obj['apiVersion']}) does not match the expected API version "
                f"({resource.api_version}) of kind {resource.kind}"
            )
        meta = obj.setdefault("metadata", {})
        if not isinstance(meta, dict):
            raise bad_request("the metadata of the object is not an object")
        if place.namespace:
            if meta.setdefault("namespace", place.namespace) != place.namespace:
                raise bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request"
                )
        elif resource.namespaced:
            raise bad_request("the namespace of the object must be named on the URL")
        return obj

    def _patch(self, request: Request, place: Place, account: Account, *, dry: bool) -> Response:
        kind = request.mimetype
        patch = parsed(request)
        if kind == "application/apply-patch+yaml":
            manager = request.args.get("fieldManager", "")
            if not manager:
                raise bad_request(
                    'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
                )
            meta = patch.setdefault("metadata", {})
            meta["name"] = place.name
            if place.namespace:
                meta["namespace"] = place.namespace
            patch.setdefault("kind", place.resource.kind)
            patch.setdefault("apiVersion", place.resource.api_version)
            made, new = apply_object(
                self.cluster, self.applied, patch, manager, user=account.user, dry_run=dry
            )
            return answer(made, 201 if new else 200)
        held = self._named(place)
        live = scale_of(held) if place.subresource == "scale" else copied(held)
        if kind == "application/json-patch+json":
            changed = merge.json_patch(live, patch)
        elif kind == "application/merge-patch+json":
            changed = merge.merge_patch(live, patch)
        elif kind == "application/strategic-merge-patch+json":
            changed = merge.strategic(live, patch)
        else:
            raise ApiError(
                415, "UnsupportedMediaType", f"the body of the request was in an unknown format - {kind}"
            )
        if not isinstance(changed, dict) or not isinstance(changed.get("metadata"), dict):
            raise bad_request("the patch leaves no object")
        if place.subresource == "scale":
            changed = scaled(held, changed)
        # What the path says is not for a patch to change.
        changed |= {"kind": held["kind"], "apiVersion": held["apiVersion"]}
        changed["metadata"] = {**changed["metadata"], "name": place.name}
        if place.namespace:
            changed["metadata"]["namespace"] = place.namespace
        done = self.cluster.update(
            changed, status=place.subresource == "status", user=account.user, dry_run=dry
        )
        return answer(scale_of(done) if place.subresource == "scale" else self._shown(done, place), 200)

    def _delete(self, request: Request, place: Place, *, dry: bool) -> Object:
        options = parsed(request) if request.get_data() else {}
        grace = request.args.get("gracePeriodSeconds", options.get("gracePeriodSeconds"))
        propagation = str(
            request.args.get("propagationPolicy") or options.get("propagationPolicy") or "Background"
        )
        if not place.name:
            found = listing(self.cluster.store, place, {**request.args.to_dict(), "limit": "0"})
            for obj in found["items"]:
                key = Key(
                    place.resource.kind, obj["metadata"].get("namespace") or "", obj["metadata"]["name"]
                )
                if not dry:
                    self.cluster.delete(key, propagation=propagation)
            return found
        held = self._named(place)
        wanted = (options.get("preconditions") or {}).get("uid")
        if wanted and wanted != held["metadata"]["uid"]:
            raise ApiError(
                409, "Conflict", f"the UID in the precondition ({wanted}) does not match the object's UID"
            )
        if not dry:
            key = Key(place.resource.kind, place.namespace, place.name)
            self.cluster.delete(key, grace=None if grace is None else float(grace), propagation=propagation)
        details = {"name": place.name, "kind": place.resource.plural, "uid": held["metadata"]["uid"]}
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}

    def _evict(self, place: Place) -> Object:
        from selfheal.sandbox.kubernetes.controllers.disruption import refuses

        pod = self._named(place)
        why = refuses(self.cluster.store, pod)
        if why:
            raise ApiError(
                429,
                "TooManyRequests",
                "Cannot evict pod as it would violate the pod's disruption budget.",
                {"causes": [{"message": why}]},
            )
        self.cluster.delete(Key("Pod", place.namespace, place.name))
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def parsed(request: Request) -> Any:
    """The body, JSON or YAML."""
    data = request.get_data()
    try:
        if "yaml" in request.mimetype and not data.lstrip().startswith((b"{", b"[")):
            from ruamel.yaml import YAML

            return YAML(typ="safe", pure=True).load(data.decode())
        return json.loads(data)
    except ValueError as error:
        raise bad_request(f"error decoding the body: {error}") from error


def unauthorised() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")
