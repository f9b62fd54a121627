"""A Deployment's status: counts and the conditions Available, Progressing and ReplicaFailure. Pure."""

from __future__ import annotations

from selfheal.sandbox.kubernetes.controllers import rollout
from selfheal.sandbox.kubernetes.controllers.base import set_condition
from selfheal.sandbox.kubernetes.controllers.replicaset import replicas_of
from selfheal.sandbox.kubernetes.objects import Object, condition, dig, entries
from selfheal.sandbox.kubernetes.timeline import moment, stamp


def status(
    obj: Object, new: Object | None, sets: list[Object], now: float, made: str
) -> tuple[Object, float | None]:
    """The status, and in how many seconds to look again at a rollout's deadline.

    ``made`` is the reason to note when this sync created or found the new ReplicaSet.
    """
    wanted = int(obj["spec"]["replicas"])
    total = sum(replicas_of(item) for item in sets)
    ready = sum(replicas_of(item, "readyReplicas") for item in sets)
    good = sum(replicas_of(item, "availableReplicas") for item in sets)
    updated = replicas_of(new) if new is not None else 0
    made_status: Object = {"observedGeneration": obj["metadata"].get("generation", 1)}
    counts = {
        "replicas": total, "updatedReplicas": updated, "readyReplicas": ready, "availableReplicas": good,
        "unavailableReplicas": max(sum(int(item["spec"]["replicas"]) for item in sets) - good, 0),
    }  # fmt: skip
    made_status |= {name: value for name, value in counts.items() if value}
    made_status["terminatingReplicas"] = sum(replicas_of(item, "terminatingReplicas") for item in sets)
    conditions = entries(obj, "status", "conditions")
    if made and new is not None:
        name = new["metadata"]["name"]
        text = (
            f'Created new replica set "{name}"'
            if made == "NewReplicaSetCreated"
            else f'Found new replica set "{name}"'
        )
        conditions = set_condition(conditions, _condition("Progressing", "True", made, text, now))
    enough = good >= wanted - rollout.unavailable(obj)
    if enough:
        available = ("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        available = (
            "Available",
            "False",
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
        )
    held = next((item for item in conditions if item["type"] == "Available"), None)
    if held is None or (held["status"], held["reason"]) != available[1:3]:
        conditions = set_condition(conditions, _condition(*available, now))
    conditions, again = _progress(obj, new, counts, conditions, now)
    failures = [
        found
        for item in ([new] if new is not None else sets)
        if (found := condition(item, "ReplicaFailure")) is not None
    ]
    if failures:
        told = _condition("ReplicaFailure", "True", failures[0]["reason"], failures[0]["message"], now)
        if not any(item["type"] == "ReplicaFailure" for item in conditions):
            conditions = [*conditions, told]
    else:
        conditions = [item for item in conditions if item["type"] != "ReplicaFailure"]
    made_status["conditions"] = conditions
    return made_status, again


def _progress(
    obj: Object, new: Object | None, counts: dict[str, int], conditions: list[Object], now: float
) -> tuple[list[Object], float | None]:
    deadline = obj["spec"].get("progressDeadlineSeconds")
    held = next((item for item in conditions if item["type"] == "Progressing"), None)
    if deadline is None or new is None:
        return conditions, None
    settled = counts["replicas"] == counts["updatedReplicas"]
    if held is not None and held["reason"] == "NewReplicaSetAvailable" and settled:
        return conditions, None
    name, wanted = new["metadata"]["name"], int(obj["spec"]["replicas"])
    if counts["updatedReplicas"] == counts["replicas"] == counts["availableReplicas"] == wanted:
        text = f'ReplicaSet "{name}" has successfully progressed.'
        done = _condition("Progressing", "True", "NewReplicaSetAvailable", text, now)
        return set_condition(conditions, done), None
    if _moved(dig(obj, "status", default={}), counts):
        text = f'ReplicaSet "{name}" is progressing.'
        going = _condition("Progressing", "True", "ReplicaSetUpdated", text, now)
        return set_condition(conditions, going), float(deadline) + 1
    if held is None or held["reason"] == "ProgressDeadlineExceeded":
        return conditions, None
    left = (moment(held["lastUpdateTime"]) or now) + float(deadline) - now
    if left > 0:
        return conditions, left + 1
    text = f'ReplicaSet "{name}" has timed out progressing.'
    late = _condition("Progressing", "False", "ProgressDeadlineExceeded", text, now)
    return set_condition(conditions, late), None


def _moved(before: Object, counts: dict[str, int]) -> bool:
    old_before = before.get("replicas", 0) - before.get("updatedReplicas", 0)
    return bool(
        counts["updatedReplicas"] > before.get("updatedReplicas", 0)
        or counts["replicas"] - counts["updatedReplicas"] < old_before
        or counts["readyReplicas"] > before.get("readyReplicas", 0)
        or counts["availableReplicas"] > before.get("availableReplicas", 0)
    )


def _condition(kind: str, state: str, reason: str, message: str, now: float) -> Object:
    return {
        "type": kind, "status": state, "lastUpdateTime": stamp(now), "lastTransitionTime": stamp(now), "reason": reason,
        "message": message,
    }  # fmt: skip
