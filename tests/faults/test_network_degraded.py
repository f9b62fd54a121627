"""network-degraded: several callers that time out, and one that does."""

from __future__ import annotations

from tests.faults.kit import caller, found, lines, root, served
from tests.support.cluster import Cluster

SLOW = "dial tcp cart:8080: i/o timeout"


def shop(callers: int, line: str = SLOW) -> Cluster:
    cluster = Cluster()
    served(cluster, "cart")
    for number in range(callers):
        caller(cluster, f"web-{number}", {"CART": "http://cart:8080"}, lines(line))
    return cluster


def test_several_callers_time_out() -> None:
    assert root(shop(3)) == ("network-degraded", "Deployment shop/cart")


def test_lookalike_one_caller() -> None:
    assert not found("network-degraded", shop(1))


def test_lookalike_refused() -> None:
    assert not found("network-degraded", shop(3, "dial tcp cart:8080: connect: connection refused"))
