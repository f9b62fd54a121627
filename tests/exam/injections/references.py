"""ConfigMaps, Secrets and keys that a template names and that are not there."""

from __future__ import annotations

from collections.abc import Iterator

from tests.exam.injections.places import PLACES, STORES, own, rolled
from tests.exam.scene import Case, Scene


def reference_cases() -> Iterator[Case]:
    def env_from(kind: str):
        word = {"ConfigMap": "configMapRef", "Secret": "secretRef"}[kind]

        def stage(scene: Scene, part: str) -> None:
            scene.app.container(part).setdefault("envFrom", []).append({word: {"name": f"{part}-overrides"}})

        return stage

    def volume(kind: str):
        def stage(scene: Scene, part: str) -> None:
            spec = scene.app.pod(part)
            source = (
                {"configMap": {"name": f"{part}-extra"}}
                if kind == "ConfigMap"
                else {"secret": {"secretName": f"{part}-cert"}}
            )
            spec.setdefault("volumes", []).append({"name": "extra", **source})
            spec["containers"][0].setdefault("volumeMounts", []).append(
                {"name": "extra", "mountPath": "/etc/extra"}
            )

        return stage

    def key_ref(scene: Scene, part: str) -> None:
        entry = {"secretKeyRef": {"name": f"{part}-apikey", "key": "token"}}
        scene.app.container(part)["env"].append({"name": "API_TOKEN", "valueFrom": entry})

    changes = [
        ("env-configmap", env_from("ConfigMap")),
        ("env-secret", env_from("Secret")),
        ("volume-configmap", volume("ConfigMap")),
        ("volume-secret", volume("Secret")),
        ("key-secret", key_ref),
    ]
    for number, (app, part) in enumerate([*PLACES, *STORES[:4]]):
        for index, (label, change) in enumerate(changes):
            if (number + index) % 2 == 0:
                yield Case(
                    app, "config-ref-missing", f"{label}-{part}", own(part), rolled(change, part), part
                )

    def removed(scene: Scene, _part: str) -> None:
        scene.remove("ConfigMap", "catalogue-settings")
        scene.restart("catalogue")

    yield Case(
        "market",
        "config-ref-missing",
        "deleted-configmap",
        own("catalogue"),
        rolled(removed, "catalogue"),
        "catalogue",
    )

    def removed_secret(scene: Scene, _part: str) -> None:
        scene.remove("Secret", "mongo-credentials")
        for name in ("rooms", "lab", "pharmacy", "insurance"):
            scene.restart(name)

    yield Case("clinic", "config-ref-missing", "deleted-secret", (*own("rooms"), *own("lab"), *own("pharmacy"), *own("insurance"), ("Secret", "mongo-credentials")), rolled(removed_secret, "lab"), "lab")  # fmt: skip

    def wrong_key(scene: Scene, part: str) -> None:
        for item in scene.app.container(part)["env"]:
            if "valueFrom" in item:
                item["valueFrom"]["secretKeyRef"]["key"] = "passwd"

    for app, part in (
        ("market", "catalogue"),
        ("market", "stock"),
        ("market", "ledger"),
        ("clinic", "patients"),
        ("clinic", "lab"),
        ("clinic", "auth"),
        ("market", "postgres"),
        ("clinic", "mysql"),
    ):
        yield Case(app, "config-key-missing", f"secret-key-{part}", own(part), rolled(wrong_key, part), part)

    def items_key(scene: Scene, part: str) -> None:
        for volume in scene.app.pod(part)["volumes"]:
            if "configMap" in volume:
                volume["configMap"]["items"] = [{"key": "setting.yaml", "path": "settings.yaml"}]

    yield Case(
        "market",
        "config-key-missing",
        "items-catalogue",
        own("catalogue"),
        rolled(items_key, "catalogue"),
        "catalogue",
    )

    def config_key(scene: Scene, part: str) -> None:
        entry = {"configMapKeyRef": {"name": "platform", "key": "TIMEOUT"}}
        scene.app.container(part)["env"].append({"name": "TIMEOUT", "valueFrom": entry})

    for part in ("users", "gateway", "letters", "reports"):
        yield Case(
            "clinic", "config-key-missing", f"configmap-key-{part}", own(part), rolled(config_key, part), part
        )

    def renamed(scene: Scene, _part: str) -> None:
        data = scene.app.objects["ConfigMap", "catalogue-settings"]["data"]
        data["settings.yml"] = data.pop("settings.yaml")
        scene.apply()
        scene.restart("catalogue")

    yield Case(
        "market",
        "config-key-missing",
        "renamed-in-map",
        (("ConfigMap", "catalogue-settings"),),
        rolled(renamed, "catalogue"),
        "catalogue",
    )

    def renamed_whole(name: str, key: str, other: str):
        """A file that only the program asks for by name."""

        def stage(scene: Scene, part: str) -> None:
            data = scene.app.objects["ConfigMap", name]["data"]
            data[other] = data.pop(key)
            scene.apply()
            scene.restart(part)

        return stage

    for app, part, name, key, other in (
        ("market", "payments", "payments-config", "limits.json", "limit.json"),
        ("clinic", "billing", "billing-rules", "rules.json", "rule.json"),
        ("market", "edge", "edge-conf", "nginx.conf", "nginx.config"),
        ("clinic", "users", "platform", "TIMEOUT_MS", "TIMEOUT_MSEC"),
    ):
        yield Case(
            app,
            "config-key-missing",
            f"renamed-whole-{part}",
            (("ConfigMap", name),),
            rolled(renamed_whole(name, key, other), part),
            part,
        )
