"""Invented applications in good health: objects as people write them, and what the images do.

Every application has the same roles (a web front, an API, a worker, a database …) under names of its own. The names
of a theme and a number decide everything, so that the same application is made again each time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from selfheal.sandbox.kubernetes.behaviour import (
    Answer,
    Call,
    File,
    ImageBehaviour,
    Memory,
    Permission,
    Port,
    Registry,
    Variable,
)
from selfheal.sandbox.kubernetes.nodes import node

Object = dict[str, Any]

#: Namespace, registry with path, and names for the roles.
THEMES: dict[str, tuple[str, str, dict[str, str]]] = {
    "library": (
        "lending",
        "registry.bookhive.example/lending",
        {
            "web": "catalogue-web", "api": "loans-api", "worker": "overdue-worker", "db": "loans-db",
            "cache": "shelf-cache", "migrate": "loans-migrate", "report": "overdue-report",
            "operator": "branch-sync", "store": "scan-store", "rpc": "availability", "agent": "kiosk-agent",
        },
    ),
    "railway": (
        "timetable",
        "ghcr.io/nordbahn",
        {
            "web": "board", "api": "departures", "worker": "delay-calculator", "db": "trackdb",
            "cache": "position-cache", "migrate": "trackdb-setup", "report": "punctuality",
            "operator": "station-controller", "store": "announcements", "rpc": "routing", "agent": "platform-agent",
        },
    ),
    "clinic": (
        "clinic-prod",
        "quay.io/medhaus/clinic",
        {
            "web": "portal", "api": "appointments", "worker": "reminder-sender", "db": "records-db",
            "cache": "session-store", "migrate": "records-schema", "report": "billing-export",
            "operator": "ward-operator", "store": "imaging-archive", "rpc": "triage", "agent": "bedside-agent",
        },
    ),
}  # fmt: skip
FILLERS = (
    "audit",
    "geo",
    "mailer",
    "search",
    "thumbs",
    "export",
    "tariffs",
    "notes",
    "webhooks",
    "tags",
    "quotes",
    "feeds",
)


@dataclass
class Application:
    """``objects`` by ``Kind/role`` (an own name where a role has several); ``images`` say how the programs behave."""

    theme: str
    namespace: str
    registry: str
    names: dict[str, str]
    prefix: str = ""
    objects: dict[str, Object] = field(default_factory=dict)
    images: dict[str, ImageBehaviour] = field(default_factory=dict)
    registries: dict[str, Registry] = field(default_factory=dict)
    hosts: set[str] = field(default_factory=set)
    nodes: list[Object] = field(default_factory=list)
    #: What stands in the cluster beside what the repository deploys: secrets, classes.
    around: list[Object] = field(default_factory=list)

    def name(self, role: str) -> str:
        return self.names.get(role, role)

    def host(self, role: str) -> str:
        """The name under which it is reached: ``prefix`` is put before the names of objects when they are rendered."""
        return self.prefix + self.name(role)

    def add(self, key: str, obj: Object) -> Object:
        self.objects[key] = obj
        return obj


def made(api: str, kind: str, name: str, **body: Any) -> Object:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}, **body}


def _labels(name: str, part: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": part}


def _size(cpu: str, memory: str, limit: str, cpu_limit: str = "") -> Object:
    limits = {"cpu": cpu_limit, "memory": limit} if cpu_limit else {"memory": limit}
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": limits}


def _http(path: str, port: Any, **more: int) -> Object:
    return {"httpGet": {"path": path, "port": port}, **more}


class Builder:
    """Adds the roles one by one."""

    def __init__(
        self, theme: str, services: int, prefix: str = "", *, namespaced: bool = True, release: str = ""
    ) -> None:
        namespace, registry, names = THEMES[theme]
        if release:
            names = {role: f"{release}-{name}" for role, name in names.items()}
        self.app = Application(theme, namespace, registry, dict(names), prefix)
        self.release = release
        self.namespaced = namespaced
        self.services = services

    def build(self) -> Application:
        app = self.app
        self._cluster()
        for role in (
            "web",
            "api",
            "worker",
            "db",
            "cache",
            "rpc",
            "store",
            "operator",
            "agent",
            "migrate",
            "report",
        ):
            getattr(self, f"_{role}")()
        self._fences()
        for number in range(max(0, self.services - 11)):
            self._filler(
                FILLERS[number % len(FILLERS)]
                + (str(number // len(FILLERS)) if number >= len(FILLERS) else "")
            )
        if self.namespaced:
            for obj in app.objects.values():
                obj["metadata"]["namespace"] = app.namespace
        return app

    def _cluster(self) -> None:
        app = self.app
        app.nodes = [
            node(f"node-{x}", cpu="8", memory="16Gi", zone=f"eu-{x}", index=i) for i, x in enumerate("abc", 1)
        ]
        batch = node("node-batch", cpu="8", memory="16Gi", zone="eu-a", index=4)
        batch["metadata"]["labels"].update({"pool": "batch", "disk": "ssd"})
        batch["spec"]["taints"] = [{"key": "dedicated", "value": "batch", "effect": "NoSchedule"}]
        app.nodes.append(batch)
        host = app.registry.partition("/")[0]
        app.registries[host] = Registry(private=True)
        secret = made("v1", "Secret", "registry-login", type="kubernetes.io/dockerconfigjson")
        secret["stringData"] = {".dockerconfigjson": f'{{"auths": {{"{host}": {{"auth": "eDp5"}}}}}}'}
        database = made("v1", "Secret", f"{app.name('db')}-login", type="Opaque")
        database["stringData"] = {"username": "svc", "password": "correct-horse"}
        signing = made(
            "v1", "Secret", f"{app.name('api')}-signing", type="Opaque", stringData={"key.pem": "PEM"}
        )
        for obj in (secret, database, signing):
            obj["metadata"]["namespace"] = app.namespace
        app.around = [
            made("v1", "Namespace", app.namespace),
            made("networking.k8s.io/v1", "IngressClass", "nginx", spec={"controller": "k8s.io/ingress-nginx"}),
            made(
                "storage.k8s.io/v1", "StorageClass", "fast-ssd", provisioner="rancher.io/local-path",
                volumeBindingMode="WaitForFirstConsumer",
            ),
            secret, database, signing,
        ]  # fmt: skip

    def _image(self, role: str, tag: str, behaviour: ImageBehaviour) -> str:
        image = f"{self.app.registry}/{self.app.names.get(role, role)}:{tag}"
        self.app.images[image] = behaviour
        return image

    def _workload(
        self, role: str, container: Object, *, kind: str = "Deployment", replicas: int = 1, pod: Object | None = None,
        **more: Any,
    ) -> Object:  # fmt: skip
        app, name = self.app, self.app.name(role)
        labels = _labels(name, app.namespace)
        spec = {"imagePullSecrets": [{"name": "registry-login"}], **(pod or {}), "containers": [container]}
        template = {"metadata": {"labels": labels}, "spec": spec}
        body: Object = {
            "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
            "template": template,
            **more,
        }
        if kind != "DaemonSet":
            body = {"replicas": replicas, **body}
        obj = made("apps/v1", kind, name, spec=body)
        obj["metadata"]["labels"] = dict(labels)
        return app.add(f"{kind}/{role}", obj)

    def _service(self, role: str, port: int, target: Any, name: str = "http", **more: Any) -> Object:
        app, own = self.app, self.app.name(role)
        ports = [{"name": name, "port": port, "targetPort": target}]
        spec = {"selector": {"app.kubernetes.io/name": own}, "ports": ports, **more}
        return app.add(f"Service/{role}", made("v1", "Service", own, spec=spec))

    def _web(self) -> None:
        app, name = self.app, self.app.name("web")
        image = self._image("web", "2.4.1", ImageBehaviour(
            memory="90Mi", ports=(Port(8080),), paths={"/ready": 200, "/alive": 200}, writes=("/tmp",),
            variables=(Variable("LOG_LEVEL", "enum", ("debug", "info", "warn")), Variable("BANNER"),
                       Variable("SESSION_TTL", "duration")),
            calls=(Call("$API_URL"),), user="10001",
        ))  # fmt: skip
        app.images[image.replace("2.4.1", "2.3.0")] = app.images[image]
        container = {
            "name": "web",
            "image": image,
            "ports": [{"name": "http", "containerPort": 8080}],
            "env": [
                {"name": "LOG_LEVEL", "value": "info"},
                {"name": "SESSION_TTL", "value": "30m"},
                {"name": "API_URL", "value": f"http://{app.host('api')}:9000"},
            ],
            "envFrom": [{"configMapRef": {"name": f"{name}-config"}}],
            "readinessProbe": _http("/ready", "http", periodSeconds=5),
            "livenessProbe": _http("/alive", "http", periodSeconds=10, failureThreshold=3),
            "resources": _size("100m", "128Mi", "192Mi"),
            "securityContext": {"readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False},
            "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}],
        }
        term = {
            "labelSelector": {"matchLabels": {"app.kubernetes.io/name": name}},
            "topologyKey": "kubernetes.io/hostname",
        }
        pod = {
            "securityContext": {"runAsNonRoot": True, "runAsUser": 10001},
            "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}},
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "topology.kubernetes.io/zone",
                    "whenUnsatisfiable": "DoNotSchedule",
                    "labelSelector": {"matchLabels": {"app.kubernetes.io/name": name}},
                }
            ],
            "volumes": [{"name": "scratch", "emptyDir": {}}],
        }
        self._workload(
            "web",
            container,
            replicas=2,
            pod=pod,
            strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
        )
        app.add(
            "ConfigMap/web",
            made("v1", "ConfigMap", f"{name}-config", data={"BANNER": "Welcome", "THEME": "plain"}),
        )
        self._service("web", 80, "http")
        backend = {"service": {"name": name, "port": {"number": 80}}}
        paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
        rules = [{"host": f"{app.names['web']}.example.org", "http": {"paths": paths}}]
        app.add("Ingress/web", made(
            "networking.k8s.io/v1", "Ingress", name, spec={"ingressClassName": "nginx", "rules": rules}
        ))  # fmt: skip
        app.add("PodDisruptionBudget/web", made(
            "policy/v1", "PodDisruptionBudget", name,
            spec={"minAvailable": 1, "selector": {"matchLabels": {"app.kubernetes.io/name": name}}},
        ))  # fmt: skip

    def _api(self) -> None:
        app, name = self.app, self.app.name("api")
        image = self._image("api", "1.18.3", ImageBehaviour(
            memory="150Mi", ports=(Port(9000),), startup_seconds=45, user="1000",
            paths={"/health/ready": Answer(needs=("$DATABASE_URL",)), "/health/live": 200, "/health/started": 200},
            variables=(Variable("POOL_SIZE", "int"), Variable("DATABASE_URL", "url"), Variable("CACHE_ADDR"),
                       Variable("REGION", "enum", ("north", "south"))),
            files=(File("/etc/signing/key.pem"),),
            calls=(Call("$DATABASE_URL"), Call("$CACHE_ADDR")),
        ))  # fmt: skip
        app.images[image.replace("1.18.3", "1.17.9")] = app.images[image]
        env = [
            {"name": "POOL_SIZE", "value": "20"},
            {"name": "DATABASE_URL", "value": f"postgres://{app.host('db')}:5432/main"},
            {
                "name": "DB_PASSWORD",
                "valueFrom": {"secretKeyRef": {"name": f"{app.name('db')}-login", "key": "password"}},
            },
            {"name": "CACHE_ADDR", "value": f"{app.host('cache')}:6379"},
            {
                "name": "REGION",
                "valueFrom": {"configMapKeyRef": {"name": f"{name}-settings", "key": "REGION"}},
            },
        ]
        container = {
            "name": "api",
            "image": image,
            "ports": [{"name": "api", "containerPort": 9000}],
            "env": env,
            "startupProbe": _http("/health/started", 9000, periodSeconds=5, failureThreshold=12),
            "readinessProbe": _http("/health/ready", 9000, periodSeconds=5),
            "livenessProbe": _http("/health/live", 9000, periodSeconds=10, timeoutSeconds=2),
            "resources": _size("200m", "64Mi", "384Mi", "500m"),
            "volumeMounts": [{"name": "signing", "mountPath": "/etc/signing", "readOnly": True}],
        }
        pod = {"volumes": [{"name": "signing", "secret": {"secretName": f"{name}-signing"}}]}
        self._workload("api", container, replicas=2, pod=pod)
        app.add(
            "ConfigMap/api",
            made("v1", "ConfigMap", f"{name}-settings", data={"REGION": "north", "CURRENCY": "EUR"}),
        )
        self._service("api", 9000, 9000, "api")
        metric = {
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
        }
        reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        app.add("HorizontalPodAutoscaler/api", made(
            "autoscaling/v2", "HorizontalPodAutoscaler", name,
            spec={"scaleTargetRef": reference, "minReplicas": 2, "maxReplicas": 5, "metrics": [metric]},
        ))  # fmt: skip

    def _worker(self) -> None:
        app, name = self.app, self.app.name("worker")
        image = self._image("worker", "0.9.7", ImageBehaviour(
            memory=Memory("60Mi", {"BATCH": "1Mi"}), entrypoint="/usr/bin/worker", commands=frozenset({"/usr/bin/worker"}),
            known_flags=("--queue", "--verbose"), variables=(Variable("BATCH", "int"),),
            files=(File("/etc/worker/worker.yaml", "yaml"),), calls=(Call("$QUEUE_ADDR"),),
        ))  # fmt: skip
        container = {
            "name": "worker",
            "image": image,
            "command": ["/usr/bin/worker"],
            "args": ["consume", "--queue=default", "--verbose"],
            "env": [
                {"name": "BATCH", "value": "40"},
                {"name": "QUEUE_ADDR", "value": f"{app.host('cache')}:6379"},
            ],
            "resources": _size("250m", "128Mi", "256Mi"),
            "volumeMounts": [
                {"name": "config", "mountPath": "/etc/worker/worker.yaml", "subPath": "worker.yaml"},
                {"name": "spool", "mountPath": "/var/spool/worker"},
            ],
        }
        expression = {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}
        wanted = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [expression]}}
        pod = {
            "nodeSelector": {"pool": "batch"},
            "tolerations": [
                {"key": "dedicated", "operator": "Equal", "value": "batch", "effect": "NoSchedule"}
            ],
            "affinity": {"nodeAffinity": wanted},
            "volumes": [
                {"name": "config", "configMap": {"name": f"{name}-config"}},
                {"name": "spool", "emptyDir": {}},
            ],
        }
        self._workload("worker", container, pod=pod)
        text = "queues:\n  default:\n    retries: 5\n    backoff: 2s\nmetrics:\n  enabled: true\n"
        app.add("ConfigMap/worker", made("v1", "ConfigMap", f"{name}-config", data={"worker.yaml": text}))

    def _db(self) -> None:
        name = self.app.name("db")
        image = self._image("db", "16.2", ImageBehaviour(
            memory="180Mi", ports=(Port(5432, protocol="tcp"),), user="999", writes=("/var/lib/data",),
        ))  # fmt: skip
        container = {
            "name": "db",
            "image": image,
            "ports": [{"name": "sql", "containerPort": 5432}],
            "env": [
                {
                    "name": "PGPASSWORD",
                    "valueFrom": {"secretKeyRef": {"name": f"{name}-login", "key": "password"}},
                }
            ],
            "readinessProbe": {"tcpSocket": {"port": 5432}, "periodSeconds": 5},
            "resources": _size("250m", "256Mi", "512Mi"),
            "volumeMounts": [{"name": "data", "mountPath": "/var/lib/data"}],
        }
        claim = {
            "metadata": {"name": "data"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "fast-ssd",
                "resources": {"requests": {"storage": "5Gi"}},
            },
        }
        pod = {"securityContext": {"runAsUser": 999, "runAsGroup": 999, "fsGroup": 999}}
        self._workload(
            "db", container, kind="StatefulSet", pod=pod, serviceName=name, volumeClaimTemplates=[claim]
        )
        self._service("db", 5432, "sql", "sql")

    def _cache(self) -> None:
        image = self._image(
            "cache", "7.2.4", ImageBehaviour(memory="40Mi", ports=(Port(6379, protocol="tcp"),))
        )
        container = {
            "name": "cache",
            "image": image,
            "ports": [{"name": "tcp", "containerPort": 6379}],
            "readinessProbe": {"tcpSocket": {"port": 6379}},
            "livenessProbe": {"tcpSocket": {"port": 6379}, "initialDelaySeconds": 5},
            "resources": _size("50m", "64Mi", "128Mi"),
        }
        self._workload("cache", container)
        self._service("cache", 6379, 6379, "tcp")

    def _rpc(self) -> None:
        image = self._image("rpc", "3.0.0", ImageBehaviour(memory="50Mi", ports=(Port(50051, protocol="grpc"), Port(8081)),
                                                            paths={"/metrics": 200}))  # fmt: skip
        container = {
            "name": "rpc",
            "image": image,
            "ports": [{"name": "grpc", "containerPort": 50051}, {"name": "metrics", "containerPort": 8081}],
            "readinessProbe": {"grpc": {"port": 50051}, "periodSeconds": 5},
            "resources": _size("50m", "64Mi", "128Mi"),
        }
        self._workload("rpc", container)
        self._service("rpc", 50051, "grpc", "grpc")

    def _store(self) -> None:
        app, name = self.app, self.app.name("store")
        image = self._image("store", "1.4.0", ImageBehaviour(
            memory="70Mi", ports=(Port(8000),), paths={"/ping": 200}, user="2000", writes=("/srv/files",),
            files=(File("/etc/store/limits.json", "json"),),
        ))  # fmt: skip
        container = {
            "name": "store",
            "image": image,
            "ports": [{"containerPort": 8000}],
            "readinessProbe": _http("/ping", 8000, periodSeconds=5),
            "livenessProbe": _http("/ping", 8000, initialDelaySeconds=5),
            "resources": _size("100m", "48Mi", "160Mi"),
            "volumeMounts": [
                {"name": "files", "mountPath": "/srv/files"},
                {"name": "limits", "mountPath": "/etc/store"},
            ],
        }
        pod = {
            "securityContext": {"runAsUser": 2000, "fsGroup": 2000},
            "volumes": [
                {"name": "files", "persistentVolumeClaim": {"claimName": f"{name}-files"}},
                {"name": "limits", "configMap": {"name": f"{name}-limits"}},
            ],
        }
        self._workload("store", container, pod=pod, strategy={"type": "Recreate"})
        app.add("ConfigMap/store", made(
            "v1", "ConfigMap", f"{name}-limits", data={"limits.json": '{"maxUpload": "20MB", "types": ["pdf", "png"]}\n'}
        ))  # fmt: skip
        claim = {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "fast-ssd",
            "resources": {"requests": {"storage": "10Gi"}},
        }
        app.add(
            "PersistentVolumeClaim/store", made("v1", "PersistentVolumeClaim", f"{name}-files", spec=claim)
        )
        self._service("store", 80, 8000)

    def _operator(self) -> None:
        app, name = self.app, self.app.name("operator")
        image = self._image("operator", "0.3.2", ImageBehaviour(
            memory="50Mi", ports=(Port(8080),), paths={"/healthz": 200},
            permissions=(Permission("list", "pods"), Permission("update", "configmaps")),
        ))  # fmt: skip
        container = {
            "name": "operator",
            "image": image,
            "ports": [{"name": "probes", "containerPort": 8080}],
            "readinessProbe": _http("/healthz", "probes"),
            "resources": _size("50m", "64Mi", "128Mi"),
        }
        self._workload("operator", container, pod={"serviceAccountName": name})
        app.add("ServiceAccount/operator", made("v1", "ServiceAccount", name))
        rules = [
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "update"]},
        ]
        rbac = "rbac.authorization.k8s.io"
        app.add("Role/operator", made(f"{rbac}/v1", "Role", name, rules=rules))
        subject = {"kind": "ServiceAccount", "name": name, "namespace": app.namespace}
        reference = {"apiGroup": rbac, "kind": "Role", "name": name}
        app.add(
            "RoleBinding/operator",
            made(f"{rbac}/v1", "RoleBinding", name, roleRef=reference, subjects=[subject]),
        )

    def _agent(self) -> None:
        image = self._image(
            "agent", "2.0.5", ImageBehaviour(memory="30Mi", variables=(Variable("INTERVAL", "duration"),))
        )
        container = {
            "name": "agent",
            "image": image,
            "env": [{"name": "INTERVAL", "value": "15s"}],
            "resources": _size("20m", "32Mi", "64Mi"),
        }
        pod = {"tolerations": [{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}]}
        self._workload("agent", container, kind="DaemonSet", pod=pod)

    def _job_pod(self, role: str, container: Object) -> Object:
        spec = {
            "restartPolicy": "Never",
            "imagePullSecrets": [{"name": "registry-login"}],
            "containers": [container],
        }
        return {"metadata": {"labels": _labels(self.app.name(role), self.app.namespace)}, "spec": spec}

    def _migrate(self) -> None:
        app, name = self.app, self.app.name("migrate")
        image = self._image("migrate", "1.18.3", ImageBehaviour(
            memory="40Mi", run_seconds=4, known_flags=("--wait", "--steps"), entrypoint="/migrate",
            variables=(Variable("DB_ADDR"),), calls=(Call("$DB_ADDR", at_start=True, patience=60),),
        ))  # fmt: skip
        container = {
            "name": "migrate",
            "image": image,
            "args": ["up", "--wait=30s"],
            "env": [{"name": "DB_ADDR", "value": f"{app.host('db')}:5432"}],
            "resources": _size("50m", "64Mi", "128Mi"),
        }
        spec = {"backoffLimit": 2, "template": self._job_pod("migrate", container)}
        app.add("Job/migrate", made("batch/v1", "Job", name, spec=spec))

    def _report(self) -> None:
        app, name = self.app, self.app.name("report")
        image = self._image("report", "5.1.0", ImageBehaviour(
            memory="60Mi", run_seconds=3, known_flags=("--format",), variables=(Variable("LIMIT", "int"),)
        ))  # fmt: skip
        container = {
            "name": "report",
            "image": image,
            "args": ["nightly", "--format=csv"],
            "env": [{"name": "LIMIT", "value": "500"}],
            "resources": _size("50m", "96Mi", "128Mi"),
        }
        job = {"spec": {"backoffLimit": 1, "template": self._job_pod("report", container)}}
        spec = {
            "schedule": "*/2 * * * *",
            "timeZone": "Europe/Oslo",
            "concurrencyPolicy": "Forbid",
            "jobTemplate": job,
        }
        app.add("CronJob/report", made("batch/v1", "CronJob", name, spec=spec))

    def _fences(self) -> None:
        app = self.app

        def chosen(role: str) -> Object:
            return {"matchLabels": {"app.kubernetes.io/name": app.name(role)}}

        callers = [{"podSelector": chosen("api")}, {"podSelector": chosen("migrate")}]
        rule = {"from": callers, "ports": [{"protocol": "TCP", "port": 5432}]}
        app.add("NetworkPolicy/db", made(
            "networking.k8s.io/v1", "NetworkPolicy", app.name("db"),
            spec={"podSelector": chosen("db"), "policyTypes": ["Ingress"], "ingress": [rule]},
        ))  # fmt: skip
        hard = {"requests.cpu": "32", "requests.memory": "12Gi", "pods": "60", "persistentvolumeclaims": "10"}
        app.add(
            "ResourceQuota/all", made("v1", "ResourceQuota", f"{app.namespace}-quota", spec={"hard": hard})
        )
        limit = {"type": "Container", "max": {"memory": "2Gi"}, "default": {"memory": "256Mi"},
                 "defaultRequest": {"memory": "64Mi"}}  # fmt: skip
        app.add("LimitRange/all", made("v1", "LimitRange", "defaults", spec={"limits": [limit]}))

    def _filler(self, role: str) -> None:
        if self.release:
            self.app.names[role] = f"{self.release}-{role}"
        image = self._image(
            role, "1.0.0", ImageBehaviour(memory="40Mi", ports=(Port(8080),), paths={"/healthz": 200})
        )
        container = {
            "name": "app",
            "image": image,
            "ports": [{"name": "http", "containerPort": 8080}],
            "readinessProbe": _http("/healthz", "http"),
            "resources": _size("50m", "64Mi", "96Mi"),
        }
        self._workload(role, container)
        self._service(role, 80, "http")


def build(
    theme: str, services: int, prefix: str = "", *, namespaced: bool = True, release: str = ""
) -> Application:
    """The healthy application of a theme with about that many services."""
    return Builder(theme, services, prefix, namespaced=namespaced, release=release).build()
