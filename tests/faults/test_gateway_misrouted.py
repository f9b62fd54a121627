"""gateway-misrouted: Services, ports and gateways of routes, and routes that are right."""

from __future__ import annotations

from typing import Any

from tests.faults.kit import found, only, remedy, root, served
from tests.support.cluster import Cluster


def routed(name: str = "web", port: int = 8080, parent: str = "edge") -> Cluster:
    cluster = Cluster()
    served(cluster, "web")
    rules: list[dict[str, Any]] = [{"backendRefs": [{"name": name, "port": port}]}]
    cluster.add("HTTPRoute", "shop", spec={"parentRefs": [{"name": parent}], "rules": rules})
    cluster.add("Gateway", "edge", spec={})
    return cluster


def test_service_that_does_not_exist() -> None:
    cluster = routed("webb")
    (edit,) = remedy(only("gateway-misrouted", cluster)).edits
    assert (edit.field, edit.value.fallback.candidates) == ("/spec/rules/0/backendRefs/0/name", ("web",))
    assert root(cluster) == ("gateway-misrouted", "HTTPRoute shop/shop")


def test_port_that_is_not_offered() -> None:
    assert only("gateway-misrouted", routed(port=80)).facts["candidates"] == [8080]


def test_gateway_that_does_not_exist() -> None:
    assert only("gateway-misrouted", routed(parent="egde")).variant == "parent"


def test_virtual_service() -> None:
    cluster = Cluster()
    served(cluster, "web")
    route = [{"destination": {"host": "webb.shop.svc.cluster.local", "port": {"number": 8080}}}]
    cluster.add("VirtualService", "shop", spec={"http": [{"route": route}]})
    assert str(only("gateway-misrouted", cluster).object) == "VirtualService shop/shop"


def test_lookalike_right() -> None:
    assert not found("gateway-misrouted", routed())
    assert root(routed())[0] == "healthy"


def test_lookalike_host_outside_of_the_cluster() -> None:
    cluster = Cluster()
    cluster.add(
        "VirtualService", "shop", spec={"http": [{"route": [{"destination": {"host": "api.example.com"}}]}]}
    )
    assert not found("gateway-misrouted", cluster)
