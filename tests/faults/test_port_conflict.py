"""port-conflict: two containers on one port, and binds that fail for other reasons."""

from __future__ import annotations

from typing import Any

from tests.faults.kit import found, get, only, remedy, root
from tests.support.cluster import Cluster, container, crashing


def beside(second: int, log: str = "", before: int = 0, crashes: bool = True) -> Cluster:
    cluster = Cluster()

    def spec(port: int) -> dict[str, Any]:
        proxy = container("proxy", ports=[{"name": "in", "containerPort": port}])
        return {"containers": [container(ports=[{"name": "http", "containerPort": 8080}]), proxy]}

    cluster.deployment("api", spec(second), before=spec(before) if before else None)
    if crashes:
        pod = get(cluster, "Pod", "api-new-0")
        pod["status"]["containerStatuses"][1].update(crashing("Error", 1))
        pod["status"]["conditions"][0]["status"] = "False"
    cluster.log("api-new-0", "proxy", log, previous=True)
    return cluster


def test_log_says_so() -> None:
    cluster = beside(8080, "listen tcp :8080: bind: address already in use", before=9090)
    finding = only("port-conflict", cluster)
    assert remedy(finding).edits[0].field.endswith("/containers/name=proxy/ports/name=in/containerPort")
    assert finding.facts["last_good"][0]["value"] == 9090
    assert root(cluster) == ("port-conflict", "Deployment shop/api")


def test_declared_twice_and_one_ends() -> None:
    assert root(beside(8080)) == ("port-conflict", "Deployment shop/api")


def test_lookalike_declared_twice_and_both_run() -> None:
    assert not found("port-conflict", beside(8080, crashes=False))


def test_lookalike_low_port_without_privilege() -> None:
    assert not found("port-conflict", beside(80, "listen tcp :80: bind: permission denied"))
