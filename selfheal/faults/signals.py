"""What logs say about the world outside the program, in the words of many languages and drivers.

Lines are condensed to signals: one for each kind, host and port, with a count and the last line. A signal is
a hint at a dependency, a path, a user or a permission; specs decide whether it is plausible.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any

from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.times import parse
from selfheal.cluster.workloads import Workload, number, ready, state, statuses

#: Lines from the end of a log, characters of a line, and pods of a workload, that are looked at.
TAIL = 400
WIDTH = 1500
PODS = 3
#: Seconds for which a trouble that was seen twice only is taken to go on.
TWICE = 150
#: Lines of one record at most, such as an exception with its stack.
RECORD = 40
#: What a line of a record begins with when it is not indented.
_CONTINUES = re.compile(r"Caused by|\S*(?:Exception|Error|Timeout)\b|\.\.\. \d+ more|>|$|The last packet")
#: Seconds a container must be well for its previous run to be history.
SETTLED = 300

#: Kinds of signals by what a line says, the most telling first: a line counts as the first that fits.
PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        (
            "forbidden",
            r"is forbidden: User \"?system:serviceaccount:|cannot (?:get|list|watch|create|update|patch|delete)\w* "
            r"resource \"|RBAC: .{0,60}not found|forbidden: User \"system:",
        ),
        (
            "read-only",
            r"--read-only option|super[-_]read[-_]only|read-only transaction|in a read[- ]only|READONLY You can'?t write"
            r"|OPTION_PREVENTS_STATEMENT|NotWritablePrimary|not master and slaveOk|database is (?:locked )?read[- ]?only"
            r"|attempt to write a readonly database|MISCONF Redis is configured|cluster is read[- ]?only"
            r"|index read-only|read_only_allow_delete|server is running with the .{0,20}read",
        ),
        (
            "exhausted",
            r"too many connections|too many clients already|remaining connection slots|max number of clients reached"
            r"|Connection is not available, request timed out|QueuePool limit of size|pool (?:is )?exhausted"
            r"|ER_CON_COUNT_ERROR|ER_USER_LIMIT_REACHED|max_user_connections|max_connections|MongoWaitQueueFull"
            r"|connection pool (?:is )?(?:full|timeout|exhausted)|wait(?:ing)? (?:queue|for a connection).{0,40}(?:full|timed? ?out)"
            r"|could not obtain connection.{0,30}pool|unable to acquire (?:jdbc )?connection|connection limit (?:exceeded|reached)"
            r"|pool error Timeout waiting for idle object|ResourceRequest timed out|too many open connections"
            r"|Timeout exceeded while waiting for a connection",
        ),
        (
            "auth",
            r"access denied for user|password authentication failed|WRONGPASS|NOAUTH|invalid (?:username-)?password"
            r"|ER_ACCESS_DENIED_ERROR|ACCESS_REFUSED|login was refused|login failed for user|authentication failed"
            r"|auth(?:entication)? (?:error|failure)|SCRAM.{0,40}fail|SASL.{0,60}(?:fail|denied)|AuthenticationFailed"
            r"|not authorized (?:on|to)|28P01|28000|role \"[^\"]+\" does not exist|no pg_hba\.conf entry"
            r"|invalid (?:db )?credentials|bad credentials|ERR invalid password|Could not authenticate|user .{0,60}unknown auth",
        ),
        (
            "tls",
            r"x509:|CERTIFICATE_VERIFY_FAILED|SSLHandshakeException|PKIX path|unable to get local issuer"
            r"|certificate has expired|certificate is (?:not valid|expired)|self[- ]signed certificate|no PEM data"
            r"|failed to find any PEM|PEM_read_bio|tls: (?:failed|bad|private|handshake|unknown)|ERR_TLS_|CERT_HAS_EXPIRED"
            r"|SSL_CTX_use|cannot load certificate|key values mismatch|certificate verify failed|wrong version number",
        ),
        (
            "dns",
            r"no such host|ENOTFOUND|EAI_AGAIN|UnknownHostException|name or service not known|nodename nor servname"
            r"|temporary failure in name resolution|could not translate host name|could not resolve host|SERVFAIL"
            r"|server misbehaving|unknown host|getaddrinfo|name resolution|name does not resolve|unknown mysql server host"
            r"|DNS resolution failed|Failed to resolve|lookup \S+ (?:on|:)|NXDOMAIN|resolve host",
        ),
        (
            "bind",
            r"address already in use|EADDRINUSE|port \d+ (?:was|is) already (?:in use|allocated)|BindException"
            r"|failed to bind(?! propert)|could not bind|bind\(\) to .{0,40}failed",
        ),
        (
            "disk",
            r"no space left on device|ENOSPC|disk quota exceeded|disk (?:is )?full",
        ),
        (
            "denied",
            r"permission denied|EACCES|AccessDeniedException|operation not permitted|EPERM\b|read-only file system|EROFS"
            r"|UnauthorizedAccessException|cannot create directory|not writable|can't (?:create|open) .{0,80}errno: 13",
        ),
        (
            "refused",
            r"connection refused|ECONNREFUSED|actively refused|Errno 111|\(111[):]|connect\(2\) for|Connection to \S+ refused",
        ),
        (
            "protocol",
            r"malformed HTTP|server gave HTTP response to HTTPS|first record does not look like a TLS|http2: |preface"
            r"|unexpected HTTP status code received from server|invalid http version|bad request version|Parse Error: Expected HTTP"
            r"|HPE_INVALID|unexpected packet|wrong protocol|plain HTTP request was sent to HTTPS|Protocol error, got",
        ),
        (
            "timeout",
            r"i/o timeout|ETIMEDOUT|ESOCKETTIMEDOUT|timed? ?out\b|DeadlineExceeded|DEADLINE_EXCEEDED|deadline exceeded"
            r"|ConnectTimeout|SocketTimeoutException|Read timed out|gateway timeout|ReadTimeout",
        ),
        (
            "unreachable",
            r"no route to host|EHOSTUNREACH|network is unreachable|ENETUNREACH|connection reset|ECONNRESET|broken pipe"
            r"|Communications link failure|could not connect|can'?t connect to|failed to connect|unable to connect"
            r"|cannot connect|ConnectionError|ConnectException|code = Unavailable|\bUNAVAILABLE\b|StatusCode\.UNAVAILABLE"
            r"|MongoSocketOpen|MongoTimeout|ServerSelectionTimeout|no servers available|upstream connect error|Bad Gateway"
            r"|Service Unavailable|connection to node -?\d+ .{0,60}could not be established|no available server"
            r"|connection (?:closed|lost|failed|error)|unreachable|UnableToConnect|broker not available|Lost connection to",
        ),
        (
            "memory",
            r"OutOfMemoryError|heap out of memory|MemoryError\b|cannot allocate memory|fatal error: runtime: out of memory"
            r"|OutOfMemoryException",
        ),
    )
)
#: Kinds that say a call to something else failed.
CALLS = frozenset({"refused", "timeout", "unreachable", "dns", "auth", "exhausted", "read-only", "protocol"})
#: What programs send beside their work. That it cannot be sent harms nobody who waits for the work.
_BESIDE = re.compile(
    r"open-?telemetry|\botel|otlp|jaeger|zipkin|skywalking|profiler|stackdriver|cloud ?trace|metadata\.google|trac(?:e|ing) export"
    r"|span(?:s| export)|exporter|new ?relic|datadog|statsd|pushgateway|telemetry|sentry",
    re.IGNORECASE,
)
#: A line of a quiet level tells of settings and retries that went well, unless it also speaks of a failure.
_QUIET = re.compile(
    r"\b(?:INFO|DEBUG|TRACE|level=(?:info|debug|trace)|\"level\": ?\"(?:info|debug|trace)\")", re.IGNORECASE
)
_LOUD = re.compile(
    r"error|warn|fail|fatal|exception|panic|refused|denied|cannot|could not|unable|timed out|exceeded|too many|no such",
    re.IGNORECASE,
)
#: Lines differ in their numbers mostly: what is known of one is known of all of its template.
TEMPLATES = 20_000
_NO_DIGITS = {ord(digit): None for digit in "0123456789"}
_KINDS: dict[str, str] = {}
_TIME = re.compile(r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?")
_SERVER = re.compile(r"\bon (?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:]+\]):53\b|\b\S+->\S+?:53\b")
_HOSTNAME = r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9_-]+)*"
_NAMED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b[a-z][a-z0-9+.]*:(?:[a-z]+:)?//(?:[^\s/@'\"]*@)?(?P<host>{_HOSTNAME})(?::(?P<port>\d{{1,5}}))?",
        rf"lookup (?P<host>{_HOSTNAME})",
        rf"(?:ENOTFOUND|EAI_AGAIN|UnknownHostException:|could not resolve host:?|host name|MySQL server host)"
        rf"\s+[\"']?(?P<host>{_HOSTNAME})[\"']?(?::(?P<port>\d{{1,5}}))?",
        rf"DNS resolution failed for:?\s+[\"']?(?P<host>{_HOSTNAME})(?::(?P<port>\d{{1,5}}))?",
        rf"host=[\"']?(?P<host>{_HOSTNAME})[\"']?,? port=(?P<port>\d{{1,5}})",
        rf"for \"(?P<host>{_HOSTNAME})\" port (?P<port>\d{{1,5}})",
        rf"\bhost(?:name)?[ :=]+[\"'](?P<host>{_HOSTNAME})[\"'](?:,? port[ :=]+(?P<port>\d{{1,5}}))?",
        rf"server at \"(?P<host>{_HOSTNAME})\"(?:.{{0,30}}?port (?P<port>\d{{1,5}}))?",
        rf"server on '(?P<host>{_HOSTNAME})(?::(?P<port>\d{{1,5}}))?'",
        rf"(?:connect(?:ing|ion|ed)? to|dial(?:ing)?(?: tcp)?|reach|Connection refused|resolve|ipv4:)\s*[(\"':]*"
        rf"(?P<host>{_HOSTNAME})/?[\d.]*:(?P<port>\d{{1,5}})\b",
        r"\b(?P<host>(?:\d{1,3}\.){3}\d{1,3}):(?P<port>\d{1,5})\b",
        r"\b(?P<host>[a-z][a-z0-9-]*[a-z0-9](?:\.[a-z0-9-]+)*):(?P<port>\d{2,5})\b",
    )
)
_USER = re.compile(r"(?:user|role|login)[ :=]+[\"'`]?(?P<user>[A-Za-z0-9_.-]{1,64})[\"'`]?", re.IGNORECASE)
_PATH = re.compile(r"(?P<path>/[A-Za-z0-9._@+-]+(?:/[A-Za-z0-9._@+-]*)*)")
_NO_HOST = frozenset({"http", "https", "tcp", "to", "the", "on", "at", "line", "java", "main", "main.go"})


@dataclass(frozen=True)
class Signal:
    """Lines of one kind about one host and port in one log. ``line`` is the last of them, ``record`` what stands
    before it in the same record where it names no host itself: a driver names itself first and the cause last.
    """

    kind: str
    host: str
    port: int
    user: str
    path: str
    line: str
    count: int
    last: datetime | None
    pod: Object
    container: str
    previous: bool
    current: bool
    record: str = ""


def kind_of(line: str) -> str:
    """What a line says, "" when it says nothing of the kind."""
    template = line.translate(_NO_DIGITS)
    found = _KINDS.get(template)
    if found is None:
        if len(_KINDS) > TEMPLATES:
            _KINDS.clear()
        found = _KINDS[template] = _judged(line)
    return found


def _judged(line: str) -> str:
    kind = next((name for name, pattern in PATTERNS if pattern.search(line)), "")
    if kind in CALLS and (_BESIDE.search(line) or (_QUIET.search(line) and not _LOUD.search(line))):
        return ""
    return kind


def host_in(line: str) -> tuple[str, int]:
    """The host and port that a line names, "" and 0 where it does not. The resolver's own address is left out."""
    line = _SERVER.sub("", _TIME.sub("", line))
    for pattern in _NAMED:
        for match in pattern.finditer(line):
            host = match["host"]
            if host.lower() in _NO_HOST or host.isdecimal():
                continue
            found = match.groupdict().get("port")
            return host, int(found) if found and int(found) < 65536 else 0
    return "", 0


