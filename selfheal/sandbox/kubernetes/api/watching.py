"""Watches: a stream of JSON lines, one a change."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from selfheal.sandbox.kubernetes.api.listing import flag, selector
from selfheal.sandbox.kubernetes.api.paths import Place
from selfheal.sandbox.kubernetes.errors import expired
from selfheal.sandbox.kubernetes.events import as_new
from selfheal.sandbox.kubernetes.objects import Object
from selfheal.sandbox.kubernetes.registry import EVENTS_GROUP
from selfheal.sandbox.kubernetes.store import Expired

if TYPE_CHECKING:
    from selfheal.sandbox.kubernetes.api.server import ApiServer

#: Seconds of real time after which a watch without ``timeoutSeconds`` ends, and between looks whether the server closed.
LONGEST, LOOK = 1800.0, 1.0


def watch(server: ApiServer, request: Request, place: Place) -> Response:
    """The stream begins after ``resourceVersion``; without one, with everything there is."""
    wanted = selector(request.args)
    seconds = float(request.args.get("timeoutSeconds") or LONGEST)
    text = request.args.get("resourceVersion", "")
    store, resource = server.cluster.store, place.resource

    def concerns(obj: Object) -> bool:
        return obj["kind"] == resource.kind and place.namespace in ("", obj["metadata"].get("namespace"))

    def shown(obj: Object) -> Object:
        return as_new(obj) if resource.group == EVENTS_GROUP else obj

    def stream() -> Iterator[bytes]:
        end = time.monotonic() + seconds
        with server.cluster.lock:
            version = store.version
            first = (
                []
                if text not in ("", "0")
                else [obj for obj in store.of(resource.kind, place.namespace) if wanted(obj)]
            )
            if text not in ("", "0"):
                version = int(text)
        for obj in first:
            yield _line("ADDED", shown(obj))
        while server.open and time.monotonic() < end:
            with server.cluster.lock:
                try:
                    news = list(store.since(version, concerns))
                except Expired:
                    error = expired(f"too old resource version: {version} ({store.version})").status()
                    yield _line("ERROR", error)
                    return
                version = max(version, store.version)
            for change in news:
                now, before = wanted(change.object), change.before is not None and wanted(change.before)
                if change.type == "DELETED":
                    kind = "DELETED" if before else ""
                elif now:
                    kind = "MODIFIED" if before else "ADDED"
                else:
                    kind = "DELETED" if before else ""
                if kind:
                    yield _line(kind, shown(change.object))
            with store.changed:
                if store.version <= version:
                    store.changed.wait(min(LOOK, max(end - time.monotonic(), 0.0)))
        if flag(request.args, "allowWatchBookmarks"):
            meta = {"resourceVersion": str(version)}
            yield _line(
                "BOOKMARK", {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": meta}
            )

    return Response(stream(), content_type="application/json", direct_passthrough=True)


def _line(kind: str, obj: Object) -> bytes:
    return json.dumps({"type": kind, "object": obj}, separators=(",", ":")).encode() + b"\n"
