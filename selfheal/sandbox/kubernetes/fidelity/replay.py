"""Applying a recording: its objects without their status, older templates first, for as long as it was recorded."""

from __future__ import annotations

import base64
import json
import re

from selfheal.sandbox.kubernetes.app import KubernetesEmulator
from selfheal.sandbox.kubernetes.behaviour import Registry, registry_host
from selfheal.sandbox.kubernetes.fidelity.derive import behaviours, seen
from selfheal.sandbox.kubernetes.fidelity.recording import Recording
from selfheal.sandbox.kubernetes.objects import (
    Key,
    Object,
    annotations_of,
    controller_of,
    copied,
    dig,
    entries,
    labels_of,
)

_CLUSTER = ("namespaces", "storageclasses", "ingressclasses")
_NAMESPACED = (
    "serviceaccounts", "configmaps", "secrets", "resourcequotas", "limitranges", "roles", "rolebindings", "networkpolicies",
    "services", "ingresses", "poddisruptionbudgets", "deployments", "statefulsets", "daemonsets", "jobs", "cronjobs",
    "horizontalpodautoscalers",
)  # fmt: skip
_REVISION = "deployment.kubernetes.io/revision"
_SERVER = ("uid", "resourceVersion", "generation", "creationTimestamp", "ownerReferences", "selfLink")
#: Seconds between the older templates and the present ones.
SETTLE = 20.0


def replay(recording: Recording, before: Recording | None = None) -> KubernetesEmulator:
    """A cluster in which the recording was played, standing still at its end.

    ``before`` is a snapshot without the fault: configuration is as there until the present templates are applied.
    """
    nodes = [_bare(node, keep_status=True) for node in recording.items("nodes")]
    emulator = KubernetesEmulator(time_factor=0, nodes=nodes, start=recording.begun())
    emulator.images.update(behaviours(recording, before))
    for item in seen(recording):
        if "failed to authorize" in str(dig(item.status, "state", "waiting")):
            image = str(item.spec["image"])
            emulator.registries[registry_host(image)] = Registry(private=True)
            emulator.images.setdefault(image, next(iter(emulator.images.values())))
    emulator.delete(Key("StorageClass", "", "standard"))
    objects = [_bare(obj) for name in _CLUSTER for obj in recording.items(name)]
    objects += [
        _bare(obj) for name in _NAMESPACED for obj in recording.all(name) if controller_of(obj) is None
    ]
    objects = [
        _with_credentials(recording, obj) for obj in objects if obj["metadata"]["name"] != "kube-root-ca.crt"
    ]
    seconds = max(recording.seconds(), SETTLE + 10)
    older: dict[tuple[str, str, str], Object | None] = {
        _place(obj): template
        for obj in recording.all("deployments")
        if (template := _earlier(recording, obj))
    }
    config = {_place(obj): _bare(obj) for obj in (before.all("configmaps") if before else ())}
    scales = _first_scales(recording)
    early = [_with_template(config.get(_place(obj), obj), older.get(_place(obj))) for obj in objects]
    emulator.apply([_scaled(obj, scales.get(_place(obj))) for obj in early])
    emulator.advance(SETTLE)
    hooks = [_bare(obj) for obj in recording.items("validatingwebhookconfigurations")]
    emulator.apply([*objects, *hooks])
    if hooks:
        _remove_pods(recording, emulator)
    emulator.advance(seconds - SETTLE)
    return emulator


def _place(obj: Object) -> tuple[str, str, str]:
    meta = obj["metadata"]
    return str(obj["kind"]), str(meta.get("namespace") or ""), str(meta["name"])


