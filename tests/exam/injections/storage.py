"""Claims without volumes, volumes that cannot be used."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from selfheal.sandbox.kubernetes.objects import Key
from tests.exam.injections.places import PLACES, own, rolled
from tests.exam.scene import Case, Scene


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