def moment(line: str) -> datetime | None:
    """The time a line carries."""
    match = _TIME.search(line[:200])
    return parse(match.group().replace("/", "-").replace(" ", "T").replace(",", ".")) if match else None


def signals(snapshot: Snapshot, workload: Workload) -> tuple[Signal, ...]:
    """Signals of a workload's logs, the most frequent first."""
    table: dict[str, tuple[Signal, ...]] = snapshot.memo("signals", dict)
    key = str(workload.ref)
    if key not in table:
        table[key] = tuple(_signals(snapshot, workload))
    return table[key]


def _signals(snapshot: Snapshot, workload: Workload) -> list[Signal]:
    found: list[Signal] = []
    for pod in sorted(workload.pods, key=lambda item: (ready(item), ref_of(item).name))[:PODS]:
        ref, known = ref_of(pod), statuses(pod)
        for container in workload.containers:
            status = known.get(container.name, {})
            restarted = number(status.get("restartCount")) > 0
            for previous in (False, True) if restarted and not _well(snapshot, status) else (False,):
                text = snapshot.logs(ref.namespace, ref.name, container.name, previous=previous)
                if text:
                    ended = previous or not state(status, "running")
                    found += _of_log(snapshot, pod, container.name, text, previous=previous, ended=ended)
    return sorted(found, key=lambda item: (not item.current, -item.count, item.kind, item.host, item.line))


