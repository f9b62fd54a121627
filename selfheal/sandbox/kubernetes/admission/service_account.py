"""ServiceAccount admission: a pod runs as an account that exists, with its token mounted."""

from __future__ import annotations

from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.errors import forbidden
from selfheal.sandbox.kubernetes.objects import Object, entries

_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_TOLERATED = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def service_account(cluster: Cluster, obj: Object) -> None:
    """Complete a new pod; raises ApiError when its account does not exist."""
    if obj["kind"] != "Pod":
        return
    spec, meta = obj["spec"], obj["metadata"]
    name = spec.setdefault("serviceAccountName", "default")
    spec.setdefault("serviceAccount", name)
    account = cluster.store.get("ServiceAccount", str(meta["namespace"]), str(name))
    if account is None:
        # This plugin runs before the name is generated.
        shown = str(meta.get("generateName") or meta.get("name"))
        why = (
            f'error looking up service account {meta["namespace"]}/{name}: serviceaccount "{name}" not found'
        )
        raise forbidden("pods", shown, why)
    if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
        spec["imagePullSecrets"] = list(account["imagePullSecrets"])
    automount = spec.get("automountServiceAccountToken", account.get("automountServiceAccountToken", True))
    if automount and not any(
        str(item.get("name", "")).startswith("kube-api-access-") for item in entries(spec, "volumes")
    ):
        _mount_token(cluster, spec)
    tolerations = spec.setdefault("tolerations", [])
    for key in _TOLERATED:
        if not any(
            item.get("key") == key and item.get("effect") in (None, "NoExecute") for item in tolerations
        ):
            toleration = {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            tolerations.append(toleration)


def _mount_token(cluster: Cluster, spec: Object) -> None:
    name = f"kube-api-access-{cluster.suffix()}"
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {
            "downwardAPI": {
                "items": [
                    {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
                ]
            }
        },
    ]
    volume = {"name": name, "projected": {"sources": sources, "defaultMode": 420}}
    spec["volumes"] = [*entries(spec, "volumes"), volume]
    for word in ("initContainers", "containers"):
        for container in entries(spec, word):
            mounts = entries(container, "volumeMounts")
            if not any(mount.get("mountPath") == _MOUNT for mount in mounts):
                container["volumeMounts"] = [*mounts, {"name": name, "readOnly": True, "mountPath": _MOUNT}]
