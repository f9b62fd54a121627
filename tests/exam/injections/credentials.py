"""Data stores that refuse: credentials, connections, writes."""

from __future__ import annotations

from collections.abc import Iterator

from tests.exam.injections.places import own, rolled
from tests.exam.scene import Case, Scene


def credential_cases() -> Iterator[Case]:
    def user(scene: Scene, part: str) -> None:
        scene.env(part, "DB_USER", "service")

    def password(scene: Scene, part: str) -> None:
        scene.env(part, "DB_PASSWORD", "wrong-horse")

    for app, part in (
        ("market", "catalogue"),
        ("market", "stock"),
        ("market", "basket"),
        ("market", "ledger"),
        ("clinic", "patients"),
        ("clinic", "lab"),
        ("clinic", "audit"),
        ("clinic", "auth"),
        ("clinic", "appointments"),
    ):
        yield Case(app, "dependency-auth-failed", f"user-{part}", own(part), rolled(user, part), part)
        yield Case(app, "dependency-auth-failed", f"password-{part}", own(part), rolled(password, part), part)

    def limited(callee: str):
        def stage(scene: Scene, _part: str) -> None:
            scene.app.container(callee)["args"] = ["--max-connections=8"]
            scene.apply()
            scene.wait(60)
            for name, other in scene.app.parts.items():
                if callee in other.calls:
                    scene.restart(name)

        return stage

    def read_only(callee: str):
        def stage(scene: Scene, _part: str) -> None:
            scene.app.container(callee)["args"] = ["--read-only=ON"]
            scene.apply()
            scene.wait(60)
            for name, other in scene.app.parts.items():
                if callee in other.calls:
                    scene.restart(name)

        return stage

    def greedy(scene: Scene, part: str) -> None:
        scene.env(part, "DB_POOL_SIZE", "400")
        callee = next(name for name in scene.app.parts[part].calls if scene.app.parts[name].store)
        behaviour = scene.emulator.images[scene.app.parts[callee].image]
        from dataclasses import replace

        scene.app.images[scene.app.parts[callee].image] = replace(behaviour, max_connections=200)
        scene.emulator.images.update(scene.app.images)
        scene.restart(callee)

    for app, callee in (("market", "postgres"), ("clinic", "mysql"), ("clinic", "mongo")):
        yield Case(
            app,
            "dependency-exhausted",
            f"limit-{callee}",
            own(callee),
            rolled(limited(callee), callee),
            callee,
        )
        yield Case(
            app,
            "dependency-read-only",
            f"option-{callee}",
            own(callee),
            rolled(read_only(callee), callee),
            callee,
        )
    for app, part in (("market", "stock"), ("clinic", "patients")):
        yield Case(app, "dependency-exhausted", f"pool-{part}", own(part), rolled(greedy, part), part)
