"""The resources served: kind, plural, group and version, scope, short names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Resource:
    """One row of ``kubectl api-resources``."""

    kind: str
    plural: str
    group: str
    version: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    status: bool = False

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def singular(self) -> str:
        return self.kind.lower()

    @property
    def qualified(self) -> str:
        """``deployments.apps``, ``pods``: as error messages name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


_RBAC = "rbac.authorization.k8s.io"
_NET = "networking.k8s.io"
_ADMIT = "admissionregistration.k8s.io"

RESOURCES: tuple[Resource, ...] = (
    Resource("Namespace", "namespaces", "", "v1", False, ("ns",), True),
    Resource("Node", "nodes", "", "v1", False, ("no",), True),
    Resource("Pod", "pods", "", "v1", True, ("po",), True),
    Resource("Service", "services", "", "v1", True, ("svc",), True),
    Resource("Endpoints", "endpoints", "", "v1", True, ("ep",)),
    Resource("ConfigMap", "configmaps", "", "v1", True, ("cm",)),
    Resource("Secret", "secrets", "", "v1"),
    Resource("ServiceAccount", "serviceaccounts", "", "v1", True, ("sa",)),
    Resource("Event", "events", "", "v1", True, ("ev",)),
    Resource("PersistentVolumeClaim", "persistentvolumeclaims", "", "v1", True, ("pvc",), True),
    Resource("PersistentVolume", "persistentvolumes", "", "v1", False, ("pv",), True),
    Resource("ResourceQuota", "resourcequotas", "", "v1", True, ("quota",), True),
    Resource("LimitRange", "limitranges", "", "v1", True, ("limits",)),
    Resource("Deployment", "deployments", "apps", "v1", True, ("deploy",), True),
    Resource("ReplicaSet", "replicasets", "apps", "v1", True, ("rs",), True),
    Resource("StatefulSet", "statefulsets", "apps", "v1", True, ("sts",), True),
    Resource("DaemonSet", "daemonsets", "apps", "v1", True, ("ds",), True),
    Resource("ControllerRevision", "controllerrevisions", "apps", "v1"),
    Resource("Job", "jobs", "batch", "v1", True, (), True),
    Resource("CronJob", "cronjobs", "batch", "v1", True, ("cj",), True),
    Resource(
        "HorizontalPodAutoscaler", "horizontalpodautoscalers", "autoscaling", "v2", True, ("hpa",), True
    ),
    Resource("PodDisruptionBudget", "poddisruptionbudgets", "policy", "v1", True, ("pdb",), True),
    Resource("EndpointSlice", "endpointslices", "discovery.k8s.io", "v1"),
    Resource("NetworkPolicy", "networkpolicies", _NET, "v1", True, ("netpol",)),
    Resource("Ingress", "ingresses", _NET, "v1", True, ("ing",), True),
    Resource("IngressClass", "ingressclasses", _NET, "v1", False),
    Resource("Role", "roles", _RBAC, "v1"),
    Resource("RoleBinding", "rolebindings", _RBAC, "v1"),
    Resource("ClusterRole", "clusterroles", _RBAC, "v1", False),
    Resource("ClusterRoleBinding", "clusterrolebindings", _RBAC, "v1", False),
    Resource("StorageClass", "storageclasses", "storage.k8s.io", "v1", False, ("sc",)),
    Resource("PriorityClass", "priorityclasses", "scheduling.k8s.io", "v1", False, ("pc",)),
    Resource("ValidatingWebhookConfiguration", "validatingwebhookconfigurations", _ADMIT, "v1", False),
    Resource("MutatingWebhookConfiguration", "mutatingwebhookconfigurations", _ADMIT, "v1", False),
    Resource("Lease", "leases", "coordination.k8s.io", "v1"),
)

BY_KIND: dict[str, Resource] = {resource.kind: resource for resource in RESOURCES}
BY_PATH: dict[tuple[str, str, str], Resource] = {
    (resource.group, resource.version, resource.plural): resource for resource in RESOURCES
}
#: The newer form of events is the same store seen through another shape.
EVENTS_GROUP = "events.k8s.io"
EVENTS = Resource("Event", "events", EVENTS_GROUP, "v1")
BY_PATH[EVENTS_GROUP, "v1", "events"] = EVENTS


def find(api_version: str, kind: str) -> Resource | None:
    """The resource of a manifest's ``apiVersion`` and ``kind``; None when the server does not serve it."""
    group, _, version = api_version.rpartition("/")
    resource = BY_KIND.get(kind)
    if resource is not None and (resource.group, resource.version) == (group, version):
        return resource
    return None
