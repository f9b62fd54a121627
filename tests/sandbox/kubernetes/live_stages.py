"""How each fault is staged in the embedded cluster and looked for there through the client of real clusters.

Most faults are staged by the first case that the exam has for them. Those that the exam writes into its dump are staged
here by what would bring them about: a node that reports pressure, a scheduler that stands still, a program that writes
too much. ``NOT_STAGED`` says what is left and why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from selfheal.sandbox.kubernetes.behaviour import Call, ImageBehaviour
from selfheal.sandbox.kubernetes.objects import Key, Object
from tests.exam.cases import CASES
from tests.exam.scene import Case, Scene, settled

#: Faults that nobody can bring about here so that a live cluster shows them, each with its reason.
NOT_STAGED = {
    "api-version-removed": "An object that was refused leaves no trace in the API: what kubectl printed is in a dump's sync.txt.",
    "unknown": "It is what the diagnosis says of what no fault explains.",
}
#: In what words a program of the exam says that a call failed. The exam's dump puts them into those of its language.
WORDS = Call("").failed


def in_plain_words(scene: Scene) -> Scene:
    """The scene with programs whose logs can be read as they are."""
    for images in (scene.app.images, scene.emulator.images):
        for name, held in list(images.items()):
            images[name] = replace(held, calls=tuple(replace(call, failed=WORDS) for call in held.calls))
    return scene


def scenes() -> dict[str, Scene]:
    """The settled applications by name."""
    return {name: in_plain_words(settled(name)) for name in dict.fromkeys(case.app for case in CASES)}


def chosen() -> Iterator[Case]:
    """A case for each fault that can be staged."""
    own = {case.fault: case for case in OWN}
    faults = dict.fromkeys(case.fault for case in CASES)
    firsts = {case.fault: case for case in reversed(CASES)}
    for fault in dict.fromkeys((*faults, *own)):
        if fault not in NOT_STAGED:
            yield own.get(fault) or firsts[fault]


# What the exam writes into its dump


def _behaves(scene: Scene, part: str, **change: object) -> None:
    """A release of a program that does something else."""
    container = scene.app.container(part)
    image = str(container["image"])
    container["image"] = image.rpartition(":")[0] + ":v1.5.1"
    held: ImageBehaviour = scene.app.images[image]
    scene.app.images[container["image"]] = replace(held, **change)


def _node_of(scene: Scene, part: str) -> str:
    return next(
        str(pod["spec"]["nodeName"])
        for pod in scene.emulator.objects("Pod", scene.app.namespace)
        if pod["metadata"]["labels"].get("app") == part
    )


def _node_says(kind: str, reason: str, text: str) -> Callable[[Scene], None]:
    def stage(scene: Scene) -> None:
        scene.emulator.set_node(_node_of(scene, "orders"), kind, "True", reason, text)
        scene.restart("orders")
        scene.wait(200)

    return stage


def _too_much_on_disk(scene: Scene) -> None:
    _behaves(scene, "orders", disk="300Mi")
    scene.app.container("orders")["resources"]["limits"]["ephemeral-storage"] = "200Mi"
    scene.roll()


def _no_scheduler(scene: Scene) -> None:
    scene.emulator.scheduler.working = False
    scene.restart("fx")
    scene.wait(200)


def _untrusted(scene: Scene) -> None:
    line = (
        "{time} ERROR call to https://catalogue failed: tls: failed to verify certificate: x509: certificate has "
        "expired or is not yet valid: current time {time} is after 2026-11-01T00:00:00Z"
    )
    _behaves(scene, "suggestions", steady_log=line)
    scene.roll()


def _proxy_not_everywhere(scene: Scene) -> None:
    """kube-proxy runs on all nodes but one, whose taint it does not tolerate."""
    image, labels = "registry.k8s.io/kube-proxy:v1.33.1", {"k8s-app": "kube-proxy"}
    scene.emulator.images[image] = ImageBehaviour()
    node = _node_of(scene, "orders")

    def tainted(obj: Object) -> None:
        taint = {"key": "example.com/dedicated", "value": "ingest", "effect": "NoSchedule"}
        obj["spec"].setdefault("taints", []).append(taint)

    scene.emulator.cluster.change(Key("Node", "", node), tainted)
    pod = {"hostNetwork": True, "containers": [{"name": "kube-proxy", "image": image}]}
    scene.emulator.apply(
        [
            {
                "apiVersion": "apps/v1",
                "kind": "DaemonSet",
                "metadata": {"name": "kube-proxy", "namespace": "kube-system"},
                "spec": {
                    "selector": {"matchLabels": labels},
                    "template": {"metadata": {"labels": labels}, "spec": pod},
                },
            }
        ]
    )
    scene.wait(120)


def _drain_waits(scene: Scene) -> None:
    """A node is cordoned, and no pod of the workload may leave it."""
    scene.app.objects["PodDisruptionBudget", "gateway"]["spec"]["minAvailable"] = 2
    scene.apply()
    node = _node_of(scene, "gateway")

    def cordoned(obj: Object) -> None:
        obj["spec"]["unschedulable"] = True

    scene.emulator.cluster.change(Key("Node", "", node), cordoned)
    scene.wait(420)


NODES = tuple(("Node", f"node-{number}") for number in range(1, 5))
OWN = (
    Case("market", "node-pressure", "live", NODES, _node_says("MemoryPressure", "KubeletHasInsufficientMemory", "kubelet has insufficient memory available")),
    Case("market", "network-degraded", "live", NODES, _node_says("NetworkUnavailable", "NoRouteCreated", "Node created without a route")),
    Case("market", "ephemeral-storage-evicted", "live", (("Deployment", "orders"),), _too_much_on_disk),
    Case("market", "scheduler-unavailable", "live", (("Deployment", "fx"),), _no_scheduler),
    Case("market", "tls-secret-invalid", "live", (("Deployment", "suggestions"),), _untrusted),
    Case("market", "kube-proxy-unavailable", "live", NODES, _proxy_not_everywhere),
    Case("clinic", "pdb-blocking", "live", (("PodDisruptionBudget", "gateway"),), _drain_waits),
)  # fmt: skip
