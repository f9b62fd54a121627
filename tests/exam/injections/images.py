"""Images that cannot be pulled: names, registries, credentials."""

from __future__ import annotations

from collections.abc import Iterator

from tests.exam.injections.places import PLACES, STORES, fresh, own, rolled
from tests.exam.scene import Case, Scene


def image_cases() -> Iterator[Case]:
    def typo(scene: Scene, part: str) -> None:
        container = scene.app.container(part)
        container["image"] = container["image"] + "-rc"

    def repository(scene: Scene, part: str) -> None:
        container = scene.app.container(part)
        name, _, tag = container["image"].rpartition(":")
        container["image"] = f"{name[:-1]}:{tag}"

    def digest(scene: Scene, part: str) -> None:
        container = scene.app.container(part)
        container["image"] = container["image"].rpartition(":")[0] + "@sha256:" + "ab" * 32

    def malformed(scene: Scene, part: str) -> None:
        container = scene.app.container(part)
        container["image"] = container["image"].replace(":", "::")

    for number, (app, part) in enumerate([*PLACES, *STORES]):
        for label, change in (
            ("tag", typo),
            ("repository", repository),
            ("digest", digest),
            ("malformed", malformed),
        ):
            if label != "tag" and (number + len(label)) % 3:
                continue
            yield Case(app, "image-not-found", f"{label}-{part}", own(part), rolled(change, part), part)

    def host(scene: Scene, part: str) -> None:
        container = scene.app.container(part)
        first, slash, rest = container["image"].partition("/")
        container["image"] = (
            f"{first.replace('.', '-mirror.', 1)}/{rest}"
            if slash
            else f"mirror.bazaar.example/library/{first}"
        )

    for app, part in (*PLACES[::2], *STORES[::2]):
        yield Case(app, "image-registry-unreachable", f"host-{part}", own(part), rolled(host, part), part)

    def timeout(scene: Scene, part: str) -> None:
        from selfheal.sandbox.kubernetes.behaviour import Registry

        scene.emulator.registries["cache.internal.example:5000"] = Registry(reachable=False)
        container = scene.app.container(part)
        container["image"] = "cache.internal.example:5000/" + container["image"].partition("/")[2]

    for app, part in PLACES[1::3]:
        yield Case(
            app, "image-registry-unreachable", f"timeout-{part}", own(part), rolled(timeout, part), part
        )

    def secret(scene: Scene, part: str) -> None:
        scene.app.pod(part).pop("imagePullSecrets", None)
        scene.app.template(part)["metadata"]["annotations"] = {"rev": "2"}

    def other_secret(scene: Scene, part: str) -> None:
        scene.app.pod(part)["imagePullSecrets"] = [{"name": "registry-pul"}]

    def private(scene: Scene, part: str) -> None:
        from selfheal.sandbox.kubernetes.behaviour import Registry

        scene.emulator.registries["private.bazaar.example"] = Registry(private=True)
        container = scene.app.container(part)
        container["image"] = "private.bazaar.example/" + container["image"].partition("/")[2]

    for app, part in PLACES:
        if app == "clinic":
            yield Case(
                app, "image-pull-unauthorized", f"secret-{part}", own(part), rolled(fresh(secret), part), part
            )
            yield Case(
                app,
                "image-pull-unauthorized",
                f"name-{part}",
                own(part),
                rolled(fresh(other_secret), part),
                part,
            )
        else:
            yield Case(
                app, "image-pull-unauthorized", f"private-{part}", own(part), rolled(private, part), part
            )
