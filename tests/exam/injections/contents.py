"""ConfigMaps whose contents cannot be used."""

from __future__ import annotations

from collections.abc import Iterator

from tests.exam.injections.places import rolled
from tests.exam.scene import Case, Scene


def content_cases() -> Iterator[Case]:
    def broken_file(scene: Scene, part: str) -> None:
        name = {
            "catalogue": "catalogue-settings",
            "billing": "billing-rules",
            "payments": "payments-config",
            "edge": "edge-conf",
        }[part]
        data = scene.app.objects["ConfigMap", name]["data"]
        for key in data:
            if key.endswith((".yaml", ".json")):
                data[key] = data[key].replace(":", " [", 1)
            if key.endswith(".conf"):
                data[key] = data[key].replace("upstream", "upstrem", 1).replace("{ server", "server")
        scene.apply()
        scene.restart(part)

    for app, part, name in (
        ("market", "catalogue", "catalogue-settings"),
        ("market", "payments", "payments-config"),
        ("market", "edge", "edge-conf"),
        ("clinic", "billing", "billing-rules"),
    ):
        yield Case(
            app,
            "config-content-invalid",
            f"file-{part}",
            (("ConfigMap", name),),
            rolled(broken_file, part),
            part,
        )

    def broken_value(scene: Scene, part: str) -> None:
        scene.app.objects["ConfigMap", "platform"]["data"]["TIMEOUT_MS"] = "2.5s"
        scene.apply()
        scene.restart("users")

    yield Case(
        "clinic",
        "config-content-invalid",
        "value-users",
        (("ConfigMap", "platform"),),
        rolled(broken_value, "users"),
        "users",
    )
