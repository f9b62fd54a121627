"""service-port-mismatch: targets, offered ports, and Services that are right."""

from __future__ import annotations

from selfheal.faults.interface import Exact, LastGood
from tests.faults.kit import caller, found, lines, only, remedy, root, served
from tests.support.cluster import Cluster, container

REFUSED = "ERROR cart: dial tcp: cart:80: connect: connection refused"


def shop(target: object, port: int = 80) -> Cluster:
    cluster = Cluster()
    service = served(cluster, "cart")
    service["spec"]["ports"] = [{"port": port, "targetPort": target}]
    return cluster


def test_number_that_no_container_declares() -> None:
    cluster = shop(9090)
    caller(cluster, "web", {"CART": "http://cart:80"}, lines(REFUSED))
    finding = only("service-port-mismatch", cluster)
    (edit,) = remedy(finding).edits
    assert (edit.field, edit.value) == (
        "/spec/ports/0/targetPort",
        LastGood(Exact(8080, finding.facts["origin"])),
    )
    assert root(cluster) == ("service-port-mismatch", "Service shop/cart")


def test_name_that_no_container_has() -> None:
    finding = only("service-port-mismatch", shop("http"))
    assert finding.facts["candidates"] == ["main"]


def test_offered_port_that_no_caller_uses() -> None:
    cluster = shop(8080, port=81)
    caller(cluster, "web", {"CART": "http://cart:80"}, lines(REFUSED))
    caller(cluster, "api", {"CART": "http://cart:80"}, lines(REFUSED))
    finding = only("service-port-mismatch", cluster)
    assert (finding.variant, finding.facts["candidates"]) == ("port", [80])
    assert root(cluster)[0] == "service-port-mismatch"


def test_lookalike_undeclared_but_probed_port() -> None:
    cluster = Cluster()
    probe = {"tcpSocket": {"port": 9090}}
    service = served(cluster, "cart", readinessProbe=probe)
    service["spec"]["ports"] = [{"port": 80, "targetPort": 9090}]
    assert not found("service-port-mismatch", cluster)


def test_lookalike_one_caller_of_two_is_wrong() -> None:
    cluster = shop(8080)
    caller(cluster, "web", {"CART": "http://cart:81"}, lines(REFUSED.replace("80", "81")))
    caller(cluster, "api", {"CART": "http://cart:80"})
    assert not found("service-port-mismatch", cluster)
    assert root(cluster) == ("env-var-invalid", "Deployment shop/web")


def test_lookalike_right_by_name() -> None:
    assert not found("service-port-mismatch", shop("main"))


def test_one_number_for_both_that_its_callers_do_not_use() -> None:
    """Nobody wrote a target: the port is wrong, and what is sent to with it."""
    cluster = shop(8081, port=8081)
    caller(cluster, "web", {"CART": "http://cart:8080"}, lines(REFUSED.replace("cart:80", "cart:8080")))
    finding = only("service-port-mismatch", cluster)
    port, target = remedy(finding).edits
    assert (port.field, port.value, port.where_written) == (
        "/spec/ports/0/port",
        LastGood(Exact(8080, finding.facts["origin"])),
        False,
    )
    assert (target.field, target.where_written) == ("/spec/ports/0/targetPort", True)


def test_lookalike_the_callers_port_is_offered_beside() -> None:
    cluster = shop(8081, port=8081)
    cluster.objects[-1]["spec"]["ports"].append({"name": "main", "port": 8080, "targetPort": 8080})
    caller(cluster, "web", {"CART": "http://cart:8080"})
    assert "/port" not in [item.facts["field"][-5:] for item in found("service-port-mismatch", cluster)]


def test_lookalike_service_that_is_as_it_was_when_the_pods_declared_its_port() -> None:
    cluster = Cluster()
    now = {"containers": [container(ports=[{"containerPort": 9101}])]}
    before = {"containers": [container(ports=[{"containerPort": 9102}])]}
    cluster.deployment("cart", now, before=before)
    cluster.service("cart", {"app": "cart"}, port=9102)
    assert not found("service-port-mismatch", cluster)


def test_lookalike_number_that_nobody_asks_for_and_no_pod_declares() -> None:
    assert not found("service-port-mismatch", shop(15672, port=15672))


def test_lookalike_second_port_that_nobody_asks_for() -> None:
    """What is scraped is seen nowhere: a probe of the first port tells nothing of the second."""
    cluster = Cluster()
    service = served(cluster, "cart", readinessProbe={"tcpSocket": {"port": 8080}})
    service["spec"]["ports"] = [
        {"name": "main", "port": 80, "targetPort": 8080},
        {"name": "metrics", "port": 9102, "targetPort": 9102},
    ]
    assert not found("service-port-mismatch", cluster)
