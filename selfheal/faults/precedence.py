"""Which of two faults seen together is the cause: the layer a pod's life reaches first, and a few exceptions.

A pod is admitted, scheduled, gets its volumes, its image, its configuration, its container; then it runs, is
probed, is served to callers, and calls others. Whatever stops it at one layer makes what is seen at later
layers a consequence. Faults of one layer do not explain each other unless :data:`EXCEPTIONS` says so.
"""

from __future__ import annotations

#: Layers in the order in which a pod meets them; the fault ids of each.
LAYERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("drift", ("drift",)),
    (
        "machinery",
        (
            "node-not-ready",
            "kubelet-unavailable",
            "container-runtime-unavailable",
            "scheduler-unavailable",
            "node-pressure",
        ),
    ),
    (
        "admission",
        (
            "api-version-removed",
            "webhook-failing",
            "pod-security-rejected",
            "service-account-missing",
            "limit-range-violated",
            "quota-exceeded",
            "scaled-to-zero",
        ),
    ),
    ("volume", ("pvc-storage-class-missing", "pv-occupied", "pvc-binding-mismatch")),
    (
        "scheduling",
        (
            "resources-unschedulable",
            "node-selector-mismatch",
            "node-affinity-mismatch",
            "taint-not-tolerated",
            "node-cordoned",
            "pod-anti-affinity-conflict",
            "topology-spread-conflict",
        ),
    ),
    ("image", ("image-registry-unreachable", "image-pull-unauthorized", "image-not-found")),
    ("configuration", ("config-ref-missing", "config-key-missing", "volume-mount-invalid")),
    ("creation", ("command-invalid",)),
    ("eviction", ("ephemeral-storage-evicted", "oom-killed")),
    ("own work", ("security-context-invalid", "volume-permission-denied", "port-conflict", "rbac-forbidden")),
    (
        "own settings",
        ("env-var-invalid", "config-content-invalid", "tls-secret-invalid", "dns-misconfigured"),
    ),
    (
        "dependency",
        ("dependency-auth-failed", "dependency-exhausted", "dependency-read-only", "dependency-unreachable"),
    ),
    ("init", ("init-container-failed",)),
    ("release", ("bad-release",)),
    ("crash", ("app-crash",)),
    ("probes", ("startup-probe-missing", "liveness-probe-misconfigured", "readiness-probe-misconfigured")),
    ("slowness", ("cpu-throttled",)),
    ("service", ("service-selector-mismatch", "service-port-mismatch", "service-protocol-mismatch")),
    ("entrance", ("network-policy-blocking", "ingress-backend-invalid", "gateway-misrouted")),
    ("network", ("kube-proxy-unavailable", "network-degraded")),
    ("controllers", ("hpa-misconfigured", "pdb-blocking", "job-failed", "cronjob-invalid")),
    ("rollout", ("rollout-stuck",)),
)

_LAYER = {fault: number for number, (_name, faults) in enumerate(LAYERS) for fault in faults}

#: (stronger, weaker) against or within the layers, each with its reason.
EXCEPTIONS: frozenset[tuple[str, str]] = frozenset(
    {
        # A workload at zero is told to be there, whoever told it.
        ("scaled-to-zero", "drift"),
        # A missing object leaves no key to ask for.
        ("config-ref-missing", "config-key-missing"),
        # The Service, policy or proxy between caller and callee decides whether the callee can be reached.
        ("service-selector-mismatch", "dependency-unreachable"),
        ("service-port-mismatch", "dependency-unreachable"),
        ("service-protocol-mismatch", "dependency-unreachable"),
        ("network-policy-blocking", "dependency-unreachable"),
        ("kube-proxy-unavailable", "dependency-unreachable"),
        ("network-degraded", "dependency-unreachable"),
        ("network-policy-blocking", "dns-misconfigured"),
        # A program that is killed before it is up, or too slow for its limit, did not crash by itself.
        ("startup-probe-missing", "app-crash"),
        ("liveness-probe-misconfigured", "app-crash"),
        ("startup-probe-missing", "liveness-probe-misconfigured"),
        ("startup-probe-missing", "readiness-probe-misconfigured"),
        ("liveness-probe-misconfigured", "readiness-probe-misconfigured"),
        ("liveness-probe-misconfigured", "bad-release"),
        ("startup-probe-missing", "bad-release"),
        ("readiness-probe-misconfigured", "bad-release"),
        # A Job that ran out of attempts is blamed as a Job; why its pod ended is the evidence.
        ("job-failed", "app-crash"),
        ("job-failed", "env-var-invalid"),
        ("job-failed", "dependency-unreachable"),
        # A program without time on the processor answers its probes late.
        ("cpu-throttled", "startup-probe-missing"),
        ("cpu-throttled", "liveness-probe-misconfigured"),
        ("cpu-throttled", "readiness-probe-misconfigured"),
        # An init container that cannot do its work is blamed as such, whatever it is told to wait for.
        ("init-container-failed", "dependency-unreachable"),
        ("init-container-failed", "dns-misconfigured"),
        ("init-container-failed", "env-var-invalid"),
        # Two ways to see one trouble; the first is the more direct one.
        ("volume-permission-denied", "security-context-invalid"),
        ("port-conflict", "service-port-mismatch"),
        ("node-not-ready", "node-pressure"),
        ("kubelet-unavailable", "node-not-ready"),
        ("container-runtime-unavailable", "node-not-ready"),
        ("container-runtime-unavailable", "kubelet-unavailable"),
        ("pvc-storage-class-missing", "pvc-binding-mismatch"),
        ("pv-occupied", "pvc-binding-mismatch"),
        ("taint-not-tolerated", "node-cordoned"),
        ("dependency-auth-failed", "dependency-unreachable"),
        ("dependency-exhausted", "dependency-unreachable"),
        ("dependency-read-only", "dependency-unreachable"),
        ("dns-misconfigured", "env-var-invalid"),
    }
)


def layer(fault: str) -> int:
    """The layer of a fault, the last one for an unknown id."""
    return _LAYER.get(fault, len(LAYERS))


def stronger(first: str, second: str) -> bool:
    """Whether ``first``, seen on the same thing, makes ``second`` a consequence or a misreading of it."""
    if (first, second) in EXCEPTIONS:
        return True
    return (second, first) not in EXCEPTIONS and layer(first) < layer(second)
