"""Lists: selectors, ``limit`` and ``continue`` over one consistent state."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping

from selfheal.sandbox.kubernetes.api.paths import Place
from selfheal.sandbox.kubernetes.errors import bad_request, expired
from selfheal.sandbox.kubernetes.events import as_new
from selfheal.sandbox.kubernetes.objects import Object
from selfheal.sandbox.kubernetes.registry import EVENTS_GROUP
from selfheal.sandbox.kubernetes.selectors import Test, by_fields, by_labels
from selfheal.sandbox.kubernetes.store import Expired, Store

_GONE = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the "
    "continue parameter, or use the continue token in this response to retrieve the remainder of the results."
)


def selector(query: Mapping[str, str]) -> Test:
    """The test that ``labelSelector`` and ``fieldSelector`` make together."""
    try:
        labels, fields = by_labels(query.get("labelSelector", "")), by_fields(query.get("fieldSelector", ""))
    except ValueError as error:
        raise bad_request(str(error)) from error
    return lambda obj: labels(obj) and fields(obj)


def flag(query: Mapping[str, str], name: str) -> bool:
    """A boolean parameter, in the spellings that Go's ParseBool takes for true."""
    return query.get(name, "") in ("1", "t", "T", "true", "TRUE", "True")


def listing(store: Store, place: Place, query: Mapping[str, str]) -> Object:
    """A ``List`` of the place's resource."""
    limit = int(query.get("limit") or 0)
    token = query.get("continue", "")
    if token:
        version, items = _resumed(store, token)
    else:
        wanted = selector(query)
        version = store.version
        items = [obj for obj in store.of(place.resource.kind, place.namespace) if wanted(obj)]
    meta: Object = {"resourceVersion": str(version)}
    if limit and len(items) > limit:
        rest = items[limit:]
        items = items[:limit]
        number = store.keep(rest)
        raw = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": number}).encode()
        meta["continue"] = base64.urlsafe_b64encode(raw).decode()
        meta["remainingItemCount"] = len(rest)
    if place.resource.group == EVENTS_GROUP:
        items = [as_new(item) for item in items]
    # Items of a typed list name neither kind nor version.
    bare = [
        {name: value for name, value in item.items() if name not in ("kind", "apiVersion")} for item in items
    ]
    resource = place.resource
    return {
        "kind": f"{resource.kind}List",
        "apiVersion": resource.api_version,
        "metadata": meta,
        "items": bare,
    }


def _resumed(store: Store, token: str) -> tuple[int, list[Object]]:
    try:
        held = json.loads(base64.urlsafe_b64decode(token))
        version, number = int(held["rv"]), int(held["start"])
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise bad_request("continue key is not valid") from error
    try:
        return version, store.kept(number)
    except Expired:
        raise expired(_GONE) from None
