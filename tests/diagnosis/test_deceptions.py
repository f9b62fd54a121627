"""One fault in an application full of noise: the right cause on the right object, first.

The application has a dozen workloads that call each other and stores behind them. Around the fault there are a node that
was cordoned for other reasons, warnings that are over, an old Job that failed once, a probe that failed while its pod
started, and log lines that only look bad.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from selfheal.diagnosis.engine import diagnose
from selfheal.incidents.record import Target
from tests.faults.kit import cluster_wide, event, get, lines, node, pending
from tests.support.cluster import Cluster, ago, container, crashing, ended, running, waiting

CALLS = {
    "front": ("cart", "catalog", "checkout", "ads"),
    "checkout": ("cart", "payment", "shipping", "mail"),
    "cart": ("redis",),
    "catalog": ("mysql",),
    "orders": ("mysql", "rabbitmq"),
    "payment": (),
    "shipping": (),
    "mail": (),
    "ads": (),
}
STORES = {"redis": 6379, "mysql": 3306, "rabbitmq": 5672}
PORT = 8080


def application() -> Cluster:
    cluster = Cluster()
    node(cluster, "node-1")
    node(cluster, "node-2")
    node(cluster, "node-3", cordoned=True)
    ports = {**dict.fromkeys(CALLS, PORT), **STORES}
    for name in [*CALLS, *STORES]:
        env = [
            {"name": f"{other.upper()}_ADDR", "value": f"{other}:{ports[other]}"}
            for other in CALLS.get(name, ())
        ]
        probe = {"tcpSocket": {"port": ports[name]}, "periodSeconds": 10}
        made = container(
            "app" if name in CALLS else name,
            image=f"registry.example/{name}:1.4",
            env=env,
            ports=[{"name": "main", "containerPort": ports[name]}],
            readinessProbe=probe,
            livenessProbe={**probe, "initialDelaySeconds": 5},
            resources={
                "requests": {"cpu": "100m", "memory": "64Mi"},
                "limits": {"cpu": "1", "memory": "256Mi"},
            },
        )
        cluster.deployment(
            name,
            {"containers": [made], "nodeName": "node-1"},
            kind="StatefulSet" if name == "mysql" else "Deployment",
        )
        cluster.service(name, {"app": name}, ports[name])
        if name in CALLS:
            cluster.log(f"{name}-new-0", "app", lines("INFO GET / 200 in 3 ms"))
    _noise(cluster)
    return cluster


def _noise(cluster: Cluster) -> None:
    front, ads = get(cluster, "Pod", "front-new-0"), get(cluster, "Pod", "ads-new-0")
    event(
        cluster,
        front,
        "Unhealthy",
        "Readiness probe failed: dial tcp 10.1.1.1:8080: connect: connection refused",
        seconds=3500,
    )
    event(cluster, ads, "FailedScheduling", "0/3 nodes are available: 3 Insufficient cpu.", seconds=3550)
    gone = event(
        cluster, ads, "Failed", 'Failed to pull image "registry.example/ads:9": not found', seconds=7000
    )
    gone["involvedObject"]["uid"] = "an-earlier-pod"
    cluster.log(
        "redis-new-0",
        "redis",
        "# WARNING Memory overcommit must be enabled!\n" + lines("Background saving ok"),
    )
    warned = "2026-11-22T09:00:00Z WARN dial tcp mail:8080: connect: connection refused\n" * 4
    cluster.log("checkout-new-0", "app", warned + lines("INFO order placed"))


def workload(cluster: Cluster, name: str) -> list[dict[str, Any]]:
    """The pod specs of a workload, its ReplicaSet and its pod."""
    top = next(
        obj
        for obj in cluster.objects
        if obj["metadata"]["name"] == name and "template" in obj.get("spec", {})
    )
    found = [top["spec"]["template"]["spec"]]
    for obj in cluster.objects:
        if obj["metadata"]["name"] == f"{name}-rs2":
            found.append(obj["spec"]["template"]["spec"])
        if obj["kind"] == "Pod" and obj["metadata"]["name"] == f"{name}-new-0":
            found.append(obj["spec"])
    return found


def fails(cluster: Cluster, name: str, status: dict[str, Any]) -> dict[str, Any]:
    """Gives the workload's pod a container status, and what controllers make of it; callers complain."""
    pod = get(cluster, "Pod", f"{name}-new-0")
    pod["status"]["containerStatuses"] = [
        {"name": item["name"], **status} for item in pod["spec"]["containers"]
    ]
    pod["status"]["conditions"][0]["status"] = "False"
    top = next(
        obj
        for obj in cluster.objects
        if obj["metadata"]["name"] == name and "template" in obj.get("spec", {})
    )
    top["status"].update(availableReplicas=0, readyReplicas=0)
    complain(cluster, name)
    return pod


