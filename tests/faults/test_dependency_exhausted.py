"""dependency-exhausted: stores and pools without a connection left, and stores that do not answer."""

from __future__ import annotations

import pytest

from tests.faults.kit import caller, found, lines, only, remedy, root
from tests.support.cluster import Cluster, container


def shop(log: str, args: list[str] | None = None) -> Cluster:
    cluster = Cluster()
    ports = [{"containerPort": 5432}]
    cluster.deployment(
        "postgres", {"containers": [container(image="postgres:16", ports=ports, args=args or [])]}
    )
    cluster.service("postgres", {"app": "postgres"}, 5432)
    caller(cluster, "api", {"DB_HOST": "postgres"}, log)
    return cluster


@pytest.mark.parametrize(
    "line",
    [
        "FATAL: sorry, too many clients already (postgres)",
        "Error 1040: Too many connections postgres",
        "ERR max number of clients reached postgres",
    ],
)
def test_the_store_is_blamed(line: str) -> None:
    assert root(shop(lines(line))) == ("dependency-exhausted", "Deployment shop/postgres")


def test_limit_that_is_set() -> None:
    cluster = shop(lines("FATAL: sorry, too many clients already (postgres)"), ["-c", "max_connections=3"])
    (edit,) = remedy(only("dependency-exhausted", cluster)).edits
    assert edit.field == "/spec/template/spec/containers/name=app/args/1"


def test_pool_of_the_program() -> None:
    line = "HikariPool-1 - Connection is not available, request timed out after 30000ms."
    finding = only("dependency-exhausted", shop(lines(line)))
    assert (finding.variant, str(finding.object)) == ("pool", "Deployment shop/api")


def test_lookalike_refused_connection() -> None:
    assert not found(
        "dependency-exhausted", shop(lines("dial tcp postgres:5432: connect: connection refused"))
    )
