"""Faults of scheduling, storage, admission, policies, controllers and nodes."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from selfheal.sandbox.kubernetes.objects import Key
from tests.exam.dump import Dump
from tests.exam.injections_config import PLACES, own, rolled
from tests.exam.parts import Object
from tests.exam.scene import Case, Scene

_SPREAD = PLACES[::2]


def scheduling_cases() -> Iterator[Case]:
    def cpu(scene: Scene, part: str) -> None:
        scene.app.container(part)["resources"] = {
            "requests": {"cpu": "20", "memory": "64Mi"},
            "limits": {"cpu": "20", "memory": "160Mi"},
        }
        _open_limits(scene)

    def memory(scene: Scene, part: str) -> None:
        scene.app.container(part)["resources"] = {
            "requests": {"cpu": "50m", "memory": "64Gi"},
            "limits": {"memory": "64Gi"},
        }
        _open_limits(scene)

    def selector(scene: Scene, part: str) -> None:
        scene.app.pod(part)["nodeSelector"] = {"disktype": "nvme"}

    def affinity(scene: Scene, part: str) -> None:
        terms = [
            {
                "matchExpressions": [
                    {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["south-a"]}
                ]
            }
        ]
        scene.app.pod(part)["affinity"] = {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
        }

    def anti(scene: Scene, part: str) -> None:
        term = {"labelSelector": {"matchLabels": {"app": part}}, "topologyKey": "kubernetes.io/hostname"}
        scene.app.pod(part)["affinity"] = {
            "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
        }
        scene.app.workload(part)["spec"]["replicas"] = 6

    def anti_tier(scene: Scene, part: str) -> None:
        term = {
            "labelSelector": {"matchLabels": {"tier": "backend"}},
            "topologyKey": "topology.kubernetes.io/zone",
        }
        scene.app.pod(part)["affinity"] = {
            "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
        }

    def spread(scene: Scene, part: str) -> None:
        scene.app.pod(part)["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": "rack",
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {"app": part}},
            }
        ]

    def taint(scene: Scene, part: str) -> None:
        for name in ("node-1", "node-2", "node-3", "node-4"):
            _edit_node(
                scene,
                name,
                lambda obj: obj["spec"].update(
                    taints=[{"key": "dedicated", "value": "batch", "effect": "NoSchedule"}]
                ),
            )
        scene.app.template(part)["metadata"]["annotations"] = {"rev": "2"}
        for kind, name in [key for key in scene.app.objects if key[0] == "CronJob"]:
            scene.app.objects[kind, name]["spec"]["schedule"] = "0 3 * * *"

    def one_tainted(scene: Scene, part: str) -> None:
        def edit(obj: Object) -> None:
            obj["spec"]["taints"] = [{"key": "gpu", "value": "true", "effect": "NoSchedule"}]
            obj["metadata"]["labels"]["pool"] = "gpu"

        _edit_node(scene, "node-2", edit)
        scene.app.pod(part)["nodeSelector"] = {"pool": "gpu"}

    def cordon(scene: Scene, part: str) -> None:
        for name in ("node-1", "node-2", "node-3", "node-4"):
            _edit_node(scene, name, _cordon)
        scene.restart(part)

    def pinned_cordon(scene: Scene, part: str) -> None:
        scene.app.pod(part)["nodeSelector"] = {"kubernetes.io/hostname": "node-3"}
        scene.roll(120)
        _edit_node(scene, "node-3", _cordon)
        scene.restart(part)

    kinds = (
        ("cpu", "resources-unschedulable", cpu), ("memory", "resources-unschedulable", memory), ("selector", "node-selector-mismatch", selector),
        ("affinity", "node-affinity-mismatch", affinity), ("replicas", "pod-anti-affinity-conflict", anti), ("tier", "pod-anti-affinity-conflict", anti_tier),
        ("key", "topology-spread-conflict", spread), ("all", "taint-not-tolerated", taint), ("pinned", "taint-not-tolerated", one_tainted),
    )  # fmt: skip
    for number, (app, part) in enumerate([*_SPREAD, ("market", "postgres"), ("clinic", "mysql")]):
        for index, (label, fault, change) in enumerate(kinds):
            if (
                (number + index) % 2
                or (label == "replicas" and app == "clinic")
                or (label == "pinned" and part in ("postgres", "mysql"))
            ):
                continue
            yield Case(app, fault, f"{label}-{part}", own(part), rolled(change, part), part)
    every = tuple(("Node", f"node-{i}") for i in (1, 2, 3, 4, 9))
    for app, part in _SPREAD:
        yield Case(app, "node-cordoned", f"all-{part}", every, rolled(cordon, part), part)
        yield Case(
            app, "node-cordoned", f"pinned-{part}", (("Node", "node-3"),), rolled(pinned_cordon, part), part
        )

    def full(scene: Scene, part: str) -> None:
        """Not a typo: the cluster is simply full for so many replicas."""
        scene.app.workload(part)["spec"]["replicas"] = 6
        scene.app.container(part)["resources"] = {
            "requests": {"cpu": "3700m", "memory": "64Mi"},
            "limits": {"cpu": "3700m", "memory": "256Mi"},
        }
        _open_limits(scene)

    for app, part in (("market", "fx"), ("market", "orders")):
        yield Case(app, "resources-unschedulable", f"full-{part}", own(part), rolled(full, part), part)


def _open_limits(scene: Scene) -> None:
    """Quota and LimitRange do not stand in the way of what is asked for."""
    if ("LimitRange", "clinic-limits") in scene.app.objects:
        scene.app.objects["LimitRange", "clinic-limits"]["spec"]["limits"][0]["max"] = {
            "cpu": "64",
            "memory": "128Gi",
        }
        scene.app.objects["ResourceQuota", "clinic-quota"]["spec"]["hard"] |= {
            "requests.cpu": "100",
            "requests.memory": "200Gi",
        }


def _edit_node(scene: Scene, name: str, change) -> None:
    def edit(obj: Object) -> None:
        change(obj)

    scene.emulator.cluster.change(Key("Node", "", name), edit)


def _cordon(obj: Object) -> None:
    obj["spec"]["unschedulable"] = True
    obj["spec"].setdefault("taints", []).append(
        {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    )


def volume_cases() -> Iterator[Case]:
    def claim(**spec: object):
        """A new claim for a workload that had none."""

        def stage(scene: Scene, part: str) -> None:
            body = {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "standard",
                "resources": {"requests": {"storage": "2Gi"}},
                **spec,
            }
            scene.app.add(
                {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "metadata": {"name": f"{part}-cache"},
                    "spec": copy.deepcopy(body),
                }
            )
            pod = scene.app.pod(part)
            pod.setdefault("volumes", []).append(
                {"name": "cache", "persistentVolumeClaim": {"claimName": f"{part}-cache"}}
            )
            pod["containers"][0].setdefault("volumeMounts", []).append(
                {"name": "cache", "mountPath": "/cache"}
            )
            pod.setdefault("securityContext", {"fsGroup": 1000})

        return stage

    def with_volume(change, **spec: object):
        def stage(scene: Scene, part: str) -> None:
            body = {
                "capacity": {"storage": "5Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "manual", "persistentVolumeReclaimPolicy": "Retain",
                "hostPath": {"path": "/mnt/data"}, **spec,
            }  # fmt: skip
            if part in ("orders", "lab"):
                scene.app.add(
                    {
                        "apiVersion": "storage.k8s.io/v1",
                        "kind": "StorageClass",
                        "metadata": {"name": "manual"},
                        "provisioner": "kubernetes.io/no-provisioner",
                        "volumeBindingMode": "Immediate",
                    }
                )
            scene.app.add(
                {
                    "apiVersion": "v1",
                    "kind": "PersistentVolume",
                    "metadata": {"name": f"{part}-pv", "labels": {"use": part}},
                    "spec": body,
                }
            )
            scene.apply()
            scene.wait(20)
            change(scene, part)

        return stage

    def answer(part: str) -> tuple[tuple[str, str], ...]:
        return (("PersistentVolumeClaim", f"{part}-cache"),)

    def template(scene: Scene, part: str) -> None:
        """A store that is set up anew with a class the cluster does not have."""
        held = scene.app.workload(part)
        held["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"] = "fast-ssd"
        scene.emulator.delete(Key("StatefulSet", scene.app.namespace, part))
        scene.emulator.delete(Key("PersistentVolumeClaim", scene.app.namespace, f"data-{part}-0"))

    for app, part in (("market", "postgres"), ("clinic", "mysql"), ("clinic", "mongo")):
        yield Case(
            app, "pvc-storage-class-missing", f"template-{part}", own(part), rolled(template, part), part
        )
    for app, part in (("market", "fx"), ("market", "orders"), ("clinic", "lab"), ("clinic", "search")):
        yield Case(
            app,
            "pvc-storage-class-missing",
            f"claim-{part}",
            answer(part),
            rolled(claim(storageClassName="premium"), part),
            part,
        )
        changes = (
            ("mode", claim(storageClassName="manual", accessModes=["ReadWriteMany"])),
            ("capacity", claim(storageClassName="manual", resources={"requests": {"storage": "50Gi"}})),
            ("selector", claim(storageClassName="manual", selector={"matchLabels": {"use": "nothing"}})),
        )
        for label, change in changes:
            yield Case(
                app,
                "pvc-binding-mismatch",
                f"{label}-{part}",
                answer(part),
                rolled(with_volume(change), part),
                part,
            )
        taken = {
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "name": "old-import",
                "namespace": app,
                "uid": "11111111-2222-4333-8444-555555555555",
            }
        }

        def occupied(scene: Scene, part: str, taken=taken) -> None:
            with_volume(claim(storageClassName="manual", volumeName=f"{part}-pv"), **taken)(scene, part)

            def released(dump: Dump) -> None:
                volume = dump.one("persistentvolumes", f"{part}-pv")
                volume["status"] = {"phase": "Released"}

            scene.after.append(released)

        yield Case(
            app,
            "pv-occupied",
            f"released-{part}",
            (*answer(part), ("PersistentVolume", f"{part}-pv")),
            rolled(occupied, part),
            part,
        )

    def denied(scene: Scene, part: str) -> None:
        scene.app.pod(part)["securityContext"] = {"runAsUser": 1000}

    yield Case(
        "clinic",
        "volume-permission-denied",
        "fsgroup-documents",
        own("documents"),
        rolled(denied, "documents"),
        "documents",
    )

    def store_denied(scene: Scene, part: str) -> None:
        scene.app.pod(part).pop("securityContext")

    for app, part in (("market", "postgres"), ("clinic", "mysql")):
        yield Case(
            app, "volume-permission-denied", f"fsgroup-{part}", own(part), rolled(store_denied, part), part
        )

    def read_only_mount(scene: Scene, part: str) -> None:
        scene.app.container(part)["volumeMounts"][0]["readOnly"] = True

    for app, part in (("market", "postgres"), ("clinic", "documents")):
        yield Case(
            app,
            "volume-permission-denied",
            f"readonly-{part}",
            own(part),
            rolled(read_only_mount, part),
            part,
        )

    def over_file(scene: Scene, part: str) -> None:
        from dataclasses import replace

        image = scene.app.container(part)["image"]
        scene.app.images[image] = replace(
            scene.app.images[image], image_files=frozenset({"/app/config.yaml"})
        )
        scene.app.config(f"{part}-file", **{"config.yaml": "a: 1\n"})
        pod = scene.app.pod(part)
        pod.setdefault("volumes", []).append({"name": "file", "configMap": {"name": f"{part}-file"}})
        pod["containers"][0].setdefault("volumeMounts", []).append(
            {"name": "file", "mountPath": "/app/config.yaml"}
        )

    for app, part in PLACES[::3]:
        yield Case(app, "volume-mount-invalid", f"over-file-{part}", own(part), rolled(over_file, part), part)


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

    for number, (app, part) in enumerate(_SPREAD):
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

    for app, part in _SPREAD:
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

    for app, part in _SPREAD:
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

    for number, (app, part) in enumerate(_SPREAD):
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


def traffic_cases() -> Iterator[Case]:
    def policy(callee: str, label: str):
        def stage(scene: Scene, _part: str) -> None:
            entry = {
                "from": [{"podSelector": {"matchLabels": {"app": label}}}],
                "ports": [{"protocol": "TCP", "port": scene.app.parts[callee].port}],
            }
            scene.app.add(
                {
                    "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": f"allow-{callee}"},
                    "spec": {"podSelector": {"matchLabels": {"app": callee}}, "policyTypes": ["Ingress"], "ingress": [entry]},
                }
            )  # fmt: skip

        return stage

    def port(callee: str):
        def stage(scene: Scene, _part: str) -> None:
            rule = scene.app.objects["NetworkPolicy", f"allow-{callee}"]["spec"]["ingress"][0]
            rule["ports"] = [{"protocol": "TCP", "port": 9000}]

        return stage

    def deny(callee: str):
        def stage(scene: Scene, _part: str) -> None:
            spec = {
                "podSelector": {"matchLabels": {"app": callee}},
                "policyTypes": ["Ingress"],
                "ingress": [],
            }
            scene.app.add(
                {
                    "apiVersion": "networking.k8s.io/v1",
                    "kind": "NetworkPolicy",
                    "metadata": {"name": f"isolate-{callee}"},
                    "spec": spec,
                }
            )

        return stage

    for app, callee in (
        ("market", "catalogue"),
        ("market", "fx"),
        ("market", "postgres"),
        ("clinic", "auth"),
        ("clinic", "rooms"),
        ("clinic", "mongo"),
    ):
        yield Case(
            app,
            "network-policy-blocking",
            f"label-{callee}",
            (("NetworkPolicy", f"allow-{callee}"),),
            rolled(policy(callee, "frontend"), callee),
            callee,
        )
        yield Case(
            app,
            "network-policy-blocking",
            f"deny-{callee}",
            (("NetworkPolicy", f"isolate-{callee}"),),
            rolled(deny(callee), callee),
            callee,
        )
    for callee in ("mysql", "insurance"):
        yield Case(
            "clinic",
            "network-policy-blocking",
            f"port-{callee}",
            (("NetworkPolicy", f"allow-{callee}"),),
            rolled(port(callee), callee),
            callee,
        )

    def egress(scene: Scene, part: str) -> None:
        rule = {"to": [{"podSelector": {}}], "ports": [{"protocol": "TCP", "port": 1}]}
        spec = {"podSelector": {"matchLabels": {"app": part}}, "policyTypes": ["Egress"], "egress": [rule]}
        scene.app.add(
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {"name": f"{part}-egress"},
                "spec": spec,
            }
        )

    for app, part in (("market", "web"), ("clinic", "calendar")):
        yield Case(
            app,
            "network-policy-blocking",
            f"egress-{part}",
            (("NetworkPolicy", f"{part}-egress"),),
            rolled(egress, part),
            part,
        )

    def backend(key: str, value: object):
        def stage(scene: Scene, _part: str) -> None:
            path = scene.app.objects["Ingress", "portal"]["spec"]["rules"][0]["http"]["paths"][1]
            if key == "name":
                path["backend"]["service"]["name"] = value
            else:
                path["backend"]["service"]["port"] = {"number": value}

        return stage

    def ingress_class(scene: Scene, _part: str) -> None:
        scene.app.objects["Ingress", "portal"]["spec"]["ingressClassName"] = "nginx-public"

    answer = (("Ingress", "portal"),)
    yield Case(
        "clinic",
        "ingress-backend-invalid",
        "name",
        answer,
        rolled(backend("name", "api-gateway"), "gateway"),
        "gateway",
    )
    yield Case(
        "clinic",
        "ingress-backend-invalid",
        "port",
        answer,
        rolled(backend("port", 8000), "gateway"),
        "gateway",
    )
    yield Case(
        "clinic", "ingress-backend-invalid", "class", answer, rolled(ingress_class, "portal"), "portal"
    )

    def tls(scene: Scene, _part: str) -> None:
        scene.app.objects["Ingress", "portal"]["spec"]["tls"][0]["secretName"] = "tls-portal-2026"

    def tls_kind(scene: Scene, _part: str) -> None:
        scene.remove("Secret", "tls-portal")
        scene.app.secret("tls-portal", note="moved")

    yield Case("clinic", "tls-secret-invalid", "name", answer, rolled(tls, "portal"), "portal")
    yield Case(
        "clinic",
        "tls-secret-invalid",
        "keys",
        (*answer, ("Secret", "tls-portal")),
        rolled(tls_kind, "portal"),
        "portal",
    )

    def expired(scene: Scene, part: str) -> None:
        def edit(dump: Dump) -> None:
            callee = next(iter(dump.app.parts[part].calls))
            for pod in dump.pods(part):
                dump.log(
                    pod,
                    "".join(
                        f"{dump.ago(300 - 20 * i)} ERROR call to https://{callee} failed: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time {dump.ago(300 - 20 * i)} is after 2026-11-01T00:00:00Z\n"
                        for i in range(15)
                    ),
                )

        scene.after.append(edit)

    for app, part in (("market", "suggestions"), ("clinic", "calendar")):
        callee = {"suggestions": "catalogue", "calendar": "rooms"}[part]
        yield Case(
            app,
            "tls-secret-invalid",
            f"expired-{part}",
            (*own(part), *own(callee)),
            rolled(expired, part),
            part,
        )

    def dns_policy(scene: Scene, part: str) -> None:
        scene.app.pod(part)["dnsPolicy"] = "None"
        scene.app.pod(part)["dnsConfig"] = {"nameservers": ["1.1.1.1"]}

    def dns_default(scene: Scene, part: str) -> None:
        scene.app.pod(part)["dnsPolicy"] = "Default"

    for app, part in (
        ("market", "web"),
        ("market", "orders"),
        ("market", "catalogue"),
        ("market", "basket"),
        ("clinic", "gateway"),
        ("clinic", "patients"),
        ("clinic", "calendar"),
    ):
        yield Case(app, "dns-misconfigured", f"none-{part}", own(part), rolled(dns_policy, part), part)
        yield Case(app, "dns-misconfigured", f"default-{part}", own(part), rolled(dns_default, part), part)

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

    def broken_file(scene: Scene, part: str) -> None:
        name = {
            "catalogue": "catalogue-settings",
            "billing": "billing-rules",
            "payments": "payments-config",
            "edge": "edge-conf",
        }[part]
        data = scene.app.objects["ConfigMap", name]["data"]
        for key in data:
            if key.endswith((".yaml", ".json")):
                data[key] = data[key].replace(":", " [", 1)
            if key.endswith(".conf"):
                data[key] = data[key].replace("upstream", "upstrem", 1).replace("{ server", "server")
        scene.apply()
        scene.restart(part)

    for app, part, name in (
        ("market", "catalogue", "catalogue-settings"),
        ("market", "payments", "payments-config"),
        ("market", "edge", "edge-conf"),
        ("clinic", "billing", "billing-rules"),
    ):
        yield Case(
            app,
            "config-content-invalid",
            f"file-{part}",
            (("ConfigMap", name),),
            rolled(broken_file, part),
            part,
        )

    def broken_value(scene: Scene, part: str) -> None:
        scene.app.objects["ConfigMap", "platform"]["data"]["TIMEOUT_MS"] = "2.5s"
        scene.apply()
        scene.restart("users")

    yield Case(
        "clinic",
        "config-content-invalid",
        "value-users",
        (("ConfigMap", "platform"),),
        rolled(broken_value, "users"),
        "users",
    )


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
        _edit_node(scene, node, _cordon)

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

    def route(scene: Scene, part: str) -> None:
        def edit(dump: Dump) -> None:
            rule = {
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [{"name": f"{part}-v2", "port": 80, "weight": 1}],
            }
            conditions = [
                {
                    "type": "ResolvedRefs",
                    "status": "False",
                    "reason": "BackendNotFound",
                    "message": f'service "{part}-v2" not found',
                    "lastTransitionTime": dump.ago(400),
                }
            ]
            made = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "public", "namespace": dump.namespace, "uid": "route-uid", "creationTimestamp": dump.ago(5000)},
                    "spec": {"parentRefs": [{"name": "main"}], "rules": [rule]}, "status": {"parents": [{"parentRef": {"name": "main"}, "conditions": conditions}]}}  # fmt: skip
            dump.objects[dump.namespace, "httproutes"] = [made]
            gateway = {
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "Gateway",
                "metadata": {
                    "name": "main",
                    "namespace": dump.namespace,
                    "uid": "gateway-uid",
                    "creationTimestamp": dump.ago(5000),
                },
                "spec": {
                    "gatewayClassName": "envoy",
                    "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
                },
            }
            dump.objects[dump.namespace, "gateways"] = [gateway]

        scene.after.append(edit)

    def upstream(name: str):
        """The gateway's own configuration file sends everything to a host that does not exist, or to another port."""

        def stage(scene: Scene, _part: str) -> None:
            data = scene.app.objects["ConfigMap", "edge-conf"]["data"]
            data["nginx.conf"] = (
                data["nginx.conf"].replace("web:3000", name).replace("http://web;", "http://web/;")
            )
            scene.env("edge", "UPSTREAM_ADDR", name)
            scene.apply()
            scene.restart("edge")

        return stage

    for label, name in (("host", "web-frontend:3000"), ("port", "web:3001")):
        answers = (("ConfigMap", "edge-conf"), ("Deployment", "edge"))
        also = ("dependency-unreachable", "env-var-invalid")
        yield Case(
            "market",
            "gateway-misrouted",
            f"file-{label}",
            answers,
            rolled(upstream(name), "edge"),
            "edge",
            also=also,
        )

    for app, part in (("market", "edge"), ("clinic", "gateway")):
        yield Case(
            app,
            "gateway-misrouted",
            f"route-{part}",
            (("HTTPRoute", "public"),),
            rolled(route, part, 30),
            part,
        )


