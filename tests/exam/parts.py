"""Builders for the two invented applications: a program with its workload, Service, account and behaviour."""

from __future__ import annotations

import base64
import copy
from dataclasses import dataclass, field
from typing import Any

from selfheal.sandbox.kubernetes.behaviour import Answer, Call, ImageBehaviour, Port, Variable
from tests.exam.words import CRASH, INVALID, MISSING, STARTED, STEADY

Object = dict[str, Any]

#: How a program says that a call failed; the dump puts it into the words of its language.
FAILED = "{time}@@{target}@@{error}"
NEWER = "next"
#: What an invented release does: the tag, and how its behaviour differs.
DEFECTIVE, SLOW, FAT = "-defective", "-slow", "-fat"


@dataclass
class Part:
    """One program. ``calls`` maps what it calls to the variable that holds the address."""

    name: str
    lang: str
    port: int
    role: str
    image: str
    kind: str = "Deployment"
    protocol: str = "http"
    calls: dict[str, str] = field(default_factory=dict)
    store: str = ""
    service_port: int = 0

    @property
    def front(self) -> int:
        return self.service_port or self.port


@dataclass
class Application:
    """Objects by (kind, name), behaviours by image, parts by name."""

    namespace: str
    registry: str
    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    images: dict[str, ImageBehaviour] = field(default_factory=dict)
    parts: dict[str, Part] = field(default_factory=dict)
    hosts: set[str] = field(default_factory=set)

    def add(self, obj: Object) -> Object:
        if obj["kind"] not in CLUSTER_WIDE:
            obj["metadata"].setdefault("namespace", self.namespace)
        self.objects[obj["kind"], obj["metadata"]["name"]] = obj
        return obj

    def workload(self, name: str) -> Object:
        return self.objects[self.parts[name].kind, name]

    def template(self, name: str) -> Object:
        return self.workload(name)["spec"]["template"]

    def pod(self, name: str) -> Object:
        return self.template(name)["spec"]

    def container(self, name: str) -> Object:
        return self.pod(name)["containers"][0]

    def copied(self) -> Application:
        return Application(
            self.namespace,
            self.registry,
            copy.deepcopy(self.objects),
            dict(self.images),
            self.parts,
            set(self.hosts),
        )

    def config(self, name: str, **data: str) -> Object:
        return self.add({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})

    def secret(self, name: str, kind: str = "Opaque", **data: str) -> Object:
        held = {
            key.replace("__", "."): base64.b64encode(value.encode()).decode() for key, value in data.items()
        }
        return self.add(
            {"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": {"name": name}, "data": held}
        )

    def service(
        self, name: str, port: int, target: Any, *, headless: bool = False, port_name: str = ""
    ) -> Object:
        entry: Object = {"port": port, "targetPort": target, "protocol": "TCP"}
        if port_name:
            entry["name"] = port_name
        spec: Object = {"selector": {"app": name}, "ports": [entry]}
        if headless:
            spec["clusterIP"] = "None"
        return self.add(
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": name, "labels": {"app": name}},
                "spec": spec,
            }
        )


CLUSTER_WIDE = (
    "Namespace",
    "Node",
    "PersistentVolume",
    "StorageClass",
    "IngressClass",
    "ValidatingWebhookConfiguration",
    "ClusterRole",
    "ClusterRoleBinding",
)
STORES = ("redis", "postgres", "mysql", "mongo", "rabbitmq")


