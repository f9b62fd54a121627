"""A container's port that was renamed or renumbered under a probe: the port is mended, not the probe."""

from __future__ import annotations

from typing import Any

from selfheal.faults.interface import Exact, LastGood
from tests.faults.kit import found, only, remedy
from tests.support.cluster import Cluster, container, running

REFUSED = "Readiness probe failed: dial tcp 10.0.0.7:8081: connect: connection refused"
NO_PORT = "Readiness probe errored: couldn't find port: http"


def pod(ports: list[dict[str, Any]], asked: Any = "http", image: str = "web:1") -> dict[str, Any]:
    probe = {"httpGet": {"path": "/ready", "port": asked}}
    return {"containers": [container(image=image, ports=ports, readinessProbe=probe)]}


def ill(now: dict[str, Any], before: dict[str, Any] | None, text: str) -> Cluster:
    cluster = Cluster()
    cluster.deployment("web", now, before=before, status=running(ready=False, since=300))
    cluster.event("web-new-0", "Unhealthy", text)
    return cluster


def test_renamed_port_gets_its_name_back() -> None:
    before = pod([{"name": "http", "containerPort": 8080}])
    finding = only(
        "readiness-probe-misconfigured", ill(pod([{"name": "htpp", "containerPort": 8080}]), before, NO_PORT)
    )
    (edit,) = remedy(finding).edits
    assert edit.field == "/spec/template/spec/containers/name=app/ports/0/name"
    assert edit.value == LastGood(Exact("http", "ReplicaSet shop/web-rs1"))


def test_renumbered_port_gets_its_number_back() -> None:
    before = pod([{"name": "http", "containerPort": 8080}])
    finding = only(
        "readiness-probe-misconfigured", ill(pod([{"name": "http", "containerPort": 8081}]), before, REFUSED)
    )
    (edit,) = remedy(finding).edits
    assert edit.field == "/spec/template/spec/containers/name=app/ports/0/containerPort"
    assert edit.value == LastGood(Exact(8080, "ReplicaSet shop/web-rs1"))


def test_without_an_older_template_a_service_knows_the_name() -> None:
    cluster = ill(pod([{"name": "htpp", "containerPort": 8080}]), None, NO_PORT)
    cluster.service("web", {"app": "web"})["spec"]["ports"] = [{"port": 80, "targetPort": "http"}]
    finding = only("readiness-probe-misconfigured", cluster)
    (edit,) = remedy(finding).edits
    assert (edit.field[-7:], edit.value) == ("/0/name", LastGood(Exact("http", "Service web")))


def test_lookalike_probe_that_was_changed_itself() -> None:
    """The ports are as they were, and the probe asks for a name that never was."""
    ports = [{"name": "http", "containerPort": 8080}]
    cluster = ill(pod(ports, "htpp"), pod(ports), NO_PORT.replace("http", "htpp"))
    (edit,) = remedy(only("readiness-probe-misconfigured", cluster)).edits
    assert edit.field.endswith("/readinessProbe/httpGet/port")


def test_lookalike_new_image_that_moved_on_purpose() -> None:
    before = pod([{"name": "http", "containerPort": 8080}], image="web:0")
    cluster = ill(pod([{"name": "http", "containerPort": 8081}]), before, REFUSED)
    assert not [
        item for item in found("readiness-probe-misconfigured", cluster) if "ports" in item.facts["field"]
    ]
