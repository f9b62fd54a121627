"""Objects that look guilty and have been like that for weeks: left over, unused, or meant to be so."""

from __future__ import annotations

import copy
import random
from collections.abc import Collection

from tests.exam.dump import Dump
from tests.exam.parts import Object

WEEKS = 1_900_000


def _made(dump: Dump, api: str, kind: str, name: str, **body: object) -> Object:
    meta = {
        "name": name,
        "namespace": dump.namespace,
        "uid": f"left-{kind.lower()}-{name}",
        "creationTimestamp": dump.ago(WEEKS),
        "resourceVersion": "77",
    }
    return {"apiVersion": api, "kind": kind, "metadata": meta, **body}


def failed_job(dump: Dump, chance: random.Random, spared: Collection[str]) -> None:
    """A one-off Job that failed weeks ago; nobody deleted it."""
    pod = {
        "spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "task", "image": "ghcr.io/old/backfill:0.3"}],
        }
    }
    failed = {
        "type": "Failed",
        "status": "True",
        "reason": "BackoffLimitExceeded",
        "message": "Job has reached the specified backoff limit",
        "lastTransitionTime": dump.ago(WEEKS - 900),
        "lastProbeTime": dump.ago(WEEKS - 900),
    }
    status = {"failed": 4, "startTime": dump.ago(WEEKS), "conditions": [failed]}
    job = _made(
        dump, "batch/v1", "Job", "backfill-2026-04", spec={"backoffLimit": 3, "template": pod}, status=status
    )
    dump.items("jobs").append(job)


def orphan_service(dump: Dump, chance: random.Random, spared: Collection[str]) -> None:
    """A Service of a part that is gone; nobody calls it."""
    spec = {
        "selector": {"app": "legacy-export"},
        "ports": [{"port": 80, "targetPort": 8080, "protocol": "TCP"}],
        "clusterIP": "10.96.200.9",
        "type": "ClusterIP",
    }
    dump.items("services").append(
        _made(dump, "v1", "Service", "legacy-export", spec=spec, status={"loadBalancer": {}})
    )


def unused_claim(dump: Dump, chance: random.Random, spared: Collection[str]) -> None:
    """A claim that waits for a first pod that never came."""
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "standard",
        "resources": {"requests": {"storage": "1Gi"}},
        "volumeMode": "Filesystem",
    }
    claim = _made(dump, "v1", "PersistentVolumeClaim", "scratch", spec=spec, status={"phase": "Pending"})
    dump.items("persistentvolumeclaims").append(claim)
    dump.event(
        claim,
        "Normal",
        "WaitForFirstConsumer",
        "waiting for first consumer to be created before binding",
        ago=8,
        first=WEEKS,
        count=9999,
        by="persistentvolume-controller",
    )


def spent_volume(dump: Dump, chance: random.Random, spared: Collection[str]) -> None:
    """A volume kept after its claim was deleted."""
    spec = {
        "capacity": {"storage": "3Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "standard",
        "claimRef": {
            "kind": "PersistentVolumeClaim",
            "namespace": dump.namespace,
            "name": "old-data",
            "uid": "gone",
        },
    }
    volume = _made(dump, "v1", "PersistentVolume", "pvc-0f0f0f0f", spec=spec, status={"phase": "Released"})
    del volume["metadata"]["namespace"]
    dump.items("persistentvolumes").append(volume)


def tight_budget(dump: Dump, chance: random.Random, spared: Collection[str]) -> None:
    """A budget that never lets the only pod of something go, as many do."""
    held = [
        item
        for item in dump.items("deployments")
        if item["metadata"]["name"] not in spared and item["spec"].get("replicas") == 1
    ]
    if not held:
        return
    like = chance.choice(held)
    spec = {"minAvailable": 1, "selector": copy.deepcopy(like["spec"]["selector"])}
    status = {
        "disruptionsAllowed": 0,
        "currentHealthy": 1,
        "desiredHealthy": 1,
        "expectedPods": 1,
        "observedGeneration": 1,
    }
    dump.items("poddisruptionbudgets").append(
        _made(
            dump,
            "policy/v1",
            "PodDisruptionBudget",
            f"{like['metadata']['name']}-strict",
            spec=spec,
            status=status,
        )
    )


def kept_node(dump: Dump, chance: random.Random, spared: Collection[str]) -> None:
    """A node in another zone is kept for batch work by a taint, and no pod asks for it."""
    nodes = dump.items("nodes")
    if not nodes:
        return
    made = copy.deepcopy(nodes[0])
    made["metadata"] |= {"name": "node-batch", "uid": "node-batch-uid", "creationTimestamp": dump.ago(WEEKS)}
    made["metadata"]["labels"] = {
        **made["metadata"].get("labels", {}),
        "kubernetes.io/hostname": "node-batch",
        "pool": "batch",
    }
    made["spec"] = {"taints": [{"key": "dedicated", "value": "nightly", "effect": "NoSchedule"}]}
    for item in made["status"]["conditions"]:
        item |= {"status": "True" if item["type"] == "Ready" else "False", "lastHeartbeatTime": dump.ago(20)}
    nodes.append(made)


def optional_settings(dump: Dump, chance: random.Random, spared: Collection[str]) -> None:
    """Settings that may be missing, and are."""
    for item in dump.items("deployments"):
        if item["metadata"]["name"] in spared or chance.random() > 0.3:
            continue
        reference = {"configMapRef": {"name": "developer-overrides", "optional": True}}
        uid = item["metadata"].get("uid")
        owned = [
            held
            for held in dump.items("replicasets")
            if any(owner.get("uid") == uid for owner in held["metadata"].get("ownerReferences", ()))
        ]
        for template in (item, *owned):
            container = template["spec"]["template"]["spec"]["containers"][0]
            container.setdefault("envFrom", []).append(copy.deepcopy(reference))


LEFT = (failed_job, orphan_service, unused_claim, spent_volume, tight_budget, kept_node, optional_settings)
