"""StatefulSets, DaemonSets, Jobs, CronJobs, budgets and autoscalers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from selfheal.sandbox.kubernetes.behaviour import Crash, ImageBehaviour
from selfheal.sandbox.kubernetes.controllers.schedule import Schedule
from tests.sandbox.kubernetes.manifests import (
    IMAGE,
    NAMESPACE,
    READY,
    WEB,
    condition,
    deployment,
    made,
    pod_spec,
    pods,
    still,
    told,
)


def template(image: str = IMAGE, container=None, **more):
    return {"metadata": {"labels": {"app": "it"}}, "spec": pod_spec(image, container, **more)}


def stateful(replicas: int = 2, image: str = IMAGE, **more):
    return made(
        "StatefulSet", "apps/v1", "it",
        {"replicas": replicas, "serviceName": "it", "selector": {"matchLabels": {"app": "it"}},
         "template": template(image, READY), **more},
    )  # fmt: skip


def test_stateful_pods_come_one_by_one_with_claims_of_their_own():
    emulator = still()
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    emulator.apply([stateful(volumeClaimTemplates=[claim])])
    emulator.advance(4)
    assert [pod["metadata"]["name"] for pod in pods(emulator)] == ["it-0"]
    emulator.advance(30)
    assert [pod["metadata"]["name"] for pod in pods(emulator)] == ["it-0", "it-1"]
    claims = emulator.objects("PersistentVolumeClaim", NAMESPACE)
    assert [(item["metadata"]["name"], item["status"]["phase"]) for item in claims] == [
        ("data-it-0", "Bound"), ("data-it-1", "Bound"),
    ]  # fmt: skip
    held = emulator.get("StatefulSet", NAMESPACE, "it")["status"]
    assert (held["readyReplicas"], held["currentRevision"]) == (2, held["updateRevision"])


def test_stateful_updates_go_from_the_highest_down_and_stop_at_one_that_is_ill():
    emulator = still(bad=ImageBehaviour(crash=Crash(("boom",))))
    emulator.apply([stateful(3)])
    emulator.advance(60)
    emulator.apply([stateful(3, "ghcr.io/acme/bad:1")])
    emulator.advance(60)
    images = [pod["spec"]["containers"][0]["image"] for pod in pods(emulator)]
    assert images == [IMAGE, IMAGE, "ghcr.io/acme/bad:1"]


def test_stateful_pods_are_scaled_down_from_the_highest():
    emulator = still()
    emulator.apply([stateful(3)])
    emulator.advance(60)
    emulator.apply([stateful(1)])
    emulator.advance(30)
    assert [pod["metadata"]["name"] for pod in pods(emulator)] == ["it-0"]


def test_a_daemon_runs_on_every_node_it_tolerates():
    emulator = still()
    spec = {"selector": {"matchLabels": {"app": "it"}}, "template": template(container=READY)}
    emulator.apply([made("DaemonSet", "apps/v1", "it", spec)])
    emulator.advance(15)
    assert {pod["spec"]["nodeName"] for pod in pods(emulator)} == {"worker-1", "worker-2", "worker-3"}
    held = emulator.get("DaemonSet", NAMESPACE, "it")["status"]
    assert (held["desiredNumberScheduled"], held["numberAvailable"]) == (3, 3)
    spec = {
        **spec,
        "template": template(container=READY, nodeSelector={"kubernetes.io/hostname": "worker-2"}),
    }
    emulator.apply([made("DaemonSet", "apps/v1", "it", spec)])
    emulator.advance(30)
    assert {pod["spec"]["nodeName"] for pod in pods(emulator)} == {"worker-2"}


def job(image: str, **more):
    spec = {"template": {"spec": pod_spec(image, restartPolicy="Never")}, **more}
    return made("Job", "batch/v1", "it", spec)


JOBS = {"good": ImageBehaviour(run_seconds=3), "bad": ImageBehaviour(crash=Crash(("no",), 1, 1))}


def test_a_job_that_succeeds():
    emulator = still(**JOBS)
    emulator.apply([job("ghcr.io/acme/good:1")])
    emulator.advance(20)
    assert condition(emulator, "Job", "it", "Complete") == ("True", "CompletionsReached")
    assert pods(emulator)[0]["status"]["phase"] == "Succeeded"


def test_a_job_that_fails_too_often():
    emulator = still(**JOBS)
    emulator.apply([job("ghcr.io/acme/bad:1", backoffLimit=2)])
    emulator.advance(120)
    assert condition(emulator, "Job", "it", "Failed") == ("True", "BackoffLimitExceeded")
    assert len(pods(emulator)) == 3
    assert told(emulator, "BackoffLimitExceeded") == ["Job has reached the specified backoff limit"]


def test_a_job_that_takes_too_long():
    emulator = still()
    emulator.apply([job(IMAGE, activeDeadlineSeconds=20)])
    emulator.advance(60)
    assert condition(emulator, "Job", "it", "Failed") == ("True", "DeadlineExceeded")
    assert pods(emulator) == []


def cron(schedule: str, **more):
    spec = {
        "schedule": schedule,
        "jobTemplate": {
            "spec": {"template": {"spec": pod_spec("ghcr.io/acme/good:1", restartPolicy="Never")}}
        },
        **more,
    }
    return made("CronJob", "batch/v1", "it", spec)


def test_a_cron_job_runs_when_it_is_due_and_keeps_three():
    emulator = still(**JOBS)
    emulator.apply([cron("* * * * *")])
    emulator.advance(6 * 60)
    kept = [found["metadata"]["name"] for found in emulator.objects("Job", NAMESPACE)]
    assert len(kept) == 3, kept
    assert emulator.get("CronJob", NAMESPACE, "it")["status"]["lastSuccessfulTime"]
    assert any("Saw completed job" in text for text in told(emulator, "SawCompletedJob"))


def test_a_suspended_cron_job_does_not_run():
    emulator = still(**JOBS)
    emulator.apply([cron("* * * * *", suspend=True)])
    emulator.advance(300)
    assert emulator.objects("Job", NAMESPACE) == []


def test_schedules_that_cannot_be_and_zones_that_are_not():
    emulator = still(**JOBS)
    assert 'spec.schedule: Invalid value: "every day"' in emulator.apply([cron("every day")]).text
    emulator.apply([cron("* * * * *", timeZone="Europe/Atlantis")])
    emulator.advance(120)
    assert "unknown time zone Europe/Atlantis" in told(emulator, "UnknownTimeZone")[0]


@pytest.mark.parametrize(
    ("text", "after", "then"),
    [
        ("0 3 * * *", "2026-03-01T04:00", "2026-03-02T03:00"),
        ("*/15 9-17 * * mon-fri", "2026-03-06T17:50", "2026-03-09T09:00"),
        ("0 0 29 2 *", "2026-03-01T00:00", "2028-02-29T00:00"),
        ("0 0 1 * 7", "2026-03-02T00:00", "2026-03-08T00:00"),
        ("@hourly", "2026-12-31T23:30", "2027-01-01T00:00"),
    ],
)
def test_schedules(text, after, then):
    start = datetime.fromisoformat(after).replace(tzinfo=UTC).timestamp()
    assert Schedule(text).next(start) == datetime.fromisoformat(then).replace(tzinfo=UTC).timestamp()


def test_schedules_follow_their_zone():
    zone = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp()
    assert Schedule("0 3 * * *").next(start, zone) == datetime(2026, 7, 2, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "text", ["", "* * * *", "60 * * * *", "* 5-3 * * *", "*/0 * * * *", "a * * * *", "0 0 0 * *"]
)
def test_schedules_that_are_none(text):
    with pytest.raises(ValueError):
        Schedule(text)


def test_a_schedule_that_never_comes():
    assert Schedule("0 0 31 2 *").next(0) is None


def scaler(target: str = "web", **more):
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
    }
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}, "minReplicas": 1,
        "maxReplicas": 3, "metrics": [metric], **more,
    }  # fmt: skip
    return made("HorizontalPodAutoscaler", "autoscaling/v2", "it", spec)


REQUESTS = {"resources": {"requests": {"cpu": "100m"}}}


def test_an_autoscaler_scales_up_to_its_limit():
    emulator = still(busy=replace(WEB, cpu="200m"))
    emulator.apply([deployment("web", "ghcr.io/acme/busy:1", {**READY, **REQUESTS}), scaler()])
    emulator.advance(120)
    assert len(pods(emulator)) == 3
    assert condition(emulator, "HorizontalPodAutoscaler", "it", "ScalingLimited") == (
        "True",
        "TooManyReplicas",
    )


@pytest.mark.parametrize(
    ("container", "target", "which", "verdict"),
    [
        (READY, "web", "ScalingActive", ("False", "FailedGetResourceMetric")),
        ({**READY, **REQUESTS}, "wbe", "AbleToScale", ("False", "FailedGetScale")),
        ({**READY, **REQUESTS}, "web", "ScalingActive", ("True", "ValidMetricFound")),
    ],
)
def test_autoscalers_that_cannot(container, target, which, verdict):
    emulator = still()
    emulator.apply([deployment(container=container), scaler(target)])
    emulator.advance(60)
    assert condition(emulator, "HorizontalPodAutoscaler", "it", which) == verdict


def test_no_metrics_server():
    emulator = still()
    emulator.autoscaler.measured = False
    emulator.apply([deployment(container={**READY, **REQUESTS}), scaler()])
    emulator.advance(60)
    assert "the server could not find the requested resource" in told(emulator, "FailedGetResourceMetric")[0]


def test_a_node_that_falls_silent_loses_its_pods():
    emulator = still()
    emulator.apply([deployment(container=READY)])
    emulator.advance(10)
    node = pods(emulator)[0]["spec"]["nodeName"]
    emulator.set_node(node, "Ready", "False", "KubeletNotReady", "container runtime is down")
    emulator.advance(10)
    ready = {item["type"]: item["status"] for item in pods(emulator)[0]["status"]["conditions"]}
    assert ready["Ready"] == "False"
    emulator.advance(320)
    living = [pod for pod in pods(emulator) if not pod["metadata"].get("deletionTimestamp")]
    assert living and all(pod["spec"]["nodeName"] != node for pod in living)
