"""Decoding: fields that are not of the type their name has everywhere in the API are refused before anything looks at them."""

from __future__ import annotations

import re
from typing import Any

from selfheal.sandbox.kubernetes.errors import ApiError, bad_request
from selfheal.sandbox.kubernetes.objects import Object

_INTEGERS = frozenset(
    [
        "replicas",
        "containerPort",
        "hostPort",
        "minReplicas",
        "maxReplicas",
        "periodSeconds",
        "timeoutSeconds",
        "failureThreshold",
        "successThreshold",
        "initialDelaySeconds",
        "terminationGracePeriodSeconds",
        "activeDeadlineSeconds",
        "backoffLimit",
        "completions",
        "parallelism",
        "revisionHistoryLimit",
        "progressDeadlineSeconds",
        "minReadySeconds",
        "maxSkew",
        "successfulJobsHistoryLimit",
        "failedJobsHistoryLimit",
        "startingDeadlineSeconds",
        "ttlSecondsAfterFinished",
        "partition",
        "averageUtilization",
        "endPort",
        "tolerationSeconds",
        "nodePort",
        "runAsUser",
        "fsGroup",
    ]
)
_TEXTS = frozenset(
    [
        "name",
        "namespace",
        "generateName",
        "image",
        "serviceAccountName",
        "schedulerName",
        "restartPolicy",
        "dnsPolicy",
        "nodeName",
        "mountPath",
        "subPath",
        "schedule",
        "timeZone",
        "storageClassName",
        "volumeName",
        "topologyKey",
        "clusterIP",
        "serviceName",
        "imagePullPolicy",
        "priorityClassName",
        "hostname",
        "subdomain",
        "concurrencyPolicy",
        "workingDir",
        "externalName",
        "key",
        "operator",
        "effect",
        "path",
    ]
)
_LISTS = frozenset(
    [
        "containers",
        "initContainers",
        "volumes",
        "volumeMounts",
        "env",
        "envFrom",
        "args",
        "command",
        "accessModes",
        "ports",
        "tolerations",
        "imagePullSecrets",
        "volumeClaimTemplates",
        "metrics",
        "rules",
        "webhooks",
        "subjects",
        "ingress",
        "egress",
        "policyTypes",
        "topologySpreadConstraints",
        "matchExpressions",
        "items",
        "sources",
        "taints",
        "ownerReferences",
        "finalizers",
        "nodeSelectorTerms",
    ]
)
_MAPS = frozenset(
    [
        "metadata",
        "spec",
        "selector",
        "matchLabels",
        "labels",
        "annotations",
        "template",
        "resources",
        "requests",
        "securityContext",
        "strategy",
        "rollingUpdate",
        "readinessProbe",
        "livenessProbe",
        "startupProbe",
        "httpGet",
        "tcpSocket",
        "grpc",
        "exec",
        "valueFrom",
        "configMapKeyRef",
        "secretKeyRef",
        "affinity",
        "nodeSelector",
        "jobTemplate",
        "scaleTargetRef",
        "updateStrategy",
        "emptyDir",
        "persistentVolumeClaim",
        "secretRef",
        "configMapRef",
        "hard",
        "podSelector",
        "namespaceSelector",
        "capacity",
        "clientConfig",
        "nodeAffinity",
        "podAntiAffinity",
        "podAffinity",
    ]
)
_NUMBERS_OR_TEXTS = frozenset({"minAvailable", "maxUnavailable", "maxSurge", "targetPort", "port"})
_BOUNDS = frozenset({"max", "min", "default", "defaultRequest", "maxLimitRequestRatio"})
_SHARE = re.compile(r"^\d+%?$")
_NAMED_ITEMS = frozenset(
    {"containers", "initContainers", "volumes", "volumeMounts", "env", "ports", "webhooks"}
)


def decode(obj: Object) -> None:
    """Raises ApiError 400 for the first field of a wrong type."""
    if not isinstance(obj.get("metadata"), dict):
        raise bad_request(f"{obj.get('kind')} in version {obj.get('apiVersion')!r} has no metadata")
    for name in ("data", "stringData"):
        if obj.get(name) is not None and not isinstance(obj[name], dict):
            raise _wrong(obj, name, obj[name])
    if obj.get("spec") is not None and not isinstance(obj["spec"], dict):
        raise _wrong(obj, "spec", obj["spec"])
    _walk(
        obj, {name: value for name, value in obj.items() if name not in ("status", "data", "stringData")}, ""
    )


def without_nulls(value: Any) -> Any:
    """A null field is an absent one."""
    if isinstance(value, dict):
        return {name: without_nulls(held) for name, held in value.items() if held is not None}
    return [without_nulls(item) for item in value if item is not None] if isinstance(value, list) else value


def _walk(obj: Object, value: Any, path: str) -> None:
    if isinstance(value, list):
        name = path.rpartition(".")[2]
        for index, item in enumerate(value):
            if name in _NAMED_ITEMS and not isinstance(item, dict):
                raise _wrong(obj, f"{path}[{index}]", item)
            _walk(obj, item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for name, held in value.items():
            if held is not None:
                _check(obj, path, str(name), held)


def _check(obj: Object, path: str, name: str, held: Any) -> None:
    where = f"{path}.{name}".lstrip(".")
    inside = path.rpartition(".")[2]
    if inside in ("matchLabels", "labels", "annotations", "nodeSelector"):
        if not isinstance(held, str):
            raise _wrong(obj, where, held)
        return
    if inside in ("requests", "hard", "capacity") or (
        inside == "limits" and name not in ("default", "max", "min", "type")
    ):
        if not isinstance(held, (str, int, float)):
            raise _wrong(obj, where, held)
        return
    if inside.startswith("limits[") and name in _BOUNDS and not _quantities(held):
        raise _wrong(obj, where, held)
    if name in _NUMBERS_OR_TEXTS:
        if (
            isinstance(held, bool)
            or not isinstance(held, (int, str, dict))
            or (isinstance(held, dict) and name != "port")
        ):
            raise _wrong(obj, where, held)
        if name not in ("targetPort", "port") and not _SHARE.match(str(held)):
            raise bad_request(
                f'{where}: Invalid value: "{held}": a valid percent string must be a numeric string followed by %'
            )
    if inside.startswith("rules["):
        # Rules of roles and webhooks list resources; a container's resources are a map.
        if name in ("resources", "verbs", "operations") and not isinstance(held, list):
            raise _wrong(obj, where, held)
        _walk(obj, held, where)
        return
    for names, types in ((_INTEGERS, int), (_TEXTS, str), (_LISTS, list), (_MAPS, dict)):
        if name in names and (not isinstance(held, types) or isinstance(held, bool)):
            # A Service's selector is a map of texts, a NetworkPolicy's ingress a list; an Ingress has paths of its own.
            raise _wrong(obj, where, held)
    _walk(obj, held, where)


def _quantities(held: Any) -> bool:
    return isinstance(held, dict) and all(isinstance(value, (str, int, float)) for value in held.values())


def _wrong(obj: Object, where: str, held: Any) -> ApiError:
    kinds = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}
    kind = obj.get("kind")
    return bad_request(
        f'{kind} in version "{str(obj.get("apiVersion")).rpartition("/")[2]}" cannot be handled as a {kind}: json: cannot '
        f"unmarshal {kinds.get(type(held), 'value')} into Go struct field .{where}"
    )
