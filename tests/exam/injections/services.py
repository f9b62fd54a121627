"""Services that select or aim wrongly."""

from __future__ import annotations

from collections.abc import Iterator

from selfheal.sandbox.kubernetes.objects import Key
from tests.exam.injections.places import rolled
from tests.exam.scene import Case, Scene


def service_cases() -> Iterator[Case]:
    def selector(scene: Scene, part: str) -> None:
        scene.app.objects["Service", part]["spec"]["selector"] = {"app": f"{part}-v2"}

    def extra(scene: Scene, part: str) -> None:
        scene.app.objects["Service", part]["spec"]["selector"]["release"] = "stable"

    def target(scene: Scene, part: str) -> None:
        scene.app.objects["Service", part]["spec"]["ports"][0]["targetPort"] = 9191

    def named(scene: Scene, part: str) -> None:
        scene.app.objects["Service", part]["spec"]["ports"][0]["targetPort"] = "web"

    def front(scene: Scene, part: str) -> None:
        scene.app.objects["Service", part]["spec"]["ports"][0]["port"] += 1

    def udp(scene: Scene, part: str) -> None:
        scene.app.objects["Service", part]["spec"]["ports"][0]["protocol"] = "UDP"

    def moved(scene: Scene, part: str) -> None:
        """The commit that breaks it replaces the Service, as some delivery does."""
        scene.emulator.delete(Key("Service", scene.app.namespace, part))

    places = [("market", "catalogue"), ("market", "basket"), ("market", "fx"), ("market", "orders"), ("market", "web"), ("market", "postgres"), ("market", "redis"), ("market", "delivery"), ("market", "mailer"),
              ("clinic", "patients"), ("clinic", "auth"), ("clinic", "mysql"), ("clinic", "gateway"), ("clinic", "lab"), ("clinic", "documents"), ("clinic", "portal")]  # fmt: skip
    for number, (app, part) in enumerate(places):
        answer = (("Service", part),)
        for index, (label, fault, change) in enumerate(
            (
                ("name", "service-selector-mismatch", selector),
                ("label", "service-selector-mismatch", extra),
                ("target", "service-port-mismatch", target),
                ("named", "service-port-mismatch", named),
                ("front", "service-port-mismatch", front),
                ("udp", "service-protocol-mismatch", udp),
            )
        ):
            if (number + index) % 2:
                continue
            if label == "front" and part == "portal":
                continue

            def stage(scene: Scene, part: str, change=change, replace=label == "udp") -> None:
                change(scene, part)
                if replace:
                    moved(scene, part)

            yield Case(app, fault, f"{label}-{part}", answer, rolled(stage, part), part)
