"""dependency-read-only: stores that accept no writes, and file systems that do not."""

from __future__ import annotations

import pytest

from tests.faults.kit import caller, found, lines, only, remedy, root
from tests.support.cluster import Cluster, container


def shop(log: str, args: list[str] | None = None) -> Cluster:
    cluster = Cluster()
    ports = [{"containerPort": 3306}]
    cluster.deployment("mysql", {"containers": [container(image="mysql:8", ports=ports, args=args or [])]})
    cluster.service("mysql", {"app": "mysql"}, 3306)
    caller(cluster, "api", {"DB_HOST": "mysql"}, log)
    return cluster


@pytest.mark.parametrize(
    "line",
    [
        "The MySQL server is running with the --read-only option so it cannot execute this statement (mysql)",
        "ERROR: cannot execute INSERT in a read-only transaction mysql",
        "READONLY You can't write against a read only replica. mysql",
    ],
)
def test_words_of_drivers(line: str) -> None:
    assert root(shop(lines(line))) == ("dependency-read-only", "Deployment shop/mysql")


def test_option_that_is_set() -> None:
    cluster = shop(lines("server is running with the --read-only option mysql"), ["--read-only=ON"])
    (edit,) = remedy(only("dependency-read-only", cluster)).edits
    assert edit.field.endswith("/args/0")


def test_lookalike_read_only_file_system() -> None:
    assert not found("dependency-read-only", shop(lines("open /data/x: read-only file system")))
