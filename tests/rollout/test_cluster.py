"""The watch over the embedded Kubernetes, through the real client: what controllers and a kubelet leave behind."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from selfheal.cluster.live import LiveCluster
from selfheal.incidents.record import ObjectRef, Outcome, RenderedChange
from selfheal.rollout import RolloutVerification, baseline, rollout_status, runs_what_was_merged
from selfheal.sandbox.kubernetes.app import KubernetesEmulator
from selfheal.sandbox.kubernetes.behaviour import ImageBehaviour
from tests.rollout.world import FIELD, KEY, REF, record, settings


class VirtualClock:
    """Sleeping lets the embedded cluster's time pass."""

    def __init__(self, kubernetes: KubernetesEmulator) -> None:
        self.kubernetes = kubernetes
        self.at = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.kubernetes.now(), UTC)

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds
        self.kubernetes.advance(seconds)


def manifests(memory: str, image: str = "shop/checkout:1") -> list[dict[str, Any]]:
    labels = {"app": "checkout"}
    app = {
        "name": "app",
        "image": image,
        "resources": {"limits": {"memory": memory}, "requests": {"memory": memory}},
    }
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
        {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "checkout", "namespace": "shop"},
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]},
        },
        {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "checkout", "namespace": "shop"},
            "spec": {
                "replicas": 2, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [app]}},
            },
        },
    ]  # fmt: skip


@pytest.fixture
def kubernetes() -> Iterator[KubernetesEmulator]:
    emulator = KubernetesEmulator(time_factor=0)
    emulator.images["shop/checkout:1"] = ImageBehaviour(memory="100Mi", startup_seconds=1.0)
    with emulator:
        yield emulator


def watched(kubernetes: KubernetesEmulator, tmp_path: Path, merged: str, *, deploy: str) -> Any:
    """A checkout that needs 100Mi and has 64Mi; ``merged`` is what the fix says, ``deploy`` what then arrives."""
    kubernetes.write_kubeconfig(tmp_path / "kubeconfig")
    cluster = LiveCluster(str(tmp_path / "kubeconfig"))
    kubernetes.apply(manifests("64Mi"))
    kubernetes.advance(90)
    before = baseline(cluster.snapshot(["shop"]), REF)
    assert "oom-killed" in " ".join(before["findings"])
    held = record()
    change = held.change.model_copy(
        update={"rendered": (RenderedChange(object=REF, field=FIELD, before="64Mi", after=merged),)}
    )
    kubernetes.apply(copy.deepcopy(manifests(deploy)))
    made = RolloutVerification(
        cluster, KEY, held.model_copy(update={"change": change}), manifests(merged), settings(rollout_timeout=100, interval=10),
        VirtualClock(kubernetes),
    )  # fmt: skip
    return made.run()


@pytest.mark.parametrize(
    ("merged", "deploy", "outcome"),
    [
        ("128Mi", "128Mi", Outcome.SUCCESSFUL),
        ("80Mi", "80Mi", Outcome.INEFFECTIVE),
        ("128Mi", "64Mi", Outcome.INCONCLUSIVE),
    ],
    ids=["helps", "does-not-help", "never-arrives"],
)
def test_a_memory_limit(kubernetes, tmp_path, merged, deploy, outcome):
    found = watched(kubernetes, tmp_path, merged, deploy=deploy)
    assert found.outcome is outcome, found
    if outcome is Outcome.SUCCESSFUL:
        assert found.observed["endpoints"] == {"checkout": 2}


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_the_revisions_that_controllers_really_leave(kubernetes, tmp_path, kind):
    def workload(memory: str) -> list[dict[str, Any]]:
        made = copy.deepcopy(manifests(memory))
        made[-1]["kind"] = kind
        if kind == "StatefulSet":
            made[-1]["spec"]["serviceName"] = "checkout"
        else:
            del made[-1]["spec"]["replicas"]
        return made

    ref = ObjectRef(kind=kind, namespace="shop", name="checkout")
    kubernetes.write_kubeconfig(tmp_path / "kubeconfig")
    cluster = LiveCluster(str(tmp_path / "kubeconfig"))
    kubernetes.apply(workload("128Mi"))
    kubernetes.advance(60)
    assert rollout_status(cluster.snapshot(["shop"]), ref).done
    kubernetes.apply(workload("256Mi"))
    under_way = cluster.snapshot(["shop"])
    assert (
        not rollout_status(under_way, ref).done
        or not runs_what_was_merged(workload("256Mi"), under_way).whole
    )
    kubernetes.advance(120)
    after = cluster.snapshot(["shop"])
    assert rollout_status(after, ref).done
    found = runs_what_was_merged(workload("256Mi"), after)
    assert (found.arrived, found.whole) == (True, True), found
    assert runs_what_was_merged(workload("128Mi"), after).arrived is False
