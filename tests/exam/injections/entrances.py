"""Gateways and routes that lead elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from tests.exam.dump import Dump
from tests.exam.injections.places import rolled
from tests.exam.scene import Case, Scene


def entrance_cases() -> Iterator[Case]:
    def route(scene: Scene, part: str) -> None:
        def edit(dump: Dump) -> None:
            rule = {
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [{"name": f"{part}-v2", "port": 80, "weight": 1}],
            }
            conditions = [
                {
                    "type": "ResolvedRefs",
                    "status": "False",
                    "reason": "BackendNotFound",
                    "message": f'service "{part}-v2" not found',
                    "lastTransitionTime": dump.ago(400),
                }
            ]
            made = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "public", "namespace": dump.namespace, "uid": "route-uid", "creationTimestamp": dump.ago(5000)},
                    "spec": {"parentRefs": [{"name": "main"}], "rules": [rule]}, "status": {"parents": [{"parentRef": {"name": "main"}, "conditions": conditions}]}}  # fmt: skip
            dump.objects[dump.namespace, "httproutes"] = [made]
            gateway = {
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "Gateway",
                "metadata": {
                    "name": "main",
                    "namespace": dump.namespace,
                    "uid": "gateway-uid",
                    "creationTimestamp": dump.ago(5000),
                },
                "spec": {
                    "gatewayClassName": "envoy",
                    "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
                },
            }
            dump.objects[dump.namespace, "gateways"] = [gateway]

        scene.after.append(edit)

    def upstream(name: str):
        """The gateway's own configuration file sends everything to a host that does not exist, or to another port."""

        def stage(scene: Scene, _part: str) -> None:
            data = scene.app.objects["ConfigMap", "edge-conf"]["data"]
            data["nginx.conf"] = (
                data["nginx.conf"].replace("web:3000", name).replace("http://web;", "http://web/;")
            )
            scene.env("edge", "UPSTREAM_ADDR", name)
            scene.apply()
            scene.restart("edge")

        return stage

    for label, name in (("host", "web-frontend:3000"), ("port", "web:3001")):
        answers = (("ConfigMap", "edge-conf"), ("Deployment", "edge"))
        also = ("dependency-unreachable", "env-var-invalid")
        yield Case(
            "market",
            "gateway-misrouted",
            f"file-{label}",
            answers,
            rolled(upstream(name), "edge"),
            "edge",
            also=also,
        )

    for app, part in (("market", "edge"), ("clinic", "gateway")):
        yield Case(
            app,
            "gateway-misrouted",
            f"route-{part}",
            (("HTTPRoute", "public"),),
            rolled(route, part, 30),
            part,
        )
