"""Machines that are ill: kubelet, container runtime, pressure."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from tests.exam.dump import Dump
from tests.exam.injections.places import rolled
from tests.exam.injections.views import EVERY, node_of, not_started, short
from tests.exam.scene import Case, Scene


def node_cases() -> Iterator[Case]:
    def ill(kind: str, state: str, reason: str, message: str):
        def stage(scene: Scene, part: str) -> None:
            node = node_of(scene, part)
            scene.emulator.set_node(node, kind, state, reason, message)

        return stage

    texts = {
        "kubelet-unavailable": ("Ready", "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status."),
        "container-runtime-unavailable": ("Ready", "False", "KubeletNotReady", "[container runtime is down, PLEG is not healthy: pleg was last seen active 3m12.5s ago; threshold is 3m0s]"),
        "node-not-ready": ("Ready", "False", "KubeletNotReady", "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized"),
    }  # fmt: skip
    for fault, text in texts.items():
        for app, part in (
            ("market", "catalogue"),
            ("market", "postgres"),
            ("market", "edge"),
            ("clinic", "mysql"),
            ("clinic", "calendar"),
        ):
            for seconds, label in ((120, "soon"), (500, "late")):
                yield Case(app, fault, f"{label}-{part}", EVERY, rolled(ill(*text), part, seconds), part)

    def unknown_everything(scene: Scene, part: str) -> None:
        node = node_of(scene, part)
        scene.emulator.set_node(node, *texts["kubelet-unavailable"])

        def edit(dump: Dump) -> None:
            for item in dump.one("nodes", node)["status"]["conditions"]:
                item |= {
                    "status": "Unknown",
                    "reason": "NodeStatusUnknown",
                    "message": "Kubelet stopped posting node status.",
                    "lastHeartbeatTime": dump.ago(400),
                    "lastTransitionTime": dump.ago(350),
                }

        scene.after.append(edit)

    for app, part in (("market", "orders"), ("clinic", "auth")):
        yield Case(
            app,
            "kubelet-unavailable",
            f"all-conditions-{part}",
            EVERY,
            rolled(unknown_everything, part, 400),
            part,
        )

    def pressure(kind: str, reason: str, text: str, resource: str):
        def stage(scene: Scene, part: str) -> None:
            node = node_of(scene, part)
            scene.emulator.set_node(node, kind, "True", reason, text)
            scene.restart(part)

            def edit(dump: Dump) -> None:
                for pod in [item for item in dump.items("pods") if item["spec"].get("nodeName") == node][:2]:
                    old = copy.deepcopy(pod)
                    old["metadata"] |= {
                        "name": pod["metadata"]["name"][:-3] + "zzz",
                        "uid": f"evicted-{pod['metadata']['name']}",
                    }
                    old["status"] = {
                        "phase": "Failed",
                        "reason": "Evicted",
                        "message": f"The node was low on resource: {resource}. Threshold quantity: 100Mi, available: 45Mi. ",
                        "startTime": dump.ago(300),
                    }
                    dump.items("pods").append(old)
                    dump.event(old, "Warning", "Evicted", old["status"]["message"], ago=200)
                dump.event(
                    dump.one("nodes", node),
                    "Warning",
                    "EvictionThresholdMet",
                    f"Attempting to reclaim {resource}",
                    ago=60,
                    first=300,
                    count=9,
                )

            scene.after.append(edit)

        return stage

    for app, part in (("market", "orders"), ("market", "redis"), ("clinic", "calendar"), ("clinic", "mysql")):
        yield Case(
            app,
            "node-pressure",
            f"memory-{part}",
            EVERY,
            rolled(
                pressure(
                    "MemoryPressure",
                    "KubeletHasInsufficientMemory",
                    "kubelet has insufficient memory available",
                    "memory",
                ),
                part,
                200,
            ),
            part,
        )
        yield Case(
            app,
            "node-pressure",
            f"disk-{part}",
            EVERY,
            rolled(
                pressure(
                    "DiskPressure", "KubeletHasDiskPressure", "kubelet has disk pressure", "ephemeral-storage"
                ),
                part,
                200,
            ),
            part,
        )

    def runtime_socket(scene: Scene, part: str) -> None:
        """The node still says that it is ready, but no sandbox comes about on it."""
        node = node_of(scene, part)
        scene.restart(part)
        scene.wait(20)

        def edit(dump: Dump) -> None:
            for pod in dump.pods(part):
                pod["spec"]["nodeName"] = node
                not_started(dump, pod)
                dump.event(
                    pod,
                    "Warning",
                    "FailedCreatePodSandBox",
                    'Failed to create pod sandbox: rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial unix /run/containerd/containerd.sock: connect: connection refused"',
                    ago=10,
                    first=200,
                    count=17,
                )
            short(dump, part)

        scene.after.append(edit)

    for app, part in (("market", "fx"), ("clinic", "lab")):
        yield Case(
            app,
            "container-runtime-unavailable",
            f"sandbox-{part}",
            EVERY,
            rolled(runtime_socket, part, 60),
            part,
        )
