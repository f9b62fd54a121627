"""The kinds a snapshot reads: file name in a dump, REST path live. One table for both."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """``resource`` is the plural in REST paths and dump files; ``api`` is ``v1`` or ``group/version``."""

    kind: str
    resource: str
    api: str
    namespaced: bool = True
    #: Whether a live snapshot asks for it. Secrets are not asked for: the account needs no access to them.
    live: bool = True

    @property
    def group(self) -> str:
        """The API group, "" for the core group."""
        return self.api.rpartition("/")[0]

    def path(self, namespace: str = "") -> str:
        """The REST path that lists this kind."""
        root = f"/apis/{self.api}" if "/" in self.api else f"/api/{self.api}"
        return f"{root}/namespaces/{namespace}/{self.resource}" if namespace else f"{root}/{self.resource}"


KINDS: tuple[Kind, ...] = (
    Kind("Pod", "pods", "v1"),
    Kind("Deployment", "deployments", "apps/v1"),
    Kind("ReplicaSet", "replicasets", "apps/v1"),
    Kind("StatefulSet", "statefulsets", "apps/v1"),
    Kind("DaemonSet", "daemonsets", "apps/v1"),
    Kind("ControllerRevision", "controllerrevisions", "apps/v1"),
    Kind("Job", "jobs", "batch/v1"),
    Kind("CronJob", "cronjobs", "batch/v1"),
    Kind("Service", "services", "v1"),
    Kind("EndpointSlice", "endpointslices", "discovery.k8s.io/v1"),
    Kind("Event", "events", "v1"),
    Kind("ConfigMap", "configmaps", "v1"),
    Kind("Secret", "secrets", "v1", live=False),
    Kind("PersistentVolumeClaim", "persistentvolumeclaims", "v1"),
    Kind("ResourceQuota", "resourcequotas", "v1"),
    Kind("LimitRange", "limitranges", "v1"),
    Kind("ServiceAccount", "serviceaccounts", "v1"),
    Kind("Role", "roles", "rbac.authorization.k8s.io/v1"),
    Kind("RoleBinding", "rolebindings", "rbac.authorization.k8s.io/v1"),
    Kind("NetworkPolicy", "networkpolicies", "networking.k8s.io/v1"),
    Kind("Ingress", "ingresses", "networking.k8s.io/v1"),
    Kind("HorizontalPodAutoscaler", "horizontalpodautoscalers", "autoscaling/v2"),
    Kind("PodDisruptionBudget", "poddisruptionbudgets", "policy/v1"),
    Kind("Gateway", "gateways", "gateway.networking.k8s.io/v1"),
    Kind("HTTPRoute", "httproutes", "gateway.networking.k8s.io/v1"),
    Kind("GRPCRoute", "grpcroutes", "gateway.networking.k8s.io/v1"),
    Kind("VirtualService", "virtualservices", "networking.istio.io/v1"),
    Kind("Namespace", "namespaces", "v1", namespaced=False),
    Kind("Node", "nodes", "v1", namespaced=False),
    Kind("PersistentVolume", "persistentvolumes", "v1", namespaced=False),
    Kind("StorageClass", "storageclasses", "storage.k8s.io/v1", namespaced=False),
    Kind("IngressClass", "ingressclasses", "networking.k8s.io/v1", namespaced=False),
    Kind(
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        "admissionregistration.k8s.io/v1",
        namespaced=False,
    ),
    Kind(
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        "admissionregistration.k8s.io/v1",
        namespaced=False,
    ),
)

BY_KIND = {entry.kind: entry for entry in KINDS}
BY_RESOURCE = {entry.resource: entry for entry in KINDS}

#: Workloads that people deploy, as opposed to what controllers make of them.
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "ReplicaSet", "Pod")