def program(
    app: Application,
    name: str,
    lang: str,
    port: int,
    *,
    role: str,
    calls: dict[str, str] | None = None,
    protocol: str = "http",
    kind: str = "Deployment",
    replicas: int = 1,
    memory: str = "70Mi",
    limit: str = "160Mi",
    cpu: str = "40m",
    path: str = "/healthz",
    service: bool = True,
    service_port: int = 0,
    named: bool = False,
    startup: float = 2.0,
    env: dict[str, str] | None = None,
    env_from: Object | None = None,
    secret: str = "",
    variables: tuple[Variable, ...] = (),
    files: tuple[Any, ...] = (),
    mounts: tuple[tuple[str, str, Object], ...] = (),
    liveness: bool = True,
    command: list[str] | None = None,
    **behaviour: Any,
) -> Part:
    """A program of our own, with the releases that injections may roll out."""
    image = f"{app.registry}/{name}:v1.4.2"
    calls = calls or {}
    stores = {
        callee: app.parts[callee]
        for callee in calls
        if callee in app.parts and app.parts[callee].lang in STORES
    }
    called = tuple(
        Call(
            f"${variable}" if variable else f"{callee}:80",
            at_start=callee in stores,
            exit_code=1,
            failed=FAILED,
            user="DB_USER" if callee in stores else "",
            password="DB_PASSWORD" if callee in stores else "",
            connections="DB_POOL_SIZE" if callee in stores else "1",
            writes=callee in stores,
        )
        for callee, variable in calls.items()
    )
    needed = tuple(Variable(v, missing=MISSING.get(lang, MISSING["go"])) for v in calls.values() if v)
    sized = (
        Variable(
            "WORKERS",
            "int",
            missing=MISSING.get(lang, MISSING["go"]),
            invalid=INVALID.get(lang, INVALID["go"]),
        ),
    )
    base = ImageBehaviour(
        memory=memory,
        cpu=cpu,
        ports=(Port(port, protocol=protocol),) if port else (),
        paths={path: Answer(200), "/": Answer(200, tuple(call.target for call in called))},
        startup_seconds=startup,
        start_log=(STARTED[lang] % port,) if port else ("{time} INFO worker started",),
        variables=(*needed, *sized, *variables),
        files=files,
        calls=called,
        user="1000",
        entrypoint="/app/run",
        commands=frozenset({"/bin/sh", "sh", "/bin/grpc_health_probe"}),
        known_flags=("--port", "--workers", "--config"),
        steady_log=STEADY.get(lang, ""),
        **behaviour,
    )
    app.images[image] = base
    repository = image.rpartition(":")[0]
    from dataclasses import replace

    from selfheal.sandbox.kubernetes.behaviour import Crash

    app.images[f"{repository}:v1.5.0"] = base
    crash = tuple(CRASH.get(lang, CRASH["go"]).splitlines())
    app.images[f"{repository}:v1.5.0{DEFECTIVE}"] = replace(
        base, crash=Crash(crash, 2 if lang == "go" else 1, 1.5)
    )
    app.images[f"{repository}:v1.5.0{SLOW}"] = replace(base, startup_seconds=75.0)
    app.images[f"{repository}:v1.5.0{FAT}"] = replace(base, memory="420Mi")
    variables_of = [{"name": "PORT", "value": str(port)}] if port else []
    variables_of.append({"name": "WORKERS", "value": "4"})
    for callee, variable in calls.items():
        peer = app.parts.get(callee)
        if variable:
            variables_of.append({"name": variable, "value": _address(callee, peer)})
    if stores:
        store = next(iter(stores))
        variables_of += [
            {"name": "DB_USER", "value": "svc"},
            {
                "name": "DB_PASSWORD",
                "valueFrom": {"secretKeyRef": {"name": f"{store}-credentials", "key": "password"}},
            },
            {"name": "DB_POOL_SIZE", "value": "5"},
        ]
    variables_of += [{"name": key, "value": value} for key, value in (env or {}).items()]
    container: Object = {
        "name": name if lang != "java" else "app",
        "image": image,
        "env": variables_of,
        "resources": {
            "requests": {"cpu": "50m", "memory": "64Mi"},
            "limits": {"cpu": "200m", "memory": limit},
        },
        "securityContext": {"allowPrivilegeEscalation": False, "runAsNonRoot": True},
    }
    if command:
        container["command"] = command
    if env_from:
        container["envFrom"] = [env_from]
    if port:
        container["ports"] = [{"containerPort": port, **({"name": "http"} if named else {})}]
        ask: Object = (
            {"httpGet": {"path": path, "port": "http" if named else port}}
            if protocol == "http"
            else {"grpc": {"port": port}}
        )
        container["readinessProbe"] = {**ask, "periodSeconds": 5}
        if liveness:
            container["livenessProbe"] = {
                **copy.deepcopy(ask),
                "periodSeconds": 10,
                "initialDelaySeconds": 10,
            }
    volumes = []
    for volume, mount, source in mounts:
        container.setdefault("volumeMounts", []).append(
            {"name": volume, "mountPath": mount, **source.pop("_mount", {})}
        )
        volumes.append({"name": volume, **source})
    spec: Object = {"serviceAccountName": name, "containers": [container], "terminationGracePeriodSeconds": 5}
    if volumes:
        spec["volumes"] = volumes
    if app.registry.startswith("registry."):
        spec["imagePullSecrets"] = [{"name": "registry-pull"}]
    _workload(app, kind, name, replicas, spec)
    app.add({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}})
    if service and port:
        app.service(name, service_port or port, "http" if named else port, port_name="http" if named else "")
    part = Part(name, lang, port, role, image, kind, protocol, calls, service_port=service_port)
    app.parts[name] = part
    return part


