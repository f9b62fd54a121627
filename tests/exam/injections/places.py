"""Where faults are put, and how a change to a manifest becomes a case."""

from __future__ import annotations

from tests.exam.scene import Scene

#: Where faults are put: (application, part).
PLACES = [
    ("market", "fx"), ("market", "suggestions"), ("market", "orders"), ("market", "edge"), ("market", "catalogue"), ("market", "stock"),
    ("clinic", "lab"), ("clinic", "calendar"), ("clinic", "patients"), ("clinic", "gateway"), ("clinic", "letters"), ("clinic", "portal"),
]  # fmt: skip


STORES = [
    ("market", "postgres"),
    ("market", "redis"),
    ("market", "rabbitmq"),
    ("clinic", "mysql"),
    ("clinic", "mongo"),
]


SPREAD = PLACES[::2]


KINDS = {"postgres": "StatefulSet", "rabbitmq": "StatefulSet", "mysql": "StatefulSet", "mongo": "StatefulSet"}


def own(part: str) -> tuple[tuple[str, str], ...]:
    return ((KINDS.get(part, "Deployment"), part),)


def tagged(tag: str):
    def stage(scene: Scene, part: str) -> None:
        container = scene.app.container(part)
        container["image"] = container["image"].rpartition(":")[0] + ":" + tag

    return stage


def rolled(change, part: str, seconds: float = 420.0):
    def stage(scene: Scene) -> None:
        change(scene, part)
        scene.roll(seconds)

    return stage


def fresh(change):
    """On nodes that do not have the image yet, as after a scale-up of the cluster."""

    def stage(scene: Scene, part: str) -> None:
        for held in scene.emulator.kubelet._images.values():
            held.clear()
        change(scene, part)
        scene.app.container(part)["imagePullPolicy"] = "Always"

    return stage
