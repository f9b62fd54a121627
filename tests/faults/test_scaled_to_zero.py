"""scaled-to-zero: workloads others need, and those that are parked."""

from __future__ import annotations

import json
from typing import Any

from selfheal.faults.interface import Exact, LastGood
from tests.faults.kit import caller, found, lines, only, remedy, root, served
from tests.support.cluster import Cluster, ago, container


def parked(**metadata: Any) -> Cluster:
    cluster = Cluster()
    top = cluster.deployment("cart", {"containers": [container()]}, replicas=0)
    top["metadata"].update(metadata)
    return cluster


def test_callers_need_it() -> None:
    cluster = parked()
    cluster.service("cart", {"app": "cart"})
    caller(
        cluster, "web", {"CART": "http://cart:8080"}, lines("dial tcp cart:8080: connect: connection refused")
    )
    assert root(cluster) == ("scaled-to-zero", "Deployment shop/cart")


def test_last_applied_manifest_wants_some() -> None:
    applied = json.dumps({"spec": {"replicas": 3}})
    cluster = parked(annotations={"kubectl.kubernetes.io/last-applied-configuration": applied})
    (edit,) = remedy(only("scaled-to-zero", cluster)).edits
    assert edit.value == LastGood(Exact(3, "the last applied manifest"))


def test_lookalike_nothing_refers_to_it() -> None:
    assert not found("scaled-to-zero", parked())


def test_lookalike_has_replicas() -> None:
    cluster = Cluster()
    served(cluster, "cart")
    assert not found("scaled-to-zero", cluster)


def taken(**metadata: Any) -> Cluster:
    cluster = parked(**metadata)
    about = {
        "kind": "Deployment",
        "namespace": "shop",
        "name": "cart",
        "uid": cluster.objects[0]["metadata"]["uid"],
    }
    cluster.add(
        "Event", "cart.1", type="Normal", reason="ScalingReplicaSet", involvedObject=about, lastTimestamp=ago(300),
        message="Scaled down replica set cart-7f9c from 2 to 0",
    )  # fmt: skip
    return cluster


def test_its_last_pods_went_lately() -> None:
    finding = only("scaled-to-zero", taken())
    assert any(item.source == "event" for item in finding.evidence)


def test_lookalike_an_event_source_scales_it() -> None:
    assert not found("scaled-to-zero", taken(annotations={"autoscaling.keda.sh/paused": "false"}))
