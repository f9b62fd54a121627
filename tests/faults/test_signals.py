"""What lines of many languages and drivers say: the kind, the host and the port."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.cluster.workloads import workloads
from selfheal.faults.calls import callee
from selfheal.faults.signals import host_in, kind_of, signals
from tests.faults.kit import caller, served
from tests.support.cluster import Cluster, crashing

LINES = [
    ("dial tcp: lookup mysql on 10.96.0.10:53: no such host", "dns", "mysql", 0),
    ("dial tcp 10.96.1.2:3550: connect: connection refused", "refused", "10.96.1.2", 3550),
    ("Error: getaddrinfo ENOTFOUND redis-cart", "dns", "redis-cart", 0),
    ("Error: connect ECONNREFUSED 10.96.1.9:6379", "refused", "10.96.1.9", 6379),
    ("java.net.UnknownHostException: orders", "dns", "orders", 0),
    (
        'I/O error on GET request for "http://orders:12031/api": Connection refused',
        "refused",
        "orders",
        12031,
    ),
    (
        "HTTPConnectionPool(host='users', port=8080): Max retries exceeded: [Errno 111] Connection refused",
        "refused",
        "users",
        8080,
    ),
    ('psycopg2.OperationalError: could not translate host name "pg" to address', "dns", "pg", 0),
    ('connection to server at "pg" (10.0.0.7), port 5432 failed: Connection refused', "refused", "pg", 5432),
    (
        "redis.exceptions.ConnectionError: Error 111 connecting to redis:6379. Connection refused.",
        "refused",
        "redis",
        6379,
    ),
    ('Errno::ECONNREFUSED: Connection refused - connect(2) for "mq" port 5672', "refused", "mq", 5672),
    (
        "StackExchange.Redis.RedisConnectionException: UnableToConnect on redis:6379/Interactive",
        "unreachable",
        "redis",
        6379,
    ),
    ("MongoServerSelectionError: connect ETIMEDOUT mongo:27017", "timeout", "mongo", 27017),
    ("Access denied for user 'shop'@'10.1.1.1' (using password: YES)", "auth", "", 0),
    ("ERROR 1040 (HY000): Too many connections", "exhausted", "", 0),
    ("cannot execute INSERT in a read-only transaction", "read-only", "", 0),
    ("listen tcp :8080: bind: address already in use", "bind", "", 0),
    ("open /data/x: permission denied", "denied", "", 0),
    ("x509: certificate signed by unknown authority", "tls", "", 0),
    ("write /data/x: no space left on device", "disk", "", 0),
    ("INFO GET /cart 200 in 3 ms", "", "", 0),
    ("INFO connect timeout is 3s", "", "", 0),
]


@pytest.mark.parametrize(("line", "kind", "host", "port"), LINES, ids=range(len(LINES)))
def test_lines(line: str, kind: str, host: str, port: int) -> None:
    assert kind_of(line) == kind
    if host:
        assert host_in(line) == (host, port)


@given(st.text(max_size=300))
def test_any_line_is_judged(line: str) -> None:
    assert isinstance(kind_of(line), str)
    host, port = host_in(line)
    assert isinstance(host, str) and 0 <= port < 65536


def test_a_driver_names_itself_before_the_cause() -> None:
    record = "ERROR pool - initialisation failed\n\ncom.mysql.cj.jdbc.exceptions.CommunicationsException: failure\n\n"
    cluster = Cluster()
    served(cluster, "mysql", 3306)
    served(cluster, "redis", 6379)
    caller(cluster, "api", {"DB": "mysql:3306", "CACHE": "redis:6379"}, status=crashing("Error", 1))
    cluster.log(
        "api-new-0",
        "app",
        f"starting\n{record}Caused by: java.net.ConnectException: Connection refused",
        previous=True,
    )
    snapshot = cluster.snapshot()
    api = next(item for item in workloads(snapshot) if item.ref.name == "api")
    refused = next(signal for signal in signals(snapshot, api) if signal.kind == "refused")
    service = callee(snapshot, api, refused)
    assert (refused.host, service and service["metadata"]["name"]) == ("", "mysql")