def complain(cluster: Cluster, name: str, text: str = "connect: connection refused") -> None:
    ports = {**dict.fromkeys(CALLS, PORT), **STORES}
    for caller, callees in CALLS.items():
        if name in callees:
            cluster.log(
                f"{caller}-new-0",
                "app",
                lines(f"ERROR calling {name}: dial tcp {name}:{ports[name]}: {text}"),
            )


def unplaced(cluster: Cluster, name: str, message: str) -> None:
    fails(cluster, name, waiting("x"))
    pod = pending(cluster, f"{name}-new-0", message)
    pod["spec"].pop("nodeName", None)


def oom(cluster: Cluster) -> None:
    fails(cluster, "catalog", crashing("OOMKilled", 137))


def image(cluster: Cluster) -> None:
    fails(
        cluster,
        "payment",
        waiting(
            "ImagePullBackOff", "Back-off pulling image: manifest for registry.example/payment:1.4 not found"
        ),
    )


def secret(cluster: Cluster) -> None:
    for spec in workload(cluster, "cart"):
        spec["containers"][0]["envFrom"] = [{"secretRef": {"name": "cart-keys"}}]
    fails(cluster, "cart", waiting("CreateContainerConfigError", 'secret "cart-keys" not found'))


def selector(cluster: Cluster) -> None:
    get(cluster, "Service", "shipping")["spec"]["selector"] = {"app": "shipping-service"}
    complain(cluster, "shipping")


def target_port(cluster: Cluster) -> None:
    get(cluster, "Service", "cart")["spec"]["ports"][0]["targetPort"] = 9999
    complain(cluster, "cart")


def protocol(cluster: Cluster) -> None:
    get(cluster, "Service", "mail")["spec"]["ports"][0]["protocol"] = "UDP"
    complain(cluster, "mail", "i/o timeout")


def address(cluster: Cluster) -> None:
    for spec in workload(cluster, "checkout"):
        next(item for item in spec["containers"][0]["env"] if item["name"] == "PAYMENT_ADDR")["value"] = (
            "payment:8081"
        )
    cluster.log("checkout-new-0", "app", lines("ERROR dial tcp payment:8081: i/o timeout"))


def store_port(cluster: Cluster) -> None:
    for spec in workload(cluster, "catalog"):
        spec["containers"][0]["env"][0]["value"] = "mysql:3307"
    fails(cluster, "catalog", crashing("Error", 1))
    cluster.log(
        "catalog-new-0", "app", "panic: dial tcp mysql:3307: connect: connection refused", previous=True
    )


def credentials(cluster: Cluster) -> None:
    fails(cluster, "orders", crashing("Error", 1))
    cluster.log(
        "orders-new-0",
        "app",
        "java.sql.SQLException: Access denied for user 'shop'@'10.1.2.3' (using password: YES)",
        previous=True,
    )


def exhausted(cluster: Cluster) -> None:
    for name in ("catalog", "orders"):
        cluster.log(f"{name}-new-0", "app", lines("ERROR 1040 (08004): Too many connections at mysql:3306"))


def readonly(cluster: Cluster) -> None:
    text = "The MySQL server is running with the --read-only option so it cannot execute this statement"
    cluster.log("orders-new-0", "app", lines(f"ERROR {text}"))


def readiness(cluster: Cluster) -> None:
    for spec in workload(cluster, "ads"):
        spec["containers"][0]["readinessProbe"] = {"httpGet": {"port": 9555, "path": "/"}}
    pod = fails(cluster, "ads", running(ready=False))
    event(
        cluster,
        pod,
        "Unhealthy",
        "Readiness probe failed: dial tcp 10.1.1.9:9555: connect: connection refused",
    )


