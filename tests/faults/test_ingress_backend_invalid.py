"""ingress-backend-invalid: Services, ports and classes, and Ingresses that are right."""

from __future__ import annotations

from typing import Any

from tests.faults.kit import cluster_wide, found, only, remedy, root, served
from tests.support.cluster import Cluster


def entering(name: str = "web", port: Any = 8080, **spec: Any) -> Cluster:
    cluster = Cluster()
    served(cluster, "web")
    word = "name" if isinstance(port, str) else "number"
    backend = {"service": {"name": name, "port": {word: port}}}
    rules = [{"http": {"paths": [{"path": "/", "backend": backend}]}}]
    cluster.add("Ingress", "shop", spec={"rules": rules, **spec}, status={})
    cluster_wide(cluster, "IngressClass", "nginx", spec={})
    return cluster


def test_service_that_does_not_exist() -> None:
    cluster = entering("webb")
    (edit,) = remedy(only("ingress-backend-invalid", cluster)).edits
    assert edit.field == "/spec/rules/0/http/paths/0/backend/service/name"
    assert edit.value.fallback.candidates == ("web",)
    assert root(cluster) == ("ingress-backend-invalid", "Ingress shop/shop")


def test_port_that_is_not_offered() -> None:
    finding = only("ingress-backend-invalid", entering(port=80))
    assert (finding.variant, finding.facts["candidates"]) == ("port", [8080])


def test_class_that_no_controller_serves() -> None:
    finding = only("ingress-backend-invalid", entering(ingressClassName="ngnix"))
    assert (finding.variant, finding.facts["candidates"]) == ("class", ["nginx"])


def test_lookalike_right() -> None:
    cluster = entering(ingressClassName="nginx")
    assert not found("ingress-backend-invalid", cluster)
    assert root(cluster)[0] == "healthy"
