"""All faults, in one explicit list. Which of two overlapping ones counts: :mod:`selfheal.faults.precedence`."""

from __future__ import annotations

from selfheal.errors import NotFound
from selfheal.faults.api_version_removed import ApiVersionRemoved
from selfheal.faults.app_crash import AppCrash
from selfheal.faults.bad_release import BadRelease
from selfheal.faults.command_invalid import CommandInvalid
from selfheal.faults.config_content_invalid import ConfigContentInvalid
from selfheal.faults.config_key_missing import ConfigKeyMissing
from selfheal.faults.config_ref_missing import ConfigRefMissing
from selfheal.faults.container_runtime_unavailable import ContainerRuntimeUnavailable
from selfheal.faults.cpu_throttled import CpuThrottled
from selfheal.faults.cronjob_invalid import CronjobInvalid
from selfheal.faults.dependency_auth_failed import DependencyAuthFailed
from selfheal.faults.dependency_exhausted import DependencyExhausted
from selfheal.faults.dependency_read_only import DependencyReadOnly
from selfheal.faults.dependency_unreachable import DependencyUnreachable
from selfheal.faults.dns_misconfigured import DnsMisconfigured
from selfheal.faults.drift import Drift
from selfheal.faults.env_var_invalid import EnvVarInvalid
from selfheal.faults.ephemeral_storage_evicted import EphemeralStorageEvicted
from selfheal.faults.gateway_misrouted import GatewayMisrouted
from selfheal.faults.hpa_misconfigured import HpaMisconfigured
from selfheal.faults.image_not_found import ImageNotFound
from selfheal.faults.image_pull_unauthorized import ImagePullUnauthorized
from selfheal.faults.image_registry_unreachable import ImageRegistryUnreachable
from selfheal.faults.ingress_backend_invalid import IngressBackendInvalid
from selfheal.faults.init_container_failed import InitContainerFailed
from selfheal.faults.interface import Fault
from selfheal.faults.job_failed import JobFailed
from selfheal.faults.kube_proxy_unavailable import KubeProxyUnavailable
from selfheal.faults.kubelet_unavailable import KubeletUnavailable
from selfheal.faults.limit_range_violated import LimitRangeViolated
from selfheal.faults.liveness_probe_misconfigured import LivenessProbeMisconfigured
from selfheal.faults.network_degraded import NetworkDegraded
from selfheal.faults.network_policy_blocking import NetworkPolicyBlocking
from selfheal.faults.node_affinity_mismatch import NodeAffinityMismatch
from selfheal.faults.node_cordoned import NodeCordoned
from selfheal.faults.node_not_ready import NodeNotReady
from selfheal.faults.node_pressure import NodePressure
from selfheal.faults.node_selector_mismatch import NodeSelectorMismatch
from selfheal.faults.oom_killed import OomKilled
from selfheal.faults.pdb_blocking import PdbBlocking
from selfheal.faults.pod_anti_affinity_conflict import PodAntiAffinityConflict
from selfheal.faults.pod_security_rejected import PodSecurityRejected
from selfheal.faults.port_conflict import PortConflict
from selfheal.faults.pv_occupied import PvOccupied
from selfheal.faults.pvc_binding_mismatch import PvcBindingMismatch
from selfheal.faults.pvc_storage_class_missing import PvcStorageClassMissing
from selfheal.faults.quota_exceeded import QuotaExceeded
from selfheal.faults.rbac_forbidden import RbacForbidden
from selfheal.faults.readiness_probe_misconfigured import ReadinessProbeMisconfigured
from selfheal.faults.resources_unschedulable import ResourcesUnschedulable
from selfheal.faults.rollout_stuck import RolloutStuck
from selfheal.faults.scaled_to_zero import ScaledToZero
from selfheal.faults.scheduler_unavailable import SchedulerUnavailable
from selfheal.faults.security_context_invalid import SecurityContextInvalid
from selfheal.faults.service_account_missing import ServiceAccountMissing
from selfheal.faults.service_port_mismatch import ServicePortMismatch
from selfheal.faults.service_protocol_mismatch import ServiceProtocolMismatch
from selfheal.faults.service_selector_mismatch import ServiceSelectorMismatch
from selfheal.faults.startup_probe_missing import StartupProbeMissing
from selfheal.faults.taint_not_tolerated import TaintNotTolerated
from selfheal.faults.tls_secret_invalid import TlsSecretInvalid
from selfheal.faults.topology_spread_conflict import TopologySpreadConflict
from selfheal.faults.volume_mount_invalid import VolumeMountInvalid
from selfheal.faults.volume_permission_denied import VolumePermissionDenied
from selfheal.faults.webhook_failing import WebhookFailing

CATALOGUE: tuple[Fault, ...] = (
    Drift(),
    ImageNotFound(),
    ImageRegistryUnreachable(),
    ImagePullUnauthorized(),
    ConfigRefMissing(),
    ConfigKeyMissing(),
    OomKilled(),
    EnvVarInvalid(),
    CommandInvalid(),
    AppCrash(),
    BadRelease(),
    InitContainerFailed(),
    ReadinessProbeMisconfigured(),
    LivenessProbeMisconfigured(),
    StartupProbeMissing(),
    ServiceSelectorMismatch(),
    ServicePortMismatch(),
    ServiceProtocolMismatch(),
    ResourcesUnschedulable(),
    NodeSelectorMismatch(),
    NodeAffinityMismatch(),
    TaintNotTolerated(),
    NodeCordoned(),
    PodAntiAffinityConflict(),
    TopologySpreadConflict(),
    PvcStorageClassMissing(),
    PvcBindingMismatch(),
    PvOccupied(),
    QuotaExceeded(),
    LimitRangeViolated(),
    ServiceAccountMissing(),
    PodSecurityRejected(),
    WebhookFailing(),
    DependencyUnreachable(),
    DependencyAuthFailed(),
    DependencyExhausted(),
    DependencyReadOnly(),
    DnsMisconfigured(),
    NetworkPolicyBlocking(),
    HpaMisconfigured(),
    ScaledToZero(),
    RolloutStuck(),
    RbacForbidden(),
    SecurityContextInvalid(),
    VolumePermissionDenied(),
    VolumeMountInvalid(),
    CpuThrottled(),
    NodeNotReady(),
    NodePressure(),
    ContainerRuntimeUnavailable(),
    SchedulerUnavailable(),
    KubeProxyUnavailable(),
    KubeletUnavailable(),
    NetworkDegraded(),
    JobFailed(),
    CronjobInvalid(),
    PdbBlocking(),
    IngressBackendInvalid(),
    PortConflict(),
    TlsSecretInvalid(),
    ConfigContentInvalid(),
    ApiVersionRemoved(),
    EphemeralStorageEvicted(),
    GatewayMisrouted(),
)


def by_id(fault_id: str) -> Fault:
    """The fault of that id. Raises NotFound naming those there are."""
    for fault in CATALOGUE:
        if fault.id == fault_id:
            return fault
    known = ", ".join(fault.id for fault in CATALOGUE)
    raise NotFound(f"There is no fault {fault_id!r} in the catalogue.", hint=f"There are: {known}.")
