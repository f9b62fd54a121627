"""A hospital's system of many Java-like services, with everything a grown namespace holds beside them."""

from __future__ import annotations

from typing import Any

from selfheal.sandbox.kubernetes.behaviour import File, ImageBehaviour, Permission, Variable
from tests.exam.parts import Application, Object, program, store


def _made(api: str, kind: str, name: str, **body: object) -> Object:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}, **body}


def clinic() -> Application:
    """About thirty workloads, StatefulSets, Jobs, CronJobs, autoscalers, budgets, policies, a quota, roles."""
    app = Application("clinic", "registry.clinic.example/prod")
    app.add(_made("v1", "Namespace", "clinic"))
    app.secret(
        "registry-pull",
        "kubernetes.io/dockerconfigjson",
        __dockerconfigjson='{"auths": {"registry.clinic.example": {"auth": ""}}}',
    )
    app.add(
        _made(
            "v1", "ResourceQuota", "clinic-quota",
            spec={"hard": {"requests.cpu": "6", "requests.memory": "10Gi", "pods": "90", "services": "60", "requests.storage": "200Gi", "persistentvolumeclaims": "20"}},
        )
    )  # fmt: skip
    app.add(
        _made(
            "v1", "LimitRange", "clinic-limits",
            spec={"limits": [{"type": "Container", "max": {"cpu": "2", "memory": "2Gi"}, "min": {"cpu": "5m", "memory": "8Mi"}, "default": {"cpu": "200m", "memory": "256Mi"}, "defaultRequest": {"cpu": "20m", "memory": "32Mi"}}]},
        )
    )  # fmt: skip
    app.config("platform", LOG_LEVEL="INFO", REGION="north", FEATURES="slots,letters", TIMEOUT_MS="2500")
    platform = {"configMapRef": {"name": "platform"}}
    store(app, "mysql", "mysql")
    store(app, "mongo", "mongo")
    store(app, "rabbitmq", "rabbitmq", claim=False)
    store(app, "redis", "redis", kind="Deployment", claim=False)

    def java(
        name: str,
        port: int,
        calls: dict[str, str] | None = None,
        *,
        role: str = "middle",
        startup: float = 5,
        **more: Any,
    ) -> None:
        sized = {"startup": startup, "memory": "110Mi", "limit": "256Mi"}
        program(app, name, "java", port, role=role, calls=calls, **{"env_from": platform, **sized, **more})

    sql, doc = {"mysql": "DATASOURCE_URL"}, {"mongo": "MONGO_URL"}
    java("users", 8101, sql, variables=(Variable("TIMEOUT_MS", "int"),))
    java("auth", 8102, {"users": "USERS_ADDR", "redis": "REDIS_ADDR"}, replicas=2)
    java("patients", 8103, sql)
    java("doctors", 8104, sql)
    java("rooms", 8105, doc)
    java("staff", 8106, sql)
    java("calendar", 8107, {"rooms": "ROOMS_ADDR", "doctors": "DOCTORS_ADDR"})
    java(
        "appointments",
        8108,
        {"calendar": "CALENDAR_ADDR", "patients": "PATIENTS_ADDR", "rabbitmq": "AMQP_URL"},
        replicas=2,
    )
    java("insurance", 8109, doc)
    app.config(
        "billing-rules",
        **{"rules.json": '{"version": 3, "rates": [1, 2]}', "tariff.properties": "base=12\nnight=18\n"},
    )
    java(
        "billing", 8110, {"insurance": "INSURANCE_ADDR", "patients": "PATIENTS_ADDR"},
        files=(File("/etc/billing/rules.json", "json", "version"),),
        mounts=(("rules", "/etc/billing", {"configMap": {"name": "billing-rules"}}),),
    )  # fmt: skip
    java("pharmacy", 8111, doc)
    java("prescriptions", 8112, {"pharmacy": "PHARMACY_ADDR", "patients": "PATIENTS_ADDR"})
    java("lab", 8113, doc, role="leaf")
    program(app, "letters", "python", 8114, role="leaf", env_from=platform, startup=2)
    java("notifications", 8115, {"rabbitmq": "AMQP_URL", "letters": "LETTERS_ADDR"})
    app.add(
        _made("v1", "PersistentVolumeClaim", "documents-files", spec={"accessModes": ["ReadWriteOnce"], "storageClassName": "standard", "resources": {"requests": {"storage": "5Gi"}}})
    )  # fmt: skip
    java(
        "documents",
        8116,
        None,
        role="leaf",
        writes=("/srv/files/index",),
        mounts=(("files", "/srv/files", {"persistentVolumeClaim": {"claimName": "documents-files"}}),),
    )
    app.objects["Deployment", "documents"]["spec"]["strategy"] = {"type": "Recreate"}
    app.pod("documents")["securityContext"] = {"runAsUser": 1000, "fsGroup": 1000}
    java("search", 8117, {"documents": "DOCUMENTS_ADDR"})
    java("audit", 8118, sql, role="leaf")
    java("reports", 8119, {"audit": "AUDIT_ADDR", "billing": "BILLING_ADDR"})
    app.secret(
        "tls-portal",
        "kubernetes.io/tls",
        tls__crt="-----BEGIN CERTIFICATE-----",
        tls__key="-----BEGIN PRIVATE KEY-----",
    )
    java(
        "directory",
        8120,
        None,
        role="leaf",
        permissions=(
            Permission(
                "list",
                "endpoints",
                denied="{time} ERROR 1 --- [   scheduling-1] c.a.directory.Watcher : Failure executing: GET at: https://10.96.0.1:443/api/v1/namespaces/clinic/endpoints. Message: {error}.",
            ),
        ),
    )
    app.add(
        _made(
            "rbac.authorization.k8s.io/v1",
            "Role",
            "directory",
            rules=[
                {"apiGroups": [""], "resources": ["endpoints", "services"], "verbs": ["get", "list", "watch"]}
            ],
        )
    )
    app.add(
        _made(
            "rbac.authorization.k8s.io/v1", "RoleBinding", "directory",
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "directory"},
            subjects=[{"kind": "ServiceAccount", "name": "directory", "namespace": "clinic"}],
        )
    )  # fmt: skip
    java(
        "gateway", 8080,
        {"auth": "AUTH_ADDR", "appointments": "APPOINTMENTS_ADDR", "prescriptions": "PRESCRIPTIONS_ADDR", "billing": "BILLING_ADDR", "search": "SEARCH_ADDR", "lab": "LAB_ADDR", "staff": "STAFF_ADDR"},
        role="gateway", replicas=2, named=True,
    )  # fmt: skip
    program(app, "portal", "nginx", 8080, role="gateway", calls={"gateway": "GATEWAY_ADDR"}, service_port=80)
    app.add(
        _made("networking.k8s.io/v1", "IngressClass", "nginx", spec={"controller": "k8s.io/ingress-nginx"})
    )
    paths = [("/", "portal", 80), ("/api", "gateway", 8080)]
    app.add(
        _made(
            "networking.k8s.io/v1", "Ingress", "portal",
            spec={
                "ingressClassName": "nginx",
                "tls": [{"hosts": ["portal.clinic.example"], "secretName": "tls-portal"}],
                "rules": [{"host": "portal.clinic.example", "http": {"paths": [{"path": path, "pathType": "Prefix", "backend": {"service": {"name": name, "port": {"number": number}}}} for path, name, number in paths]}}],
            },
        )
    )  # fmt: skip
    for name in ("gateway", "appointments"):
        app.add(
            _made(
                "autoscaling/v2", "HorizontalPodAutoscaler", name,
                spec={
                    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}, "minReplicas": 2, "maxReplicas": 5,
                    "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 85}}}],
                },
            )
        )  # fmt: skip
        app.add(
            _made(
                "policy/v1",
                "PodDisruptionBudget",
                name,
                spec={"minAvailable": 1, "selector": {"matchLabels": {"app": name}}},
            )
        )
    for name, callers in (
        ("mysql", ("users", "patients", "doctors", "staff", "audit")),
        ("insurance", ("billing",)),
    ):
        app.add(
            _made(
                "networking.k8s.io/v1", "NetworkPolicy", f"allow-{name}",
                spec={
                    "podSelector": {"matchLabels": {"app": name}}, "policyTypes": ["Ingress"],
                    "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": caller}}} for caller in (*callers, "schema-migrate")], "ports": [{"protocol": "TCP", "port": app.parts[name].port}]}],
                },
            )
        )  # fmt: skip
    _batch(app)
    return app


