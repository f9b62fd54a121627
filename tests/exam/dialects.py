"""What a failed call reads like in a program's language and in the words of the driver for what it called."""

from __future__ import annotations

import re

_LOOKUP = re.compile(r"lookup (\S+) on")
_DIALED = re.compile(r"dial tcp (\S+?):(\d+): (.*)")
#: Rest of a kernel's or resolver's error by kind.
_REFUSED, _TIMEOUT, _UNKNOWN, _AUTH, _FULL, _READ_ONLY, _DNS_TIMEOUT = (
    "refused",
    "timeout",
    "unknown",
    "auth",
    "full",
    "readonly",
    "dnstimeout",
)


def kind_of(error: str) -> str:
    """Which trouble the embedded network's words are."""
    if "no such host" in error:
        return _UNKNOWN
    if "lookup" in error and "timeout" in error:
        return _DNS_TIMEOUT
    for text, kind in (
        ("refused", _REFUSED),
        ("timeout", _TIMEOUT),
        ("authentication", _AUTH),
        ("too many", _FULL),
        ("read-only", _READ_ONLY),
    ):
        if text in error:
            return kind
    return "other"


def spoken(line: str, lang: str, store: str, protocol: str) -> str:
    """The line as the program would have written it. Lines about nothing of the kind stay as they are."""
    if "@@" not in line:
        return line
    time, target, error = line.split("@@", 2)
    kind = kind_of(error)
    plain = target.split("://")[-1].split("@")[-1]
    host, _, port = plain.partition("/")[0].partition(":")
    dialed = _DIALED.search(error)
    address = f"{dialed.group(1)}:{dialed.group(2)}" if dialed else f"10.96.7.7:{port}"
    return _words(lang, store, protocol, kind, time, host, port or "80", address, error)


def _words(
    lang: str, store: str, protocol: str, kind: str, time: str, host: str, port: str, address: str, error: str
) -> str:
    if kind in (_AUTH, _FULL, _READ_ONLY):
        return _store_words(lang, store, kind, time, host, port, error)
    if store in ("postgres", "mysql", "mongo", "redis", "rabbitmq"):
        return _driver_words(lang, store, kind, time, host, port, address, error)
    speak = {
        "go": _go,
        "node": _node,
        "python": _python,
        "java": _java,
        "csharp": _csharp,
        "ruby": _ruby,
        "nginx": _nginx,
    }[lang]
    return speak(protocol, kind, time, host, port, address, error)


def _go(protocol: str, kind: str, time: str, host: str, port: str, address: str, error: str) -> str:
    if protocol == "grpc":
        detail = f'connection error: desc = "transport: Error while dialing: {error}"'
        if kind == _UNKNOWN:
            detail = f"dns: A record lookup error: lookup {host} on 10.96.0.10:53: no such host"
        return f'{{"severity":"error","timestamp":"{time}","message":"call to {host}:{port} failed: rpc error: code = Unavailable desc = {detail.replace(chr(34), chr(92) + chr(34))}"}}'
    return f'{{"level":"error","ts":"{time}","msg":"upstream failed","err":"Get \\"http://{host}:{port}/\\": {error}"}}'


def _node(protocol: str, kind: str, time: str, host: str, port: str, address: str, error: str) -> str:
    raw = {
        _REFUSED: f"connect ECONNREFUSED {address}", _TIMEOUT: f"connect ETIMEDOUT {address}",
        _UNKNOWN: f"getaddrinfo ENOTFOUND {host}", _DNS_TIMEOUT: f"getaddrinfo EAI_AGAIN {host}",
    }.get(kind, error)  # fmt: skip
    if protocol == "grpc":
        text = {
            _UNKNOWN: f"14 UNAVAILABLE: Name resolution failed for target dns:{host}:{port}", _DNS_TIMEOUT: f"14 UNAVAILABLE: Name resolution failed for target dns:{host}:{port}",
            _TIMEOUT: f"4 DEADLINE_EXCEEDED: Deadline exceeded after 5.001s,LB pick: 0.002s,remote_addr={address}",
        }.get(kind, f"14 UNAVAILABLE: No connection established. Last error: {raw}. Resolution note: ")  # fmt: skip
        return f'{{"level":50,"time":"{time}","msg":"request failed","err":{{"type":"Error","message":"{text}","target":"{host}:{port}"}}}}'
    return f"{time} ERROR request to http://{host}:{port}/ failed, reason: {raw}\n    at ClientRequest.<anonymous> (/usr/src/app/node_modules/node-fetch/lib/index.js:1491:11)"