def _bare(obj: Object, *, keep_status: bool = False) -> Object:
    """The object as somebody would have written it."""
    obj = copied(obj)
    for name in _SERVER:
        obj["metadata"].pop(name, None)
    if not keep_status:
        obj.pop("status", None)
    notes = obj["metadata"].get("annotations", {})
    for name in (_REVISION, "kubectl.kubernetes.io/last-applied-configuration"):
        notes.pop(name, None)
    spec = obj.get("spec")
    if obj["kind"] == "Service" and dig(spec, "clusterIP") != "None":
        obj["spec"].pop("clusterIP", None)
        obj["spec"].pop("clusterIPs", None)
    if obj["kind"] == "Job":
        obj["spec"].pop("selector", None)
        obj["spec"]["template"].get("metadata", {}).pop("labels", None)
    return obj


def _with_credentials(recording: Recording, obj: Object) -> Object:
    """Values of Secrets were not recorded: pull secrets are made to hold credentials for every registry in use."""
    if obj["kind"] != "Secret":
        return obj
    obj = copied(obj)
    if obj.get("type") == "kubernetes.io/dockerconfigjson":
        hosts = {registry_host(str(item.spec["image"])) for item in seen(recording)}
        text = json.dumps({"auths": {host: {"auth": ""} for host in sorted(hosts)}})
        obj["data"] = {".dockerconfigjson": base64.b64encode(text.encode()).decode()}
    else:
        obj["data"] = {name: value or "" for name, value in (obj.get("data") or {}).items()}
    return obj


def _earlier(recording: Recording, obj: Object) -> Object | None:
    """The template of the ReplicaSet before the present one, where one was recorded."""
    current = int(annotations_of(obj).get(_REVISION, "1"))
    sets = [
        item
        for item in recording.items("replicasets", str(obj["metadata"]["namespace"]))
        if (controller_of(item) or {}).get("uid") == obj["metadata"]["uid"]
        and int(annotations_of(item).get(_REVISION, "0")) < current
    ]
    if not sets:
        return None
    newest = max(sets, key=lambda item: int(annotations_of(item).get(_REVISION, "0")))
    template = copied(newest["spec"]["template"])
    template["metadata"]["labels"].pop("pod-template-hash", None)
    return template


def _with_template(obj: Object, template: Object | None) -> Object:
    return obj if template is None else {**obj, "spec": {**obj["spec"], "template": template}}


def _first_scales(recording: Recording) -> dict[tuple[str, str, str], int]:
    """By Deployment the number of pods it was first scaled to, as its event says."""
    found: dict[tuple[str, str, str], int] = {}
    for event in recording.all("events"):
        match = re.search(r"Scaled up replica set \S+ from 0 to (\d+)", str(event.get("message")))
        involved = event["involvedObject"]
        if match and involved["kind"] == "Deployment":
            place = ("Deployment", str(involved["namespace"]), str(involved["name"]))
            found[place] = max(found.get(place, 0), int(match.group(1)))
    return found


def _scaled(obj: Object, count: int | None) -> Object:
    return (
        obj
        if not count
        else {**obj, "spec": {**obj["spec"], "replicas": min(count, int(obj["spec"].get("replicas", count)))}}
    )


def _remove_pods(recording: Recording, emulator: KubernetesEmulator) -> None:
    """What was restarted while it could not come back: workloads that had no pod left."""
    left = {recording.workload(pod) for pod in recording.all("pods")}
    for item in recording.all("replicasets"):
        if (
            not dig(item, "status", "replicas")
            and dig(item, "spec", "replicas")
            and recording.workload(item) not in left
        ):
            for pod in emulator.objects("Pod", str(item["metadata"]["namespace"])):
                if all(labels_of(pod).get(name) == value for name, value in _wanted(item).items()):
                    emulator.delete(
                        Key("Pod", str(pod["metadata"]["namespace"]), str(pod["metadata"]["name"]))
                    )


def _wanted(item: Object) -> dict[str, str]:
    held = dig(item, "spec", "selector", "matchLabels", default={})
    return {name: value for name, value in held.items() if name != "pod-template-hash"}


def condition_set(obj: Object) -> frozenset[str]:
    """``Type=Status(Reason)`` of an object's conditions."""
    return frozenset(
        f"{item['type']}={item['status']}" + (f"({item['reason']})" if item.get("reason") else "")
        for item in entries(obj, "status", "conditions")
    )
