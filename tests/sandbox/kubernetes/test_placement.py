"""The scheduler's words, and claims and volumes."""

from __future__ import annotations

import pytest

from selfheal.sandbox.kubernetes.app import KubernetesEmulator
from selfheal.sandbox.kubernetes.nodes import node
from tests.sandbox.kubernetes.manifests import (
    IMAGE,
    NAMESPACE,
    READY,
    WEB,
    deployment,
    made,
    namespace,
    pods,
    still,
    told,
)

TAIL = " no new claims to deallocate, preemption: 0/3 nodes are available: 3 "


def unschedulable(emulator, of: str = "web") -> str:
    held = next(
        item for item in pods(emulator, of)[-1]["status"]["conditions"] if item["type"] == "PodScheduled"
    )
    assert (held["status"], held["reason"]) == ("False", "Unschedulable")
    assert held["message"] in told(emulator, "FailedScheduling")
    return held["message"]


@pytest.mark.parametrize(
    ("container", "spec", "text"),
    [
        ({"resources": {"requests": {"cpu": "40"}}}, {}, "3 Insufficient cpu."),
        ({"resources": {"requests": {"memory": "40Gi"}}}, {}, "3 Insufficient memory."),
        ({"resources": {"requests": {"example.test/gpu": "1"}}}, {}, "3 Insufficient example.test/gpu."),
        ({}, {"nodeSelector": {"disk": "ssd"}}, "3 node(s) didn't match Pod's node affinity/selector."),
        (
            {},
            {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                {"matchExpressions": [{"key": "zone", "operator": "Exists"}]}]}}}},
            "3 node(s) didn't match Pod's node affinity/selector.",
        ),
    ],
)  # fmt: skip
def test_no_node_fits(container, spec, text):
    emulator = still()
    emulator.apply([deployment(container=container, spec=spec)])
    emulator.advance(5)
    assert unschedulable(emulator).startswith(f"0/3 nodes are available: {text}{TAIL}")


def change_nodes(emulator, edit):
    from selfheal.sandbox.kubernetes.objects import key_of

    with emulator.lock:
        for item in emulator.objects("Node"):
            emulator.cluster.change(key_of(item), edit)


def test_taints_and_cordons():
    emulator = still()
    taint = {"key": "only", "value": "gpu", "effect": "NoSchedule"}
    change_nodes(emulator, lambda item: item["spec"].update(taints=[taint]))
    emulator.apply([deployment()])
    emulator.advance(5)
    assert "3 node(s) had untolerated taint(s)." in unschedulable(emulator)
    emulator.apply([deployment(spec={"tolerations": [{"key": "only", "operator": "Equal", "value": "gpu"}]})])
    emulator.advance(20)
    assert [pod["status"]["phase"] for pod in pods(emulator)] == ["Running"]
    change_nodes(emulator, lambda item: item["spec"].update(unschedulable=True, taints=[]))
    emulator.apply([deployment("two")])
    emulator.advance(5)
    assert "3 node(s) were unschedulable." in unschedulable(emulator, "two")
    change_nodes(emulator, lambda item: item["spec"].pop("unschedulable"))
    emulator.advance(5)
    assert all(pod["spec"].get("nodeName") for pod in pods(emulator))


def term(**more):
    return {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "kubernetes.io/hostname", **more}


def test_anti_affinity_and_spread():
    apart = {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term()]}}}
    emulator = still()
    emulator.apply([deployment(replicas=4, spec=apart)])
    emulator.advance(10)
    assert len({pod["spec"].get("nodeName") for pod in pods(emulator)}) == 4
    pending = [pod for pod in pods(emulator) if not pod["spec"].get("nodeName")]
    assert (
        "3 node(s) didn't match pod anti-affinity rules." in pending[0]["status"]["conditions"][0]["message"]
    )
    spread = {
        "topologySpreadConstraints": [term(maxSkew=1, topologyKey="gone", whenUnsatisfiable="DoNotSchedule")]
    }
    emulator = still()
    emulator.apply([deployment(spec=spread)])
    emulator.advance(5)
    assert "didn't match pod topology spread constraints (missing required label)" in unschedulable(emulator)


def test_pods_are_spread_over_the_nodes():
    emulator = still()
    emulator.apply([deployment(replicas=6)])
    emulator.advance(10)
    names = [pod["spec"]["nodeName"] for pod in pods(emulator)]
    assert sorted(names.count(name) for name in set(names)) == [2, 2, 2]


