"""Autoscalers, budgets, Jobs, rollouts, evictions, routes."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from selfheal.sandbox.kubernetes.objects import Key
from tests.exam.dump import Dump
from tests.exam.injections.places import PLACES, own, rolled
from tests.exam.injections.views import cordoned, edit_node
from tests.exam.scene import Case, Scene


def controller_cases() -> Iterator[Case]:
    def reference(scene: Scene, part: str) -> None:
        scene.app.objects["HorizontalPodAutoscaler", part]["spec"]["scaleTargetRef"]["name"] = f"{part}-api"

    def request(scene: Scene, part: str) -> None:
        scene.app.container(part)["resources"]["requests"].pop("cpu")
        scene.app.container(part)["resources"]["limits"].pop("cpu")
        scene.app.objects.pop(("LimitRange", "clinic-limits"))
        scene.emulator.delete(Key("LimitRange", scene.app.namespace, "clinic-limits"))
        scene.app.objects.pop(("ResourceQuota", "clinic-quota"))
        scene.emulator.delete(Key("ResourceQuota", scene.app.namespace, "clinic-quota"))

    def bound(scene: Scene, part: str) -> None:
        from dataclasses import replace

        scene.app.objects["HorizontalPodAutoscaler", part]["spec"] |= {"maxReplicas": 2, "minReplicas": 2}
        image = scene.app.container(part)["image"]
        scene.app.images[image] = replace(scene.app.images[image], cpu="190m")
        scene.apply()
        scene.restart(part)

    def named_metric(scene: Scene, part: str) -> None:
        scene.app.objects["HorizontalPodAutoscaler", part]["spec"]["metrics"] = [
            {
                "type": "Pods",
                "pods": {
                    "metric": {"name": "requests_per_second"},
                    "target": {"type": "AverageValue", "averageValue": "50"},
                },
            }
        ]

    for part in ("gateway", "appointments"):
        scaler = (("HorizontalPodAutoscaler", part),)
        yield Case("clinic", "hpa-misconfigured", f"reference-{part}", scaler, rolled(reference, part), part)
        yield Case(
            "clinic",
            "hpa-misconfigured",
            f"request-{part}",
            (*own(part), *scaler),
            rolled(request, part),
            part,
        )
        yield Case("clinic", "hpa-misconfigured", f"bound-{part}", scaler, rolled(bound, part), part)
        yield Case("clinic", "hpa-misconfigured", f"metric-{part}", scaler, rolled(named_metric, part), part)

    def budget(scene: Scene, part: str) -> None:
        scene.app.objects["PodDisruptionBudget", part]["spec"]["minAvailable"] = 2
        pod = next(
            pod
            for pod in scene.emulator.objects("Pod", scene.app.namespace)
            if pod["metadata"].get("labels", {}).get("app") == part
        )
        node = str(pod["spec"]["nodeName"])
        edit_node(scene, node, cordoned)

        def edit(dump: Dump) -> None:
            obj = dump.one("nodes", node)
            dump.event(
                obj, "Normal", "NodeNotSchedulable", f"Node {node} status is now: NodeNotSchedulable", ago=400
            )
            dump.event(
                obj,
                "Warning",
                "FailedDraining",
                f'failed to drain node {node}: error when evicting pods/"{pod["metadata"]["name"]}" -n "{dump.namespace}": Cannot evict pod as it would violate the pod\'s disruption budget.',
                ago=30,
                count=20,
                first=390,
                by="machine-controller",
            )

        scene.after.append(edit)

    for part in ("gateway", "appointments"):
        yield Case(
            "clinic",
            "pdb-blocking",
            f"drain-{part}",
            (("PodDisruptionBudget", part),),
            rolled(budget, part),
            part,
            text=f"Node drain for the kernel update hangs, {part} cannot be evicted.",
        )

    def job(**change: object):
        def stage(scene: Scene, _part: str) -> None:
            from dataclasses import replace

            from selfheal.sandbox.kubernetes.behaviour import Crash

            held = scene.app.objects["Job", "schema-migrate"]
            image = held["spec"]["template"]["spec"]["containers"][0]["image"]
            broken = image.rpartition(":")[0] + ":v2.2.0"
            scene.app.images[broken] = (
                replace(
                    scene.app.images[image],
                    crash=Crash(('ERROR 1050 (42S01) at line 12: Table "visits" already exists',), 1, 2.0),
                )
                if not change
                else replace(scene.app.images[image], run_seconds=3000.0)
            )
            held["spec"]["template"]["spec"]["containers"][0]["image"] = broken
            held["spec"] |= change
            scene.emulator.delete(Key("Job", scene.app.namespace, "schema-migrate"))

        return stage

    yield Case(
        "clinic",
        "job-failed",
        "backoff",
        (("Job", "schema-migrate"),),
        rolled(job(), "schema-migrate"),
        "schema-migrate",
    )
    yield Case(
        "clinic",
        "job-failed",
        "deadline",
        (("Job", "schema-migrate"),),
        rolled(job(activeDeadlineSeconds=60), "schema-migrate"),
        "schema-migrate",
    )

    def cron_fails(scene: Scene, _part: str) -> None:
        from dataclasses import replace

        from selfheal.sandbox.kubernetes.behaviour import Crash

        spec = scene.app.objects["CronJob", "nightly-report"]["spec"]["jobTemplate"]["spec"]["template"][
            "spec"
        ]
        image = spec["containers"][0]["image"]
        broken = image.rpartition(":")[0] + ":v2.2.0"
        scene.app.images[broken] = replace(
            scene.app.images[image],
            crash=Crash(
                ("Traceback (most recent call last):", "ZeroDivisionError: division by zero"), 1, 2.0
            ),
        )
        spec["containers"][0]["image"] = broken

    def suspend(scene: Scene, _part: str) -> None:
        scene.app.objects["CronJob", "nightly-report"]["spec"]["suspend"] = True

    def schedule(scene: Scene, _part: str) -> None:
        def edit(dump: Dump) -> None:
            held = dump.one("cronjobs", "nightly-report")
            held["spec"]["schedule"] = "*/5 * * *"
            dump.event(
                held,
                "Warning",
                "UnparseableSchedule",
                'unparseable schedule: "*/5 * * *" : expected exactly 5 fields, found 4: [*/5 * * *]',
                ago=40,
                first=400,
                count=6,
                by="cronjob-controller",
            )

        scene.after.append(edit)

    yield Case(
        "clinic",
        "job-failed",
        "cron",
        (("CronJob", "nightly-report"), ("Job", "nightly-report")),
        rolled(cron_fails, "nightly-report", 800),
        "nightly-report",
        also=("bad-release",),
    )
    yield Case(
        "clinic",
        "cronjob-invalid",
        "suspend",
        (("CronJob", "nightly-report"),),
        rolled(suspend, "nightly-report"),
        "nightly-report",
        text="nightly-report did not run. Reports are missing since the release.",
    )
    yield Case(
        "clinic",
        "cronjob-invalid",
        "schedule",
        (("CronJob", "nightly-report"),),
        rolled(schedule, "nightly-report"),
        "nightly-report",
    )

    def paused(scene: Scene, part: str) -> None:
        scene.app.workload(part)["spec"]["paused"] = True
        scene.app.container(part)["image"] = scene.app.container(part)["image"].replace("v1.4.2", "v1.5.0")

    for app, part in (("market", "fx"), ("clinic", "lab")):
        yield Case(
            app,
            "rollout-stuck",
            f"paused-{part}",
            own(part),
            rolled(paused, part),
            part,
            text=f"The new release of {part} does not arrive.",
        )

    def storage(scene: Scene, part: str) -> None:
        def edit(dump: Dump) -> None:
            for index, pod in enumerate(dump.pods(part)):
                for number in range(3):
                    old = copy.deepcopy(pod)
                    old["metadata"]["name"] = pod["metadata"]["name"][:-3] + f"x{index}{number}"
                    old["metadata"]["uid"] = f"evicted-{index}-{number}"
                    container = str(pod["spec"]["containers"][0]["name"])
                    text = (
                        "Pod ephemeral local storage usage exceeds the total limit of containers 200Mi. "
                        if number % 2
                        else f'Container {container} exceeded its local ephemeral storage limit "200Mi". '
                    )
                    old["status"] = {
                        "phase": "Failed",
                        "reason": "Evicted",
                        "message": text,
                        "startTime": dump.ago(420 - 120 * number),
                    }
                    dump.items("pods").append(old)
                    dump.event(old, "Warning", "Evicted", text, ago=380 - 120 * number)
                pod["metadata"]["creationTimestamp"] = dump.ago(40)

        scene.after.append(edit)
        scene.app.container(part)["resources"]["limits"]["ephemeral-storage"] = "200Mi"

    for app, part in (
        ("market", "orders"),
        ("market", "delivery"),
        ("clinic", "letters"),
        ("clinic", "calendar"),
    ):
        yield Case(app, "ephemeral-storage-evicted", f"limit-{part}", own(part), rolled(storage, part), part)

    def zero(scene: Scene, part: str) -> None:
        scene.app.workload(part)["spec"]["replicas"] = 0

    for app, part in (
        *PLACES[:8],
        ("market", "postgres"),
        ("market", "redis"),
        ("clinic", "mysql"),
        ("clinic", "mongo"),
    ):
        yield Case(app, "scaled-to-zero", f"replicas-{part}", own(part), rolled(zero, part), part)