def _address(callee: str, peer: Part | None) -> str:
    if peer is None:
        return callee
    text = f"{callee}:{peer.front}"
    schemes = {"postgres": "postgresql", "rabbitmq": "amqp", "mongo": "mongodb", "mysql": "mysql"}
    return f"{schemes[peer.lang]}://{text}" if peer.lang in schemes else text


def _workload(app: Application, kind: str, name: str, replicas: int, spec: Object, **more: Any) -> Object:
    labels = {"app": name, "tier": "backend"}
    body: Object = {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": labels}, "spec": spec},
        **more,
    }
    if kind == "StatefulSet":
        body["serviceName"] = name
    if kind == "DaemonSet":
        del body["replicas"]
    return app.add(
        {
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": {"name": name, "labels": {"app": name}},
            "spec": body,
        }
    )


_IMAGES = {
    "redis": ("redis:7.2-alpine", 6379),
    "postgres": ("postgres:16.3", 5432),
    "mysql": ("mysql:8.0.36", 3306),
    "mongo": ("mongo:6.0.14", 27017),
    "rabbitmq": ("rabbitmq:3.13-management", 5672),
}


def store(app: Application, name: str, lang: str, *, kind: str = "StatefulSet", claim: bool = True) -> Part:
    """A data store with its Secret, Service and volume."""
    from dataclasses import replace

    image, port = _IMAGES[lang]
    secret = f"{name}-credentials"
    app.secret(secret, password="correct-horse")
    base = ImageBehaviour(
        memory="120Mi",
        cpu="30m",
        ports=(Port(port, protocol="tcp"),),
        startup_seconds=2.0,
        start_log=(STARTED[lang] % port,),
        accounts={"svc": "correct-horse"},
        user="999",
        entrypoint="/usr/local/bin/docker-entrypoint.sh",
        commands=frozenset({"sh", "/bin/sh", "redis-cli", "pg_isready", "mysqladmin", "mongosh"}),
        writes=("/data/store",) if claim else (),
    )
    variants = {
        "--max-connections=8": replace(base, max_connections=8),
        "--read-only=ON": replace(base, read_only=True),
        f"--port={port + 1}": replace(
            base, ports=(Port(port + 1, protocol="tcp"),), start_log=(STARTED[lang] % (port + 1),)
        ),
    }
    app.images[image] = replace(base, variants=variants)
    container: Object = {
        "name": lang,
        "image": image,
        "args": ["--max-connections=200"],
        "env": [
            {
                "name": f"{lang.upper()}_PASSWORD",
                "valueFrom": {"secretKeyRef": {"name": secret, "key": "password"}},
            }
        ],
        "ports": [{"containerPort": port, "name": lang}],
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"cpu": "400m", "memory": "256Mi"},
        },
        "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 5},
        "livenessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 10, "initialDelaySeconds": 15},
    }
    spec: Object = {
        "containers": [container],
        "securityContext": {"fsGroup": 999},
        "terminationGracePeriodSeconds": 5,
    }
    more: Object = {}
    if claim:
        container["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
        request = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
        if kind == "StatefulSet":
            more["volumeClaimTemplates"] = [
                {"metadata": {"name": "data"}, "spec": {**request, "storageClassName": "standard"}}
            ]
        else:
            app.add(
                {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "metadata": {"name": f"{name}-data"},
                    "spec": {**request, "storageClassName": "standard"},
                }
            )
            spec["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": f"{name}-data"}}]
    _workload(app, kind, name, 1, spec, **more)
    if kind == "Deployment":
        app.objects[kind, name]["spec"]["strategy"] = {"type": "Recreate"}
    app.service(name, port, port)
    part = Part(name, lang, port, "database", image, kind, "tcp", {}, store=lang)
    app.parts[name] = part
    return part
