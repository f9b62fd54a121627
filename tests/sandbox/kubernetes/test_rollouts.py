"""Deployments and their ReplicaSets."""

from __future__ import annotations

from selfheal.sandbox.kubernetes.behaviour import Crash, ImageBehaviour
from tests.sandbox.kubernetes.manifests import (
    NAMESPACE,
    READY,
    WEB,
    condition,
    deployment,
    pods,
    still,
    told,
)

V1, V2, BAD = "ghcr.io/acme/v1:1", "ghcr.io/acme/v2:1", "ghcr.io/acme/bad:1"


def cluster():
    return still(v1=WEB, v2=WEB, bad=ImageBehaviour(crash=Crash(("boom",))))


def sets(emulator):
    return {
        item["spec"]["template"]["spec"]["containers"][0]["image"]: item
        for item in emulator.objects("ReplicaSet", NAMESPACE)
    }


def test_a_rollout_never_has_too_few_or_too_many():
    emulator = cluster()
    emulator.apply([deployment(image=V1, container=READY, replicas=4)])
    emulator.advance(20)
    emulator.apply([deployment(image=V2, container=READY, replicas=4)])
    for _step in range(200):
        emulator.advance(0.25)
        held = emulator.get("Deployment", NAMESPACE, "web")["status"]
        assert held.get("availableReplicas", 0) >= 3
        assert held["replicas"] <= 5
    assert {pod["spec"]["containers"][0]["image"] for pod in pods(emulator)} == {V2}
    assert condition(emulator, "Deployment", "web", "Progressing") == ("True", "NewReplicaSetAvailable")
    assert sets(emulator)[V1]["spec"]["replicas"] == 0


def test_a_bad_release_leaves_the_old_one_serving_and_times_out():
    emulator = cluster()
    emulator.apply([deployment(image=V1, container=READY, replicas=2, progressDeadlineSeconds=60)])
    emulator.advance(20)
    emulator.apply([deployment(image=BAD, container=READY, replicas=2, progressDeadlineSeconds=60)])
    emulator.advance(120)
    assert condition(emulator, "Deployment", "web", "Progressing") == ("False", "ProgressDeadlineExceeded")
    assert condition(emulator, "Deployment", "web", "Available") == ("True", "MinimumReplicasAvailable")
    assert sets(emulator)[V1]["status"]["readyReplicas"] == 2
    emulator.apply([deployment(image=V1, container=READY, replicas=2, progressDeadlineSeconds=60)])
    emulator.advance(30)
    assert condition(emulator, "Deployment", "web", "Progressing") == ("True", "NewReplicaSetAvailable")
    # Going back finds the old ReplicaSet again, at the newest revision.
    assert len(sets(emulator)) == 2
    revision = "deployment.kubernetes.io/revision"
    assert sets(emulator)[V1]["metadata"]["annotations"][revision] == "3"
    assert emulator.get("Deployment", NAMESPACE, "web")["metadata"]["annotations"][revision] == "3"


def test_recreate_stops_the_old_before_it_starts_the_new():
    emulator = cluster()
    strategy = {"strategy": {"type": "Recreate"}}
    emulator.apply([deployment(image=V1, container=READY, replicas=2, **strategy)])
    emulator.advance(20)
    emulator.apply([deployment(image=V2, container=READY, replicas=2, **strategy)])
    for _step in range(80):
        emulator.advance(0.25)
        assert len({pod["spec"]["containers"][0]["image"] for pod in pods(emulator)}) <= 1
    assert len(pods(emulator)) == 2


def test_scaling_and_its_events():
    emulator = cluster()
    emulator.apply([deployment(image=V1, replicas=3)])
    emulator.advance(10)
    emulator.apply([deployment(image=V1, replicas=1)])
    emulator.advance(10)
    name = sets(emulator)[V1]["metadata"]["name"]
    assert f"Scaled up replica set {name} from 0 to 3" in told(emulator, "ScalingReplicaSet")
    assert f"Scaled down replica set {name} from 3 to 1" in told(emulator, "ScalingReplicaSet")
    assert len(pods(emulator)) == 1
    assert len(told(emulator, "SuccessfulDelete")) == 2
    assert told(emulator, "Killing") == ["Stopping container app", "Stopping container app"]


def test_a_template_that_does_not_change_rolls_nothing():
    emulator = cluster()
    emulator.apply([deployment(image=V1)])
    emulator.advance(10)
    names = {pod["metadata"]["name"] for pod in pods(emulator)}
    emulator.apply([deployment(image=V1)])
    emulator.advance(10)
    assert {pod["metadata"]["name"] for pod in pods(emulator)} == names


def test_paused_changes_wait():
    emulator = cluster()
    emulator.apply([deployment(image=V1)])
    emulator.advance(10)
    emulator.apply([deployment(image=V2, paused=True)])
    emulator.advance(10)
    assert set(sets(emulator)) == {V1}
    emulator.apply([deployment(image=V2, paused=False)])
    emulator.advance(10)
    assert {pod["spec"]["containers"][0]["image"] for pod in pods(emulator)} == {V2}


def test_old_replica_sets_are_kept_up_to_the_limit():
    emulator = cluster()
    for number in range(6):
        container = {"env": [{"name": "N", "value": str(number)}]}
        emulator.apply([deployment(image=V1, container=container, revisionHistoryLimit=2)])
        emulator.advance(15)
    assert len(emulator.objects("ReplicaSet", NAMESPACE)) == 3


def test_a_deleted_pod_is_replaced():
    emulator = cluster()
    emulator.apply([deployment(image=V1)])
    emulator.advance(10)
    from selfheal.sandbox.kubernetes.objects import key_of

    old = pods(emulator)[0]
    emulator.delete(key_of(old))
    emulator.advance(10)
    assert [pod["metadata"]["name"] for pod in pods(emulator)] != [old["metadata"]["name"]]


def test_a_selector_cannot_change():
    emulator = cluster()
    emulator.apply([deployment(image=V1)])
    changed = deployment(image=V1)
    changed["spec"]["selector"]["matchLabels"]["x"] = "y"
    changed["spec"]["template"]["metadata"]["labels"]["x"] = "y"
    sync = emulator.apply([changed])
    assert sync.failed == 1
    assert "field is immutable" in sync.text
