"""The same faults on other kinds: DaemonSets, StatefulSets, Jobs, CronJobs; init containers, sidecars, second containers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from selfheal.sandbox.kubernetes.objects import Key
from tests.exam.injections.views import edit_node
from tests.exam.parts import DEFECTIVE, Object
from tests.exam.scene import Case, Scene


@dataclass(frozen=True)
class Spot:
    """A container of a workload. ``label`` names it in cases."""

    kind: str
    name: str
    section: str = "containers"
    index: int = 0
    label: str = ""

    def pod(self, scene: Scene) -> Object:
        spec = scene.app.objects[self.kind, self.name]["spec"]
        found: Object = (spec["jobTemplate"]["spec"] if self.kind == "CronJob" else spec)["template"]["spec"]
        return found

    def container(self, scene: Scene) -> Object:
        found: Object = self.pod(scene)[self.section][self.index]
        return found

    @property
    def answer(self) -> tuple[tuple[str, str], ...]:
        return ((self.kind, self.name),)


Change = Callable[[Scene, Spot], None]
DAEMON, STATEFUL = (
    Spot("DaemonSet", "beacon", label="daemon"),
    Spot("StatefulSet", "journal", label="stateful"),
)
JOB, CRON = Spot("Job", "load-rates", label="job"), Spot("CronJob", "sweep", label="cron")
PREPARE = Spot("Deployment", "hub", "initContainers", 0, "init")
SHIELD = Spot("Deployment", "hub", "initContainers", 1, "sidecar")
RELAY = Spot("Deployment", "hub", "containers", 1, "second")
EVERY = (DAEMON, STATEFUL, JOB, CRON, PREPARE, SHIELD, RELAY)
PODS = (DAEMON, STATEFUL, JOB, CRON)
PROBED = (DAEMON, STATEFUL, SHIELD, RELAY)


def staged(change: Change, spot: Spot, seconds: float = 420.0) -> Callable[[Scene], None]:
    """The change, rolled out. A Job's template cannot change, so it is made anew."""

    def stage(scene: Scene) -> None:
        change(scene, spot)
        if spot.kind == "Job":
            scene.emulator.delete(Key("Job", scene.app.namespace, spot.name))
        scene.roll(seconds)

    return stage


def _case(fault: str, label: str, spot: Spot, change: Change, **more: object) -> Case:
    answers = more.pop("answers", spot.answer)
    return Case("depot", fault, f"{label}-{spot.label}", answers, staged(change, spot), spot.name, **more)


def container_cases() -> Iterator[Case]:
    """What a single container suffers."""

    def tag(scene: Scene, spot: Spot) -> None:
        spot.container(scene)["image"] += "-rc"

    def registry(scene: Scene, spot: Spot) -> None:
        held = spot.container(scene)
        held["image"] = held["image"].replace("ghcr.io", "ghcr-mirror.example", 1)

    def no_map(scene: Scene, spot: Spot) -> None:
        spot.container(scene)["envFrom"] = [{"configMapRef": {"name": f"{spot.name}-overrides"}}]

    def no_key(scene: Scene, spot: Spot) -> None:
        entry = {"secretKeyRef": {"name": "postgres-credentials", "key": "passwd"}}
        spot.container(scene)["env"].append({"name": "PGPASSWORD", "valueFrom": entry})

    def program(scene: Scene, spot: Spot) -> None:
        spot.container(scene)["command"] = ["/app/serve"]

    def memory(scene: Scene, spot: Spot) -> None:
        spot.container(scene)["resources"] = {
            "requests": {"cpu": "20m", "memory": "48Mi"},
            "limits": {"cpu": "200m", "memory": "48Mi"},
        }

    def number(scene: Scene, spot: Spot) -> None:
        for item in spot.container(scene)["env"]:
            if item["name"] == "WORKERS":
                item["value"] = "four"

    def root(scene: Scene, spot: Spot) -> None:
        held = spot.container(scene)
        scene.app.images[held["image"]] = replace(scene.app.images[held["image"]], user="0")
        held["securityContext"] = {"runAsNonRoot": True}

    def defective(scene: Scene, spot: Spot) -> None:
        held = spot.container(scene)
        name = held["image"].rpartition(":")[0]
        tags = [
            image for image in scene.app.images if image.startswith(f"{name}:") and image.endswith(DEFECTIVE)
        ]
        held["image"] = tags[0]

    init = ("init-container-failed",)
    for spot in EVERY:
        batch = spot in (JOB, CRON)
        yield _case("image-not-found", "tag", spot, tag)
        yield _case("image-registry-unreachable", "host", spot, registry)
        yield _case("config-ref-missing", "env", spot, no_map)
        yield _case("config-key-missing", "secret", spot, no_key)
        yield _case("command-invalid", "path", spot, program)
        yield _case("oom-killed", "limit", spot, memory)
        yield _case("security-context-invalid", "root", spot, root)
        if not batch:
            yield _case("env-var-invalid", "mistyped", spot, number, also=init if spot is PREPARE else ())
            yield _case("bad-release", "crash", spot, defective, also=init if spot is PREPARE else ())

    def port(word: str) -> Change:
        def change(scene: Scene, spot: Spot) -> None:
            spot.container(scene)[word]["httpGet"]["port"] = 9999

        return change

    def path(word: str) -> Change:
        def change(scene: Scene, spot: Spot) -> None:
            spot.container(scene)[word]["httpGet"]["path"] = "/status"

        return change

    for spot in PROBED:
        for word in ("readiness", "liveness"):
            fault = f"{word}-probe-misconfigured"
            yield _case(fault, "port", spot, port(f"{word}Probe"))
            yield _case(fault, "path", spot, path(f"{word}Probe"))