def node_cases() -> Iterator[Case]:
    def node_of(scene: Scene, part: str) -> str:
        return next(
            str(pod["spec"]["nodeName"])
            for pod in scene.emulator.objects("Pod", scene.app.namespace)
            if pod["metadata"].get("labels", {}).get("app") == part
        )

    every = tuple(("Node", f"node-{i}") for i in range(1, 5))

    def ill(kind: str, state: str, reason: str, message: str):
        def stage(scene: Scene, part: str) -> None:
            node = node_of(scene, part)
            scene.emulator.set_node(node, kind, state, reason, message)

        return stage

    texts = {
        "kubelet-unavailable": ("Ready", "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status."),
        "container-runtime-unavailable": ("Ready", "False", "KubeletNotReady", "[container runtime is down, PLEG is not healthy: pleg was last seen active 3m12.5s ago; threshold is 3m0s]"),
        "node-not-ready": ("Ready", "False", "KubeletNotReady", "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized"),
    }  # fmt: skip
    for fault, text in texts.items():
        for app, part in (
            ("market", "catalogue"),
            ("market", "postgres"),
            ("market", "edge"),
            ("clinic", "mysql"),
            ("clinic", "calendar"),
        ):
            for seconds, label in ((120, "soon"), (500, "late")):
                yield Case(app, fault, f"{label}-{part}", every, rolled(ill(*text), part, seconds), part)

    def unknown_everything(scene: Scene, part: str) -> None:
        node = node_of(scene, part)
        scene.emulator.set_node(node, *texts["kubelet-unavailable"])

        def edit(dump: Dump) -> None:
            for item in dump.one("nodes", node)["status"]["conditions"]:
                item |= {
                    "status": "Unknown",
                    "reason": "NodeStatusUnknown",
                    "message": "Kubelet stopped posting node status.",
                    "lastHeartbeatTime": dump.ago(400),
                    "lastTransitionTime": dump.ago(350),
                }

        scene.after.append(edit)

    for app, part in (("market", "orders"), ("clinic", "auth")):
        yield Case(
            app,
            "kubelet-unavailable",
            f"all-conditions-{part}",
            every,
            rolled(unknown_everything, part, 400),
            part,
        )

    def pressure(kind: str, reason: str, text: str, resource: str):
        def stage(scene: Scene, part: str) -> None:
            node = node_of(scene, part)
            scene.emulator.set_node(node, kind, "True", reason, text)
            scene.restart(part)

            def edit(dump: Dump) -> None:
                for pod in [item for item in dump.items("pods") if item["spec"].get("nodeName") == node][:2]:
                    old = copy.deepcopy(pod)
                    old["metadata"] |= {
                        "name": pod["metadata"]["name"][:-3] + "zzz",
                        "uid": f"evicted-{pod['metadata']['name']}",
                    }
                    old["status"] = {
                        "phase": "Failed",
                        "reason": "Evicted",
                        "message": f"The node was low on resource: {resource}. Threshold quantity: 100Mi, available: 45Mi. ",
                        "startTime": dump.ago(300),
                    }
                    dump.items("pods").append(old)
                    dump.event(old, "Warning", "Evicted", old["status"]["message"], ago=200)
                dump.event(
                    dump.one("nodes", node),
                    "Warning",
                    "EvictionThresholdMet",
                    f"Attempting to reclaim {resource}",
                    ago=60,
                    first=300,
                    count=9,
                )

            scene.after.append(edit)

        return stage

    for app, part in (("market", "orders"), ("market", "redis"), ("clinic", "calendar"), ("clinic", "mysql")):
        yield Case(
            app,
            "node-pressure",
            f"memory-{part}",
            every,
            rolled(
                pressure(
                    "MemoryPressure",
                    "KubeletHasInsufficientMemory",
                    "kubelet has insufficient memory available",
                    "memory",
                ),
                part,
                200,
            ),
            part,
        )
        yield Case(
            app,
            "node-pressure",
            f"disk-{part}",
            every,
            rolled(
                pressure(
                    "DiskPressure", "KubeletHasDiskPressure", "kubelet has disk pressure", "ephemeral-storage"
                ),
                part,
                200,
            ),
            part,
        )

    def runtime_socket(scene: Scene, part: str) -> None:
        """The node still says that it is ready, but no sandbox comes about on it."""
        node = node_of(scene, part)
        scene.restart(part)
        scene.wait(20)

        def edit(dump: Dump) -> None:
            for pod in dump.pods(part):
                pod["spec"]["nodeName"] = node
                _not_started(dump, pod)
                dump.event(
                    pod,
                    "Warning",
                    "FailedCreatePodSandBox",
                    'Failed to create pod sandbox: rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial unix /run/containerd/containerd.sock: connect: connection refused"',
                    ago=10,
                    first=200,
                    count=17,
                )
            _deployment_short(dump, part)

        scene.after.append(edit)

    for app, part in (("market", "fx"), ("clinic", "lab")):
        yield Case(
            app,
            "container-runtime-unavailable",
            f"sandbox-{part}",
            every,
            rolled(runtime_socket, part, 60),
            part,
        )

    def no_scheduler(scene: Scene, part: str) -> None:
        scene.restart(part)
        scene.wait(30)

        def edit(dump: Dump) -> None:
            for pod in dump.pods(part):
                name = pod["metadata"]["name"]
                pod["spec"].pop("nodeName", None)
                pod["status"] = {"phase": "Pending", "qosClass": "Burstable"}
                dump.objects[dump.namespace, "events"] = [
                    event for event in dump.items("events") if event["involvedObject"]["name"] != name
                ]
                for key in [key for key in dump.logs if key[1] == name]:
                    del dump.logs[key]
                pod["metadata"]["creationTimestamp"] = dump.ago(400)
            _deployment_short(dump, part)

        scene.after.append(edit)

    def other_scheduler(scene: Scene, part: str) -> None:
        scene.app.pod(part)["schedulerName"] = "batch-scheduler"
        no_scheduler(scene, part)

    for app, part in (*PLACES[:4], *PLACES[6:10]):
        answers = (*own(part), ("Pod", "kube-scheduler"), ("Namespace", "kube-system"), ("Pod", part))
        yield Case(
            app, "scheduler-unavailable", f"silent-{part}", answers, rolled(no_scheduler, part, 300), part
        )
    for app, part in (("market", "fx"), ("clinic", "lab")):
        yield Case(
            app, "scheduler-unavailable", f"named-{part}", own(part), rolled(other_scheduler, part, 300), part
        )

    def no_proxy(scene: Scene, part: str) -> None:
        node = node_of(scene, part)

        def edit(dump: Dump) -> None:
            for pod in dump.items("pods"):
                if pod["spec"].get("nodeName") == node and pod.get("status", {}).get("phase") == "Running":
                    held = dump.app.parts.get(pod["metadata"].get("labels", {}).get("app", ""))
                    for callee in held.calls if held else {}:
                        _calls_fail(dump, pod, callee, "i/o timeout")

        scene.after.append(edit)

    for app, part in (
        ("market", "web"),
        ("market", "orders"),
        ("clinic", "gateway"),
        ("clinic", "appointments"),
    ):
        yield Case(app, "kube-proxy-unavailable", f"node-of-{part}", every, rolled(no_proxy, part, 200), part)

    def proxy_pods(scene: Scene, part: str) -> None:
        no_proxy(scene, part)
        node = node_of(scene, part)

        def edit(dump: Dump) -> None:
            pods = []
            for held in dump.items("nodes"):
                name = held["metadata"]["name"]
                ready = name != node
                status: Object = {
                    "name": "kube-proxy",
                    "image": "registry.k8s.io/kube-proxy:v1.33.1",
                    "ready": ready,
                    "restartCount": 0 if ready else 9,
                    "state": {"running": {"startedAt": dump.ago(9000)}},
                }
                if not ready:
                    status["state"] = {
                        "waiting": {
                            "reason": "CrashLoopBackOff",
                            "message": "back-off 5m0s restarting failed container=kube-proxy",
                        }
                    }
                    status["lastState"] = {
                        "terminated": {
                            "exitCode": 1,
                            "reason": "Error",
                            "startedAt": dump.ago(60),
                            "finishedAt": dump.ago(58),
                        }
                    }
                pods.append(
                    {
                        "apiVersion": "v1", "kind": "Pod",
                        "metadata": {"name": f"kube-proxy-{name}", "namespace": "kube-system", "uid": f"kp-{name}", "labels": {"k8s-app": "kube-proxy"}, "creationTimestamp": dump.ago(9000), "ownerReferences": [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "kube-proxy", "uid": "kp", "controller": True}]},
                        "spec": {"nodeName": name, "hostNetwork": True, "containers": [{"name": "kube-proxy", "image": "registry.k8s.io/kube-proxy:v1.33.1"}]},
                        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True" if ready else "False"}], "containerStatuses": [status]},
                    }
                )  # fmt: skip
            template = {"metadata": {"labels": {"k8s-app": "kube-proxy"}}, "spec": pods[0]["spec"]}
            daemon = {
                "apiVersion": "apps/v1",
                "kind": "DaemonSet",
                "metadata": {
                    "name": "kube-proxy",
                    "namespace": "kube-system",
                    "uid": "kp",
                    "creationTimestamp": dump.ago(9000),
                },
                "spec": {"selector": {"matchLabels": {"k8s-app": "kube-proxy"}}, "template": template},
                "status": {
                    "desiredNumberScheduled": 4,
                    "currentNumberScheduled": 4,
                    "numberReady": 3,
                    "numberUnavailable": 1,
                },
            }
            dump.objects["kube-system", "pods"] = pods
            dump.objects["kube-system", "daemonsets"] = [daemon]

        scene.after.append(edit)

    for app, part in (("market", "web"), ("clinic", "gateway")):
        yield Case(
            app,
            "kube-proxy-unavailable",
            f"pods-{part}",
            (*every, ("DaemonSet", "kube-proxy"), ("Pod", "kube-proxy")),
            rolled(proxy_pods, part, 200),
            part,
        )

    def slow_pods(scene: Scene, part: str) -> None:
        """Packets of one workload's pods are delayed: its callers run into their deadlines now and then."""

        def edit(dump: Dump) -> None:
            for name, held in dump.app.parts.items():
                if part in held.calls:
                    for pod in dump.pods(name):
                        _calls_fail(dump, pod, part, "i/o timeout", every=24)
            for pod in dump.pods(part):
                container = pod["spec"]["containers"][0]
                address = pod["status"].get("podIP")
                dump.event(
                    pod,
                    "Warning",
                    "Unhealthy",
                    f'Readiness probe failed: Get "http://{address}:{container.get("ports", [{"containerPort": 80}])[0]["containerPort"]}/healthz": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
                    ago=15,
                    first=380,
                    count=9,
                    container=str(container["name"]),
                )

        scene.after.append(edit)

    for app, part in (
        ("market", "catalogue"),
        ("market", "basket"),
        ("clinic", "patients"),
        ("clinic", "rooms"),
        ("clinic", "auth"),
    ):
        yield Case(
            app,
            "network-degraded",
            f"pods-{part}",
            (*own(part), *every, ("Service", part)),
            rolled(slow_pods, part, 200),
            part,
        )

    def slow_node(scene: Scene, part: str) -> None:
        node = node_of(scene, part)

        def edit(dump: Dump) -> None:
            for pod in dump.items("pods"):
                held = dump.app.parts.get(pod["metadata"].get("labels", {}).get("app", ""))
                if held is None or pod.get("status", {}).get("phase") != "Running":
                    continue
                for callee in held.calls:
                    there = any(other["spec"].get("nodeName") == node for other in dump.pods(callee))
                    if there or pod["spec"].get("nodeName") == node:
                        _calls_fail(dump, pod, callee, "i/o timeout", every=31)

        scene.after.append(edit)

    for app, part in (("market", "catalogue"), ("clinic", "patients")):
        yield Case(
            app,
            "network-degraded",
            f"node-{part}",
            (*every, *own(part)),
            rolled(slow_node, part, 200),
            part,
            also=("kube-proxy-unavailable",),
        )


