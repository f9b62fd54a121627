"""cpu-throttled: limits that are too small, and programs that are slow for other reasons."""

from __future__ import annotations

from tests.faults.kit import event, found, get, only, remedy, root
from tests.support.cluster import Cluster, container, running

SLOW = (
    'Readiness probe failed: Get "http://10.1.2.3:8080/": context deadline exceeded (Client.Timeout exceeded)'
)
PROBE = {"httpGet": {"port": 8080, "path": "/"}}


def limited(cpu: str, before: str = "", message: str = SLOW) -> Cluster:
    cluster = Cluster()

    def spec(amount: str) -> dict:
        limits = {"limits": {"cpu": amount}}
        return {
            "containers": [container(ports=[{"containerPort": 8080}], readinessProbe=PROBE, resources=limits)]
        }

    cluster.deployment("api", spec(cpu), status=running(ready=False), before=spec(before) if before else None)
    event(cluster, get(cluster, "Pod", "api-new-0"), "Unhealthy", message)
    return cluster


def test_limit_that_was_lowered() -> None:
    cluster = limited("50m", before="1")
    finding = only("cpu-throttled", cluster)
    assert finding.facts["last_good"][0]["value"] == "1"
    assert remedy(finding).edits[0].field.endswith("/resources/limits/cpu")
    assert root(cluster) == ("cpu-throttled", "Deployment shop/api")


def test_measured_usage() -> None:
    cluster = limited("500m")
    cluster.add("PodMetrics", "api-new-0", containers=[{"name": "app", "usage": {"cpu": "498m"}}])
    assert only("cpu-throttled", cluster).confidence > 0.9


def test_lookalike_generous_limit() -> None:
    assert not found("cpu-throttled", limited("2"))


def test_lookalike_small_and_in_time() -> None:
    cluster = Cluster()
    cluster.deployment("api", {"containers": [container(resources={"limits": {"cpu": "50m"}})]})
    assert not found("cpu-throttled", cluster)
