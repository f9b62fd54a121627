"""Validation: required fields, forms, and fields that may not change once an object exists."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from selfheal.sandbox.kubernetes.admission.enumerations import unsupported
from selfheal.sandbox.kubernetes.errors import invalid
from selfheal.sandbox.kubernetes.objects import Object, canonical, dig, entries, labels_of
from selfheal.sandbox.kubernetes.quantity import amount, parse
from selfheal.sandbox.kubernetes.registry import BY_KIND
from selfheal.sandbox.kubernetes.selectors import matches

Causes = Iterator[tuple[str, str]]
_NAME = re.compile(r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
_LABEL = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
_KEY = re.compile(r"^[-._a-zA-Z0-9]+$")
_IMMUTABLE = "Invalid value: {}: field is immutable"
_FREE_NAMES = frozenset({"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "Event"})


def validate(obj: Object, before: Object | None) -> None:
    """Raises ApiError 422 with every cause found."""
    causes = [*_metadata(obj), *_RULES.get(obj["kind"], _nothing)(obj), *unsupported(obj)]
    if before is not None and not causes:
        causes = list(_CHANGES.get(obj["kind"], _no_change)(obj, before))
    if causes:
        resource = BY_KIND[obj["kind"]]
        raise invalid(resource.kind, resource.group, str(obj["metadata"].get("name", "")), causes)


def _metadata(obj: Object) -> Causes:
    name = str(obj["metadata"].get("name") or "")
    if not name:
        yield "metadata.name", "Required value: name or generateName is required"
    elif obj["kind"] not in _FREE_NAMES and (len(name) > 253 or not _NAME.match(name)):
        yield (
            "metadata.name",
            f'Invalid value: "{name}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric '
            "characters, '-' or '.', and must start and end with an alphanumeric character",
        )
    for key, value in labels_of(obj).items():
        if len(value) > 63 or not _LABEL.match(value):
            yield (
                "metadata.labels",
                f'Invalid value: "{value}": a valid label must be 63 characters or less ({key})',
            )


def pod_spec(spec: Any, path: str, claimed: frozenset[str] = frozenset()) -> Causes:
    """A pod's spec; ``path`` is where it stands, ``claimed`` volumes that come from elsewhere."""
    containers = entries(spec, "containers")
    if not containers:
        yield f"{path}.containers", "Required value"
    volumes = {str(volume.get("name")) for volume in entries(spec, "volumes")} | claimed
    names: set[str] = set()
    for word in ("initContainers", "containers"):
        for index, container in enumerate(entries(spec, word)):
            where = f"{path}.{word}[{index}]"
            name = str(container.get("name") or "")
            if not name:
                yield f"{where}.name", "Required value"
            elif name in names:
                yield f"{where}.name", f'Duplicate value: "{name}"'
            names.add(name)
            if not container.get("image"):
                yield f"{where}.image", "Required value"
            yield from _resources(container.get("resources") or {}, f"{where}.resources")
            yield from _parts(container, where, volumes)


def _parts(container: Object, where: str, volumes: set[str]) -> Causes:
    for index, port in enumerate(entries(container, "ports")):
        if not _is_port(port.get("containerPort")):
            yield f"{where}.ports[{index}].containerPort", _port_text(port.get("containerPort"))
    for index, mount in enumerate(entries(container, "volumeMounts")):
        if mount.get("name") not in volumes:
            yield f"{where}.volumeMounts[{index}].name", f'Not found: "{mount.get("name")}"'
    for index, item in enumerate(entries(container, "env")):
        if not item.get("name"):
            yield f"{where}.env[{index}].name", "Required value"
        if "value" in item and item["value"] is not None and not isinstance(item["value"], str):
            yield f"{where}.env[{index}].value", f"Invalid value: {item['value']!r}: must be a string"
    for word in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(word)
        if not isinstance(probe, dict):
            continue
        handlers = [name for name in ("httpGet", "tcpSocket", "exec", "grpc") if name in probe]
        if not handlers:
            yield f"{where}.{word}", "Required value: must specify a handler type"
        if len(handlers) > 1:
            yield f"{where}.{word}.{handlers[1]}", "Forbidden: may not specify more than 1 handler type"


