"""unheard: failing probes of which no event is left."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.kit import event, get, only, root
from tests.support.cluster import Cluster, ago, container, running, waiting

PORTS = [{"name": "http", "containerPort": 8080}]


def probe(port: Any = 8080, path: str = "/healthz", **timing: Any) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": port}, "periodSeconds": 10, **timing}


def unready(
    readiness: dict[str, Any], *, liveness: dict[str, Any] | None = None, before: dict[str, Any] | None = None
) -> Cluster:
    """A container that has been running for a quarter of an hour and is not ready."""
    cluster = Cluster()

    def spec(asked: dict[str, Any]) -> dict[str, Any]:
        more = {"livenessProbe": liveness} if liveness else {}
        return {"containers": [container(ports=PORTS, readinessProbe=asked, **more)]}

    cluster.deployment(
        "api",
        spec(readiness),
        status=running(ready=False, since=900),
        before=spec(before) if before else None,
    )
    return cluster


def stopped(ran: float, code: int = 143, liveness: dict[str, Any] | None = None, **more: Any) -> Cluster:
    """A container that is stopped and started again; its last run took that many seconds."""
    ended = {"reason": "Error", "exitCode": code, "startedAt": ago(30 + ran), "finishedAt": ago(30)}
    status = waiting("CrashLoopBackOff", lastState={"terminated": ended}, restartCount=5)
    cluster = Cluster()
    asked = liveness or probe(9999)
    cluster.deployment(
        "api", {"containers": [container(ports=PORTS, livenessProbe=asked)]}, status=status, **more
    )
    return cluster


@pytest.mark.parametrize(
    ("cluster", "word"),
    [
        (unready(probe(9999)), "httpGet/port"),
        (unready(probe("web")), "httpGet/port"),
        (unready(probe(path="/status"), before=probe()), "httpGet/path"),
        (unready({**probe(), "httpGet": {"port": 8080, "path": "/", "scheme": "HTTPS"}}, liveness=probe()), "httpGet/scheme"),
        (unready({"grpc": {"port": 8080}, "periodSeconds": 10}, liveness=probe()), ""),
    ],
)  # fmt: skip
def test_readiness(cluster: Cluster, word: str) -> None:
    finding = only("readiness-probe-misconfigured", cluster)
    assert finding.facts["word"] == word
    assert 0.5 <= finding.confidence <= 0.85
    assert root(cluster) == ("readiness-probe-misconfigured", "Deployment shop/api")


def test_lookalike_program_that_does_not_get_ready() -> None:
    cluster = unready(probe(), liveness=probe())
    assert root(cluster)[0] != "readiness-probe-misconfigured"


def test_lookalike_a_pod_of_which_events_are_left() -> None:
    cluster = unready(probe(9999))
    event(cluster, get(cluster, "Pod", "api-new-0"), "Pulled", "Container image is already present")
    assert root(cluster)[0] != "readiness-probe-misconfigured"


@pytest.mark.parametrize("code", [0, 143, 137])
def test_liveness_gave_up_three_times(code: int) -> None:
    cluster = stopped(31, code)
    assert only("liveness-probe-misconfigured", cluster).variant == "port"
    assert root(cluster) == ("liveness-probe-misconfigured", "Deployment shop/api")


def test_liveness_that_is_tight_in_itself() -> None:
    cluster = stopped(2, liveness=probe(periodSeconds=1, failureThreshold=1))
    assert only("liveness-probe-misconfigured", cluster).variant == "timing"


def test_slow_start() -> None:
    cluster = stopped(31, liveness=probe())
    assert root(cluster) == ("startup-probe-missing", "Deployment shop/api")


@pytest.mark.parametrize(("ran", "code"), [(5, 143), (300, 143), (31, 1)])
def test_lookalike_end_that_does_not_meet_the_probes_attempts(ran: float, code: int) -> None:
    assert root(stopped(ran, code)) == ("app-crash", "Deployment shop/api")
