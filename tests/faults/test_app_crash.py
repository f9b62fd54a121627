"""app-crash: what remains, and crashes with a better explanation."""

from __future__ import annotations

from tests.faults.kit import caller, found, only, remedy, root, served
from tests.support.cluster import Cluster, container, crashing, ended, running

APP = {"containers": [container()]}


def test_ends_by_itself() -> None:
    cluster = Cluster()
    cluster.deployment("api", APP, status=crashing("Error", 2))
    cluster.log(
        "api-new-0", "app", "starting\npanic: index out of range\ngoroutine 1 [running]:", previous=True
    )
    finding = only("app-crash", cluster)
    assert "index out of range" in finding.summary
    assert remedy(finding).escalate
    assert root(cluster) == ("app-crash", "Deployment shop/api")


def test_program_that_just_ends() -> None:
    cluster = Cluster()
    cluster.deployment("api", APP, status=crashing("Completed", 0))
    assert only("app-crash", cluster).variant == "ends"


def test_lookalike_killed_for_memory() -> None:
    cluster = Cluster()
    cluster.deployment("api", APP, status=crashing("OOMKilled", 137))
    assert not found("app-crash", cluster)


def test_lookalike_settled_long_ago() -> None:
    cluster = Cluster()
    cluster.deployment("api", APP, status=running(restartCount=1, lastState=ended("Error", 1, before=3700)))
    assert not found("app-crash", cluster)
    assert root(cluster)[0] == "healthy"


def test_lookalike_crashes_since_its_store_is_ill() -> None:
    cluster = Cluster()
    served(cluster, "db", 5432)
    for obj in cluster.objects:
        if obj["kind"] == "Pod":
            obj["status"]["containerStatuses"][0].update(crashing("OOMKilled", 137))
            obj["status"]["conditions"][0]["status"] = "False"
    log = "connecting to db:5432\nFATAL could not connect to db:5432: Connection refused"
    caller(cluster, "api", {"DB_HOST": "db", "DB_PORT": "5432"}, status=crashing("Error", 1))
    cluster.log("api-new-0", "app", log, previous=True)
    assert root(cluster) == ("oom-killed", "Deployment shop/db")


def test_who_ended_it_cannot_be_told_without_events() -> None:
    cluster = Cluster()
    probed = {"containers": [container(livenessProbe={"httpGet": {"path": "/", "port": 80}})]}
    cluster.deployment("api", probed, status=crashing("Error", 143))
    surely = only("app-crash", cluster).confidence
    cluster.unread.add("Event")
    assert only("app-crash", cluster).confidence <= 0.5 < surely
