"""init-container-failed: failing and hanging ones, and those with another reason."""

from __future__ import annotations

from typing import Any

from tests.faults.kit import found, lines, only, remedy, root, served
from tests.support.cluster import Cluster, container, crashing, running


def waiting_for(host: str, status: dict[str, Any], log: str) -> Cluster:
    cluster = Cluster()
    served(cluster, "postgres", 5432)
    init = container("wait", command=["sh", "-c", f"until nc -z {host} 5432; do sleep 1; done"])
    spec = {"initContainers": [init], "containers": [container()]}
    cluster.deployment("api", spec, status={**status, "on_init": True})
    cluster.log("api-new-0", "wait", log, previous="waiting" in status["state"])
    return cluster


def test_host_that_is_no_service() -> None:
    cluster = waiting_for(
        "postgresql",
        crashing("Error", 1),
        'nc: getaddrinfo for host "postgresql" port 5432: Name or service not known',
    )
    finding = only("init-container-failed", cluster)
    (edit,) = remedy(finding).edits
    assert edit.field == "/spec/template/spec/initContainers/name=wait/command/2"
    assert "postgres 5432" in edit.value.fallback.value
    assert root(cluster) == ("init-container-failed", "Deployment shop/api")


def test_hangs() -> None:
    status = running(ready=False, since=900)
    assert (
        only("init-container-failed", waiting_for("postgres", status, lines("waiting for schema"))).variant
        == "hangs"
    )


def test_lookalike_finished() -> None:
    cluster = Cluster()
    cluster.deployment("api", {"initContainers": [container("init")], "containers": [container()]})
    assert not found("init-container-failed", cluster)


def test_lookalike_what_it_waits_for_is_ill() -> None:
    cluster = waiting_for(
        "postgres", running(ready=False, since=900), lines("postgres:5432 connection refused, retrying")
    )
    for obj in cluster.objects:
        if obj["kind"] == "Pod" and obj["metadata"]["name"].startswith("postgres"):
            obj["status"]["containerStatuses"][0].update(crashing("OOMKilled", 137))
            obj["status"]["conditions"][0]["status"] = "False"
    assert root(cluster) == ("oom-killed", "Deployment shop/postgres")


def test_lookalike_killed_for_memory() -> None:
    assert root(waiting_for("postgres", crashing("OOMKilled", 137), ""))[0] == "oom-killed"
