"""A web shop of many languages: a gateway and a storefront before small services, a cache, a database, a broker."""

from __future__ import annotations

from selfheal.sandbox.kubernetes.behaviour import File
from tests.exam.parts import Application, program, store

_CONF = """worker_processes auto;
events { worker_connections 1024; }
http {
  upstream web { server web:3000; }
  server {
    listen 8080;
    location /healthz { return 200; }
    location / { proxy_pass http://web; }
  }
}
"""


def market() -> Application:
    """About twenty workloads in one namespace."""
    app = Application("market", "ghcr.io/bazaar")
    app.add({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "market"}})
    store(app, "redis", "redis", kind="Deployment", claim=False)
    store(app, "postgres", "postgres")
    store(app, "rabbitmq", "rabbitmq", claim=False)
    app.hosts.add("api.paygate.example")
    app.config(
        "catalogue-settings",
        **{"settings.yaml": "pageSize: 20\ncurrency: EUR\n", "LOG_LEVEL": "info", "CACHE_TTL": "300"},
    )
    program(
        app, "catalogue", "go", 3550, role="middle", protocol="grpc", replicas=2, calls={"postgres": "DATABASE_URL"},
        files=(File("/etc/catalogue/settings.yaml", "yaml", "pageSize"),),
        env_from={"configMapRef": {"name": "catalogue-settings"}},
        mounts=(("settings", "/etc/catalogue", {"configMap": {"name": "catalogue-settings", "items": [{"key": "settings.yaml", "path": "settings.yaml"}]}}),),
    )  # fmt: skip
    program(app, "basket", "csharp", 7070, role="middle", protocol="grpc", calls={"redis": "REDIS_ADDR"})
    program(app, "fx", "node", 7000, role="leaf", protocol="grpc")
    program(app, "adverts", "java", 9555, role="leaf", protocol="grpc", memory="100Mi", limit="200Mi")
    program(app, "delivery", "go", 8081, role="leaf", service_port=80)
    program(app, "mailer", "python", 8080, role="leaf", service_port=5000, named=True)
    app.config("payments-config", PROVIDER_MODE="live", **{"limits.json": '{"max": 1000}\n'})
    app.secret("payments-api", token="t0k3n")
    program(
        app, "payments", "node", 50051, role="leaf", protocol="grpc",
        env_from={"secretRef": {"name": "payments-api"}}, env={"PROVIDER_HOST": "api.paygate.example:443"},
        files=(File("/etc/payments/limits.json", "json", "max"),),
        mounts=(("conf", "/etc/payments", {"configMap": {"name": "payments-config"}}),),
    )  # fmt: skip
    program(
        app,
        "suggestions",
        "python",
        8085,
        role="middle",
        protocol="grpc",
        calls={"catalogue": "CATALOGUE_ADDR"},
    )
    program(app, "stock", "ruby", 4567, role="middle", calls={"postgres": "DATABASE_URL"})
    program(
        app, "orders", "java", 8080, role="middle", replicas=2, memory="120Mi", limit="256Mi", startup=4.0,
        calls={
            "payments": "PAYMENTS_ADDR", "delivery": "DELIVERY_ADDR", "mailer": "MAILER_ADDR", "basket": "BASKET_ADDR",
            "catalogue": "CATALOGUE_ADDR", "rabbitmq": "AMQP_URL",
        },
    )  # fmt: skip
    program(app, "ledger", "go", 0, role="leaf", calls={"rabbitmq": "AMQP_URL"}, service=False)
    program(
        app, "web", "node", 3000, role="middle", replicas=2,
        calls={
            "catalogue": "CATALOGUE_ADDR", "basket": "BASKET_ADDR", "fx": "FX_ADDR", "suggestions": "SUGGESTIONS_ADDR",
            "orders": "ORDERS_ADDR", "adverts": "ADVERTS_ADDR", "stock": "STOCK_ADDR",
        },
    )  # fmt: skip
    app.config("edge-conf", **{"nginx.conf": _CONF})
    program(
        app, "edge", "nginx", 8080, role="gateway", replicas=2, calls={"web": "UPSTREAM_ADDR"},
        files=(File("/etc/nginx/conf/nginx.conf", "", "upstream", invalid="{time} [emerg] 1#1: unexpected \"}\" in /etc/nginx/conf/nginx.conf:7\nnginx: [emerg] unexpected \"}\" in /etc/nginx/conf/nginx.conf:7"),),
        mounts=(("conf", "/etc/nginx/conf", {"configMap": {"name": "edge-conf"}}),),
    )  # fmt: skip
    app.objects["Service", "edge"]["spec"]["type"] = "LoadBalancer"
    program(app, "visitors", "python", 0, role="leaf", calls={"edge": "TARGET"}, service=False)
    return app
