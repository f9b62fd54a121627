"""rollout-stuck: only what nothing else explains."""

from __future__ import annotations

from typing import Any

from selfheal.faults.interface import Exact, LastGood
from tests.faults.kit import examined, found, only, remedy, root
from tests.support.cluster import Cluster, container, crashing, running

DEADLINE = {
    "type": "Progressing",
    "status": "False",
    "reason": "ProgressDeadlineExceeded",
    "message": "timed out",
}


def late(status: dict[str, Any]) -> Cluster:
    cluster = Cluster()
    top = cluster.deployment("api", {"containers": [container()]}, status=status)
    top["status"]["conditions"] = [DEADLINE]
    return cluster


def test_nothing_explains_it() -> None:
    cluster = late(running(ready=False))
    assert root(cluster) == ("rollout-stuck", "Deployment shop/api")
    assert remedy(only("rollout-stuck", cluster)).escalate


def test_paused_in_the_middle() -> None:
    cluster = late(running())
    top = cluster.objects[0]
    top["spec"]["paused"] = True
    top["status"]["updatedReplicas"] = 0
    (edit,) = remedy(only("rollout-stuck", cluster)).edits
    assert edit.field == "/spec/paused"


def test_lookalike_killed_for_memory() -> None:
    answer = examined(late(crashing("OOMKilled", 137)))
    assert answer.root is not None and answer.root.fault == "oom-killed"
    assert any(item.fault == "rollout-stuck" for item in answer.root.explains)


def test_lookalike_still_progresses() -> None:
    cluster = Cluster()
    cluster.deployment("api", {"containers": [container()]}, status=running(ready=False, since=10))
    assert not found("rollout-stuck", cluster)


def test_the_little_that_changed_goes_back() -> None:
    cluster = Cluster()
    now, before = ({"containers": [container()], "priorityClassName": name} for name in ("hihg", "high"))
    top = cluster.deployment("api", now, status=running(ready=False), before=before)
    top["status"].update({"conditions": [DEADLINE], "updatedReplicas": 0})
    (edit,) = remedy(only("rollout-stuck", cluster)).edits
    assert edit.field == "/spec/template/spec/priorityClassName"
    assert edit.value == LastGood(Exact("high", "ReplicaSet shop/api-rs1"))


def test_a_release_is_not_taken_apart() -> None:
    cluster = Cluster()
    before = {"containers": [container(image="ghcr.io/acme/app:0.9")]}
    top = cluster.deployment("api", {"containers": [container()]}, status=running(ready=False), before=before)
    top["status"].update({"conditions": [DEADLINE], "updatedReplicas": 0})
    assert remedy(only("rollout-stuck", cluster)).escalate