def _well(snapshot: Snapshot, status: dict[str, Any]) -> bool:
    """Whether a container runs well for a while, so that its previous run is history."""
    began = parse(state(status, "running").get("startedAt"))
    return (
        status.get("ready") is True
        and began is not None
        and ((snapshot.taken_at - began).total_seconds() > SETTLED)
    )


def _of_log(
    snapshot: Snapshot, pod: Object, container: str, text: str, *, previous: bool, ended: bool
) -> Iterator[Signal]:
    lines = [line[:WIDTH] for line in text.splitlines()[-TAIL:]]
    groups: dict[tuple[str, str, int], list[int]] = {}
    for position, line in enumerate(lines):
        kind = kind_of(line)
        if kind:
            host, port = host_in(line) if kind in CALLS or kind == "tls" else ("", 0)
            if kind in CALLS and not host:
                host, port = _host_of_record(snapshot, ref_of(pod).namespace, lines, position)
            groups.setdefault((kind, host, port), []).append(position)
    for (kind, host, port), where in groups.items():
        line = lines[where[-1]]
        user, path = _USER.search(line), _PATH.search(line)
        yield Signal(
            kind=kind,
            host=host,
            port=port,
            user=user["user"] if user else "",
            path=path["path"] if path else "",
            line=line,
            count=len(where),
            last=_written(lines, where[-1]),
            pod=pod,
            container=container,
            previous=previous,
            current=where[-1] >= len(lines) - 60 if ended else _goes_on(lines, where, snapshot.taken_at),
            record="" if host else "\n".join(_record(lines, where[-1])),
        )


