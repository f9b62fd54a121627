"""One defect each: what somebody committed, what it is called, and from where the good value can be known."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from selfheal.cluster.quantity import quantity
from tests.exam_repair.application import THEMES, Application

Objects = dict[str, Any]
#: Where the good value is to be found. TEMPLATE: an older ReplicaSet holds it; SPEC: other objects say it; NOTHING:
#: only the history of the repository, if that is there.
TEMPLATE, SPEC, NOTHING = "template", "spec", "nothing"


@dataclass(frozen=True)
class Defect:
    """``faults`` are the diagnoses that are right; ``equal`` accepts another fix: (pointer part, values, or which of
    them do).

    ``must`` False: a person may be asked even where the value could be known. ``never``: only a person can.
    """

    id: str
    faults: tuple[str, ...]
    spoil: Callable[[Application], Any]
    known: str = TEMPLATE
    equal: tuple[tuple[str, tuple[Any, ...] | Callable[[Any], bool]], ...] = ()
    #: Where the right value cannot be known: (pointer part, whether a value there does and is bounded).
    sound: tuple[tuple[str, Callable[[Any], bool]], ...] = ()
    must: bool = True
    never: bool = False
    #: What the defect leaves quiet for long is waited for.
    wait: float = 420
    #: Only where the application never ran: a pulled image needs no secret any more, a Job that ran is not run again.
    new: bool = False


ALL: list[Defect] = []


def defect(
    id: str, *faults: str, known: str = TEMPLATE, **how: Any
) -> Callable[[Callable[[Application], Any]], Any]:
    """Registers a function that spoils an application."""

    def register(spoil: Callable[[Application], Any]) -> Callable[[Application], Any]:
        ALL.append(Defect(id, faults, spoil, known, **how))
        return spoil

    return register


def pod(app: Application, key: str) -> Objects:
    spec = app.objects[key]["spec"]
    spec = spec["jobTemplate"]["spec"] if "jobTemplate" in spec else spec
    return spec["template"]["spec"]


def box(app: Application, role: str) -> Objects:
    kind = {"db": "StatefulSet", "agent": "DaemonSet", "migrate": "Job", "report": "CronJob"}.get(
        role, "Deployment"
    )
    return pod(app, f"{kind}/{role}")["containers"][0]


def env(app: Application, role: str, name: str) -> Objects:
    return next(item for item in box(app, role)["env"] if item["name"] == name)


# Images


@defect("image-tag", "image-not-found")
def _(app: Application) -> None:
    box(app, "web")["image"] = box(app, "web")["image"].replace("2.4.1", "2.4.l")


@defect("image-name", "image-not-found", "image-pull-unauthorized")
def _(app: Application) -> None:
    name = app.names["api"]
    box(app, "api")["image"] = box(app, "api")["image"].replace(f"/{name}:", f"/{name}-srv:")


@defect("image-registry", "image-registry-unreachable")
def _(app: Application) -> None:
    box(app, "cache")["image"] = box(app, "cache")["image"].replace(
        app.registry.partition("/")[0], "registry.intern.example"
    )


@defect("image-statefulset", "image-not-found", known=NOTHING)
def _(app: Application) -> None:
    box(app, "db")["image"] += "-alpin"


@defect("image-cronjob", "image-not-found", known=NOTHING)
def _(app: Application) -> None:
    box(app, "report")["image"] += "0"


@defect("pull-secret-missing", "image-pull-unauthorized", known=SPEC, new=True)
def _(app: Application) -> None:
    del pod(app, "Deployment/rpc")["imagePullSecrets"]


@defect("pull-secret-name", "image-pull-unauthorized", known=SPEC, new=True)
def _(app: Application) -> None:
    pod(app, "Deployment/store")["imagePullSecrets"][0]["name"] = "registry-logn"


@defect("bad-release", "bad-release", "app-crash", "readiness-probe-misconfigured", must=False)
def _(app: Application) -> None:
    from selfheal.sandbox.kubernetes.behaviour import Crash, ImageBehaviour, Port

    bad = box(app, "rpc")["image"].replace("3.0.0", "3.1.0")
    app.images[bad] = ImageBehaviour(
        ports=(Port(50051, protocol="grpc"),),
        crash=Crash(("{time} panic: runtime error: index out of range [3]",), 2),
    )
    box(app, "rpc")["image"] = bad


# References to configuration


@defect("configmap-name", "config-ref-missing", known=SPEC)
def _(app: Application) -> None:
    box(app, "web")["envFrom"][0]["configMapRef"]["name"] = f"{app.name('web')}-cfg"


@defect("configmap-key", "config-key-missing", known=SPEC)
def _(app: Application) -> None:
    env(app, "api", "REGION")["valueFrom"]["configMapKeyRef"]["key"] = "REGOIN"


@defect("configmap-key-renamed", "config-key-missing", known=SPEC)
def _(app: Application) -> None:
    data = app.objects["ConfigMap/api"]["data"]
    app.objects["ConfigMap/api"]["data"] = {("REGIO" if k == "REGION" else k): v for k, v in data.items()}


@defect("configmap-volume-name", "config-ref-missing", known=SPEC)
def _(app: Application) -> None:
    pod(app, "Deployment/store")["volumes"][1]["configMap"]["name"] = f"{app.name('store')}-limit"


@defect("secret-volume-name", "config-ref-missing", known=SPEC)
def _(app: Application) -> None:
    pod(app, "Deployment/api")["volumes"][0]["secret"]["secretName"] = f"{app.name('api')}-signin"


@defect("secret-key", "config-key-missing", known=SPEC)
def _(app: Application) -> None:
    env(app, "api", "DB_PASSWORD")["valueFrom"]["secretKeyRef"]["key"] = "pasword"


@defect("secret-name-statefulset", "config-ref-missing", known=SPEC)
def _(app: Application) -> None:
    env(app, "db", "PGPASSWORD")["valueFrom"]["secretKeyRef"]["name"] = f"{app.name('db')}-logn"


@defect("config-content", "config-content-invalid", known=NOTHING, new=True)
def _(app: Application) -> None:
    data = app.objects["ConfigMap/worker"]["data"]
    data["worker.yaml"] = data["worker.yaml"].replace("    retries: 5\n", "   retries: 5\n")


@defect("config-content-json", "config-content-invalid", known=NOTHING, new=True)
def _(app: Application) -> None:
    data = app.objects["ConfigMap/store"]["data"]
    data["limits.json"] = data["limits.json"].replace('"20MB",', '"20MB"')


@defect("configmap-value", "env-var-invalid", "config-content-invalid", known=NOTHING, new=True)
def _(app: Application) -> None:
    app.objects["ConfigMap/api"]["data"]["REGION"] = "nroth"


@defect("subpath", "volume-mount-invalid", "config-content-invalid", "config-key-missing")
def _(app: Application) -> None:
    box(app, "worker")["volumeMounts"][0]["subPath"] = "worker.yml"


@defect("mount-path", "config-content-invalid", "volume-mount-invalid", "app-crash", "config-ref-missing")
def _(app: Application) -> None:
    box(app, "store")["volumeMounts"][1]["mountPath"] = "/etc/stores"


# Variables


@defect("env-value", "env-var-invalid")
def _(app: Application) -> None:
    env(app, "api", "POOL_SIZE")["value"] = "2o"


@defect("env-missing", "env-var-invalid")
def _(app: Application) -> None:
    box(app, "web")["env"] = [item for item in box(app, "web")["env"] if item["name"] != "SESSION_TTL"]


@defect("env-name", "env-var-invalid")
def _(app: Application) -> None:
    env(app, "web", "LOG_LEVEL")["name"] = "LOG_LEVLE"


@defect("env-shadowed", "env-var-invalid")
def _(app: Application) -> None:
    box(app, "worker")["env"].append({"name": "BATCH", "value": "many"})


@defect("env-enum", "env-var-invalid")
def _(app: Application) -> None:
    env(app, "web", "LOG_LEVEL")["value"] = "verbos"


@defect("env-daemonset", "env-var-invalid", known=NOTHING)
def _(app: Application) -> None:
    env(app, "agent", "INTERVAL")["value"] = "15 sec"


@defect("env-cronjob", "env-var-invalid", "job-failed", known=NOTHING)
def _(app: Application) -> None:
    env(app, "report", "LIMIT")["value"] = "5OO"


@defect("dependency-host", "dependency-unreachable", known=SPEC)
def _(app: Application) -> None:
    name = app.host("db")
    env(app, "api", "DATABASE_URL")["value"] = f"postgres://{name[:-1]}:5432/main"


@defect("dependency-port", "dependency-unreachable", known=SPEC)
def _(app: Application) -> None:
    env(app, "api", "DATABASE_URL")["value"] = f"postgres://{app.host('db')}:5433/main"


@defect("dependency-host-plain", "dependency-unreachable", known=SPEC)
def _(app: Application) -> None:
    env(app, "worker", "QUEUE_ADDR")["value"] = f"{app.host('cache')}s:6379"


@defect("dependency-job", "dependency-unreachable", "job-failed", known=SPEC, new=True)
def _(app: Application) -> None:
    env(app, "migrate", "DB_ADDR")["value"] = f"{app.host('db')}:5423"


# Commands


@defect("command", "command-invalid")
def _(app: Application) -> None:
    box(app, "worker")["command"] = ["/usr/bin/workr"]


@defect("args", "command-invalid", "app-crash")
def _(app: Application) -> None:
    box(app, "worker")["args"][1] = "--quue=default"


@defect("args-job", "job-failed", "command-invalid", known=NOTHING, new=True)
def _(app: Application) -> None:
    box(app, "migrate")["args"][1] = "--wiat=30s"


@defect("args-cronjob", "job-failed", "command-invalid", "cronjob-invalid", known=NOTHING)
def _(app: Application) -> None:
    box(app, "report")["args"][1] = "--fromat=csv"


# Services


@defect("service-target-port", "service-port-mismatch", known=SPEC)
def _(app: Application) -> None:
    app.objects["Service/api"]["spec"]["ports"][0]["targetPort"] = 9090


@defect("service-target-name", "service-port-mismatch", known=SPEC)
def _(app: Application) -> None:
    app.objects["Service/web"]["spec"]["ports"][0]["targetPort"] = "htpp"


@defect("service-target-two-ports", "service-port-mismatch", known=SPEC)
def _(app: Application) -> None:
    app.objects["Service/rpc"]["spec"]["ports"][0]["targetPort"] = "gprc"


@defect("service-port", "service-port-mismatch", "dependency-unreachable", known=SPEC, must=False)
def _(app: Application) -> None:
    app.objects["Service/cache"]["spec"]["ports"][0]["port"] = 6378


@defect("service-selector", "service-selector-mismatch", known=SPEC)
def _(app: Application) -> None:
    app.objects["Service/store"]["spec"]["selector"]["app.kubernetes.io/name"] += "s"


@defect("service-selector-other", "service-selector-mismatch", known=SPEC)
def _(app: Application) -> None:
    app.objects["Service/api"]["spec"]["selector"]["app.kubernetes.io/name"] = (
        app.name("api").replace("-", "_") + "1"
    )


@defect("service-protocol", "service-protocol-mismatch", known=SPEC)
def _(app: Application) -> None:
    app.objects["Service/db"]["spec"]["ports"][0]["protocol"] = "UDP"


# Probes


@defect("readiness-port", "readiness-probe-misconfigured")
def _(app: Application) -> None:
    box(app, "store")["readinessProbe"]["httpGet"]["port"] = 8001


@defect("readiness-port-name", "readiness-probe-misconfigured")
def _(app: Application) -> None:
    box(app, "web")["readinessProbe"]["httpGet"]["port"] = "https"


@defect("readiness-path", "readiness-probe-misconfigured")
def _(app: Application) -> None:
    box(app, "web")["readinessProbe"]["httpGet"]["path"] = "/redy"


@defect("readiness-scheme", "readiness-probe-misconfigured", known=SPEC)
def _(app: Application) -> None:
    box(app, "web")["readinessProbe"]["httpGet"]["scheme"] = "HTTPS"


@defect("readiness-grpc", "readiness-probe-misconfigured")
def _(app: Application) -> None:
    box(app, "rpc")["readinessProbe"]["grpc"]["port"] = 50052


@defect("readiness-tcp-statefulset", "readiness-probe-misconfigured", known=SPEC)
def _(app: Application) -> None:
    box(app, "db")["readinessProbe"]["tcpSocket"]["port"] = 5433


@defect("liveness-port", "liveness-probe-misconfigured")
def _(app: Application) -> None:
    box(app, "cache")["livenessProbe"]["tcpSocket"]["port"] = 6380


@defect("liveness-path", "liveness-probe-misconfigured")
def _(app: Application) -> None:
    box(app, "store")["livenessProbe"]["httpGet"]["path"] = "/healthz"


#: The program takes 45 s to start; five minutes are what a startup probe may give.
PATIENT = ("/startupProbe/failureThreshold", lambda value: isinstance(value, int) and 9 <= value <= 60)
HEALTHY = ("/startupProbe/httpGet/path", lambda value: value in ("/health/live", "/health/ready"))


@defect("startup-missing", "startup-probe-missing", "liveness-probe-misconfigured", sound=(PATIENT, HEALTHY))
def _(app: Application) -> None:
    del box(app, "api")["startupProbe"]


@defect("startup-too-short", "startup-probe-missing", "liveness-probe-misconfigured", sound=(PATIENT,))
def _(app: Application) -> None:
    box(app, "api")["startupProbe"]["failureThreshold"] = 2


# Sizes


def within(least: str, most: str) -> Callable[[Any], bool]:
    """Whether an amount is what the program needs at least, and no more than a raise or the namespace allows."""
    low, high = quantity(least), quantity(most)
    assert low is not None and high is not None
    return lambda value: (amount := quantity(value)) is not None and low <= amount <= high


@defect("memory-limit", "oom-killed", sound=(("/limits/memory", within("70Mi", "112Mi")),))
def _(app: Application) -> None:
    box(app, "store")["resources"]["limits"]["memory"] = "56Mi"


@defect("memory-limit-api", "oom-killed", sound=(("/limits/memory", within("150Mi", "192Mi")),))
def _(app: Application) -> None:
    box(app, "api")["resources"]["limits"]["memory"] = "96Mi"


@defect(
    "memory-unit",
    "oom-killed",
    "resources-unschedulable",
    "rollout-stuck",
    "limit-range-violated",
    must=False,
)
def _(app: Application) -> None:
    box(app, "rpc")["resources"]["limits"]["memory"] = "128M"
    box(app, "rpc")["resources"]["requests"]["memory"] = "64Gi"


@defect("cpu-request-typo", "resources-unschedulable", "quota-exceeded")
def _(app: Application) -> None:
    box(app, "worker")["resources"]["requests"]["cpu"] = "25"


@defect("cpu-request-big", "resources-unschedulable", "quota-exceeded")
def _(app: Application) -> None:
    box(app, "cache")["resources"]["requests"]["cpu"] = "50"


@defect("limit-range", "limit-range-violated", sound=(("/limits/memory", within("70Mi", "2Gi")),))
def _(app: Application) -> None:
    box(app, "store")["resources"]["limits"]["memory"] = "16Gi"


@defect("quota-replicas", "quota-exceeded", known=NOTHING, must=False)
def _(app: Application) -> None:
    app.objects["Deployment/cache"]["spec"]["replicas"] = 90


@defect("quota-lowered", "quota-exceeded", known=NOTHING, never=True)
def _(app: Application) -> None:
    app.objects["ResourceQuota/all"]["spec"]["hard"]["requests.memory"] = "1Gi"
    box(app, "store")["env"] = [{"name": "VERBOSE", "value": "1"}]


# Placement


@defect("node-selector", "node-selector-mismatch")
def _(app: Application) -> None:
    pod(app, "Deployment/worker")["nodeSelector"]["pool"] = "bacth"


@defect("node-affinity", "node-affinity-mismatch", "node-selector-mismatch")
def _(app: Application) -> None:
    affinity = pod(app, "Deployment/worker")["affinity"]["nodeAffinity"]
    affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"][0]["matchExpressions"][0][
        "values"
    ] = ["sdd"]


@defect("toleration", "taint-not-tolerated")
def _(app: Application) -> None:
    del pod(app, "Deployment/worker")["tolerations"]


@defect("toleration-value", "taint-not-tolerated")
def _(app: Application) -> None:
    pod(app, "Deployment/worker")["tolerations"][0]["value"] = "btch"


@defect("anti-affinity-replicas", "pod-anti-affinity-conflict", known=NOTHING, must=False)
def _(app: Application) -> None:
    app.objects["Deployment/web"]["spec"]["replicas"] = 6


@defect("topology-key", "topology-spread-conflict")
def _(app: Application) -> None:
    pod(app, "Deployment/web")["topologySpreadConstraints"][0]["topologyKey"] = "topology.kubernetes.io/zones"


# Storage


@defect("claim-class", "pvc-storage-class-missing", known=SPEC, must=False)
def _(app: Application) -> None:
    app.objects["PersistentVolumeClaim/store"]["spec"]["storageClassName"] = "fast-sdd"


@defect("claim-class-template", "pvc-storage-class-missing", known=SPEC, must=False)
def _(app: Application) -> None:
    app.objects["StatefulSet/db"]["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"] = "fast-sdd"


@defect(
    "claim-name",
    "config-ref-missing",
    "pvc-binding-mismatch",
    "volume-mount-invalid",
    "pvc-storage-class-missing",
    known=SPEC,
)
def _(app: Application) -> None:
    pod(app, "Deployment/store")["volumes"][0]["persistentVolumeClaim"]["claimName"] = (
        f"{app.name('store')}-fils"
    )


@defect("fs-group", "volume-permission-denied")
def _(app: Application) -> None:
    del pod(app, "Deployment/store")["securityContext"]["fsGroup"]


@defect(
    "read-only-root",
    "security-context-invalid",
    "volume-permission-denied",
    "volume-mount-invalid",
    must=False,
)
def _(app: Application) -> None:
    box(app, "store")["securityContext"] = {"readOnlyRootFilesystem": True}
    app.images[box(app, "store")["image"]] = app.images[box(app, "store")["image"]].__class__(
        **{**app.images[box(app, "store")["image"]].__dict__, "writes": ("/srv/files", "/tmp")}
    )


@defect("non-root", "security-context-invalid")
def _(app: Application) -> None:
    del pod(app, "Deployment/web")["securityContext"]["runAsUser"]
    app.images[box(app, "web")["image"]] = app.images[box(app, "web")["image"]].__class__(
        **{**app.images[box(app, "web")["image"]].__dict__, "user": "0"}
    )


# Scaling, budgets, access


@defect("hpa-target", "hpa-misconfigured", known=SPEC)
def _(app: Application) -> None:
    app.objects["HorizontalPodAutoscaler/api"]["spec"]["scaleTargetRef"]["name"] += "s"


@defect("hpa-request", "hpa-misconfigured")
def _(app: Application) -> None:
    del box(app, "api")["resources"]["requests"]["cpu"]
    del box(app, "api")["resources"]["limits"]["cpu"]


@defect("hpa-bounds", "hpa-misconfigured", known=NOTHING, must=False)
def _(app: Application) -> None:
    app.objects["HorizontalPodAutoscaler/api"]["spec"]["minReplicas"] = 20


@defect("pdb", "pdb-blocking", known=NOTHING, equal=(("/spec/minAvailable", (1,)),), must=False)
def _(app: Application) -> None:
    app.objects["PodDisruptionBudget/web"]["spec"]["minAvailable"] = 2


@defect("rbac-verb", "rbac-forbidden", known=SPEC, must=False)
def _(app: Application) -> None:
    app.objects["Role/operator"]["rules"][1]["verbs"].remove("update")


@defect("rbac-resource", "rbac-forbidden", known=SPEC, must=False)
def _(app: Application) -> None:
    app.objects["Role/operator"]["rules"][1]["resources"] = ["configmap"]


@defect("rbac-subject", "rbac-forbidden", known=SPEC)
def _(app: Application) -> None:
    app.objects["RoleBinding/operator"]["subjects"][0]["name"] += "-sa"


@defect("rbac-role", "rbac-forbidden", known=SPEC)
def _(app: Application) -> None:
    app.objects["RoleBinding/operator"]["roleRef"]["name"] += "s"


@defect("service-account", "service-account-missing", known=SPEC)
def _(app: Application) -> None:
    pod(app, "Deployment/operator")["serviceAccountName"] = app.name("operator")[:-1]


@defect("policy-port", "network-policy-blocking", known=SPEC)
def _(app: Application) -> None:
    app.objects["NetworkPolicy/db"]["spec"]["ingress"][0]["ports"][0]["port"] = 5433


@defect("policy-label", "network-policy-blocking", known=SPEC)
def _(app: Application) -> None:
    peer = app.objects["NetworkPolicy/db"]["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"]
    peer["app.kubernetes.io/name"] += "-svc"


@defect("ingress-service", "ingress-backend-invalid", known=SPEC)
def _(app: Application) -> None:
    path = app.objects["Ingress/web"]["spec"]["rules"][0]["http"]["paths"][0]
    path["backend"]["service"]["name"] += "s"


@defect("ingress-port", "ingress-backend-invalid", known=SPEC)
def _(app: Application) -> None:
    path = app.objects["Ingress/web"]["spec"]["rules"][0]["http"]["paths"][0]
    path["backend"]["service"]["port"]["number"] = 8080


@defect("ingress-class", "ingress-backend-invalid", known=SPEC)
def _(app: Application) -> None:
    app.objects["Ingress/web"]["spec"]["ingressClassName"] = "ngnix"


# The rest


@defect("replicas-0", "scaled-to-zero", known=NOTHING, must=False)
def _(app: Application) -> None:
    app.objects["Deployment/cache"]["spec"]["replicas"] = 0


@defect("dns-policy", "dns-misconfigured")
def _(app: Application) -> None:
    pod(app, "Deployment/worker").update(dnsPolicy="None", dnsConfig={"nameservers": ["192.0.2.53"]})


@defect("dns-policy-default", "dns-misconfigured", "dependency-unreachable")
def _(app: Application) -> None:
    pod(app, "Deployment/worker")["dnsPolicy"] = "Default"


@defect("cron-suspend", "cronjob-invalid", known=SPEC, must=False)
def _(app: Application) -> None:
    app.objects["CronJob/report"]["spec"]["suspend"] = True


@defect("cron-schedule", "cronjob-invalid", known=NOTHING, must=False)
def _(app: Application) -> None:
    app.objects["CronJob/report"]["spec"]["schedule"] = "0 25 * * *"


@defect("cron-zone", "cronjob-invalid", known=NOTHING, must=False)
def _(app: Application) -> None:
    app.objects["CronJob/report"]["spec"]["timeZone"] = "Europe/Olso"


@defect("api-version-pdb", "api-version-removed", known=SPEC)
def _(app: Application) -> None:
    app.objects["PodDisruptionBudget/web"]["apiVersion"] = "policy/v1beta1"


@defect("api-version-cronjob", "api-version-removed", known=SPEC)
def _(app: Application) -> None:
    app.objects["CronJob/report"]["apiVersion"] = "batch/v1beta1"


@defect("api-version-hpa", "api-version-removed", known=SPEC)
def _(app: Application) -> None:
    app.objects["HorizontalPodAutoscaler/api"]["apiVersion"] = "autoscaling/v2beta2"


@defect("priority-class", "rollout-stuck", "resources-unschedulable", "unknown", must=False)
def _(app: Application) -> None:
    pod(app, "Deployment/cache")["priorityClassName"] = "hihg"


@defect("scheduler-name", "scheduler-unavailable", must=False)
def _(app: Application) -> None:
    pod(app, "Deployment/cache")["schedulerName"] = "defualt-scheduler"


@defect("init-command", "init-container-failed", "command-invalid", must=False)
def _(app: Application) -> None:
    pod(app, "Deployment/rpc")["initContainers"] = [
        {"name": "warm", "image": box(app, "worker")["image"], "command": ["/usr/bin/warmup"],
         "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}}}
    ]  # fmt: skip


# What a pod is admitted with


@defect(
    "privileged", "pod-security-rejected", known=SPEC, equal=(("/securityContext", ({"privileged": False},)),)
)
def _(app: Application) -> None:
    app.around[0]["metadata"]["labels"] = {"pod-security.kubernetes.io/enforce": "baseline"}
    box(app, "rpc")["securityContext"] = {"privileged": True}


@defect("host-network", "pod-security-rejected", known=SPEC)
def _(app: Application) -> None:
    app.around[0]["metadata"]["labels"] = {"pod-security.kubernetes.io/enforce": "baseline"}
    pod(app, "Deployment/cache")["hostNetwork"] = True


# Several slips of other kinds


@defect(
    "dependency-namespace",
    "dependency-unreachable",
    known=SPEC,
    equal=(
        ("/QUEUE_ADDR/value", lambda value: value.split(".")[1] in {f"{t[0]}:6379" for t in THEMES.values()}),
    ),
)
def _(app: Application) -> None:
    env(app, "worker", "QUEUE_ADDR")["value"] = f"{app.host('cache')}.{app.namespace}s:6379"


@defect("dependency-url-path", "dependency-unreachable", "env-var-invalid", known=SPEC)
def _(app: Application) -> None:
    env(app, "web", "API_URL")["value"] = f"http://{app.host('api')}:900"


@defect("daemonset-image", "image-not-found")
def _(app: Application) -> None:
    box(app, "agent")["image"] += "-rc"


@defect("daemonset-toleration", "taint-not-tolerated", "unknown", known=NOTHING, must=False)
def _(app: Application) -> None:
    pod(app, "DaemonSet/agent")["tolerations"][0]["key"] = "dedicatd"


@defect("statefulset-class-name-claim", "pvc-storage-class-missing", known=SPEC, new=True)
def _(app: Application) -> None:
    app.objects["StatefulSet/db"]["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"] = "fast-sd"


@defect("statefulset-account", "service-account-missing", known=NOTHING)
def _(app: Application) -> None:
    pod(app, "StatefulSet/db")["serviceAccountName"] = "database"


@defect("liveness-path-slip", "liveness-probe-misconfigured", known=SPEC)
def _(app: Application) -> None:
    box(app, "store")["livenessProbe"]["httpGet"]["path"] = "/pign"


@defect("readiness-path-filler", "readiness-probe-misconfigured", known=SPEC)
def _(app: Application) -> None:
    box(app, "audit")["readinessProbe"]["httpGet"]["path"] = "/helthz"


@defect("readiness-delay", "readiness-probe-misconfigured", must=False)
def _(app: Application) -> None:
    box(app, "store")["readinessProbe"]["initialDelaySeconds"] = 6000


@defect("readiness-exec", "readiness-probe-misconfigured", must=False)
def _(app: Application) -> None:
    box(app, "cache")["readinessProbe"] = {"exec": {"command": ["/bin/redis-clii", "ping"]}}


@defect("service-target-sibling", "service-port-mismatch", known=SPEC, equal=(("/targetPort", (8080,)),))
def _(app: Application) -> None:
    app.objects["Service/audit"]["spec"]["ports"][0]["targetPort"] = 8000


@defect("service-selector-key", "service-selector-mismatch", known=SPEC)
def _(app: Application) -> None:
    selector = app.objects["Service/geo"]["spec"]["selector"]
    app.objects["Service/geo"]["spec"]["selector"] = {"app": selector["app.kubernetes.io/name"]}


@defect("service-selector-extra", "service-selector-mismatch", known=SPEC)
def _(app: Application) -> None:
    app.objects["Service/web"]["spec"]["selector"]["tier"] = "frontend"


@defect("container-port", "service-port-mismatch", "readiness-probe-misconfigured", must=False)
def _(app: Application) -> None:
    box(app, "audit")["ports"][0]["containerPort"] = 8081


@defect("port-name", "service-port-mismatch", "readiness-probe-misconfigured", known=SPEC, must=False)
def _(app: Application) -> None:
    box(app, "audit")["ports"][0]["name"] = "htpp"


@defect(
    "ingress-port-name",
    "ingress-backend-invalid",
    known=SPEC,
    equal=(("/service/port/name", ("http",)), ("/service/port/number", (None,))),
)
def _(app: Application) -> None:
    path = app.objects["Ingress/web"]["spec"]["rules"][0]["http"]["paths"][0]
    path["backend"]["service"]["port"] = {"name": "http-web"}


@defect("policy-protocol", "network-policy-blocking", known=SPEC)
def _(app: Application) -> None:
    app.objects["NetworkPolicy/db"]["spec"]["ingress"][0]["ports"][0]["protocol"] = "UDP"


@defect("hpa-kind", "hpa-misconfigured", known=SPEC)
def _(app: Application) -> None:
    app.objects["HorizontalPodAutoscaler/api"]["spec"]["scaleTargetRef"]["kind"] = "StatefulSet"


@defect("rbac-namespace", "rbac-forbidden", known=SPEC)
def _(app: Application) -> None:
    app.objects["RoleBinding/operator"]["subjects"][0]["namespace"] = "default"


@defect("service-account-none", "rbac-forbidden", known=TEMPLATE)
def _(app: Application) -> None:
    del pod(app, "Deployment/operator")["serviceAccountName"]


@defect("configmap-key-dash", "config-key-missing", known=SPEC)
def _(app: Application) -> None:
    env(app, "api", "REGION")["valueFrom"]["configMapKeyRef"]["key"] = "region"


@defect(
    "configmap-items",
    "config-key-missing",
    known=SPEC,
    equal=(("/configMap/items", ([{"key": "limits.json", "path": "limits.json"}],)),),
)
def _(app: Application) -> None:
    pod(app, "Deployment/store")["volumes"][1]["configMap"]["items"] = [
        {"key": "limit.json", "path": "limits.json"}
    ]


@defect("config-content-indent", "config-content-invalid", known=NOTHING, new=True)
def _(app: Application) -> None:
    data = app.objects["ConfigMap/worker"]["data"]
    data["worker.yaml"] = data["worker.yaml"].replace("    backoff: 2s\n", "   backoff: 2s\n")


@defect("config-content-comma", "config-content-invalid", known=SPEC, new=True)
def _(app: Application) -> None:
    data = app.objects["ConfigMap/store"]["data"]
    data["limits.json"] = data["limits.json"].replace('"png"]', '"png",]')


@defect("command-slip", "command-invalid", known=SPEC)
def _(app: Application) -> None:
    box(app, "worker")["command"] = ["/usr/bin/wroker"]


@defect(
    "init-host",
    "init-container-failed",
    "dependency-unreachable",
    known=SPEC,
    equal=(("/initContainers", lambda value: value[0]["env"][0]["value"].endswith("db:5432")),),
)
def _(app: Application) -> None:
    from selfheal.sandbox.kubernetes.behaviour import Call, ImageBehaviour, Variable

    image = f"{app.registry}/wait-for:1.2"
    app.images[image] = ImageBehaviour(
        memory="10Mi", run_seconds=2, variables=(Variable("TARGET"),), calls=(Call("$TARGET", at_start=True),)
    )
    pod(app, "Deployment/api")["initContainers"] = [
        {"name": "wait", "image": image, "env": [{"name": "TARGET", "value": f"{app.host('db')[:-1]}:5432"}],
         "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}}}
    ]  # fmt: skip


@defect("memory-request", "resources-unschedulable", "quota-exceeded")
def _(app: Application) -> None:
    box(app, "audit")["resources"] = {
        "requests": {"cpu": "50m", "memory": "64Gi"},
        "limits": {"memory": "96Gi"},
    }


@defect("node-selector-new", "node-selector-mismatch")
def _(app: Application) -> None:
    pod(app, "Deployment/cache")["nodeSelector"] = {"pool": "cache"}


@defect("replicas-zero-statefulset", "scaled-to-zero", known=NOTHING, must=False)
def _(app: Application) -> None:
    app.objects["StatefulSet/db"]["spec"]["replicas"] = 0


@defect("pull-policy-never", "image-not-found", must=False)
def _(app: Application) -> None:
    box(app, "audit")["imagePullPolicy"] = "Never"


@defect("two-ports-alike", "port-conflict", known=SPEC, must=False)
def _(app: Application) -> None:
    box(app, "rpc")["ports"][1]["hostPort"] = 8081
    app.objects["Deployment/rpc"]["spec"]["replicas"] = 6


@defect("healthy")
def _(app: Application) -> None:
    app.objects["Deployment/cache"]["spec"]["template"]["metadata"]["labels"]["release"] = "blue"


def spoiled(app: Application, item: Defect) -> Application:
    """A copy of the application with the defect in it."""
    ill = deepcopy(app)
    item.spoil(ill)
    return ill
