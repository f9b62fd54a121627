"""A shop's checkout as it looks at different moments of a deployment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from selfheal.cluster.snapshot import Object, Snapshot
from selfheal.config import Settings
from selfheal.errors import SelfhealError
from selfheal.incidents.record import (
    Analysis,
    Change,
    ObjectRef,
    PullRequest,
    Record,
    RenderedChange,
    Target,
)
from selfheal.incidents.states import State
from tests.support.cluster import Cluster, container, crashing, running

KEY = "OPS-7"
WHEN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
REF = ObjectRef(kind="Deployment", namespace="shop", name="checkout")
FIELD = "/spec/template/spec/containers/name=app/resources/limits/memory"


class FakeClock:
    """Time passes only by sleeping."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> datetime:
        return WHEN + timedelta(seconds=self.at)

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


class FakeCluster:
    """Answers one scene after another; the last one for ever. A scene is a snapshot or an error."""

    def __init__(self, *scenes: Snapshot | SelfhealError) -> None:
        self.scenes = list(scenes)
        self.asked: list[Any] = []

    def snapshot(self, namespaces=None) -> Snapshot:
        self.asked.append(namespaces)
        scene = self.scenes.pop(0) if len(self.scenes) > 1 else self.scenes[0]
        if isinstance(scene, SelfhealError):
            raise scene
        return scene


def pod_spec(memory: str) -> dict[str, Any]:
    return {"containers": [container(resources={"limits": {"memory": memory}})]}


def manifest(memory: str = "128Mi", *, name: str = "checkout") -> dict[str, Any]:
    """What the merged commit renders."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod_spec(memory)},
        },
    }


def endpoints(cluster: Cluster, name: str, ready: int) -> None:
    cluster.add(
        "EndpointSlice",
        f"{name}-abc",
        metadata={"labels": {"kubernetes.io/service-name": name}},
        endpoints=[
            {"addresses": [f"10.0.0.{number}"], "conditions": {"ready": True}} for number in range(ready)
        ],
    )


def scene(
    memory: str = "128Mi",
    *,
    status: dict[str, Any] | None = None,
    before: str | None = None,
    replicas: int = 2,
    ready: int | None = None,
    extra: Any = None,
    without: tuple[str, ...] = (),
    uid: str = "",
) -> Snapshot:
    """The cluster with checkout at a memory limit; ``status`` of its containers; ``before``: the older limit."""
    cluster = Cluster()
    cluster.deployment(
        "checkout",
        pod_spec(memory),
        status=status,
        before=pod_spec(before) if before else None,
        replicas=replicas,
    )
    cluster.service("checkout", {"app": "checkout"})
    good = status is None or status["ready"]
    endpoints(
        cluster, "checkout", ready if ready is not None else (replicas if good else int(before is not None))
    )
    if uid:
        for obj in cluster.objects:
            if obj["kind"] == "Pod":
                obj["metadata"]["uid"] += uid
    if extra is not None:
        extra(cluster)
    cluster.unread.update(without)
    return cluster.snapshot()


def healthy(**more: Any) -> Snapshot:
    return scene("128Mi", **more)


def still_killed(memory: str = "128Mi", **more: Any) -> Snapshot:
    return scene(memory, status=crashing("OOMKilled", 137), **more)


def before_merge(**more: Any) -> Snapshot:
    return still_killed("64Mi", **more)


def restarted(count: int) -> Snapshot:
    return scene("128Mi", status=running(restartCount=count))


def record(*, pull: dict[str, Any] | None = None, **update: Any) -> Record:
    made = Record(
        state=State.VERIFICATION_IN_PROGRESS,
        entered=WHEN,
        target=Target(namespace="shop", kind="Deployment", name="checkout"),
        analysis=Analysis(verdict="fault", fault="oom-killed", object=REF, container="app", confidence=0.95),
        change=Change(
            decision="propose",
            rendered=(RenderedChange(object=REF, field=FIELD, before="64Mi", after="128Mi"),),
        ),
        pull_requests=(
            PullRequest(**{"number": 3, "merge_sha": "c" * 40, "state": "merged", **(pull or {})}),
        ),
    )
    return made.model_copy(update=update)


def settings(**verification: Any) -> Settings:
    rules = {"rollout_timeout": 300, "soak": 30, "samples": 3, "interval": 10, **verification}
    return Settings.model_validate({"verification": rules})


def objects(snapshot: Snapshot, kind: str) -> list[Object]:
    return list(snapshot.list(kind))