def _record(lines: list[str], position: int) -> Iterator[str]:
    """The lines of the same record before one, the nearest first."""
    for index in range(position - 1, max(position - RECORD, -1), -1):
        if not lines[index + 1][:1].isspace() and not _CONTINUES.match(lines[index + 1]):
            return
        yield lines[index]


def _host_of_record(snapshot: Snapshot, namespace: str, lines: list[str], position: int) -> tuple[str, int]:
    """The Service that an earlier line of the same record names, as drivers do before they tell the cause."""
    for line in _record(lines, position):
        host, port = host_in(line)
        if host and snapshot.get("Service", namespace, host.split(".")[0]) is not None:
            return host, port
    return "", 0


def _written(lines: list[str], position: int) -> datetime | None:
    """When a line was written: its own time, or that of the record it continues, as a stack trace does."""
    if (own := moment(lines[position])) is not None:
        return own
    return next((found for line in _record(lines, position) if (found := moment(line)) is not None), None)


def _goes_on(lines: list[str], where: list[int], taken_at: datetime) -> bool:
    """Whether a trouble of a running program repeats and has not stopped."""
    if len(where) < 2:
        return False
    times = [found for position in where if (found := _written(lines, position)) is not None]
    if len(times) < len(where):
        # Without times only the very end counts.
        return sum(position >= len(lines) - 6 for position in where) >= 2 or (
            len(where) >= 3 and where[-1] >= len(lines) - 12
        )
    ends = [found for line in lines[-20:] if (found := moment(line)) is not None]
    last = max(ends, default=times[-1])
    # A log that ends long before the snapshot was taken, or after it, is judged by its own clock.
    now = max(taken_at, last) if abs((taken_at - last).total_seconds()) < 3600 else last
    gaps = [(later - sooner).total_seconds() for sooner, later in pairwise(times)]
    patience = 2 * max(median(gaps), 1.0) + 2
    if len(times) < 3:
        # Two occasions far apart are two occasions.
        patience = min(patience, TWICE)
    return (now - times[-1]).total_seconds() <= patience


def strongest(found: tuple[Signal, ...], *kinds: str, container: str = "") -> Signal | None:
    """The most telling current signal of these kinds."""
    return next(
        (
            item
            for item in found
            if item.current and item.kind in kinds and (not container or item.container == container)
        ),
        None,
    )


def value_of(item: Signal) -> dict[str, Any]:
    """The facts of a signal, as JSON."""
    return {"kind": item.kind, "host": item.host, "port": item.port, "count": item.count}
