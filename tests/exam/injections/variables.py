"""Variables that are missing, mistyped or hold a wrong address."""

from __future__ import annotations

from collections.abc import Iterator

from tests.exam.injections.places import own, rolled
from tests.exam.scene import Case, Scene


def variable_cases() -> Iterator[Case]:
    def missing(scene: Scene, part: str) -> None:
        scene.env(part, "WORKERS", None)

    def misspelt(scene: Scene, part: str) -> None:
        for item in scene.app.container(part)["env"]:
            if item["name"] == "WORKERS":
                item["name"] = "WORKER"

    def mistyped(scene: Scene, part: str) -> None:
        scene.env(part, "WORKERS", "four")

    languages = (
        "fx",
        "suggestions",
        "orders",
        "catalogue",
        "stock",
        "basket",
        "ledger",
        "mailer",
        "lab",
        "letters",
        "gateway",
        "users",
    )
    for number, part in enumerate(languages):
        app = "market" if number < 8 else "clinic"
        for label, change in (("missing", missing), ("misspelt", misspelt), ("mistyped", mistyped)):
            yield Case(app, "env-var-invalid", f"{label}-{part}", own(part), rolled(change, part), part)

    def address(callee: str, how: str):
        def stage(scene: Scene, part: str) -> None:
            variable = scene.app.parts[part].calls[callee]
            value = scene.old(part, variable)
            if how == "host":
                value = value.replace(callee, f"{callee}-svc")
            else:
                value = value.replace(
                    str(scene.app.parts[callee].front), str(scene.app.parts[callee].front + 1)
                )
            scene.env(part, variable, value)

        return stage

    for app, part, callee in (
        ("market", "web", "catalogue"), ("market", "web", "basket"), ("market", "orders", "payments"), ("market", "orders", "mailer"), ("market", "suggestions", "catalogue"),
        ("market", "edge", "web"), ("clinic", "gateway", "auth"), ("clinic", "calendar", "rooms"), ("clinic", "portal", "gateway"), ("clinic", "billing", "insurance"), ("clinic", "search", "documents"),
    ):  # fmt: skip
        for how in ("host", "port"):
            yield Case(
                app,
                "env-var-invalid",
                f"address-{how}-{part}-{callee}",
                own(part),
                rolled(address(callee, how), part),
                part,
                also=("dependency-unreachable",),
            )

    for app, part, callee in (
        ("market", "catalogue", "postgres"), ("market", "stock", "postgres"), ("market", "basket", "redis"), ("market", "ledger", "rabbitmq"), ("market", "orders", "rabbitmq"),
        ("clinic", "patients", "mysql"), ("clinic", "staff", "mysql"), ("clinic", "lab", "mongo"), ("clinic", "auth", "redis"), ("clinic", "notifications", "rabbitmq"),
    ):  # fmt: skip
        for how in ("host", "port"):
            yield Case(
                app,
                "dependency-unreachable",
                f"{how}-{part}-{callee}",
                own(part),
                rolled(address(callee, how), part),
                part,
            )

    def database_port(callee: str):
        def stage(scene: Scene, part: str) -> None:
            container = scene.app.container(callee)
            number = scene.app.parts[callee].port + 1
            container["args"] = [f"--port={number}"]
            for word in ("readinessProbe", "livenessProbe"):
                container[word]["tcpSocket"]["port"] = number
            for name, other in scene.app.parts.items():
                if callee in other.calls:
                    scene.app.template(name)["metadata"]["annotations"] = {"rev": "2"}

        return stage

    for app, callee in (("market", "postgres"), ("clinic", "mysql"), ("clinic", "mongo")):
        yield Case(
            app,
            "service-port-mismatch",
            f"store-moved-{callee}",
            (*own(callee), ("Service", callee)),
            rolled(database_port(callee), callee),
            callee,
            also=("dependency-unreachable",),
        )