def _python(protocol: str, kind: str, time: str, host: str, port: str, address: str, error: str) -> str:
    if protocol == "grpc":
        details = {
            _REFUSED: f"failed to connect to all addresses; last error: UNKNOWN: ipv4:{address}: Failed to connect to remote host: connect: Connection refused (111)",
            _TIMEOUT: f"failed to connect to all addresses; last error: UNKNOWN: ipv4:{address}: Failed to connect to remote host: FD Shutdown",
            _UNKNOWN: f"DNS resolution failed for {host}:{port}: C-ares status is not ARES_SUCCESS qtype=A name={host} is_balancer=0: Domain name not found",
        }.get(kind, f"DNS resolution failed for {host}:{port}: C-ares status is not ARES_SUCCESS qtype=A name={host}: Timeout while contacting DNS servers")  # fmt: skip
        return f'{time} ERROR grpc._channel._InactiveRpcError: <_InactiveRpcError of RPC that terminated with:\n\tstatus = StatusCode.UNAVAILABLE\n\tdetails = "{details}"\n>'
    cause = {
        _REFUSED: "Failed to establish a new connection: [Errno 111] Connection refused", _UNKNOWN: f"Failed to resolve '{host}' ([Errno -2] Name or service not known)",
        _TIMEOUT: f"Connection to {host} timed out. (connect timeout=5)", _DNS_TIMEOUT: f"Failed to resolve '{host}' ([Errno -3] Temporary failure in name resolution)",
    }.get(kind, error)  # fmt: skip
    return f"{time} ERROR HTTPConnectionPool(host='{host}', port={port}): Max retries exceeded with url: / (Caused by NewConnectionError('<urllib3.connection.HTTPConnection object at 0x7f2c1d0>: {cause}'))"


def _java(protocol: str, kind: str, time: str, host: str, port: str, address: str, error: str) -> str:
    cause = {
        _REFUSED: f"java.net.ConnectException: Connection refused: {host}/{address}", _TIMEOUT: f"java.net.SocketTimeoutException: Connect timed out: {host}:{port}",
        _UNKNOWN: f"java.net.UnknownHostException: {host}: Name or service not known", _DNS_TIMEOUT: f"java.net.UnknownHostException: {host}: Temporary failure in name resolution",
    }.get(kind, error)  # fmt: skip
    if protocol == "grpc":
        return f"{time} ERROR [pool-2-thread-7] c.b.orders.Client - io.grpc.StatusRuntimeException: UNAVAILABLE: io exception\n\tat io.grpc.stub.ClientCalls.toStatusRuntimeException(ClientCalls.java:268)\nCaused by: io.netty.channel.AbstractChannel$AnnotatedConnectException: {cause}"
    return f'{time} ERROR 1 --- [nio-8080-exec-3] o.a.c.c.C.[.[.[/].[dispatcherServlet]    : Servlet.service() threw exception\n\norg.springframework.web.client.ResourceAccessException: I/O error on GET request for "http://{host}:{port}/": {cause.partition(": ")[2]}\n\tat org.springframework.web.client.RestTemplate.doExecute(RestTemplate.java:785)\nCaused by: {cause}'


def _csharp(protocol: str, kind: str, time: str, host: str, port: str, address: str, error: str) -> str:
    cause = {
        _REFUSED: "Connection refused",
        _UNKNOWN: "Name or service not known",
        _DNS_TIMEOUT: "Resource temporarily unavailable",
    }.get(kind, "Connection timed out")
    return f'fail: Basket.Client[0]\n      Grpc.Core.RpcException: Status(StatusCode="Unavailable", Detail="Error connecting to subchannel.", DebugException="System.Net.Sockets.SocketException: {cause} ({host}:{port})")'


def _ruby(protocol: str, kind: str, time: str, host: str, port: str, address: str, error: str) -> str:
    cause = {
        _REFUSED: f'Errno::ECONNREFUSED: Failed to open TCP connection to {host}:{port} (Connection refused - connect(2) for "{host}" port {port})',
        _UNKNOWN: f"SocketError: Failed to open TCP connection to {host}:{port} (getaddrinfo: Name or service not known)",
    }.get(kind, f"Net::OpenTimeout: Failed to open TCP connection to {host}:{port} (execution expired)")  # fmt: skip
    return f"{time} ERROR -- : {cause}"


def _nginx(protocol: str, kind: str, time: str, host: str, port: str, address: str, error: str) -> str:
    if kind in (_UNKNOWN, _DNS_TIMEOUT):
        return f'{time} [error] 29#29: *17 {host} could not be resolved (3: Host not found), client: 10.244.1.1, server: , request: "GET / HTTP/1.1"'
    cause = (
        "connect() failed (111: Connection refused)"
        if kind == _REFUSED
        else "upstream timed out (110: Operation timed out)"
    )
    return f'{time} [error] 29#29: *17 {cause} while connecting to upstream, client: 10.244.1.1, server: , request: "GET / HTTP/1.1", upstream: "http://{address}/", host: "shop.example"'


