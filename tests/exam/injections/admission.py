"""Pods that the API server refuses."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from selfheal.sandbox.kubernetes.objects import Key
from tests.exam.injections.places import PLACES, SPREAD, own, rolled
from tests.exam.scene import Case, Scene


def admission_cases() -> Iterator[Case]:
    def quota(**hard: str):
        def stage(scene: Scene, part: str) -> None:
            name = "compute"
            scene.app.add(
                {
                    "apiVersion": "v1",
                    "kind": "ResourceQuota",
                    "metadata": {"name": name},
                    "spec": {"hard": hard},
                }
            )
            scene.apply()
            scene.wait(20)
            scene.app.template(part)["metadata"]["annotations"] = {"rev": "2"}
            scene.app.workload(part)["spec"]["replicas"] = 4

        return stage

    for number, (app, part) in enumerate(SPREAD):
        hards = ({"requests.cpu": "1"}, {"requests.memory": "1Gi"}, {"pods": "18"}, {"limits.cpu": "3"})
        hard = hards[number % 4]
        yield Case(
            app,
            "quota-exceeded",
            f"{next(iter(hard))}-{part}",
            (("ResourceQuota", "compute"),),
            rolled(quota(**hard), part),
            part,
        )

    def restarted(scene: Scene, part: str) -> None:
        """The quota is fine as long as nobody restarts: now somebody did."""
        scene.app.add(
            {
                "apiVersion": "v1",
                "kind": "ResourceQuota",
                "metadata": {"name": "compute"},
                "spec": {"hard": {"requests.memory": "512Mi"}},
            }
        )
        scene.apply()
        scene.wait(20)
        scene.restart(part)

    for app, part in PLACES[1::4]:
        yield Case(
            app,
            "quota-exceeded",
            f"restart-{part}",
            (("ResourceQuota", "compute"),),
            rolled(restarted, part),
            part,
        )

    def services(scene: Scene, part: str) -> None:
        scene.app.add(
            {
                "apiVersion": "v1",
                "kind": "ResourceQuota",
                "metadata": {"name": "objects"},
                "spec": {"hard": {"services": "10"}},
            }
        )
        scene.apply()
        scene.wait(20)
        scene.emulator.delete(Key("Service", scene.app.namespace, part))

    for app, part in (("market", "catalogue"), ("clinic", "auth"), ("clinic", "lab")):
        yield Case(
            app,
            "quota-exceeded",
            f"services-{part}",
            (("ResourceQuota", "objects"),),
            rolled(services, part),
            part,
        )

    def storage(scene: Scene, part: str) -> None:
        scene.app.add(
            {
                "apiVersion": "v1",
                "kind": "ResourceQuota",
                "metadata": {"name": "disk"},
                "spec": {"hard": {"requests.storage": "3Gi"}},
            }
        )
        scene.apply()
        scene.wait(20)
        held = scene.app.workload(part)
        held["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"] = "20Gi"
        scene.emulator.delete(Key("StatefulSet", scene.app.namespace, part))
        scene.emulator.delete(Key("PersistentVolumeClaim", scene.app.namespace, f"data-{part}-0"))

    for app, part in (("market", "postgres"), ("clinic", "mysql")):
        yield Case(
            app,
            "quota-exceeded",
            f"storage-{part}",
            (("ResourceQuota", "disk"),),
            rolled(storage, part),
            part,
        )

    def limits(scene: Scene, part: str) -> None:
        bounds = {"type": "Container", "max": {"cpu": "500m", "memory": "512Mi"}}
        scene.app.add(
            {
                "apiVersion": "v1",
                "kind": "LimitRange",
                "metadata": {"name": "bounds"},
                "spec": {"limits": [bounds]},
            }
        )
        scene.apply()
        scene.wait(20)
        scene.app.container(part)["resources"] = {
            "requests": {"cpu": "50m", "memory": "64Mi"},
            "limits": {"cpu": "1", "memory": "1Gi"},
        }

    for app, part in SPREAD:
        yield Case(
            app,
            "limit-range-violated",
            f"max-{part}",
            (*own(part), ("LimitRange", "bounds")),
            rolled(limits, part),
            part,
        )

    def account(scene: Scene, part: str) -> None:
        scene.app.pod(part)["serviceAccountName"] = f"{part}-sa"

    def no_account(scene: Scene, part: str) -> None:
        scene.remove("ServiceAccount", part)
        scene.restart(part)

    for app, part in SPREAD:
        yield Case(app, "service-account-missing", f"name-{part}", own(part), rolled(account, part), part)
        yield Case(
            app, "service-account-missing", f"deleted-{part}", own(part), rolled(no_account, part), part
        )

    def restricted(scene: Scene, part: str) -> None:
        scene.app.objects["Namespace", scene.app.namespace]["metadata"]["labels"] = {
            "pod-security.kubernetes.io/enforce": "restricted"
        }
        scene.apply()
        scene.wait(20)
        scene.app.template(part)["metadata"]["annotations"] = {"rev": "2"}
        scene.restart(part)

    def privileged(scene: Scene, part: str) -> None:
        scene.app.objects["Namespace", scene.app.namespace]["metadata"]["labels"] = {
            "pod-security.kubernetes.io/enforce": "baseline"
        }
        scene.apply()
        scene.wait(20)
        scene.app.container(part)["securityContext"] = {"privileged": True}

    for number, (app, part) in enumerate(SPREAD):
        yield Case(
            app,
            "pod-security-rejected",
            f"{'restricted' if number % 2 else 'privileged'}-{part}",
            own(part),
            rolled(restricted if number % 2 else privileged, part),
            part,
        )

    def webhook(scene: Scene, part: str) -> None:
        rule = {
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "operations": ["CREATE"],
            "resources": ["pods"],
            "scope": "Namespaced",
        }
        client = {
            "service": {"name": "policy-guard", "namespace": "policy", "path": "/validate", "port": 443},
            "caBundle": "",
        }
        hook = {
            "name": "guard.policy.example",
            "clientConfig": client,
            "rules": [rule],
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "timeoutSeconds": 5,
        }
        scene.app.add(
            {
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "ValidatingWebhookConfiguration",
                "metadata": {"name": "policy-guard"},
                "webhooks": [hook],
            }
        )
        scene.apply()
        scene.restart(part)

    for app, part in PLACES[1::4]:
        yield Case(
            app,
            "webhook-failing",
            f"restart-{part}",
            (("ValidatingWebhookConfiguration", "policy-guard"),),
            rolled(webhook, part),
            part,
        )

    def removed_api(scene: Scene, part: str) -> None:
        obj = copy.deepcopy(scene.app.objects["PodDisruptionBudget", part])
        obj["apiVersion"] = "policy/v1beta1"
        scene.remove("PodDisruptionBudget", part)
        scene.app.add(obj)

    yield Case(
        "clinic",
        "api-version-removed",
        "budget-gateway",
        (("PodDisruptionBudget", "gateway"),),
        rolled(removed_api, "gateway"),
        "gateway",
    )

    def removed_cron(scene: Scene, _part: str) -> None:
        obj = copy.deepcopy(scene.app.objects["CronJob", "archive"])
        obj["apiVersion"] = "batch/v1beta1"
        scene.remove("CronJob", "archive")
        scene.app.add(obj)

    yield Case(
        "clinic",
        "api-version-removed",
        "cronjob-archive",
        (("CronJob", "archive"),),
        rolled(removed_cron, "archive"),
        "archive",
    )