def liveness(cluster: Cluster) -> None:
    for spec in workload(cluster, "cart"):
        spec["containers"][0]["livenessProbe"] = {"tcpSocket": {"port": 6060}}
    pod = fails(cluster, "cart", waiting("CrashLoopBackOff", restartCount=5, lastState=ended("Error", 137)))
    event(
        cluster,
        pod,
        "Unhealthy",
        "Liveness probe failed: dial tcp 10.1.1.9:6060: connect: connection refused",
    )
    event(cluster, pod, "Killing", "Container app failed liveness probe, will be restarted")


def cpu(cluster: Cluster) -> None:
    for spec in workload(cluster, "front"):
        spec["containers"][0]["resources"]["requests"]["cpu"] = "100"
    unplaced(cluster, "front", "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.")


def label(cluster: Cluster) -> None:
    for spec in workload(cluster, "redis"):
        spec["nodeSelector"] = {"disk": "nvme"}
    unplaced(
        cluster,
        "redis",
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match Pod's node affinity/selector.",
    )


def pinned(cluster: Cluster) -> None:
    for spec in workload(cluster, "mail"):
        spec["nodeSelector"] = {"kubernetes.io/hostname": "node-3"}
    unplaced(
        cluster,
        "mail",
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match Pod's node affinity/selector.",
    )


def taint(cluster: Cluster) -> None:
    for name in ("node-1", "node-2"):
        get(cluster, "Node", name)["spec"]["taints"] = [
            {"key": "team", "value": "ml", "effect": "NoSchedule"}
        ]
    unplaced(
        cluster,
        "ads",
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) had untolerated taint {team: ml}.",
    )


def quota(cluster: Cluster) -> None:
    fails(cluster, "shipping", waiting("x"))
    cluster.objects = [obj for obj in cluster.objects if obj["metadata"]["name"] != "shipping-new-0"]
    text = 'pods "shipping-x" is forbidden: exceeded quota: team, requested: requests.memory=64Mi, used: requests.memory=1Gi, limited: requests.memory=1Gi'
    event(cluster, get(cluster, "ReplicaSet", "shipping-rs2"), "FailedCreate", text)
    cluster.add(
        "ResourceQuota",
        "team",
        spec={"hard": {"requests.memory": "1Gi"}},
        status={"used": {"requests.memory": "1Gi"}},
    )


def account(cluster: Cluster) -> None:
    quota(cluster)
    cluster.objects = [
        obj
        for obj in cluster.objects
        if obj["kind"] != "ResourceQuota" and obj.get("reason") != "FailedCreate"
    ]
    for spec in workload(cluster, "shipping"):
        spec["serviceAccountName"] = "shipper"
    text = 'error looking up service account shop/shipper: serviceaccount "shipper" not found'
    event(cluster, get(cluster, "ReplicaSet", "shipping-rs2"), "FailedCreate", text)


def zero(cluster: Cluster) -> None:
    top = get(cluster, "Deployment", "catalog")
    top["spec"]["replicas"] = 0
    top["status"] = {}
    cluster.objects = [obj for obj in cluster.objects if obj["metadata"]["name"] != "catalog-new-0"]
    complain(cluster, "catalog")


