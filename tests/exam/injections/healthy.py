"""Systems that are well, after things that happen every day."""

from __future__ import annotations

from collections.abc import Iterator

from selfheal.sandbox.kubernetes.objects import Key
from tests.exam.injections.places import PLACES
from tests.exam.injections.views import cordoned, edit_node
from tests.exam.scene import Case, Scene

_TEXTS = (
    "Please check {name}, there were many warnings in the events after the deploy.",
    "Alert: pods of {name} restarted. Resolved by itself?",
    "A customer reported a slow page an hour ago, probably {name}.",
    "Warning events in the namespace, is anything broken?",
)


def healthy_cases() -> Iterator[Case]:
    def nothing(scene: Scene, part: str) -> None:
        scene.wait(60)

    def released(scene: Scene, part: str) -> None:
        container = scene.app.container(part)
        container["image"] = container["image"].replace("v1.4.2", "v1.5.0")
        scene.roll(400)

    def restarted(scene: Scene, part: str) -> None:
        scene.restart(part)
        scene.wait(300)

    def rolled_back(scene: Scene, part: str) -> None:
        container = scene.app.container(part)
        good = container["image"]
        container["image"] = good + "-rc"
        scene.roll(200)
        container["image"] = good
        scene.roll(400)

    def crashed_before(scene: Scene, part: str) -> None:
        """A wrong value that was put right again."""
        held = [dict(item) for item in scene.app.container(part)["env"]]
        scene.env(part, "WORKERS", "four")
        scene.roll(200)
        scene.app.container(part)["env"] = held
        scene.roll(400)

    def store_restarted(scene: Scene, part: str) -> None:
        for name in [name for name, held in scene.app.parts.items() if held.store]:
            scene.restart(name)
        scene.wait(700)

    def scaled(scene: Scene, part: str) -> None:
        scene.app.workload(part)["spec"]["replicas"] = 3
        scene.roll(300)

    def drained(scene: Scene, part: str) -> None:
        edit_node(scene, "node-3", cordoned)
        for pod in list(scene.emulator.objects("Pod", scene.app.namespace)):
            if pod["spec"].get("nodeName") == "node-3":
                scene.emulator.delete(Key("Pod", scene.app.namespace, str(pod["metadata"]["name"])))
        scene.wait(700)

    stages = (nothing, released, restarted, rolled_back, crashed_before, store_restarted, scaled, drained)
    for number, (app, part) in enumerate(PLACES):
        for index, stage in enumerate(stages):
            if (number + index) % 2 and index:
                continue

            def run(scene: Scene, stage=stage, part=part) -> None:
                stage(scene, part)

            text = _TEXTS[(number + index) % len(_TEXTS)].format(name=part)
            yield Case(app, "healthy", f"{stage.__name__.replace('_', '-')}-{part}", (), run, part, text)
