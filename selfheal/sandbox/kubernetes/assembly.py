"""The one list of what works on a cluster: admission, controllers, scheduler, kubelet."""

from __future__ import annotations

from dataclasses import dataclass

from selfheal.sandbox.kubernetes.admission.chain import Chain
from selfheal.sandbox.kubernetes.cluster import Cluster, Controller
from selfheal.sandbox.kubernetes.controllers.autoscaler import AutoscalerController
from selfheal.sandbox.kubernetes.controllers.cronjob import CronJobController
from selfheal.sandbox.kubernetes.controllers.daemonset import DaemonSetController
from selfheal.sandbox.kubernetes.controllers.deployment import DeploymentController
from selfheal.sandbox.kubernetes.controllers.disruption import DisruptionController
from selfheal.sandbox.kubernetes.controllers.endpoints import EndpointsController
from selfheal.sandbox.kubernetes.controllers.ingress import IngressController
from selfheal.sandbox.kubernetes.controllers.job import JobController
from selfheal.sandbox.kubernetes.controllers.namespaces import NamespaceController
from selfheal.sandbox.kubernetes.controllers.nodelife import NodeLifecycleController
from selfheal.sandbox.kubernetes.controllers.quota import QuotaController
from selfheal.sandbox.kubernetes.controllers.replicaset import ReplicaSetController
from selfheal.sandbox.kubernetes.controllers.statefulset import StatefulSetController
from selfheal.sandbox.kubernetes.controllers.volumes import VolumeController
from selfheal.sandbox.kubernetes.kubelet.agent import Kubelet
from selfheal.sandbox.kubernetes.scheduler import Scheduler


@dataclass(frozen=True)
class Parts:
    """Those parts that others need to speak to."""

    cluster: Cluster
    kubelet: Kubelet
    scheduler: Scheduler
    autoscaler: AutoscalerController


def assemble(cluster: Cluster) -> Parts:
    """Connect the parts, all of them new: nothing of an earlier cluster is left in them."""
    kubelet, scheduler = Kubelet(cluster), Scheduler(cluster)
    autoscaler = AutoscalerController(cluster, kubelet.usage)
    controllers: list[Controller] = [
        NamespaceController(cluster),
        NodeLifecycleController(cluster),
        QuotaController(cluster),
        VolumeController(cluster),
        CronJobController(cluster),
        JobController(cluster),
        DeploymentController(cluster),
        ReplicaSetController(cluster),
        StatefulSetController(cluster),
        DaemonSetController(cluster),
        scheduler,
        kubelet,
        EndpointsController(cluster),
        DisruptionController(cluster),
        IngressController(cluster),
        autoscaler,
    ]
    cluster.controllers[:] = controllers
    cluster.admit = Chain(cluster)
    return Parts(cluster, kubelet, scheduler, autoscaler)
