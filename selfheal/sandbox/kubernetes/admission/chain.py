"""The admission plugins in the order of the API server."""

from __future__ import annotations

from selfheal.sandbox.kubernetes.admission.limit_range import limit_defaults, limit_range
from selfheal.sandbox.kubernetes.admission.pod_security import pod_security
from selfheal.sandbox.kubernetes.admission.quota import resource_quota
from selfheal.sandbox.kubernetes.admission.service_account import service_account
from selfheal.sandbox.kubernetes.admission.services import cluster_address
from selfheal.sandbox.kubernetes.admission.storage import default_class
from selfheal.sandbox.kubernetes.admission.webhooks import webhooks
from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.objects import Object


class Chain:
    """Runs every plugin; the first refusal ends it. Raises ApiError."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def __call__(self, obj: Object, before: Object | None, _user: str) -> None:
        cluster = self._cluster
        if before is None:
            limit_defaults(cluster, obj)
            service_account(cluster, obj)
            default_class(cluster, obj)
        cluster_address(cluster, obj)
        if before is None:
            limit_range(cluster, obj)
            pod_security(cluster, obj)
        webhooks(cluster, obj, "CREATE" if before is None else "UPDATE")
        if before is None:
            resource_quota(cluster, obj)
