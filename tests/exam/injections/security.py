"""Users, rights and ports that a pod does not get."""

from __future__ import annotations

from collections.abc import Iterator

from tests.exam.injections.places import PLACES, own, rolled
from tests.exam.scene import Case, Scene


def security_cases() -> Iterator[Case]:
    def as_root(scene: Scene, part: str) -> None:
        from dataclasses import replace

        image = scene.app.container(part)["image"].rpartition(":")[0] + ":v1.6.0"
        scene.app.images[image] = replace(scene.app.images[scene.app.container(part)["image"]], user="0")
        scene.app.container(part)["image"] = image

    def hardened(scene: Scene, part: str) -> None:
        scene.app.container(part)["securityContext"] = {"runAsNonRoot": True}
        from dataclasses import replace

        image = scene.app.container(part)["image"]
        scene.app.images[image] = replace(scene.app.images[image], user="0")

    def read_only_root(scene: Scene, part: str) -> None:
        from dataclasses import replace

        image = scene.app.container(part)["image"]
        scene.app.images[image] = replace(scene.app.images[image], writes=("/tmp/upload-cache",))
        scene.app.container(part).setdefault("securityContext", {})["readOnlyRootFilesystem"] = True

    for number, (app, part) in enumerate(PLACES):
        label, change = (("root-image", as_root), ("hardened", hardened), ("read-only", read_only_root))[
            number % 3
        ]
        yield Case(app, "security-context-invalid", f"{label}-{part}", own(part), rolled(change, part), part)

    def verb(scene: Scene, _part: str) -> None:
        scene.app.objects["Role", "directory"]["rules"][0]["verbs"] = ["get"]

    def subject(scene: Scene, _part: str) -> None:
        scene.app.objects["RoleBinding", "directory"]["subjects"][0]["name"] = "directory-reader"

    def unbound(scene: Scene, _part: str) -> None:
        scene.remove("RoleBinding", "directory")

    places = (
        ("Role", "directory"),
        ("RoleBinding", "directory"),
        ("Deployment", "directory"),
        ("ServiceAccount", "directory"),
    )
    yield Case("clinic", "rbac-forbidden", "verb", places[:1], rolled(verb, "directory"), "directory")
    yield Case("clinic", "rbac-forbidden", "subject", places[1:2], rolled(subject, "directory"), "directory")
    yield Case("clinic", "rbac-forbidden", "unbound", places, rolled(unbound, "directory"), "directory")

    def sidecar(scene: Scene, part: str) -> None:
        from selfheal.sandbox.kubernetes.behaviour import ImageBehaviour, Port

        number = scene.app.parts[part].port
        scene.app.images["ghcr.io/bazaar/agent:2.0"] = ImageBehaviour(
            ports=(Port(number),), user="1000", startup_seconds=4.0
        )
        scene.app.pod(part)["containers"].append(
            {
                "name": "agent",
                "image": "ghcr.io/bazaar/agent:2.0",
                "ports": [{"containerPort": number, "name": "metrics"}],
                "resources": {"limits": {"memory": "64Mi", "cpu": "50m"}},
            }
        )

    for app, part in (
        ("market", "fx"),
        ("market", "delivery"),
        ("market", "orders"),
        ("clinic", "lab"),
        ("clinic", "gateway"),
    ):
        yield Case(app, "port-conflict", f"sidecar-{part}", own(part), rolled(sidecar, part), part)
