"""Old templates that only pods, or Jobs that went well, still know."""

from __future__ import annotations

from typing import Any

from selfheal.cluster.podtemplates import outdated, template_of
from selfheal.cluster.workloads import by_ref, earlier, last_good, workloads
from selfheal.incidents.record import ObjectRef
from tests.support.cluster import Cluster, ago, container, running

INTERVAL = "/containers/name=app/env/name=INTERVAL/value"


def spec(value: str, **more: Any) -> dict[str, Any]:
    return {"containers": [container(env=[{"name": "INTERVAL", "value": value}])], **more}


def admitted(wanted: dict[str, Any]) -> dict[str, Any]:
    """What the API server and controllers make of a template."""
    (app,) = wanted["containers"]
    token = {"name": "kube-api-access-x7k2p", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
    return {
        **wanted,
        "nodeName": "node-1",
        "serviceAccount": "default",
        "containers": [{**app, "resources": {"requests": {"cpu": "10m"}}, "volumeMounts": [token]}],
        "volumes": [{"name": "kube-api-access-x7k2p", "projected": {}}],
        "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
    }


def daemons(now: dict[str, Any], *pods: tuple[dict[str, Any], bool]) -> Cluster:
    cluster = Cluster()
    top = cluster.deployment("agent", now, kind="DaemonSet", replicas=0)
    for number, (was, ready) in enumerate(pods):
        cluster.pod(top, f"agent-{number}", admitted(was), running(ready=ready), {"app": "agent"})
    return cluster


def test_what_was_added_is_taken_off() -> None:
    assert template_of({"spec": admitted(spec("15s"))}, "DaemonSet", spec("1m")) == {
        "containers": [
            {
                **container(env=[{"name": "INTERVAL", "value": "15s"}]),
                "resources": {"requests": {"cpu": "10m"}},
            }
        ]
    }


def test_what_admission_added_makes_no_pod_old() -> None:
    assert not outdated({"spec": admitted(spec("15s"))}, "DaemonSet", spec("15s"))
    assert outdated({"spec": admitted(spec("15s"))}, "DaemonSet", spec("15 sec"))
    assert outdated({"spec": admitted(spec("15s"))}, "DaemonSet", spec("15s", nodeSelector={"pool": "a"}))


def test_defaults_of_a_template_make_no_pod_old() -> None:
    defaulted = spec("15s", securityContext={}, schedulerName="default-scheduler", tolerations=[])
    pod = {"spec": {**admitted(spec("15s")), "securityContext": {}, "serviceAccountName": "default"}}
    assert not outdated(pod, "DaemonSet", defaulted)
    assert "serviceAccountName" not in template_of(pod, "DaemonSet", defaulted)


def test_pods_of_the_old_template_know_the_good_value() -> None:
    cluster = daemons(spec("15 sec"), (spec("15s"), True), (spec("15 sec"), False))
    snapshot = cluster.snapshot()
    workload = by_ref(snapshot)[ObjectRef(kind="DaemonSet", namespace="shop", name="agent")]
    assert last_good(snapshot, workload, INTERVAL) == ("15s", "Pod shop/agent-0")
    assert [item.proven for item in earlier(snapshot, workload.object)] == [True]
    assert [pod["metadata"]["name"] for pod in workload.pods] == ["agent-1"]


def test_pods_of_the_present_template_are_no_past() -> None:
    snapshot = daemons(spec("15s"), (spec("15s"), True), (spec("15s"), True)).snapshot()
    (workload,) = workloads(snapshot)
    assert not earlier(snapshot, workload.object)
    assert len(workload.pods) == 2


def scheduled(complete: bool) -> tuple[Cluster, dict[str, Any]]:
    cluster = Cluster()
    top = cluster.deployment("report", spec("5OO"), kind="CronJob")
    cluster.owned(
        top, "Job", "report-0", metadata={"creationTimestamp": ago(9000)},
        spec={"template": {"spec": spec("500")}},
        status={"conditions": [{"type": "Complete" if complete else "Failed", "status": "True"}]},
    )  # fmt: skip
    return cluster, top


def test_a_job_that_went_well_knows_the_good_value() -> None:
    cluster, top = scheduled(True)
    (item,) = earlier(cluster.snapshot(), top)
    assert (item.origin, item.proven) == ("Job shop/report-0", True)


def test_a_job_that_failed_teaches_nothing() -> None:
    cluster, top = scheduled(False)
    assert not earlier(cluster.snapshot(), top)
