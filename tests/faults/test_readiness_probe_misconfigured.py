"""readiness-probe-misconfigured: its variants, and pods that are unready for better reasons."""

from __future__ import annotations

from typing import Any

import pytest

from selfheal.faults.interface import AtLeast, Exact, LastGood
from selfheal.faults.readiness_probe_misconfigured import ReadinessProbeMisconfigured
from tests.support.cluster import Cluster, container, ended, running

REFUSED = 'Readiness probe failed: Get "http://10.1.2.3:8081/readyz": dial tcp 10.1.2.3:8081: connect: connection refused'
PORTS = [{"name": "http", "containerPort": 8080}]


def found(cluster: Cluster) -> list[Any]:
    return list(ReadinessProbeMisconfigured().detect(cluster.snapshot(), None))


def probing(probe: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"containers": [container(ports=PORTS, readinessProbe=probe, **more)]}


def http(port: Any = 8080, path: str = "/readyz", **more: Any) -> dict[str, Any]:
    return {"httpGet": {"port": port, "path": path}, "periodSeconds": 5, **more}


def cluster_with(
    spec: dict[str, Any], message: str, *, before: dict[str, Any] | None = None, **status: Any
) -> Cluster:
    cluster = Cluster()
    cluster.deployment("api", spec, status=running(ready=False, **status), before=before)
    if message:
        cluster.event("api-new-0", "Unhealthy", message)
    return cluster


def test_port_the_container_does_not_have() -> None:
    (finding,) = found(cluster_with(probing(http(8081)), REFUSED))
    assert finding.variant == "port"
    (edit,) = ReadinessProbeMisconfigured().remedy(finding).edits
    assert edit.field == "/spec/template/spec/containers/name=app/readinessProbe/httpGet/port"
    assert edit.value == LastGood(Exact(8080, finding.facts["origin"]))


def test_port_name_nobody_has() -> None:
    message = 'Readiness probe errored: couldn\'t find port: "web"'
    (finding,) = found(cluster_with(probing(http("web")), message))
    assert (finding.variant, finding.facts["candidates"]) == ("port", ["http"])


def test_port_when_the_log_says_where_it_listens() -> None:
    cluster = cluster_with({"containers": [container(readinessProbe=http(8081))]}, REFUSED)
    cluster.log("api-new-0", "app", "INFO server listening on :8080\n")
    (finding,) = found(cluster)
    assert finding.variant == "port"
    assert any(item.source == "log" for item in finding.evidence)
    assert finding.facts["candidates"] == [], "a port that only the log names is no value"


@pytest.mark.parametrize("code", ["404", "405", "401"])
def test_path(code: str) -> None:
    spec = probing(http(), livenessProbe=http(path="/livez"))
    message = f"Readiness probe failed: HTTP probe failed with statuscode: {code}"
    (finding,) = found(cluster_with(spec, message))
    assert (finding.variant, finding.facts["candidates"]) == ("path", ["/livez"])


def test_path_of_the_older_template() -> None:
    message = "Readiness probe failed: HTTP probe failed with statuscode: 404"
    (finding,) = found(cluster_with(probing(http(path="/x")), message, before=probing(http(path="/readyz"))))
    assert finding.facts["last_good"][0]["value"] == "/readyz"


@pytest.mark.parametrize(
    ("scheme", "message", "wanted"),
    [
        ("HTTPS", "Get: http: server gave HTTP response to HTTPS client", ["HTTP"]),
        (
            "HTTP",
            'net/http: HTTP/1.x transport connection broken: malformed HTTP response "\\x15\\x03\\x01"',
            ["HTTPS"],
        ),
        ("HTTP", 'malformed HTTP response "\\x00\\x00\\x06"', []),
    ],
)
def test_protocol(scheme: str, message: str, wanted: list[str]) -> None:
    probe = http()
    probe["httpGet"]["scheme"] = scheme
    (finding,) = found(cluster_with(probing(probe), f"Readiness probe failed: {message}"))
    assert (finding.variant, finding.facts["candidates"]) == ("protocol", wanted)


def test_timing() -> None:
    message = 'Readiness probe failed: Get "http://10.1.2.3:8080/readyz": context deadline exceeded'
    spec, before = probing(http(timeoutSeconds=1)), probing(http(timeoutSeconds=5))
    (finding,) = found(cluster_with(spec, message, before=before))
    assert (finding.variant, finding.confidence) == ("timing", 0.9)
    (edit,) = ReadinessProbeMisconfigured().remedy(finding).edits
    assert edit.value == LastGood(AtLeast(2.0))


def test_delay_far_beyond_what_it_was() -> None:
    spec, before = probing(http(initialDelaySeconds=3600)), probing(http(initialDelaySeconds=5))
    (finding,) = found(cluster_with(spec, "", before=before, since=900))
    assert (finding.variant, finding.facts["word"]) == ("timing", "initialDelaySeconds")
    assert ReadinessProbeMisconfigured().remedy(finding).edits[0].value == LastGood()  # Never raised further.


@pytest.mark.parametrize("code", ["500", "503"])
def test_lookalike_the_program_says_it_is_not_ready(code: str) -> None:
    assert not found(
        cluster_with(probing(http()), f"Readiness probe failed: HTTP probe failed with statuscode: {code}")
    )


def test_lookalike_refused_on_its_own_port() -> None:
    assert not found(cluster_with(probing(http(8080)), REFUSED.replace("8081", "8080")))


def test_lookalike_crashes() -> None:
    cluster = cluster_with(probing(http(8081)), REFUSED, restartCount=3, lastState=ended("Error", 1))
    assert not found(cluster)


def test_lookalike_failed_while_starting_and_is_ready() -> None:
    cluster = Cluster()
    cluster.deployment("api", probing(http(8081)))
    cluster.event("api-new-0", "Unhealthy", REFUSED, seconds=500)
    assert not found(cluster)


def test_lookalike_event_of_an_earlier_pod_of_the_name() -> None:
    cluster = cluster_with(probing(http()), "")
    event = cluster.event(
        "api-new-0", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 404"
    )
    event["involvedObject"]["uid"] = "another"
    assert not found(cluster)
