"""Programs that do not start, crash, are killed or starve."""

from __future__ import annotations

from collections.abc import Iterator

from tests.exam.injections.places import PLACES, STORES, own, rolled, tagged
from tests.exam.parts import DEFECTIVE, FAT, SLOW
from tests.exam.scene import Case, Scene


def program_cases() -> Iterator[Case]:
    def command(scene: Scene, part: str) -> None:
        scene.app.container(part)["command"] = ["/app/serve"]

    def missing_program(scene: Scene, part: str) -> None:
        scene.app.container(part)["command"] = ["start-server"]

    def flag(scene: Scene, part: str) -> None:
        scene.app.container(part)["args"] = ["--prot=8080"]

    for number, (app, part) in enumerate(PLACES):
        label, change = (("path", command), ("program", missing_program), ("flag", flag))[number % 3]
        yield Case(app, "command-invalid", f"{label}-{part}", own(part), rolled(change, part), part)

    for app, part in (*PLACES, ("market", "basket"), ("market", "mailer")):
        yield Case(
            app, "bad-release", f"crash-{part}", own(part), rolled(tagged(f"v1.5.0{DEFECTIVE}"), part), part
        )

    def breaks(scene: Scene, part: str) -> None:
        image = scene.app.parts[part].image
        behaviour = scene.emulator.images[f"{image.rpartition(':')[0]}:v1.5.0{DEFECTIVE}"]
        scene.app.images[image] = behaviour
        scene.apply()
        scene.restart(part)

    for app, part in (
        ("market", "suggestions"),
        ("market", "orders"),
        ("market", "basket"),
        ("market", "mailer"),
        ("clinic", "letters"),
        ("clinic", "calendar"),
        ("clinic", "gateway"),
    ):
        yield Case(app, "app-crash", f"no-change-{part}", own(part), rolled(breaks, part), part)

    def memory(scene: Scene, part: str) -> None:
        scene.app.container(part)["resources"]["limits"]["memory"] = "48Mi"
        scene.app.container(part)["resources"]["requests"]["memory"] = "48Mi"

    for app, part in (*PLACES[::2], *STORES):
        yield Case(app, "oom-killed", f"limit-{part}", own(part), rolled(memory, part), part)

    def unnamed(scene: Scene, part: str) -> None:
        memory(scene, part)

        def edit(dump) -> None:
            for pod in dump.pods(part):
                for status in pod["status"].get("containerStatuses", []):
                    for section in ("state", "lastState"):
                        ended = status.get(section, {}).get("terminated")
                        if ended and ended.get("reason") == "OOMKilled":
                            ended["reason"] = "Error"

        scene.after.append(edit)

    for app, part in PLACES[1::3]:
        yield Case(app, "oom-killed", f"child-{part}", own(part), rolled(unnamed, part), part)
    for app, part in PLACES[::3]:
        yield Case(
            app,
            "oom-killed",
            f"fat-release-{part}",
            own(part),
            rolled(tagged(f"v1.5.0{FAT}"), part),
            part,
            also=("bad-release",),
        )
    for app, part in (
        ("market", "orders"),
        ("market", "delivery"),
        ("market", "edge"),
        ("clinic", "calendar"),
        ("clinic", "gateway"),
        ("clinic", "letters"),
    ):
        yield Case(
            app,
            "startup-probe-missing",
            f"slow-{part}",
            own(part),
            rolled(tagged(f"v1.5.0{SLOW}"), part),
            part,
        )

    def init(words: list[str]):
        def stage(scene: Scene, part: str) -> None:
            from selfheal.sandbox.kubernetes.behaviour import ImageBehaviour

            scene.app.images["busybox:1.36"] = ImageBehaviour(
                run_seconds=2.0, exit_code=1, entrypoint="sh", commands=frozenset({"sh"}), start_log=("sh: ./migrate: not found",), startup_seconds=0.5, user="1000",
                variants={"wait": ImageBehaviour(entrypoint="sh", run_seconds=100000, start_log=("waiting for db-primary:5432", "nc: bad address 'db-primary'"), steady_log="nc: bad address 'db-primary'", steady_every=5, user="1000")},
            )  # fmt: skip
            scene.app.pod(part)["initContainers"] = [
                {"name": "prepare", "image": "busybox:1.36", "command": ["sh"], "args": words}
            ]

        return stage

    for number, (app, part) in enumerate(PLACES[::2]):
        words = ["-c", "./migrate up"] if number % 2 else ["-c", "wait"]
        yield Case(
            app,
            "init-container-failed",
            f"{'exit' if number % 2 else 'wait'}-{part}",
            own(part),
            rolled(init(words), part),
            part,
        )

    def cpu(scene: Scene, part: str) -> None:
        resources = scene.app.container(part)["resources"]
        resources["limits"]["cpu"] = "1m"
        resources["requests"]["cpu"] = "1m"
        if ("LimitRange", "clinic-limits") in scene.app.objects:
            scene.app.objects["LimitRange", "clinic-limits"]["spec"]["limits"][0]["min"]["cpu"] = "1m"
        from dataclasses import replace

        image = scene.app.container(part)["image"]
        scene.app.images[image] = replace(scene.app.images[image], cpu="140m")

    for app, part in (
        ("market", "delivery"),
        ("market", "web"),
        ("market", "orders"),
        ("clinic", "calendar"),
        ("clinic", "letters"),
        ("clinic", "portal"),
    ):
        yield Case(app, "cpu-throttled", f"limit-{part}", own(part), rolled(cpu, part), part)
