"""Which workloads and addresses are data stores and brokers, as opposed to services of the application itself."""

from __future__ import annotations

import re

from selfheal.cluster.labels import pods_selected, selector_of
from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.workloads import Workload, by_ref, mapping, mappings, number
from selfheal.faults.calls import Address, service_of

_IMAGE = re.compile(
    r"mysql|mariadb|percona|postgres|pgbouncer|mongo|redis|valkey|keydb|dragonfly|rabbitmq|kafka|redpanda|nats|pulsar"
    r"|activemq|artemis|cassandra|scylla|elasticsearch|opensearch|solr|memcached|etcd|zookeeper|clickhouse|cockroach"
    r"|couchbase|couchdb|neo4j|influxdb|minio|consul|vault|mssql|sqlserver|oracle|vitess|tidb|timescale",
    re.IGNORECASE,
)
_SCHEME = re.compile(
    r"\b(?:jdbc:)?(?:mysql|mariadb|postgres(?:ql)?|mongodb(?:\+srv)?|rediss?|amqps?|kafka|nats|sqlserver|oracle"
    r"|cassandra|memcached|clickhouse|mqtt|stomp)(?:\+\w+)?:",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"(?:^|[_.-])(?:db|database|mysql|mariadb|postgres(?:ql)?|pg|mongo(?:db)?|redis|valkey|rabbit(?:mq)?|amqp|kafka|nats"
    r"|broker|queue|cache|memcached?|elastic(?:search)?|opensearch|jdbc|datasource|sql)(?:$|[_.-])",
    re.IGNORECASE,
)
#: Ports by which clients know stores and brokers.
PORTS = frozenset(
    {
        1433,
        1521,
        2181,
        2379,
        3306,
        4222,
        5432,
        5672,
        5671,
        6379,
        6650,
        7000,
        8086,
        9042,
        9092,
        9200,
        11211,
        15672,
    }
    | {26257, 27017, 33060, 61616}
)


def is_store(workload: Workload) -> bool:
    """Whether a workload runs a data store or broker, by its image's name or the ports it declares."""
    for container in workload.containers:
        if container.init:
            continue
        image = str(container.spec.get("image", "")).rpartition("@")[0] or str(
            container.spec.get("image", "")
        )
        if _IMAGE.search(image.rpartition("/")[2].partition(":")[0]):
            return True
        if any(number(port.get("containerPort")) in PORTS for port in mappings(container.spec.get("ports"))):
            return True
    return False


def behind(snapshot: Snapshot, service: Object) -> list[Workload]:
    """Workloads whose pods a Service selects."""
    known = by_ref(snapshot)
    found = {}
    for pod in pods_selected(snapshot, ref_of(service).namespace, selector_of(service)):
        workload = known.get(ref_of(snapshot.workload_of(pod)))
        if workload is not None:
            found[workload.ref] = workload
    return [found[ref] for ref in sorted(found, key=str)]


def to_store(snapshot: Snapshot, workload: Workload, address: Address) -> bool:
    """Whether an address is meant for a store: by its scheme, port, variable or host name, or what is behind it."""
    service = service_of(snapshot, workload.namespace, address.host)
    if service is not None and any(is_store(item) for item in behind(snapshot, service)):
        return True
    at = address.value.find(address.host)
    return bool(
        _SCHEME.search(address.value[max(0, at - 60) : at])
        or address.port in PORTS
        or _NAME.search(address.name)
        or _NAME.search(address.host)
    )


def store_port(service: Object) -> bool:
    """Whether a Service offers a port by which stores are known."""
    ports = mappings(mapping(service.get("spec")).get("ports"))
    return any(number(port.get("port")) in PORTS for port in ports)