def claim(cluster: Cluster) -> None:
    for spec in workload(cluster, "redis"):
        spec["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "redis-data"}}]
    unplaced(cluster, "redis", "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims.")
    asked = {
        "storageClassName": "manual",
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    made = cluster.add("PersistentVolumeClaim", "redis-data", spec=asked, status={"phase": "Pending"})
    event(
        cluster,
        made,
        "FailedBinding",
        "no persistent volumes available for this claim and no storage class is set",
    )
    has = {"storageClassName": "manual", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "2Gi"}}
    cluster_wide(cluster, "PersistentVolume", "redis-pv", spec=has, status={"phase": "Available"})


def kubelet(cluster: Cluster) -> None:
    held = get(cluster, "Node", "node-1")
    held["status"]["conditions"] = [
        {
            "type": "Ready",
            "status": "Unknown",
            "reason": "NodeStatusUnknown",
            "message": "Kubelet stopped posting node status.",
        }
    ]
    for name in ("cart", "catalog"):
        fails(cluster, name, running(ready=False))


def runtime(cluster: Cluster) -> None:
    kubelet(cluster)
    get(cluster, "Node", "node-1")["status"]["conditions"] = [
        {
            "type": "Ready",
            "status": "False",
            "reason": "KubeletNotReady",
            "message": "[container runtime is down, PLEG is not healthy]",
        }
    ]


def scheduler(cluster: Cluster) -> None:
    for name in ("cart", "mail"):
        fails(cluster, name, waiting("x"))
        pod = pending(cluster, f"{name}-new-0", "")
        pod["spec"].pop("nodeName")
        pod["metadata"]["creationTimestamp"] = ago(300)


def dns(cluster: Cluster) -> None:
    for spec in workload(cluster, "checkout"):
        spec["dnsPolicy"] = "None"
        spec["dnsConfig"] = {"nameservers": ["1.1.1.1"]}
    cluster.log("checkout-new-0", "app", lines("ERROR dial tcp: lookup cart on 1.1.1.1:53: no such host"))


def sidecar(cluster: Cluster) -> None:
    for spec in workload(cluster, "payment"):
        spec["containers"].append(container("proxy", ports=[{"containerPort": PORT}]))
    pod = get(cluster, "Pod", "payment-new-0")
    fails(cluster, "payment", crashing("Error", 1))
    pod["status"]["containerStatuses"][0].update(running())
    cluster.log("payment-new-0", "proxy", "listen tcp :8080: bind: address already in use", previous=True)


def permission(cluster: Cluster) -> None:
    for spec in workload(cluster, "redis"):
        spec["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
        spec["securityContext"] = {"runAsUser": 1000}
    fails(cluster, "redis", crashing("Error", 1))
    cluster.log(
        "redis-new-0",
        "redis",
        "Can't open the append-only file /data/appendonly.aof: Permission denied",
        previous=True,
    )


CASES: list[tuple[Callable[[Cluster], None], str, str]] = [
    (oom, "oom-killed", "Deployment shop/catalog"),
    (image, "image-not-found", "Deployment shop/payment"),
    (secret, "config-ref-missing", "Deployment shop/cart"),
    (selector, "service-selector-mismatch", "Service shop/shipping"),
    (target_port, "service-port-mismatch", "Service shop/cart"),
    (protocol, "service-protocol-mismatch", "Service shop/mail"),
    (address, "env-var-invalid", "Deployment shop/checkout"),
    (store_port, "dependency-unreachable", "Deployment shop/catalog"),
    (credentials, "dependency-auth-failed", "Deployment shop/orders"),
    (exhausted, "dependency-exhausted", "StatefulSet shop/mysql"),
    (readonly, "dependency-read-only", "StatefulSet shop/mysql"),
    (readiness, "readiness-probe-misconfigured", "Deployment shop/ads"),
    (liveness, "liveness-probe-misconfigured", "Deployment shop/cart"),
    (cpu, "resources-unschedulable", "Deployment shop/front"),
    (label, "node-selector-mismatch", "Deployment shop/redis"),
    (pinned, "node-cordoned", "Node node-3"),
    (taint, "taint-not-tolerated", "Deployment shop/ads"),
    (quota, "quota-exceeded", "ResourceQuota shop/team"),
    (account, "service-account-missing", "Deployment shop/shipping"),
    (zero, "scaled-to-zero", "Deployment shop/catalog"),
    (claim, "pvc-binding-mismatch", "PersistentVolumeClaim shop/redis-data"),
    (kubelet, "kubelet-unavailable", "Node node-1"),
    (runtime, "container-runtime-unavailable", "Node node-1"),
    (scheduler, "scheduler-unavailable", "Deployment shop/cart"),
    (dns, "dns-misconfigured", "Deployment shop/checkout"),
    (sidecar, "port-conflict", "Deployment shop/payment"),
    (permission, "volume-permission-denied", "Deployment shop/redis"),
]


@pytest.mark.parametrize(
    ("spoil", "fault", "blamed"), CASES, ids=lambda value: getattr(value, "__name__", None)
)
@pytest.mark.parametrize("asked", ["", "shop", "front"])
def test_right_cause_on_the_right_object(
    spoil: Callable[[Cluster], None], fault: str, blamed: str, asked: str
) -> None:
    cluster = application()
    spoil(cluster)
    target = Target(namespace="shop", name=asked if asked == "front" else "") if asked else None
    answer = diagnose(cluster.snapshot(), target=target)
    assert answer.root is not None, answer.reasons
    assert (answer.root.fault, str(answer.root.object)) == (fault, blamed), [
        (item.fault, str(item.object), item.confidence) for item in answer.findings
    ]


def test_noise_alone_is_healthy() -> None:
    answer = diagnose(application().snapshot())
    assert (answer.verdict, answer.reasons, answer.findings) == ("healthy", (), ())
