"""What a dump shows when a machine or a component of the cluster is ill, beside what the embedded cluster makes."""

from __future__ import annotations

from selfheal.sandbox.kubernetes.objects import Key
from tests.exam.dump import Dump
from tests.exam.parts import Object
from tests.exam.scene import Scene


def node_of(scene: Scene, part: str) -> str:
    return next(
        str(pod["spec"]["nodeName"])
        for pod in scene.emulator.objects("Pod", scene.app.namespace)
        if pod["metadata"].get("labels", {}).get("app") == part
    )


EVERY = tuple(("Node", f"node-{i}") for i in range(1, 5))


def not_started(dump: Dump, pod: Object) -> None:
    name = str(pod["spec"]["containers"][0]["name"])
    pod["status"] = {
        "phase": "Pending", "startTime": dump.ago(210),
        "conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": dump.ago(210)}, {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": f"containers with unready status: [{name}]", "lastTransitionTime": dump.ago(210)}],
        "containerStatuses": [{"name": name, "ready": False, "started": False, "restartCount": 0, "image": pod["spec"]["containers"][0]["image"], "imageID": "", "state": {"waiting": {"reason": "ContainerCreating"}}}],
    }  # fmt: skip
    pod["metadata"]["creationTimestamp"] = dump.ago(212)
    dump.objects[dump.namespace, "events"] = [
        event for event in dump.items("events") if event["involvedObject"]["name"] != pod["metadata"]["name"]
    ]
    dump.event(
        pod,
        "Normal",
        "Scheduled",
        f"Successfully assigned {dump.namespace}/{pod['metadata']['name']} to {pod['spec'].get('nodeName')}",
        ago=210,
        by="default-scheduler",
    )
    for key in [key for key in dump.logs if key[1] == pod["metadata"]["name"]]:
        del dump.logs[key]


def short(dump: Dump, part: str) -> None:
    """The controllers' view of a workload none of whose pods is ready."""
    plural = {"StatefulSet": "statefulsets"}.get(dump.app.parts[part].kind, "deployments")
    held = dump.one(plural, part)
    wanted = held["spec"].get("replicas", 1)
    held["status"] |= {"replicas": wanted, "updatedReplicas": wanted, "unavailableReplicas": wanted}
    for key in ("readyReplicas", "availableReplicas"):
        held["status"].pop(key, None)
    for item in held["status"].get("conditions", []):
        if item["type"] == "Available":
            item |= {
                "status": "False",
                "reason": "MinimumReplicasUnavailable",
                "message": "Deployment does not have minimum availability.",
            }
    for item in dump.items("replicasets"):
        if item["metadata"]["ownerReferences"][0]["name"] == part and item["spec"].get("replicas"):
            item["status"] |= {"replicas": wanted}
            for key in ("readyReplicas", "availableReplicas"):
                item["status"].pop(key, None)
    for item in dump.items("endpointslices"):
        if item["metadata"]["labels"].get("kubernetes.io/service-name") == part:
            for endpoint in item.get("endpoints") or []:
                endpoint["conditions"] = {"ready": False, "serving": False, "terminating": False}


def calls_fail(dump: Dump, pod: Object, callee: str, error: str, every: int = 12) -> None:
    """Failed calls in the caller's own words over the last minutes."""
    from tests.exam.dialects import spoken

    held, own_part = dump.app.parts.get(callee), dump.app.parts[pod["metadata"]["labels"]["app"]]
    if held is None:
        return
    service = next((item for item in dump.items("services") if item["metadata"]["name"] == callee), None)
    address = (service or {"spec": {}})["spec"].get("clusterIP", "10.96.1.1")
    lines = [
        spoken(
            f"{dump.ago(seconds)}@@{callee}:{held.front}@@dial tcp {address}:{held.front}: {error}",
            own_part.lang,
            held.store,
            held.protocol,
        )
        for seconds in range(190, 3, -every)
    ]
    dump.log(pod, "\n".join(lines) + "\n")


def edit_node(scene: Scene, name: str, change) -> None:
    def edit(obj: Object) -> None:
        change(obj)

    scene.emulator.cluster.change(Key("Node", "", name), edit)


def cordoned(obj: Object) -> None:
    obj["spec"]["unschedulable"] = True
    obj["spec"].setdefault("taints", []).append(
        {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    )