def _not_started(dump: Dump, pod: Object) -> None:
    name = str(pod["spec"]["containers"][0]["name"])
    pod["status"] = {
        "phase": "Pending", "startTime": dump.ago(210),
        "conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": dump.ago(210)}, {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": f"containers with unready status: [{name}]", "lastTransitionTime": dump.ago(210)}],
        "containerStatuses": [{"name": name, "ready": False, "started": False, "restartCount": 0, "image": pod["spec"]["containers"][0]["image"], "imageID": "", "state": {"waiting": {"reason": "ContainerCreating"}}}],
    }  # fmt: skip
    pod["metadata"]["creationTimestamp"] = dump.ago(212)
    dump.objects[dump.namespace, "events"] = [
        event for event in dump.items("events") if event["involvedObject"]["name"] != pod["metadata"]["name"]
    ]
    dump.event(
        pod,
        "Normal",
        "Scheduled",
        f"Successfully assigned {dump.namespace}/{pod['metadata']['name']} to {pod['spec'].get('nodeName')}",
        ago=210,
        by="default-scheduler",
    )
    for key in [key for key in dump.logs if key[1] == pod["metadata"]["name"]]:
        del dump.logs[key]


def _deployment_short(dump: Dump, part: str) -> None:
    """The controllers' view of a workload none of whose pods is ready."""
    plural = {"StatefulSet": "statefulsets"}.get(dump.app.parts[part].kind, "deployments")
    held = dump.one(plural, part)
    wanted = held["spec"].get("replicas", 1)
    held["status"] |= {"replicas": wanted, "updatedReplicas": wanted, "unavailableReplicas": wanted}
    for key in ("readyReplicas", "availableReplicas"):
        held["status"].pop(key, None)
    for item in held["status"].get("conditions", []):
        if item["type"] == "Available":
            item |= {
                "status": "False",
                "reason": "MinimumReplicasUnavailable",
                "message": "Deployment does not have minimum availability.",
            }
    for item in dump.items("replicasets"):
        if item["metadata"]["ownerReferences"][0]["name"] == part and item["spec"].get("replicas"):
            item["status"] |= {"replicas": wanted}
            for key in ("readyReplicas", "availableReplicas"):
                item["status"].pop(key, None)
    for item in dump.items("endpointslices"):
        if item["metadata"]["labels"].get("kubernetes.io/service-name") == part:
            for endpoint in item.get("endpoints") or []:
                endpoint["conditions"] = {"ready": False, "serving": False, "terminating": False}


def _calls_fail(dump: Dump, pod: Object, callee: str, error: str, every: int = 12) -> None:
    """Failed calls in the caller's own words over the last minutes."""
    from tests.exam.dialects import spoken

    held, own_part = dump.app.parts.get(callee), dump.app.parts[pod["metadata"]["labels"]["app"]]
    if held is None:
        return
    service = next((item for item in dump.items("services") if item["metadata"]["name"] == callee), None)
    address = (service or {"spec": {}})["spec"].get("clusterIP", "10.96.1.1")
    lines = [
        spoken(
            f"{dump.ago(seconds)}@@{callee}:{held.front}@@dial tcp {address}:{held.front}: {error}",
            own_part.lang,
            held.store,
            held.protocol,
        )
        for seconds in range(190, 3, -every)
    ]
    dump.log(pod, "\n".join(lines) + "\n")


def all_cluster_cases() -> Iterator[Case]:
    for make in (
        scheduling_cases,
        volume_cases,
        admission_cases,
        security_cases,
        traffic_cases,
        controller_cases,
        node_cases,
    ):
        yield from make()
