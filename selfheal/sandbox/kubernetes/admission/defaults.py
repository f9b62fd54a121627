"""Defaults: what the API server writes into the fields that a manifest leaves out."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from selfheal.sandbox.kubernetes.objects import Object, dig, entries

_HANDLERS = ("httpGet", "tcpSocket", "exec", "grpc")


def default(obj: Object) -> None:
    """Complete ``obj`` in place."""
    rule = _RULES.get(obj["kind"])
    if rule is not None:
        rule(obj)


def pod_spec(spec: Object, *, restart: str = "Always") -> None:
    """A pod's spec, in a pod or in a template."""
    _fill(
        spec,
        restartPolicy=restart,
        terminationGracePeriodSeconds=30,
        dnsPolicy="ClusterFirst",
        schedulerName="default-scheduler",
    )
    spec.setdefault("securityContext", {})
    if spec.get("serviceAccountName"):
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    for container in (*entries(spec, "initContainers"), *entries(spec, "containers")):
        _container(container)
    for volume in entries(spec, "volumes"):
        for source in ("configMap", "secret", "projected", "downwardAPI"):
            if isinstance(volume.get(source), dict):
                volume[source].setdefault("defaultMode", 420)
        if len(volume) == 1:
            volume["emptyDir"] = {}
    for item in entries(spec, "topologySpreadConstraints"):
        item.setdefault("whenUnsatisfiable", "DoNotSchedule")


