"""What lies about in every cluster and is nobody's fault: events of earlier trouble, idle cordoned nodes, harmless warnings."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Collection

from selfheal.sandbox.kubernetes import nodes
from tests.exam.dump import Dump
from tests.exam.leftovers import LEFT
from tests.exam.parts import Object

Noise = Callable[[Dump, random.Random, Collection[str]], None]


def _well(dump: Dump, spared: Collection[str]) -> list[Object]:
    """Pods that have been ready for a while, of nobody the case is about."""
    return [
        pod
        for pod in dump.items("pods")
        if pod["metadata"].get("labels", {}).get("app") not in spared
        and pod.get("status", {}).get("phase") == "Running"
        and all(
            status.get("ready") and not status.get("restartCount")
            for status in pod["status"].get("containerStatuses", [])
        )
    ]


def _gone(pod: Object, chance: random.Random) -> Object:
    """An earlier pod of the same workload that is no more."""
    made = copy.deepcopy(pod)
    made["metadata"]["name"] = (
        made["metadata"]["name"].rsplit("-", 1)[0] + "-" + "".join(chance.choices("bcdfghjkl2456", k=5))
    )
    made["metadata"]["uid"] = f"dead0000-0000-4000-8000-{chance.randrange(10**12):012d}"
    return made


def earlier_rollout(dump: Dump, chance: random.Random, spared: Collection[str]) -> None:
    """Events about pods of a release that was undone within the hour."""
    for pod in chance.sample(_well(dump, spared), k=min(2, len(_well(dump, spared)))):
        old = _gone(pod, chance)
        name = str(pod["spec"]["containers"][0]["name"])
        image = str(pod["spec"]["containers"][0]["image"])
        which = chance.randrange(4)
        if which == 0:
            dump.event(
                old,
                "Warning",
                "Failed",
                f'Failed to pull image "{image}-rc1": rpc error: code = NotFound desc = failed to pull and unpack image "{image}-rc1": failed to resolve reference "{image}-rc1": {image}-rc1: not found',
                ago=1500,
                first=1800,
                count=6,
                container=name,
            )
            dump.event(
                old,
                "Normal",
                "BackOff",
                f'Back-off pulling image "{image}-rc1"',
                ago=1450,
                first=1790,
                count=14,
                container=name,
            )
        elif which == 1:
            dump.event(
                old,
                "Warning",
                "BackOff",
                f"Back-off restarting failed container {name} in pod {old['metadata']['name']}_{dump.namespace}({old['metadata']['uid']})",
                ago=1400,
                first=2000,
                count=22,
                container=name,
            )
            dump.event(
                old,
                "Warning",
                "Unhealthy",
                "Liveness probe failed: HTTP probe failed with statuscode: 500",
                ago=1420,
                first=1900,
                count=9,
                container=name,
            )
        elif which == 2:
            dump.event(
                old,
                "Warning",
                "FailedScheduling",
                "0/4 nodes are available: 4 Insufficient memory. preemption: 0/4 nodes are available: 4 No preemption victims found for incoming pod.",
                ago=1600,
                first=1900,
                count=3,
                by="default-scheduler",
            )
        else:
            dump.event(
                old,
                "Warning",
                "FailedMount",
                'MountVolume.SetUp failed for volume "config" : configmap "settings-v1" not found',
                ago=1500,
                first=1700,
                count=8,
            )


def start_up(dump: Dump, chance: random.Random, spared: Collection[str]) -> None:
    """Warnings of living pods from the minute they started in."""
    for pod in chance.sample(_well(dump, spared), k=min(4, len(_well(dump, spared)))):
        name = str(pod["spec"]["containers"][0]["name"])
        address = pod["status"].get("podIP", "10.244.1.7")
        port = (pod["spec"]["containers"][0].get("ports") or [{"containerPort": 8080}])[0]["containerPort"]
        dump.event(
            pod,
            "Warning",
            "Unhealthy",
            f'Readiness probe failed: Get "http://{address}:{port}/healthz": dial tcp {address}:{port}: connect: connection refused',
            ago=1380,
            first=1400,
            count=3,
            container=name,
        )
        if chance.random() < 0.4:
            dump.event(
                pod,
                "Warning",
                "FailedMount",
                'MountVolume.SetUp failed for volume "kube-api-access-x2x9k" : failed to sync configmap cache: timed out waiting for the condition',
                ago=1395,
            )
        if chance.random() < 0.3:
            dump.event(
                pod,
                "Warning",
                "FailedToRetrieveImagePullSecret",
                "Unable to retrieve some image pull secrets (legacy-pull); attempting to pull the image may not succeed.",
                ago=900,
                first=1390,
                count=4,
            )


def cordoned(dump: Dump, chance: random.Random, spared: Collection[str]) -> None:
    """A node that is kept empty for maintenance."""
    obj = nodes.node("node-9", cpu="4", memory="8Gi", zone="north-b", index=9)
    like = dump.items("nodes")[0]
    obj["status"]["conditions"] = copy.deepcopy(like["status"]["conditions"])
    for item in obj["status"]["conditions"]:
        item["status"] = "True" if item["type"] == "Ready" else "False"
    obj["metadata"] |= {"uid": "node-9-uid", "creationTimestamp": dump.ago(500000)}
    obj["spec"]["unschedulable"] = True
    obj["spec"]["taints"] = [
        {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "timeAdded": dump.ago(7000)}
    ]
    dump.items("nodes").append(obj)
    dump.event(obj, "Normal", "NodeNotSchedulable", "Node node-9 status is now: NodeNotSchedulable", ago=7000)


def recovered(dump: Dump, chance: random.Random, spared: Collection[str]) -> None:
    """Frightening lines in logs of programs that went on."""
    lines = (
        "{t} ERROR connection to broker lost, retrying in 2s (attempt 1/5)\n{u} WARN  still trying\n{v} INFO  connection to broker restored\n",
        '{{"level":"error","ts":"{t}","msg":"context deadline exceeded while refreshing cache"}}\n{{"level":"info","ts":"{v}","msg":"cache refreshed","entries":412}}\n',
        "{t} WARN  GC pause of 1.9s detected, OutOfMemory risk, consider raising the heap\n{v} INFO  heap usage back to normal\n",
        "{t} ERROR Failed to authenticate token for user guest: signature expired\n{v} INFO  GET /healthz 200\n",
        "{t} ERROR 503 Service Unavailable from upstream, retry succeeded after 120ms\n{v} INFO  handled 312 requests\n",
    )
    for pod in chance.sample(_well(dump, spared), k=min(4, len(_well(dump, spared)))):
        text = chance.choice(lines)
        dump.log(pod, text.format(t=dump.ago(700), u=dump.ago(695), v=dump.ago(690)))


def finished_job(dump: Dump, chance: random.Random, spared: Collection[str]) -> None:
    """A Job that needed two attempts, long ago."""
    job = next(iter(dump.items("jobs")), None)
    if job is None:
        return
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"{job['metadata']['name']}-x7x7x", "uid": "dead-job-pod"},
    }
    dump.event(
        pod,
        "Warning",
        "BackOff",
        f"Back-off restarting failed container task in pod {pod['metadata']['name']}_{dump.namespace}(dead-job-pod)",
        ago=2500,
        first=2600,
        count=5,
        container="task",
    )


def node_blip(dump: Dump, chance: random.Random, spared: Collection[str]) -> None:
    """A node that was away for a minute, an hour ago."""
    held = [item for item in dump.items("nodes") if not item["spec"].get("unschedulable")]
    if not held:
        return
    node = chance.choice(held)
    dump.event(
        node,
        "Normal",
        "NodeNotReady",
        f"Node {node['metadata']['name']} status is now: NodeNotReady",
        ago=3300,
        by="node-controller",
    )
    dump.event(
        node, "Normal", "NodeReady", f"Node {node['metadata']['name']} status is now: NodeReady", ago=3240
    )


def autoscaler_start(dump: Dump, chance: random.Random, spared: Collection[str]) -> None:
    """Autoscalers have no metrics in their first minute."""
    for scaler in dump.items("horizontalpodautoscalers"):
        dump.event(
            scaler,
            "Warning",
            "FailedGetResourceMetric",
            "failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API",
            ago=1420,
            first=1450,
            count=2,
            by="horizontal-pod-autoscaler",
        )


def evicted(dump: Dump, chance: random.Random, spared: Collection[str]) -> None:
    """A pod evicted yesterday, replaced long since, still listed."""
    held = [
        pod
        for pod in _well(dump, spared)
        if (pod["metadata"].get("ownerReferences") or [{}])[0].get("kind") == "ReplicaSet"
    ]
    if held:
        pod = chance.choice(held)
        old = _gone(pod, chance)
        old["metadata"]["creationTimestamp"] = dump.ago(90000)
        old["status"] = {
            "phase": "Failed",
            "reason": "Evicted",
            "message": "The node was low on resource: ephemeral-storage. Threshold quantity: 1Gi, available: 803Mi. ",
            "startTime": dump.ago(90000),
        }
        dump.items("pods").append(old)


def once_restarted(dump: Dump, chance: random.Random, spared: Collection[str]) -> None:
    """A container that ended once, hours ago, and has been well since."""
    held = _well(dump, spared)
    for pod in chance.sample(held, k=min(2, len(held))):
        status = pod["status"]["containerStatuses"][0]
        reason, code = chance.choice((("OOMKilled", 137), ("Error", 1), ("Error", 143), ("Completed", 0)))
        status["restartCount"] = chance.choice((1, 1, 2))
        status["lastState"] = {
            "terminated": {
                "reason": reason,
                "exitCode": code,
                "startedAt": dump.ago(40000),
                "finishedAt": dump.ago(30000),
                "containerID": "containerd://0",
            }
        }
        status["state"] = {"running": {"startedAt": dump.ago(29990)}}
        pod["metadata"]["creationTimestamp"] = dump.ago(60000)


def undone_release(dump: Dump, chance: random.Random, spared: Collection[str]) -> None:
    """An old ReplicaSet whose image never worked, scaled to zero since the rollback."""
    held = [
        item
        for item in dump.items("replicasets")
        if item["metadata"].get("ownerReferences")
        and item["metadata"]["ownerReferences"][0]["name"] not in spared
        and item["spec"].get("replicas")
    ]
    if held:
        old = copy.deepcopy(chance.choice(held))
        old["metadata"] |= {
            "name": old["metadata"]["name"].rsplit("-", 1)[0] + "-7d9fdead77",
            "uid": "old-rs-uid",
            "creationTimestamp": dump.ago(9000),
        }
        old["metadata"].setdefault("annotations", {})["deployment.kubernetes.io/revision"] = "0"
        container = old["spec"]["template"]["spec"]["containers"][0]
        container["image"] = container["image"] + "-hotfix"
        container["resources"] = {"limits": {"memory": "16Mi", "cpu": "10m"}}
        old["spec"]["replicas"] = 0
        old["status"] = {"replicas": 0, "observedGeneration": 3}
        dump.items("replicasets").append(old)


def parked(dump: Dump, chance: random.Random, spared: Collection[str]) -> None:
    """Something switched off on purpose that nobody calls."""
    like = next(iter(dump.items("deployments")), None)
    if like is None:
        return
    made = copy.deepcopy(like)
    made["metadata"] |= {
        "name": "legacy-importer",
        "uid": "parked-uid",
        "labels": {"app": "legacy-importer"},
        "annotations": {},
    }
    made["spec"]["replicas"] = 0
    made["spec"]["selector"]["matchLabels"] = {"app": "legacy-importer"}
    made["spec"]["template"]["metadata"]["labels"] = {"app": "legacy-importer"}
    made["status"] = {
        "observedGeneration": 1,
        "conditions": [
            {
                "type": "Available",
                "status": "True",
                "reason": "MinimumReplicasAvailable",
                "message": "Deployment has minimum availability.",
                "lastTransitionTime": dump.ago(80000),
                "lastUpdateTime": dump.ago(80000),
            }
        ],
    }
    dump.items("deployments").append(made)


def harmless(dump: Dump, chance: random.Random, spared: Collection[str]) -> None:
    """Warnings that every cluster has."""
    held = _well(dump, spared)
    if held:
        pod = chance.choice(held)
        dump.event(
            pod,
            "Warning",
            "DNSConfigForming",
            "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 10.0.0.2 10.0.0.3 10.0.0.4",
            ago=30,
            first=1400,
            count=41,
        )
    for budget in dump.items("poddisruptionbudgets")[:1]:
        dump.event(budget, "Normal", "NoPods", "No matching pods found", ago=1450, by="controllermanager")
    for ingress in dump.items("ingresses")[:1]:
        dump.event(
            ingress,
            "Normal",
            "Sync",
            "Scheduled for sync",
            ago=200,
            first=1400,
            count=3,
            by="nginx-ingress-controller",
        )


def refused_once(dump: Dump, chance: random.Random, spared: Collection[str]) -> None:
    """A ReplicaSet that met a quota conflict or a full quota once, and has all its pods now."""
    held = [
        item
        for item in dump.items("replicasets")
        if item["spec"].get("replicas")
        and item["spec"]["replicas"] == item.get("status", {}).get("readyReplicas")
        and item["metadata"]["ownerReferences"][0]["name"] not in spared
    ]
    if held:
        item = chance.choice(held)
        dump.event(
            item,
            "Warning",
            "FailedCreate",
            f'Error creating: pods "{item["metadata"]["name"]}-9q2xk" is forbidden: exceeded quota: {dump.namespace}-quota, requested: pods=1, used: pods=90, limited: pods=90',
            ago=1410,
            first=1430,
            count=4,
            by="replicaset-controller",
        )


ALL: tuple[Noise, ...] = (
    earlier_rollout, start_up, cordoned, recovered, finished_job, node_blip, autoscaler_start, evicted, once_restarted, undone_release, parked,
    harmless, refused_once,
)  # fmt: skip


def add_noise(dump: Dump, chance: random.Random, spared: Collection[str], share: float = 0.45) -> None:
    """Some of all that, never on what the case is about."""
    for noise in (*ALL, *LEFT):
        if chance.random() < share:
            noise(dump, chance, spared)
