"""dependency-unreachable: wrong ports and hosts, and callees that are ill themselves."""

from __future__ import annotations

import pytest

from tests.faults.kit import caller, found, lines, only, remedy, root, served
from tests.support.cluster import Cluster, crashing


def with_store(env: dict[str, str], log: str, **more: object) -> Cluster:
    cluster = Cluster()
    served(cluster, "mysql", 3306)
    caller(cluster, "api", env, log, **more)
    return cluster


def test_port_the_store_does_not_offer() -> None:
    cluster = with_store(
        {"MYSQL_HOST": "mysql", "MYSQL_PORT": "3307"}, lines("ERROR connect ECONNREFUSED mysql:3307")
    )
    finding = only("dependency-unreachable", cluster)
    (edit,) = remedy(finding).edits
    assert edit.field == "/spec/template/spec/containers/name=app/env/name=MYSQL_PORT/value"
    assert (finding.variant, edit.value.fallback.value) == ("port", "3306")
    assert root(cluster) == ("dependency-unreachable", "Deployment shop/api")


def test_host_that_is_no_service() -> None:
    log = lines("java.net.UnknownHostException: mysql-db")
    cluster = with_store({"SPRING_DATASOURCE_URL": "jdbc:mysql://mysql-db:3306/shop"}, log)
    finding = only("dependency-unreachable", cluster)
    assert (finding.variant, finding.facts["wanted"]) == ("host", "jdbc:mysql://mysql:3306/shop")
    assert root(cluster)[0] == "dependency-unreachable"


@pytest.mark.parametrize(
    ("host", "wanted"),
    [
        ("mysql.shpo", "mysql.shop"),
        ("mysql.shpo.svc.cluster.local", "mysql.shop.svc.cluster.local"),
        ("mysql.example", None),
        ("other.shpo", None),
    ],
)
def test_namespace_that_does_not_exist(host: str, wanted: str | None) -> None:
    cluster = with_store({"DB": f"mysql://{host}:3306/x"}, lines(f"lookup {host}: no such host"))
    cluster.objects.append({"kind": "Namespace", "metadata": {"name": "shop"}})
    findings = found("dependency-unreachable", cluster)
    assert [item.facts["wanted"] for item in findings if item.facts.get("wanted")] == (
        [f"mysql://{wanted}:3306/x"] if wanted else []
    )


def test_address_in_a_config_map_blames_it() -> None:
    cluster = Cluster()
    served(cluster, "mysql", 3306)
    made = caller(cluster, "api", {}, lines("dial tcp mysql:3307: connect: connection refused"))
    source = [{"configMapRef": {"name": "settings"}}]
    for obj in cluster.objects:
        if obj["kind"] in ("Deployment", "ReplicaSet") and obj["metadata"]["name"].startswith("api"):
            obj["spec"]["template"]["spec"]["containers"][0]["envFrom"] = source
    assert made["spec"]["template"]["spec"]["containers"][0]["envFrom"] == source
    cluster.add("ConfigMap", "settings", data={"DB_URL": "mysql://mysql:3307/shop"})
    assert root(cluster) == ("dependency-unreachable", "ConfigMap shop/settings")


@pytest.mark.parametrize(
    "line",
    [
        "pymysql.err.OperationalError: (2003, \"Can't connect to MySQL server on 'mysql' ([Errno 111] Connection refused)\")",
        "Error: connect ECONNREFUSED mysql:3306",
        "com.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure to mysql",
        "redis.exceptions.ConnectionError: Error 111 connecting to mysql:3306. Connection refused.",
        "Npgsql.NpgsqlException: Failed to connect to mysql:3306",
    ],
)
def test_many_languages(line: str) -> None:
    finding = only("dependency-unreachable", with_store({}, lines(line)))
    assert [str(ref) for ref in finding.through] == ["Service shop/mysql"]


def test_lookalike_the_store_itself_is_ill() -> None:
    cluster = with_store({"MYSQL_HOST": "mysql"}, lines("connect ECONNREFUSED mysql:3306"))
    for obj in cluster.objects:
        if obj["kind"] == "Pod" and obj["metadata"]["name"].startswith("mysql"):
            obj["status"]["containerStatuses"][0].update(crashing("OOMKilled", 137))
            obj["status"]["conditions"][0]["status"] = "False"
    assert root(cluster) == ("oom-killed", "Deployment shop/mysql")


def test_lookalike_trouble_that_is_over() -> None:
    log = "2026-11-22T09:00:00Z connect ECONNREFUSED mysql:3306\n" * 5 + lines("GET / 200")
    cluster = with_store({"MYSQL_HOST": "mysql"}, log)
    assert not found("dependency-unreachable", cluster)
    assert root(cluster)[0] == "healthy"


def test_lookalike_settings_of_a_part_that_is_not_deployed() -> None:
    cluster = with_store({"TRACER_ADDR": "collector:4317", "MYSQL_HOST": "mysql"}, "")
    assert root(cluster)[0] == "healthy"


@pytest.mark.parametrize(
    "line",
    [
        "WARN failed to upload traces: dial tcp: lookup otel-collector on 10.96.0.10:53: no such host",
        "INFO retry policy: connect timeout 3s, read timeout 30s, host mysql:3306",
    ],
)
def test_lookalike_lines_that_harm_nobody(line: str) -> None:
    assert root(with_store({"MYSQL_HOST": "mysql"}, lines(line)))[0] == "healthy"


@pytest.mark.parametrize(
    "words", ["dial tcp mysql:3306: connect: connection refused", "connect ECONNREFUSED 10.96.4.7:3306"]
)
def test_no_service_is_called_missing_where_none_were_read(words: str) -> None:
    cluster = with_store({}, lines(words))
    cluster.unread.add("Service")
    cluster.objects = [obj for obj in cluster.objects if obj["kind"] != "Service"]
    assert only("dependency-unreachable", cluster).confidence < 0.5
