"""Faults that a commit to a workload's manifest, its ConfigMap, Secret or Service brings about."""

from __future__ import annotations

from collections.abc import Iterator

from selfheal.sandbox.kubernetes.objects import Key
from tests.exam.parts import DEFECTIVE, FAT, SLOW, Object
from tests.exam.scene import Case, Scene

#: Where faults are put: (application, part).
PLACES = [
    ("market", "fx"), ("market", "suggestions"), ("market", "orders"), ("market", "edge"), ("market", "catalogue"), ("market", "stock"),
    ("clinic", "lab"), ("clinic", "calendar"), ("clinic", "patients"), ("clinic", "gateway"), ("clinic", "letters"), ("clinic", "portal"),
]  # fmt: skip
STORES = [
    ("market", "postgres"),
    ("market", "redis"),
    ("market", "rabbitmq"),
    ("clinic", "mysql"),
    ("clinic", "mongo"),
]
KINDS = {"postgres": "StatefulSet", "rabbitmq": "StatefulSet", "mysql": "StatefulSet", "mongo": "StatefulSet"}


def own(part: str) -> tuple[tuple[str, str], ...]:
    return ((KINDS.get(part, "Deployment"), part),)


def _tag(tag: str):
    def stage(scene: Scene, part: str) -> None:
        container = scene.app.container(part)
        container["image"] = container["image"].rpartition(":")[0] + ":" + tag

    return stage


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


def fresh(change):
    """On nodes that do not have the image yet, as after a scale-up of the cluster."""

    def stage(scene: Scene, part: str) -> None:
        for held in scene.emulator.kubelet._images.values():
            held.clear()
        change(scene, part)
        scene.app.container(part)["imagePullPolicy"] = "Always"

    return stage


def rolled(change, part: str, seconds: float = 420.0):
    def stage(scene: Scene) -> None:
        change(scene, part)
        scene.roll(seconds)

    return stage


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
            app, "bad-release", f"crash-{part}", own(part), rolled(_tag(f"v1.5.0{DEFECTIVE}"), part), part
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
            rolled(_tag(f"v1.5.0{FAT}"), part),
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
            app, "startup-probe-missing", f"slow-{part}", own(part), rolled(_tag(f"v1.5.0{SLOW}"), part), part
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


def all_config_cases() -> Iterator[Case]:
    for make in (
        image_cases,
        reference_cases,
        variable_cases,
        credential_cases,
        program_cases,
        probe_cases,
        service_cases,
    ):
        yield from make()