def test_what_is_freed_is_used():
    emulator = KubernetesEmulator(time_factor=0, nodes=[node("only", cpu="1")])
    emulator.images[IMAGE] = WEB
    big = {"resources": {"requests": {"cpu": "800m"}}}
    emulator.apply([namespace(), deployment("one", container=big), deployment("two", container=big)])
    emulator.advance(20)
    phases = {pod["metadata"]["labels"]["app"]: pod["status"]["phase"] for pod in pods(emulator)}
    assert sorted(phases.values()) == ["Pending", "Running"]
    first = next(name for name, phase in phases.items() if phase == "Running")
    emulator.apply([deployment(first, container=big, replicas=0)])
    emulator.advance(20)
    assert [pod["status"]["phase"] for pod in pods(emulator)] == ["Running"]


def test_without_a_scheduler_nothing_is_said():
    emulator = still()
    emulator.scheduler.working = False
    emulator.apply([deployment()])
    emulator.advance(60)
    assert pods(emulator)[0]["status"]["phase"] == "Pending"
    assert told(emulator, "FailedScheduling") == []


def claim(name: str = "data", **spec):
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec}
    return made("PersistentVolumeClaim", "v1", name, wanted)


def volume(name: str = "vol", **spec):
    wanted = {
        "capacity": {"storage": "5Gi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "",
        **spec,
    }
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": wanted}


USES = {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}


def test_a_claim_is_provisioned_where_its_pod_goes():
    emulator = still()
    emulator.apply([claim()])
    emulator.advance(20)
    assert emulator.get("PersistentVolumeClaim", NAMESPACE, "data")["status"]["phase"] == "Pending"
    assert told(emulator, "WaitForFirstConsumer")
    emulator.apply([deployment(container=READY, spec=USES)])
    emulator.advance(20)
    assert emulator.get("PersistentVolumeClaim", NAMESPACE, "data")["status"]["phase"] == "Bound"
    assert pods(emulator)[0]["status"]["phase"] == "Running"
    assert told(emulator, "ProvisioningSucceeded")


@pytest.mark.parametrize(
    ("spec", "reason", "text"),
    [
        ({"storageClassName": "fast"}, "ProvisioningFailed", 'storageclass.storage.k8s.io "fast" not found'),
        (
            {"storageClassName": ""},
            "FailedBinding",
            "no persistent volumes available for this claim and no storage class is set",
        ),
        (
            {"storageClassName": "", "volumeName": "taken"},
            "FailedBinding",
            'volume "taken" already bound to a different claim.',
        ),
        ({"accessModes": ["ReadWriteMany"]}, "ProvisioningFailed", "only supports ReadWriteOnce"),
    ],
)
def test_claims_that_stay_pending(spec, reason, text):
    emulator = still()
    taken = volume(
        "taken",
        claimRef={"kind": "PersistentVolumeClaim", "namespace": NAMESPACE, "name": "other", "uid": "x"},
    )
    emulator.apply([taken, claim(**spec), deployment(spec=USES)])
    emulator.advance(30)
    assert emulator.get("PersistentVolumeClaim", NAMESPACE, "data")["status"]["phase"] == "Pending"
    assert any(text in message for message in told(emulator, reason))
    assert pods(emulator)[0]["status"]["phase"] == "Pending"


@pytest.mark.parametrize(
    ("volume_spec", "bound"),
    [
        ({}, True),
        ({"capacity": {"storage": "500Mi"}}, False),
        ({"accessModes": ["ReadOnlyMany"]}, False),
        ({"storageClassName": "other"}, False),
    ],
)
def test_volumes_that_fit(volume_spec, bound):
    emulator = still()
    emulator.apply([volume(**volume_spec), claim(storageClassName="")])
    emulator.advance(20)
    phase = emulator.get("PersistentVolumeClaim", NAMESPACE, "data")["status"]["phase"]
    assert phase == ("Bound" if bound else "Pending")
    assert emulator.get("PersistentVolume", "", "vol")["status"]["phase"] == (
        "Bound" if bound else "Available"
    )


def test_unbound_and_missing_claims_keep_pods_waiting():
    emulator = still()
    emulator.apply([claim(storageClassName=""), deployment(spec=USES)])
    emulator.advance(5)
    assert "pod has unbound immediate PersistentVolumeClaims" in unschedulable(emulator)
    emulator = still()
    emulator.apply([deployment(spec=USES)])
    emulator.advance(5)
    assert 'persistentvolumeclaim "data" not found' in unschedulable(emulator)
