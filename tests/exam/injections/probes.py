"""Probes that ask the wrong thing."""

from __future__ import annotations

from collections.abc import Iterator

from tests.exam.injections.places import PLACES, STORES, own, rolled
from tests.exam.parts import Object
from tests.exam.scene import Case, Scene


def probe_cases() -> Iterator[Case]:
    def handler(probe: Object) -> Object:
        return next(probe[name] for name in ("httpGet", "tcpSocket", "grpc") if name in probe)

    def port(word: str):
        def stage(scene: Scene, part: str) -> None:
            handler(scene.app.container(part)[word])["port"] = 9999

        return stage

    def path(word: str):
        def stage(scene: Scene, part: str) -> None:
            held = handler(scene.app.container(part)[word])
            if "path" in held:
                held["path"] = "/health/live"
            else:
                held["port"] = 9090

        return stage

    def protocol(word: str):
        def stage(scene: Scene, part: str) -> None:
            probe = scene.app.container(part)[word]
            if "httpGet" in probe:
                probe["httpGet"]["scheme"] = "HTTPS"
            else:
                number = handler(probe)["port"]
                for name in ("grpc", "tcpSocket"):
                    probe.pop(name, None)
                probe["httpGet"] = {"path": "/healthz", "port": number}

        return stage

    def to_grpc(word: str):
        def stage(scene: Scene, part: str) -> None:
            probe = scene.app.container(part)[word]
            number = probe.pop("httpGet")["port"]
            probe["grpc"] = {"port": number if isinstance(number, int) else scene.app.parts[part].port}

        return stage

    def timing(word: str):
        def stage(scene: Scene, part: str) -> None:
            probe = scene.app.container(part)[word]
            if word == "livenessProbe":
                probe |= {"initialDelaySeconds": 0, "periodSeconds": 1, "failureThreshold": 1}
            else:
                probe |= {"initialDelaySeconds": 1800}

        return stage

    for number, (app, part) in enumerate([*PLACES, *STORES]):
        for word, fault in (
            ("readinessProbe", "readiness-probe-misconfigured"),
            ("livenessProbe", "liveness-probe-misconfigured"),
        ):
            changes = [
                ("port", port(word)),
                ("path", path(word)),
                ("protocol", protocol(word)),
                ("timing", timing(word)),
            ]
            for index, (label, change) in enumerate(changes):
                if (number + index) % 2 and (app, part) not in STORES:
                    continue
                if (app, part) in STORES and label in ("path", "timing"):
                    continue
                yield Case(app, fault, f"{label}-{part}", own(part), rolled(change, part), part)
    for app, part in (("market", "delivery"), ("market", "orders"), ("clinic", "lab"), ("clinic", "gateway")):
        yield Case(
            app,
            "readiness-probe-misconfigured",
            f"grpc-{part}",
            own(part),
            rolled(to_grpc("readinessProbe"), part),
            part,
        )
        yield Case(
            app,
            "liveness-probe-misconfigured",
            f"grpc-{part}",
            own(part),
            rolled(to_grpc("livenessProbe"), part),
            part,
        )