def _batch(app: Application) -> None:
    image = f"{app.registry}/tools:v2.1.0"
    app.images[image] = ImageBehaviour(
        run_seconds=4.0,
        start_log=("{time} INFO begin",),
        ready_log=("{time} INFO done",),
        user="1000",
        entrypoint="/app/run",
        commands=frozenset({"sh", "/bin/sh"}),
    )

    def pod(name: str, **more: object) -> Object:
        resources = {
            "requests": {"cpu": "20m", "memory": "32Mi"},
            "limits": {"cpu": "200m", "memory": "128Mi"},
        }
        return {
            "metadata": {"labels": {"app": name}},
            "spec": {
                "restartPolicy": "Never",
                "imagePullSecrets": [{"name": "registry-pull"}],
                "containers": [{"name": "task", "image": image, "resources": resources, **more}],
            },
        }

    app.add(
        _made(
            "batch/v1", "Job", "schema-migrate", spec={"backoffLimit": 2, "template": pod("schema-migrate")}
        )
    )
    app.add(
        _made(
            "batch/v1",
            "CronJob",
            "nightly-report",
            spec={
                "schedule": "*/5 * * * *",
                "jobTemplate": {"spec": {"backoffLimit": 1, "template": pod("nightly-report")}},
            },
        )
    )
    app.add(
        _made(
            "batch/v1",
            "CronJob",
            "archive",
            spec={
                "schedule": "15 3 * * *",
                "timeZone": "Europe/Berlin",
                "jobTemplate": {"spec": {"backoffLimit": 1, "template": pod("archive")}},
            },
        )
    )
