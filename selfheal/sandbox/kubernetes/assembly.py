"""The one list of what works on a cluster: admission, controllers, scheduler, kubelet."""

from __future__ import annotations

from dataclasses import dataclass

from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.controllers.deployment import DeploymentController
from selfheal.sandbox.kubernetes.controllers.endpoints import EndpointsController
from selfheal.sandbox.kubernetes.controllers.namespaces import NamespaceController
from selfheal.sandbox.kubernetes.controllers.replicaset import ReplicaSetController
from selfheal.sandbox.kubernetes.kubelet.agent import Kubelet
from selfheal.sandbox.kubernetes.scheduler import Scheduler


@dataclass(frozen=True)
class Parts:
    """Those parts that others need to speak to."""

    cluster: Cluster
    kubelet: Kubelet
    scheduler: Scheduler

    def clear(self) -> None:
        """Forget everything that was in the cluster."""
        self.kubelet.clear()
        self.cluster.timeline.clear()
        self.cluster.events.clear()
        self.cluster.forget()
        self.cluster.store.clear()
        self.scheduler.working = True


def assemble(cluster: Cluster) -> Parts:
    """Connect the parts."""
    kubelet, scheduler = Kubelet(cluster), Scheduler(cluster)
    cluster.controllers += [
        NamespaceController(cluster),
        DeploymentController(cluster),
        ReplicaSetController(cluster),
        scheduler,
        kubelet,
        EndpointsController(cluster),
    ]
    return Parts(cluster, kubelet, scheduler)
