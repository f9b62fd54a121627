"""Events as components record them: counted when they repeat, combined when they resemble, rationed when they flood.

The numbers are client-go's: more than ten similar events in ten minutes are combined, and an object may cause a burst of
25 events, then one every five minutes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from selfheal.sandbox.kubernetes.objects import Key, Object, copied
from selfheal.sandbox.kubernetes.timeline import micro_stamp, moment, stamp

if TYPE_CHECKING:
    from selfheal.sandbox.kubernetes.cluster import Cluster

SIMILAR = 10
SIMILAR_SECONDS = 600.0
COMBINED = "(combined from similar events): "
BURST = 25.0
REFILL = 1 / 300.0
#: Events are kept for an hour.
KEPT_SECONDS = 3600.0
#: Reporters that use the newer API: ``eventTime`` and ``series`` in place of timestamps and ``count``.
NEW_STYLE = frozenset({"default-scheduler"})


@dataclass
class _Ration:
    left: float = BURST
    at: float = 0.0


@dataclass
class _Similar:
    messages: set[str] = field(default_factory=set)
    last: float = 0.0


class Recorder:
    """Records events about objects on behalf of components."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.clear()

    def clear(self) -> None:
        self._names: dict[tuple[str, ...], str] = {}
        self._rations: dict[tuple[str, str], _Ration] = {}
        self._similar: dict[tuple[str, ...], _Similar] = {}

    def record(
        self,
        about: Object,
        kind: str,
        reason: str,
        message: str,
        *,
        by: str,
        host: str = "",
        field_path: str = "",
        action: str = "",
    ) -> None:
        """``kind`` is Normal or Warning; ``by`` the component, ``host`` its node, ``field_path`` the container."""
        cluster, uid = self._cluster, str(about["metadata"].get("uid", ""))
        new_style = by in NEW_STYLE
        if not new_style:
            message = self._combined((by, host, uid, field_path, kind, reason), message)
        # A combined event is one event: its text follows the newest message, its identity does not.
        text = COMBINED if message.startswith(COMBINED) else message
        same = (by, host, uid, field_path, kind, reason, text)
        # The scheduler starts a series only for what it says again; its reports are not rationed.
        if not new_style and not self._granted((by + host, uid)):
            return
        name = self._names.get(same)
        namespace = str(about["metadata"].get("namespace") or "default")
        held = cluster.store.get("Event", namespace, name) if name else None
        if held is not None:
            cluster.store.put(self._again(held, message, new_style=new_style))
            return
        event = self._new(about, kind, reason, message, by, host, field_path, action, new_style=new_style)
        self._names[same] = event["metadata"]["name"]
        cluster.store.put(event)
        cluster.after(KEPT_SECONDS, lambda: self._expire(namespace, str(event["metadata"]["name"])))

    def _combined(self, similar: tuple[str, ...], message: str) -> str:
        now = self._cluster.now
        seen = self._similar.setdefault(similar, _Similar())
        if now - seen.last > SIMILAR_SECONDS:
            seen.messages.clear()
        seen.last = now
        seen.messages.add(message)
        if len(seen.messages) <= SIMILAR:
            return message
        return f"{COMBINED}{message}"

    def _granted(self, source: tuple[str, str]) -> bool:
        now = self._cluster.now
        ration = self._rations.setdefault(source, _Ration(at=now))
        ration.left = min(BURST, ration.left + (now - ration.at) * REFILL)
        ration.at = now
        if ration.left < 1:
            return False
        ration.left -= 1
        return True

    def _again(self, held: Object, message: str, *, new_style: bool) -> Object:
        now, event = self._cluster.now, copied(held)
        event["message"] = message
        if new_style:
            series = event.get("series") or {"count": 1}
            event["series"] = {"count": series["count"] + 1, "lastObservedTime": micro_stamp(now)}
        else:
            event["count"] = int(event.get("count") or 1) + 1
            event["lastTimestamp"] = stamp(now)
        return event

    def _new(
        self,
        about: Object,
        kind: str,
        reason: str,
        message: str,
        by: str,
        host: str,
        field_path: str,
        action: str,
        *,
        new_style: bool,
    ) -> Object:
        cluster, meta = self._cluster, about["metadata"]
        involved: dict[str, Any] = {"kind": about["kind"]}
        if meta.get("namespace"):
            involved["namespace"] = meta["namespace"]
        involved |= {
            "name": meta["name"],
            "uid": meta.get("uid", ""),
            "apiVersion": about["apiVersion"],
            "resourceVersion": meta.get("resourceVersion", ""),
        }
        if field_path:
            involved["fieldPath"] = field_path
        now = stamp(cluster.now)
        event: Object = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{meta['name']}.{int(cluster.now * 1e9) + cluster.random.randrange(10**6):x}",
                "namespace": meta.get("namespace") or "default",
                "uid": cluster.uid(),
                "creationTimestamp": now,
            },
            "involvedObject": involved,
            "reason": reason,
            "message": message,
            "type": kind,
            "reportingComponent": by,
        }
        if new_style:
            return event | {
                "source": {},
                "firstTimestamp": None,
                "lastTimestamp": None,
                "eventTime": micro_stamp(cluster.now),
                "action": action,
                "reportingInstance": f"{by}-control-plane",
            }
        return event | {
            "source": {"component": by, **({"host": host} if host else {})},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "eventTime": None,
            "reportingInstance": host,
        }

    def _expire(self, namespace: str, name: str) -> None:
        held = self._cluster.store.get("Event", namespace, name)
        if held is None:
            return
        last = (
            (held.get("series") or {}).get("lastObservedTime")
            or held.get("lastTimestamp")
            or held.get("eventTime")
        )
        left = (moment(last) or 0.0) + KEPT_SECONDS - self._cluster.now
        if left > 0:
            self._cluster.after(left + 1, lambda: self._expire(namespace, name))
            return
        self._cluster.store.remove(Key("Event", namespace, name))
        self._names = {same: held_name for same, held_name in self._names.items() if held_name != name}


def as_new(event: Object) -> Object:
    """A v1 Event in the form of events.k8s.io/v1: the same object under other names."""
    renamed = {
        "involvedObject": "regarding",
        "message": "note",
        "reportingComponent": "reportingController",
        "source": "deprecatedSource",
        "firstTimestamp": "deprecatedFirstTimestamp",
        "lastTimestamp": "deprecatedLastTimestamp",
        "count": "deprecatedCount",
    }
    return {renamed.get(name, name): value for name, value in event.items()} | {
        "apiVersion": "events.k8s.io/v1"
    }