def pod_cases() -> Iterator[Case]:
    """What a whole pod suffers."""

    def selector(scene: Scene, spot: Spot) -> None:
        spot.pod(scene)["nodeSelector"] = {"disktype": "nvme"}

    def cpu(scene: Scene, spot: Spot) -> None:
        spot.container(scene)["resources"] = {
            "requests": {"cpu": "20", "memory": "64Mi"},
            "limits": {"cpu": "20", "memory": "160Mi"},
        }

    def account(scene: Scene, spot: Spot) -> None:
        spot.pod(scene)["serviceAccountName"] = f"{spot.name}-runner"

    def privileged(scene: Scene, spot: Spot) -> None:
        labels = {"pod-security.kubernetes.io/enforce": "baseline"}
        scene.app.objects["Namespace", "depot"]["metadata"]["labels"] = labels
        scene.apply()
        spot.container(scene)["securityContext"] = {"privileged": True}

    def bounds(scene: Scene, spot: Spot) -> None:
        limits = [{"type": "Container", "max": {"memory": "256Mi"}}]
        scene.app.add(
            {
                "apiVersion": "v1",
                "kind": "LimitRange",
                "metadata": {"name": "bounds"},
                "spec": {"limits": limits},
            }
        )
        scene.apply()
        spot.container(scene)["resources"] = {
            "requests": {"cpu": "20m", "memory": "64Mi"},
            "limits": {"memory": "1Gi"},
        }

    def quota(scene: Scene, spot: Spot) -> None:
        hard = {"requests.memory": "600Mi"}
        scene.app.add(
            {
                "apiVersion": "v1",
                "kind": "ResourceQuota",
                "metadata": {"name": "compute"},
                "spec": {"hard": hard},
            }
        )
        scene.apply()
        scene.wait(20)
        spot.container(scene)["resources"]["requests"]["memory"] = "150Mi"

    def claim(scene: Scene, spot: Spot) -> None:
        pod = spot.pod(scene)
        pod["volumes"] = [{"name": "cache", "persistentVolumeClaim": {"claimName": f"{spot.name}-cache"}}]
        pod["containers"][0]["volumeMounts"] = [{"name": "cache", "mountPath": "/cache"}]
        request = {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "premium",
            "resources": {"requests": {"storage": "1Gi"}},
        }
        scene.app.add(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": f"{spot.name}-cache"},
                "spec": request,
            }
        )

    def volume(scene: Scene, spot: Spot) -> None:
        pod = spot.pod(scene)
        pod["volumes"] = [{"name": "conf", "secret": {"secretName": f"{spot.name}-cert"}}]
        pod["containers"][0]["volumeMounts"] = [{"name": "conf", "mountPath": "/etc/conf"}]

    def taint(scene: Scene, spot: Spot) -> None:
        def edit(obj: Object) -> None:
            obj["spec"]["taints"] = [{"key": "dedicated", "value": "batch", "effect": "NoSchedule"}]

        for number in (1, 2, 3, 4):
            edit_node(scene, f"node-{number}", edit)
        spot.container(scene)["env"].append({"name": "REV", "value": "2"})
        if spot is not CRON:
            scene.app.objects["CronJob", "sweep"]["spec"]["schedule"] = "0 3 * * *"

    for spot in PODS:
        yield _case("service-account-missing", "name", spot, account)
        yield _case("pod-security-rejected", "privileged", spot, privileged)
        yield _case(
            "limit-range-violated", "max", spot, bounds, answers=(*spot.answer, ("LimitRange", "bounds"))
        )
        yield _case(
            "pvc-storage-class-missing",
            "claim",
            spot,
            claim,
            answers=(("PersistentVolumeClaim", f"{spot.name}-cache"),),
        )
        yield _case("config-ref-missing", "volume", spot, volume)
        yield _case("quota-exceeded", "memory", spot, quota, answers=(("ResourceQuota", "compute"),))
        if spot is not DAEMON:
            yield _case("node-selector-mismatch", "label", spot, selector)
            yield _case("taint-not-tolerated", "all", spot, taint)
        yield _case("resources-unschedulable", "cpu", spot, cpu)


def kind_cases() -> Iterator[Case]:
    yield from container_cases()
    yield from pod_cases()