def _container(container: Object) -> None:
    image = str(container.get("image", ""))
    tag = image.rpartition("/")[2].partition(":")[2]
    latest = "@" not in image and tag in ("", "latest")
    _fill(
        container,
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        imagePullPolicy="Always" if latest else "IfNotPresent",
    )
    resources = container.setdefault("resources", {})
    for name, value in (resources.get("limits") or {}).items():
        if not resources.get("requests"):
            resources["requests"] = {}
        resources["requests"].setdefault(name, value)
    for port in entries(container, "ports"):
        port.setdefault("protocol", "TCP")
    for item in entries(container, "env"):
        field = dig(item, "valueFrom", "fieldRef")
        if field:
            field.setdefault("apiVersion", "v1")
    for word in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(word)
        if isinstance(probe, dict):
            _fill(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
            if isinstance(probe.get("httpGet"), dict):
                _fill(probe["httpGet"], path="/", scheme="HTTP")
            if isinstance(probe.get("grpc"), dict):
                _fill(probe["grpc"], service="")


def _fill(holder: Object, **values: Any) -> None:
    for name, value in values.items():
        if holder.get(name) in (None, ""):
            holder[name] = value


def _template(obj: Object, **more: Any) -> Object:
    template: Object = obj["spec"].setdefault("template", {})
    template.setdefault("metadata", {})
    pod_spec(template.setdefault("spec", {}), **more)
    return template


def _pod(obj: Object) -> None:
    pod_spec(obj["spec"])
    _fill(obj["spec"], enableServiceLinks=True)


def _deployment(obj: Object) -> None:
    spec = obj["spec"]
    _template(obj)
    if spec.get("replicas") is None:
        spec["replicas"] = 1
    strategy = spec.setdefault("strategy", {})
    _fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _fill(strategy.setdefault("rollingUpdate", {}), maxUnavailable="25%", maxSurge="25%")
    for name, value in (("revisionHistoryLimit", 10), ("progressDeadlineSeconds", 600)):
        spec.setdefault(name, value)


def _replica_set(obj: Object) -> None:
    _template(obj)
    if obj["spec"].get("replicas") is None:
        obj["spec"]["replicas"] = 1


def _stateful_set(obj: Object) -> None:
    spec = obj["spec"]
    _template(obj)
    if spec.get("replicas") is None:
        spec["replicas"] = 1
    _fill(spec, podManagementPolicy="OrderedReady", serviceName=spec.get("serviceName", ""))
    strategy = spec.setdefault("updateStrategy", {})
    _fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        strategy.setdefault("rollingUpdate", {}).setdefault("partition", 0)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("persistentVolumeClaimRetentionPolicy", {"whenDeleted": "Retain", "whenScaled": "Retain"})
    for claim in entries(spec, "volumeClaimTemplates"):
        claim.setdefault("kind", "PersistentVolumeClaim")
        claim.setdefault("apiVersion", "v1")
        claim.setdefault("status", {"phase": "Pending"})
        claim.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")


def _daemon_set(obj: Object) -> None:
    spec = obj["spec"]
    _template(obj)
    strategy = spec.setdefault("updateStrategy", {})
    _fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxSurge", 0)
        rolling.setdefault("maxUnavailable", 1)
    spec.setdefault("revisionHistoryLimit", 10)


def _job_spec(spec: Object) -> None:
    for name, value in (
        ("parallelism", 1),
        ("completions", 1),
        ("backoffLimit", 6),
        ("completionMode", "NonIndexed"),
    ):
        if spec.get(name) is None:
            spec[name] = value
    spec.setdefault("suspend", False)
    spec.setdefault("podReplacementPolicy", "TerminatingOrFailed")
    template = spec.setdefault("template", {})
    pod_spec(template.setdefault("spec", {}))


def _job(obj: Object) -> None:
    _job_spec(obj["spec"])


def _cron_job(obj: Object) -> None:
    spec = obj["spec"]
    _fill(spec, concurrencyPolicy="Allow")
    for name, value in (("suspend", False), ("successfulJobsHistoryLimit", 3), ("failedJobsHistoryLimit", 1)):
        if spec.get(name) is None:
            spec[name] = value
    template = dig(spec, "jobTemplate", "spec", "template", "spec")
    if isinstance(template, dict):
        pod_spec(template)


def _service(obj: Object) -> None:
    spec = obj["spec"]
    _fill(spec, type="ClusterIP", sessionAffinity="None")
    for port in entries(spec, "ports"):
        _fill(port, protocol="TCP")
        if port.get("targetPort") in (None, ""):
            port["targetPort"] = port.get("port")
    if spec["type"] != "ExternalName":
        _fill(spec, ipFamilyPolicy="SingleStack", internalTrafficPolicy="Cluster")
        spec.setdefault("ipFamilies", ["IPv4"])


def _claim(obj: Object) -> None:
    _fill(obj["spec"], volumeMode="Filesystem")


def _volume(obj: Object) -> None:
    _fill(obj["spec"], volumeMode="Filesystem", persistentVolumeReclaimPolicy="Retain")


def _secret(obj: Object) -> None:
    _fill(obj, type="Opaque")
    plain = obj.pop("stringData", None) or {}
    if plain:
        data = obj.setdefault("data", {})
        for name, value in plain.items():
            data[name] = base64.b64encode(str(value).encode()).decode()


def _autoscaler(obj: Object) -> None:
    spec = obj["spec"]
    if spec.get("minReplicas") is None:
        spec["minReplicas"] = 1
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def _storage_class(obj: Object) -> None:
    _fill(obj, reclaimPolicy="Delete", volumeBindingMode="Immediate")


def _policy(obj: Object) -> None:
    spec = obj["spec"]
    spec.setdefault("podSelector", {})
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    for direction in ("ingress", "egress"):
        for rule in entries(spec, direction):
            for port in entries(rule, "ports"):
                _fill(port, protocol="TCP")


def _webhooks(obj: Object) -> None:
    for hook in entries(obj, "webhooks"):
        _fill(hook, failurePolicy="Fail", matchPolicy="Equivalent")
        for name, value in (("namespaceSelector", {}), ("objectSelector", {}), ("timeoutSeconds", 10)):
            hook.setdefault(name, value)
        service = dig(hook, "clientConfig", "service")
        if service:
            service.setdefault("port", 443)
        for rule in entries(hook, "rules"):
            _fill(rule, scope="*")


def _namespace(obj: Object) -> None:
    obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"]["name"]
    obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])


_RULES: dict[str, Callable[[Object], None]] = {
    "Pod": _pod,
    "Deployment": _deployment,
    "ReplicaSet": _replica_set,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Job": _job,
    "CronJob": _cron_job,
    "Service": _service,
    "PersistentVolumeClaim": _claim,
    "PersistentVolume": _volume,
    "Secret": _secret,
    "HorizontalPodAutoscaler": _autoscaler,
    "StorageClass": _storage_class,
    "NetworkPolicy": _policy,
    "ValidatingWebhookConfiguration": _webhooks,
    "MutatingWebhookConfiguration": _webhooks,
    "Namespace": _namespace,
}
