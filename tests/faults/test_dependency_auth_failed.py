"""dependency-auth-failed: drivers' words, whose setting is wrong, and other refusals."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.kit import found, lines, only, remedy, root
from tests.support.cluster import Cluster, container

DENIED = "Access denied for user 'shop'@'10.244.1.5' (using password: YES) at mysql:3306"


def secret(name: str, key: str = "password") -> dict[str, Any]:
    return {"name": "MYSQL_PASSWORD", "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}


def shop(
    log: str, mine: list[dict[str, Any]], theirs: list[dict[str, Any]] | None = None, **more: Any
) -> Cluster:
    cluster = Cluster()
    ports = [{"containerPort": 3306}]
    cluster.deployment("mysql", {"containers": [container(image="mysql:8", ports=ports, env=theirs or [])]})
    cluster.service("mysql", {"app": "mysql"}, 3306)
    host = {"name": "MYSQL_HOST", "value": "mysql"}
    cluster.deployment("api", {"containers": [container(env=[host, *mine])]}, **more)
    cluster.log("api-new-0", "app", log)
    return cluster


@pytest.mark.parametrize(
    "line",
    [
        DENIED,
        'FATAL: password authentication failed for user "shop" (mysql)',
        "MongoServerError: Authentication failed. mysql",
        "ReplyError: WRONGPASS invalid username-password pair mysql",
        "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. mysql",
    ],
)
def test_words_of_drivers(line: str) -> None:
    assert root(shop(lines(line), [])) == ("dependency-auth-failed", "Deployment shop/api")


def test_secret_differs_from_the_store() -> None:
    cluster = shop(lines(DENIED), [secret("other")], [secret("mysql")])
    (edit,) = remedy(only("dependency-auth-failed", cluster)).edits
    assert (edit.field.rpartition("/env/")[2], edit.value.fallback.value) == (
        "name=MYSQL_PASSWORD/valueFrom/secretKeyRef/name",
        "mysql",
    )


def test_variable_that_changed() -> None:
    before = {"containers": [container(env=[{"name": "MYSQL_USER", "value": "shop"}])]}
    cluster = shop(lines(DENIED), [{"name": "MYSQL_USER", "value": "shp"}], before=before)
    finding = only("dependency-auth-failed", cluster)
    assert finding.facts["last_good"][0]["value"] == "shop"


def test_the_stores_own_log_names_the_client() -> None:
    cluster = shop("", [])
    for obj in cluster.objects:
        if obj["kind"] == "Pod" and obj["metadata"]["name"] == "api-new-0":
            obj["status"]["podIP"] = "10.244.1.5"
    cluster.log(
        "mysql-new-0", "app", lines("[Note] Access denied for user 'shop'@'10.244.1.5' (using password: YES)")
    )
    assert root(cluster) == ("dependency-auth-failed", "Deployment shop/api")


def test_lookalike_refused_connection() -> None:
    assert not found("dependency-auth-failed", shop(lines("connect ECONNREFUSED mysql:3306"), []))


def test_lookalike_one_old_line() -> None:
    log = f"2026-11-22T08:00:00Z {DENIED}\n" + lines("GET / 200")
    assert not found("dependency-auth-failed", shop(log, []))
