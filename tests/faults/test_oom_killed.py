"""oom-killed and what looks like it."""

from __future__ import annotations

from typing import Any

import pytest

from selfheal.faults.interface import AtLeast, LastGood
from selfheal.faults.oom_killed import OomKilled
from tests.support.cluster import Cluster, ago, container, crashing, ended, running

LIMITED = {"containers": [container(resources={"limits": {"memory": "128Mi"}})]}
LIMIT = "/spec/template/spec/containers/name=app/resources/limits/memory"


def found(cluster: Cluster) -> list[Any]:
    return list(OomKilled().detect(cluster.snapshot(), None))


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_previous_run_killed(kind: str) -> None:
    cluster = Cluster()
    cluster.deployment("app", LIMITED, status=crashing("OOMKilled", 137), kind=kind)
    (finding,) = found(cluster)
    assert (finding.object.kind, finding.container, finding.facts["limit"]) == (kind, "app", "128Mi")
    (edit,) = OomKilled().remedy(finding).edits
    assert edit.field == LIMIT
    assert edit.value == LastGood(AtLeast(2.0, "128Mi"))


def test_job_of_a_cron_job_is_blamed_on_the_cron_job() -> None:
    cluster = Cluster()
    cluster.deployment("nightly", LIMITED, status=crashing("OOMKilled", 137), kind="CronJob")
    (finding,) = found(cluster)
    assert finding.object.kind == "CronJob"
    assert finding.facts["field"].startswith("/spec/jobTemplate/spec/template/spec/containers")


def test_larger_limit_of_the_older_template_is_the_last_good() -> None:
    before = {"containers": [container(resources={"limits": {"memory": "448Mi"}})]}
    cluster = Cluster()
    cluster.deployment("app", LIMITED, status=crashing("OOMKilled", 137), before=before)
    (finding,) = found(cluster)
    assert finding.facts["last_good"] == [
        {"field": LIMIT, "value": "448Mi", "origin": "ReplicaSet shop/app-rs1"}
    ]


def test_init_container() -> None:
    spec = {
        "initContainers": [container("migrate", resources={"limits": {"memory": "64Mi"}})],
        "containers": [container()],
    }
    cluster = Cluster()
    cluster.deployment("app", spec, status={**crashing("OOMKilled", 137), "on_init": True})
    (finding,) = found(cluster)
    assert finding.container == "migrate"
    assert "/initContainers/name=migrate/" in finding.facts["field"]


def test_without_a_limit_a_person_is_asked() -> None:
    cluster = Cluster()
    cluster.deployment("app", {"containers": [container()]}, status=crashing("OOMKilled", 137))
    (finding,) = found(cluster)
    remedy = OomKilled().remedy(finding)
    assert remedy.escalate and not remedy.edits


def test_lookalike_killed_by_a_liveness_probe() -> None:
    cluster = Cluster()
    cluster.deployment("app", LIMITED, status=crashing("Error", 137))
    cluster.event("app-new-0", "Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 404")
    assert not found(cluster)


def test_lookalike_long_ago_and_well_since() -> None:
    cluster = Cluster()
    well = running(since=7200, lastState=ended("OOMKilled", 137, before=7205), restartCount=1)
    cluster.deployment("app", LIMITED, status=well)
    assert not found(cluster)


def test_killed_every_hour_is_not_old_news() -> None:
    cluster = Cluster()
    between = running(since=1800, lastState=ended("OOMKilled", 137, before=1805), restartCount=9)
    cluster.deployment("app", LIMITED, status=between)
    assert len(found(cluster)) == 1


def test_lookalike_pod_of_an_older_template() -> None:
    cluster = Cluster()
    raised = {"containers": [container(resources={"limits": {"memory": "1Gi"}})]}
    cluster.deployment("app", raised, before=LIMITED)
    old = next(obj for obj in cluster.objects if obj["metadata"]["name"] == "app-old-1")
    old["status"]["containerStatuses"][0]["lastState"] = ended("OOMKilled", 137, before=20)
    old["status"]["containerStatuses"][0]["restartCount"] = 3
    assert not found(cluster)


def test_lookalike_pod_that_is_going_away() -> None:
    cluster = Cluster()
    cluster.deployment("app", LIMITED, status=crashing("OOMKilled", 137))
    for obj in cluster.objects:
        if obj["kind"] == "Pod":
            obj["metadata"]["deletionTimestamp"] = ago(1)
    assert not found(cluster)
