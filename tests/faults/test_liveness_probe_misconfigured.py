"""liveness-probe-misconfigured: its variants, and restarts for better reasons."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.kit import event, found, get, only, remedy, root
from tests.support.cluster import Cluster, container, ended, waiting

PORTS = [{"name": "http", "containerPort": 8080}]
REFUSED = 'Liveness probe failed: Get "http://10.1.2.3:8080/livez": dial tcp 10.1.2.3:8080: connect: connection refused'


def probed(
    probe: dict[str, Any], message: str, *, before: dict[str, Any] | None = None, code: int = 137
) -> Cluster:
    cluster = Cluster()
    spec = {"containers": [container(ports=PORTS, livenessProbe=probe)]}
    old = {"containers": [container(ports=PORTS, livenessProbe=before)]} if before else None
    status = waiting("CrashLoopBackOff", "back-off", restartCount=4, lastState=ended("Error", code))
    cluster.deployment("api", spec, status=status, before=old)
    pod = get(cluster, "Pod", "api-new-0")
    event(cluster, pod, "Unhealthy", message)["involvedObject"]["fieldPath"] = "spec.containers{app}"
    text = "Container app failed liveness probe, will be restarted"
    event(cluster, pod, "Killing", text)["involvedObject"]["fieldPath"] = "spec.containers{app}"
    return cluster


def http(port: Any = 8080, **more: Any) -> dict[str, Any]:
    return {"httpGet": {"port": port, "path": "/livez"}, "periodSeconds": 10, "failureThreshold": 3, **more}


@pytest.mark.parametrize(
    ("probe", "message", "variant"),
    [
        (http(), "Liveness probe failed: HTTP probe failed with statuscode: 404", "path"),
        (http(9090), REFUSED.replace("8080", "9090"), "port"),
        (http(), 'Liveness probe failed: Get "http://x": malformed HTTP response "\\x00\\x00"', "protocol"),
        (http(failureThreshold=1), REFUSED, "timing"),
        (http(periodSeconds=1), REFUSED, "timing"),
        (http(initialDelaySeconds=5), REFUSED, "timing"),
    ],
)
def test_variants(probe: dict[str, Any], message: str, variant: str) -> None:
    cluster = probed(probe, message)
    assert only("liveness-probe-misconfigured", cluster).variant == variant
    assert root(cluster) == ("liveness-probe-misconfigured", "Deployment shop/api")


def test_timing_tighter_than_it_was() -> None:
    cluster = probed(http(initialDelaySeconds=1), REFUSED, before=http(initialDelaySeconds=60))
    finding = only("liveness-probe-misconfigured", cluster)
    (edit,) = remedy(finding).edits
    assert edit.field.endswith("/livenessProbe/initialDelaySeconds")
    assert finding.facts["last_good"][0]["value"] == 60


def test_clean_exit_after_the_kill_is_no_crash() -> None:
    cluster = probed(http(), "Liveness probe failed: HTTP probe failed with statuscode: 404", code=0)
    assert root(cluster)[0] == "liveness-probe-misconfigured"


def test_lookalike_usual_thresholds_refused_at_the_start() -> None:
    cluster = probed(http(), REFUSED)
    assert not found("liveness-probe-misconfigured", cluster)
    assert root(cluster)[0] == "startup-probe-missing"


def test_lookalike_the_program_says_it_is_ill() -> None:
    assert not found(
        "liveness-probe-misconfigured",
        probed(http(), "Liveness probe failed: HTTP probe failed with statuscode: 500"),
    )


def test_lookalike_old_event_of_a_pod_that_is_well() -> None:
    cluster = Cluster()
    cluster.deployment("api", {"containers": [container(ports=PORTS, livenessProbe=http())]})
    event(cluster, get(cluster, "Pod", "api-new-0"), "Unhealthy", REFUSED, seconds=3000)
    assert not found("liveness-probe-misconfigured", cluster)
