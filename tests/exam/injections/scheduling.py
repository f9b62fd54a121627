"""Pods that no node takes."""

from __future__ import annotations

from collections.abc import Iterator

from tests.exam.injections.places import SPREAD, own, rolled
from tests.exam.injections.views import cordoned, edit_node
from tests.exam.parts import Object
from tests.exam.scene import Case, Scene


def scheduling_cases() -> Iterator[Case]:
    def cpu(scene: Scene, part: str) -> None:
        scene.app.container(part)["resources"] = {
            "requests": {"cpu": "20", "memory": "64Mi"},
            "limits": {"cpu": "20", "memory": "160Mi"},
        }
        open_limits(scene)

    def memory(scene: Scene, part: str) -> None:
        scene.app.container(part)["resources"] = {
            "requests": {"cpu": "50m", "memory": "64Gi"},
            "limits": {"memory": "64Gi"},
        }
        open_limits(scene)

    def selector(scene: Scene, part: str) -> None:
        scene.app.pod(part)["nodeSelector"] = {"disktype": "nvme"}

    def affinity(scene: Scene, part: str) -> None:
        terms = [
            {
                "matchExpressions": [
                    {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["south-a"]}
                ]
            }
        ]
        scene.app.pod(part)["affinity"] = {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
        }

    def anti(scene: Scene, part: str) -> None:
        term = {"labelSelector": {"matchLabels": {"app": part}}, "topologyKey": "kubernetes.io/hostname"}
        scene.app.pod(part)["affinity"] = {
            "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
        }
        scene.app.workload(part)["spec"]["replicas"] = 6

    def anti_tier(scene: Scene, part: str) -> None:
        term = {
            "labelSelector": {"matchLabels": {"tier": "backend"}},
            "topologyKey": "topology.kubernetes.io/zone",
        }
        scene.app.pod(part)["affinity"] = {
            "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
        }

    def spread(scene: Scene, part: str) -> None:
        scene.app.pod(part)["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": "rack",
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {"app": part}},
            }
        ]

    def taint(scene: Scene, part: str) -> None:
        for name in ("node-1", "node-2", "node-3", "node-4"):
            edit_node(
                scene,
                name,
                lambda obj: obj["spec"].update(
                    taints=[{"key": "dedicated", "value": "batch", "effect": "NoSchedule"}]
                ),
            )
        scene.app.template(part)["metadata"]["annotations"] = {"rev": "2"}
        for kind, name in [key for key in scene.app.objects if key[0] == "CronJob"]:
            scene.app.objects[kind, name]["spec"]["schedule"] = "0 3 * * *"

    def one_tainted(scene: Scene, part: str) -> None:
        def edit(obj: Object) -> None:
            obj["spec"]["taints"] = [{"key": "gpu", "value": "true", "effect": "NoSchedule"}]
            obj["metadata"]["labels"]["pool"] = "gpu"

        edit_node(scene, "node-2", edit)
        scene.app.pod(part)["nodeSelector"] = {"pool": "gpu"}

    def cordon(scene: Scene, part: str) -> None:
        for name in ("node-1", "node-2", "node-3", "node-4"):
            edit_node(scene, name, cordoned)
        scene.restart(part)

    def pinnedcordoned(scene: Scene, part: str) -> None:
        scene.app.pod(part)["nodeSelector"] = {"kubernetes.io/hostname": "node-3"}
        scene.roll(120)
        edit_node(scene, "node-3", cordoned)
        scene.restart(part)

    kinds = (
        ("cpu", "resources-unschedulable", cpu), ("memory", "resources-unschedulable", memory), ("selector", "node-selector-mismatch", selector),
        ("affinity", "node-affinity-mismatch", affinity), ("replicas", "pod-anti-affinity-conflict", anti), ("tier", "pod-anti-affinity-conflict", anti_tier),
        ("key", "topology-spread-conflict", spread), ("all", "taint-not-tolerated", taint), ("pinned", "taint-not-tolerated", one_tainted),
    )  # fmt: skip
    for number, (app, part) in enumerate([*SPREAD, ("market", "postgres"), ("clinic", "mysql")]):
        for index, (label, fault, change) in enumerate(kinds):
            if (
                (number + index) % 2
                or (label == "replicas" and app == "clinic")
                or (label == "pinned" and part in ("postgres", "mysql"))
            ):
                continue
            yield Case(app, fault, f"{label}-{part}", own(part), rolled(change, part), part)
    every = tuple(("Node", f"node-{i}") for i in (1, 2, 3, 4, 9))
    for app, part in SPREAD:
        yield Case(app, "node-cordoned", f"all-{part}", every, rolled(cordon, part), part)
        yield Case(
            app, "node-cordoned", f"pinned-{part}", (("Node", "node-3"),), rolled(pinnedcordoned, part), part
        )

    def full(scene: Scene, part: str) -> None:
        """Not a typo: the cluster is simply full for so many replicas."""
        scene.app.workload(part)["spec"]["replicas"] = 6
        scene.app.container(part)["resources"] = {
            "requests": {"cpu": "3700m", "memory": "64Mi"},
            "limits": {"cpu": "3700m", "memory": "256Mi"},
        }
        open_limits(scene)

    for app, part in (("market", "fx"), ("market", "orders")):
        yield Case(app, "resources-unschedulable", f"full-{part}", own(part), rolled(full, part), part)


def open_limits(scene: Scene) -> None:
    """Quota and LimitRange do not stand in the way of what is asked for."""
    if ("LimitRange", "clinic-limits") in scene.app.objects:
        scene.app.objects["LimitRange", "clinic-limits"]["spec"]["limits"][0]["max"] = {
            "cpu": "64",
            "memory": "128Gi",
        }
        scene.app.objects["ResourceQuota", "clinic-quota"]["spec"]["hard"] |= {
            "requests.cpu": "100",
            "requests.memory": "200Gi",
        }