def _resources(resources: Object, where: str) -> Causes:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for word, held in (("limits", limits), ("requests", requests)):
        for name, value in held.items():
            try:
                if parse(value) < 0:
                    yield (
                        f"{where}.{word}[{name}]",
                        f'Invalid value: "{value}": must be greater than or equal to 0',
                    )
            except ValueError as error:
                yield f"{where}.{word}[{name}]", f'Invalid value: "{value}": {error}'
                return
    for name, value in requests.items():
        if name in limits and amount(value) > amount(limits[name]):
            yield (
                f"{where}.requests",
                f'Invalid value: "{value}": must be less than or equal to {name} limit of {limits[name]}',
            )


def _is_port(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535


def _port_text(value: Any) -> str:
    return f"Invalid value: {value}: must be between 1 and 65535, inclusive"


def _workload(obj: Object) -> Causes:
    spec = obj["spec"]
    selector, labels = spec.get("selector"), dig(spec, "template", "metadata", "labels", default={})
    if not selector:
        yield "spec.selector", "Required value"
    elif not matches(selector, {str(name): str(value) for name, value in labels.items()}):
        yield (
            "spec.template.metadata.labels",
            f"Invalid value: {canonical(labels)}: `selector` does not match template `labels`",
        )
    claimed = frozenset(str(dig(item, "metadata", "name")) for item in entries(spec, "volumeClaimTemplates"))
    yield from pod_spec(dig(spec, "template", "spec", default={}), "spec.template.spec", claimed)
    restart = dig(spec, "template", "spec", "restartPolicy")
    if restart != "Always":
        yield (
            "spec.template.spec.restartPolicy",
            f'Unsupported value: "{restart}": supported values: "Always"',
        )
    if isinstance(spec.get("replicas"), int) and spec["replicas"] < 0:
        yield "spec.replicas", f"Invalid value: {spec['replicas']}: must be greater than or equal to 0"


def _pod(obj: Object) -> Causes:
    yield from pod_spec(obj["spec"], "spec")


def _job(obj: Object) -> Causes:
    spec = dig(obj, "spec", "template", "spec", default={})
    yield from pod_spec(spec, "spec.template.spec")
    if spec.get("restartPolicy") not in ("OnFailure", "Never"):
        yield (
            "spec.template.spec.restartPolicy",
            f'Required value: valid values: "OnFailure", "Never" (got "{spec.get("restartPolicy")}")',
        )


def _cron_job(obj: Object) -> Causes:
    from selfheal.sandbox.kubernetes.controllers.schedule import Schedule

    text = str(dig(obj, "spec", "schedule", default=""))
    try:
        Schedule(text)
    except ValueError as error:
        yield "spec.schedule", f'Invalid value: "{text}": {error}'
    spec = dig(obj, "spec", "jobTemplate", "spec", "template", "spec", default={})
    yield from pod_spec(spec, "spec.jobTemplate.spec.template.spec")
    if spec.get("restartPolicy") not in ("OnFailure", "Never"):
        yield (
            "spec.jobTemplate.spec.template.spec.restartPolicy",
            'Required value: valid values: "OnFailure", "Never"',
        )


def _service(obj: Object) -> Causes:
    spec = obj["spec"]
    ports = entries(spec, "ports")
    headless = spec.get("clusterIP") == "None"
    if not ports and spec.get("type") != "ExternalName" and not headless:
        yield "spec.ports", "Required value"
    for index, port in enumerate(ports):
        if not _is_port(port.get("port")):
            yield f"spec.ports[{index}].port", _port_text(port.get("port"))
        target = port.get("targetPort")
        if isinstance(target, int) and not _is_port(target):
            yield f"spec.ports[{index}].targetPort", _port_text(target)
        if len(ports) > 1 and not port.get("name"):
            yield f"spec.ports[{index}].name", "Required value"


def _config(obj: Object) -> Causes:
    for name, value in (obj.get("data") or {}).items():
        if not _KEY.match(str(name)):
            yield (
                f"data[{name}]",
                f'Invalid value: "{name}": a valid config key must consist of alphanumeric characters',
            )
        if not isinstance(value, str):
            yield f"data[{name}]", f"Invalid value: {value!r}: must be a string"


def _claim(obj: Object) -> Causes:
    if not dig(obj, "spec", "accessModes"):
        yield "spec.accessModes", "Required value: at least 1 access mode is required"
    if not dig(obj, "spec", "resources", "requests", "storage"):
        yield "spec.resources[storage]", "Required value"


def _autoscaler(obj: Object) -> Causes:
    spec = obj["spec"]
    if not dig(spec, "scaleTargetRef", "name") or not dig(spec, "scaleTargetRef", "kind"):
        yield "spec.scaleTargetRef", "Required value"
    low, high = spec.get("minReplicas", 1), spec.get("maxReplicas")
    if not isinstance(high, int) or high < 1:
        yield "spec.maxReplicas", f"Invalid value: {high}: must be greater than 0"
    elif isinstance(low, int) and low > high:
        yield "spec.maxReplicas", f"Invalid value: {high}: must be greater than or equal to `minReplicas`"


def _nothing(_obj: Object) -> Causes:
    yield from ()


def _no_change(_obj: Object, _before: Object) -> Causes:
    yield from ()


def _selector_fixed(obj: Object, before: Object) -> Causes:
    if obj["spec"].get("selector") != before["spec"].get("selector"):
        yield "spec.selector", _IMMUTABLE.format(canonical(obj["spec"].get("selector")))


def _stateful_change(obj: Object, before: Object) -> Causes:
    free = {
        "replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit", "minReadySeconds",
        "persistentVolumeClaimRetentionPolicy",
    }  # fmt: skip
    now = {name: value for name, value in obj["spec"].items() if name not in free}
    then = {name: value for name, value in before["spec"].items() if name not in free}
    if now != then:
        yield (
            "spec",
            "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
            "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' "
            "are forbidden",
        )


def _job_change(obj: Object, before: Object) -> Causes:
    for name in ("selector", "template", "completionMode", "completions"):
        if obj["spec"].get(name) != before["spec"].get(name):
            yield f"spec.{name}", _IMMUTABLE.format(canonical(obj["spec"].get(name)))


def _claim_change(obj: Object, before: Object) -> Causes:
    def fixed(claim: Object) -> Object:
        rest = {name: value for name, value in claim["spec"].items() if name not in ("resources",)}
        # Binding fills these in once.
        for name in ("volumeName", "storageClassName"):
            if not before["spec"].get(name):
                rest.pop(name, None)
        return rest

    asked, had = (amount(dig(item, "spec", "resources", "requests", "storage")) for item in (obj, before))
    if fixed(obj) != fixed(before) or asked < had:
        yield (
            "spec",
            "Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for "
            "bound claims",
        )


def _service_change(obj: Object, before: Object) -> Causes:
    held = before["spec"].get("clusterIP")
    if (
        held
        and obj["spec"].get("clusterIP") not in (held, None, "")
        and obj["spec"].get("type") != "ExternalName"
    ):
        yield "spec.clusterIPs[0]", f'Invalid value: ["{obj["spec"]["clusterIP"]}"]: may not change once set'


def _role_change(obj: Object, before: Object) -> Causes:
    if obj.get("roleRef") != before.get("roleRef"):
        yield "roleRef", f"Invalid value: {canonical(obj.get('roleRef'))}: cannot change roleRef"


def _config_change(obj: Object, before: Object) -> Causes:
    if before.get("immutable") and any(obj.get(name) != before.get(name) for name in ("data", "binaryData")):
        yield "data", "Forbidden: field is immutable when `immutable` is set"


def _pod_change(obj: Object, before: Object) -> Causes:
    def fixed(pod: Object) -> Object:
        rest = {
            name: value for name, value in pod["spec"].items()
            if name not in ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "nodeName")
        }  # fmt: skip
        for word in ("containers", "initContainers"):
            rest[word] = [{**item, "image": ""} for item in entries(rest, word)]
        return rest

    if fixed(obj) != fixed(before):
        yield (
            "spec",
            "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
            "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
        )


_RULES: dict[str, Callable[[Object], Causes]] = {
    "Pod": _pod,
    "Deployment": _workload,
    "ReplicaSet": _workload,
    "StatefulSet": _workload,
    "DaemonSet": _workload,
    "Job": _job,
    "CronJob": _cron_job,
    "Service": _service,
    "ConfigMap": _config,
    "PersistentVolumeClaim": _claim,
    "HorizontalPodAutoscaler": _autoscaler,
}
_CHANGES: dict[str, Callable[[Object, Object], Causes]] = {
    "Pod": _pod_change,
    "Deployment": _selector_fixed,
    "ReplicaSet": _selector_fixed,
    "DaemonSet": _selector_fixed,
    "StatefulSet": _stateful_change,
    "Job": _job_change,
    "PersistentVolumeClaim": _claim_change,
    "Service": _service_change,
    "ConfigMap": _config_change,
    "Secret": _config_change,
    "RoleBinding": _role_change,
    "ClusterRoleBinding": _role_change,
}
