"""The order in which a rollout's state is read, kind by kind."""

from __future__ import annotations

import pytest

from selfheal.incidents.record import ObjectRef
from selfheal.rollout import rollout_status
from tests.rollout.world import REF, endpoints, healthy
from tests.support.cluster import Cluster, ago, running


def deployment(*, generation=3, observed=3, spec=None, conditions=(), **status):
    cluster = Cluster()
    counts = {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2, **status}
    cluster.add(
        "Deployment",
        "checkout",
        metadata={"generation": generation},
        spec={"replicas": 2, **(spec or {})},
        status={"observedGeneration": observed, "conditions": list(conditions), **counts},
    )
    return rollout_status(cluster.snapshot(), REF)


DEADLINE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}


@pytest.mark.parametrize(
    ("given", "phase", "said"),
    [
        ({}, "done", ""),
        # The status is of an older spec: its good counts and its missed deadline mean nothing yet.
        ({"observed": 2}, "progressing", "newest spec"),
        ({"observed": 2, "conditions": [DEADLINE]}, "progressing", "newest spec"),
        ({"conditions": [DEADLINE], "updatedReplicas": 1}, "failed", "deadline"),
        ({"updatedReplicas": 1}, "progressing", "1 of 2 replicas have the newest"),
        ({"replicas": 3}, "progressing", "1 replicas of an older"),
        ({"availableReplicas": 1}, "progressing", "1 of 2 replicas are available"),
        ({"availableReplicas": 0, "readyReplicas": 0}, "progressing", "0 of 2"),
        ({"spec": {"paused": True}}, "progressing", "paused"),
        ({"spec": {"replicas": 0}}, "unknown", "scaled to zero"),
    ],
)
def test_a_deployment(given, phase, said):
    found = deployment(**given)
    assert found.phase == phase and said in found.reason
    assert found.done is (phase == "done")


def of(kind, *, metadata=None, build=None, **body):
    cluster = Cluster()
    obj = cluster.add(kind, "it", metadata=metadata, **body)
    if build is not None:
        build(cluster, obj)
    return rollout_status(cluster.snapshot(), ObjectRef(kind=kind, namespace="shop", name="it"))


@pytest.mark.parametrize(
    ("spec", "status", "phase", "said"),
    [
        ({}, {"readyReplicas": 2, "currentReplicas": 2, "currentRevision": "b", "updateRevision": "b"}, "done", ""),
        ({}, {"readyReplicas": 2, "updatedReplicas": 1, "currentRevision": "a", "updateRevision": "b"}, "progressing", "1 of 2"),
        ({}, {"readyReplicas": 1, "currentRevision": "b", "updateRevision": "b"}, "progressing", "1 of 2"),
        ({"updateStrategy": {"type": "OnDelete"}}, {"readyReplicas": 2, "currentRevision": "a", "updateRevision": "b"},
         "progressing", "OnDelete"),
        ({"updateStrategy": {"rollingUpdate": {"partition": 1}}},
         {"readyReplicas": 2, "currentRevision": "a", "updateRevision": "b"}, "progressing", "partition"),
        ({"replicas": 0}, {}, "unknown", "zero"),
    ],
)  # fmt: skip
def test_a_stateful_set(spec, status, phase, said):
    found = of("StatefulSet", spec={"replicas": 2, **spec}, status=status)
    assert found.phase == phase and said in found.reason


@pytest.mark.parametrize(
    ("spec", "status", "phase"),
    [
        ({}, {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2}, "done"),
        ({}, {"desiredNumberScheduled": 2, "updatedNumberScheduled": 1, "numberAvailable": 2}, "progressing"),
        ({}, {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1}, "progressing"),
        (
            {"updateStrategy": {"type": "OnDelete"}},
            {"desiredNumberScheduled": 2, "numberAvailable": 2},
            "progressing",
        ),
        ({}, {}, "unknown"),
    ],
)
def test_a_daemon_set(spec, status, phase):
    assert of("DaemonSet", spec=spec, status=status).phase == phase


COMPLETE = {"conditions": [{"type": "Complete", "status": "True"}], "succeeded": 1}
FAILED = {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}


@pytest.mark.parametrize(
    ("spec", "status", "phase"),
    [
        ({}, COMPLETE, "done"),
        ({}, FAILED, "failed"),
        ({}, {"active": 1}, "progressing"),
        ({"suspend": True}, {}, "progressing"),
    ],
)
def test_a_job(spec, status, phase):
    assert of("Job", spec=spec, status=status).phase == phase


@pytest.mark.parametrize(
    ("jobs", "spec", "phase"),
    [
        ([], {}, "progressing"),
        ([FAILED, COMPLETE], {}, "done"),
        ([COMPLETE, FAILED], {}, "failed"),
        ([COMPLETE, {"active": 1}], {}, "progressing"),
        ([COMPLETE], {"suspend": True}, "unknown"),
    ],
)
def test_a_cron_job_stands_as_its_newest_job(jobs, spec, phase):
    def build(cluster, obj):
        for number, status in enumerate(jobs):
            when = {"creationTimestamp": ago(1000 - number)}
            cluster.owned(obj, "Job", f"it-{number}", metadata=when, spec={}, status=status)

    assert of("CronJob", spec=spec, build=build).phase == phase


@pytest.mark.parametrize(("ready", "phase"), [(0, "progressing"), (2, "done")])
def test_a_service_by_its_ready_endpoints(ready, phase):
    found = of(
        "Service",
        spec={"selector": {"app": "it"}},
        build=lambda cluster, _obj: endpoints(cluster, "it", ready),
    )
    assert found.phase == phase


def test_endpoints_that_are_not_ready_or_of_another_service_do_not_count():
    def build(cluster, _obj):
        endpoints(cluster, "other", 2)
        cluster.add(
            "EndpointSlice", "it-1", metadata={"labels": {"kubernetes.io/service-name": "it"}},
            endpoints=[{"addresses": ["10.0.0.1"], "conditions": {"ready": False}}],
        )  # fmt: skip

    assert of("Service", spec={"selector": {"app": "it"}}, build=build).phase == "progressing"


def test_a_service_without_a_selector_is_as_it_is():
    assert of("Service", spec={"type": "ExternalName"}).phase == "done"


@pytest.mark.parametrize(
    ("status", "phase"),
    [({"phase": "Succeeded"}, "done"), ({"phase": "Failed"}, "failed"), ({"phase": "Pending"}, "progressing"),
     ({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}, "done")],
)  # fmt: skip
def test_a_pod(status, phase):
    assert of("Pod", spec={}, status=status).phase == phase


def test_other_objects_have_to_exist_and_unread_is_not_absent():
    assert of("ConfigMap", data={}).phase == "done"
    there = ObjectRef(kind="ConfigMap", namespace="shop", name="gone")
    assert rollout_status(healthy(), there).phase == "missing"
    assert rollout_status(healthy(without=("ConfigMap",)), there).phase == "unknown"
    assert rollout_status(healthy(), ObjectRef(kind="Widget", namespace="shop", name="x")).phase == "unknown"


def test_a_replica_set():
    assert of("ReplicaSet", spec={"replicas": 1}, status={"readyReplicas": 1}).phase == "done"
    assert of("ReplicaSet", spec={"replicas": 1}, status={}).phase == "progressing"
    assert running()["ready"] is True