def _driver_words(
    lang: str, store: str, kind: str, time: str, host: str, port: str, address: str, error: str
) -> str:
    if lang == "java":
        cause = {
            _REFUSED: "java.net.ConnectException: Connection refused",
            _TIMEOUT: "java.net.SocketTimeoutException: Connect timed out",
        }.get(kind, f"java.net.UnknownHostException: {host}: Name or service not known")
        if store == "mysql":
            return f"{time} ERROR 1 --- [           main] com.zaxxer.hikari.pool.HikariPool        : HikariPool-1 - Exception during pool initialization.\n\ncom.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure\n\nThe last packet sent successfully to the server was 0 milliseconds ago. The driver has not received any packets from the server.\nCaused by: {cause}"
        if store == "mongo":
            return f"{time}  INFO 1 --- [mongo:{port}] org.mongodb.driver.cluster : Exception in monitor thread while connecting to server {host}:{port}\n\ncom.mongodb.MongoSocketOpenException: Exception opening socket\nCaused by: {cause}"
        if store == "rabbitmq":
            return f"{time} ERROR 1 --- [           main] o.s.a.r.l.SimpleMessageListenerContainer : Failed to check/redeclare auto-delete queue(s).\n\norg.springframework.amqp.AmqpConnectException: {cause}"
        return f"{time} ERROR 1 --- [nio-8102-exec-1] c.a.Sessions : io.lettuce.core.RedisConnectionException: Unable to connect to {host}/<unresolved>:{port}\nCaused by: {cause}"
    if lang == "csharp":
        return f"fail: Basket.Store[0]\n      StackExchange.Redis.RedisConnectionException: It was not possible to connect to the redis server(s). Error connecting right now. UnableToConnect on {host}:{port}/Interactive, Initializing/NotStarted, last: NONE, origin: BeginConnectAsync"
    if lang == "ruby":
        cause = (
            f'connection to server at "{host}" ({address.partition(":")[0]}), port {port} failed: Connection refused'
            if kind == _REFUSED
            else f'could not translate host name "{host}" to address: Name or service not known'
        )
        return f"{time} FATAL -- : PG::ConnectionBad: {cause if kind != _TIMEOUT else f'connection to server at {host}, port {port} failed: timeout expired'}"
    return f'{{"level":"fatal","ts":"{time}","msg":"cannot reach {store}","err":"failed to connect to `host={host} user=svc database=app`: {error}"}}'


def _store_words(lang: str, store: str, kind: str, time: str, host: str, port: str, error: str) -> str:
    words = {
        ("postgres", _AUTH): 'FATAL: password authentication failed for user "svc" (SQLSTATE 28P01)',
        ("postgres", _FULL): "FATAL: sorry, too many clients already (SQLSTATE 53300)",
        ("postgres", _READ_ONLY): "ERROR: cannot execute INSERT in a read-only transaction (SQLSTATE 25006)",
        ("mysql", _AUTH): "java.sql.SQLException: Access denied for user 'svc'@'10.244.1.9' (using password: YES)",
        ("mysql", _FULL): 'java.sql.SQLNonTransientConnectionException: Data source rejected establishment of connection,  message from server: "Too many connections"',
        ("mysql", _READ_ONLY): "java.sql.SQLException: The MySQL server is running with the --read-only option so it cannot execute this statement",
        ("mongo", _AUTH): f"com.mongodb.MongoSecurityException: Exception authenticating MongoCredential{{mechanism=SCRAM-SHA-256, userName='svc', source='admin'}}: Command failed with error 18 (AuthenticationFailed): 'Authentication failed.' on server {host}:{port}",
        ("mongo", _FULL): "com.mongodb.MongoTimeoutException: Timed out after 30000 ms while waiting to connect; connection refused because too many open connections: 819",
        ("mongo", _READ_ONLY): "com.mongodb.MongoNotPrimaryException: Command failed with error 10107 (NotWritablePrimary): 'not primary'",
        ("redis", _AUTH): "WRONGPASS invalid username-password pair or user is disabled.",
        ("redis", _FULL): "ERR max number of clients reached",
        ("redis", _READ_ONLY): "READONLY You can't write against a read only replica.",
        ("rabbitmq", _AUTH): "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.",
        ("rabbitmq", _FULL): "NOT_ALLOWED - access to vhost '/' refused for user 'svc': connection limit (8) is reached",
        ("rabbitmq", _READ_ONLY): "NOT_ALLOWED - the broker is in read-only mode",
    }.get((store, kind), error)  # fmt: skip
    if lang == "java":
        return f"{time} ERROR 1 --- [           main] o.s.boot.SpringApplication               : Application run failed\n\norg.springframework.beans.factory.BeanCreationException: Error creating bean with name 'entityManagerFactory'\nCaused by: {words}"
    if lang == "csharp":
        return f"fail: Basket.Store[0]\n      StackExchange.Redis.RedisServerException: {words}"
    return f'{{"level":"error","ts":"{time}","msg":"store failed","err":{words!r}}}'
