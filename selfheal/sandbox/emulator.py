"""What every emulator shares: one loopback HTTP server, a request log, injectable faults, reset, coverage.

Each emulator is a folder with the same files: ``app.py`` (routes), ``store.py`` (state), and what else it needs.
Control endpoints, under ``/_sandbox`` on every server:

========================  =======================================================================
``GET requests``          the request log: ``[{"n", "method", "path", "query", "status", "effect", "who"}]``
``DELETE requests``       empties the log
``POST faults``           ``{"match", "method"?, "nth"?, "times"?, "action", "status"?, "headers"?, "body"?, "seconds"?}``
``DELETE faults``         removes all injected faults
``POST reset``            forgets all state
``GET coverage``          the routes served, for the generated table
========================  =======================================================================

Fault actions: ``drop-before`` (connection closed before the effect), ``drop-after`` (effect, then closed),
``status`` (answers ``status`` with ``headers`` and ``body`` and no effect), ``delay`` (waits ``seconds``, then serves).
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from werkzeug.exceptions import ClientDisconnected, HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

Handler = Callable[..., Response]
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Dropped(ConnectionError):
    """Raised to the server loop, which takes it as a lost peer: the connection closes without an answer."""


@dataclass
class InjectedFault:
    """A misbehaviour for requests whose ``METHOD /path`` matches the regular expression ``match``.

    It skips the first ``nth - 1`` matches and then happens ``times`` times (0: for ever).
    """

    match: str
    action: str
    method: str = ""
    nth: int = 1
    times: int = 1
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    seconds: float = 0.0
    seen: int = 0

    def strikes(self, method: str, path: str) -> bool:
        if (self.method and self.method != method) or not re.search(self.match, path):
            return False
        self.seen += 1
        return self.seen >= self.nth and (self.times == 0 or self.seen < self.nth + self.times)


def json_response(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An ``application/json`` answer; ``None`` makes an empty body (204 and the like)."""
    body = b"" if document is None else json.dumps(document).encode()
    return Response(body, status=status, headers=headers, content_type="application/json;charset=UTF-8")


class Emulator:
    """Base of the three servers. Subclasses call :meth:`route` in their constructor and override the hooks."""

    name = "emulator"

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.requests: list[dict[str, Any]] = []
        self.faults: list[InjectedFault] = []
        self._rules: list[Rule] = []
        self._handlers: dict[str, Handler] = {}
        self._map: Map | None = None
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None
        for method, path, handler in (
            ("GET", "/_sandbox/requests", lambda _r: json_response(self.requests)),
            ("DELETE", "/_sandbox/requests", self._clear_requests),
            ("POST", "/_sandbox/faults", self._add_fault),
            ("DELETE", "/_sandbox/faults", self._clear_faults),
            ("POST", "/_sandbox/reset", self._reset),
            ("GET", "/_sandbox/coverage", lambda _r: json_response(self.coverage())),
        ):
            self.route(method, path, handler)

    # -- hooks ---------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Forget all state. Subclasses extend it."""
        self.requests.clear()
        self.faults.clear()

    def authenticate(self, request: Request) -> Response | str:
        """The caller's identity, or the refusal. The control endpoints are not asked."""
        return ""

    def not_found(self, request: Request) -> Response:
        """The vendor's body for an unknown path."""
        return json_response(
            {"message": f"{self.name} sandbox: no route {request.method} {request.path}"}, 404
        )

    def date(self) -> float:
        """What every answer's ``Date`` says, in seconds since the epoch. Servers with a clock of their own override it."""
        return time.time()

    def limit(self, request: Request, who: str) -> Response | None:
        """A 429 of the vendor's shape when the caller is over its rate, else None."""
        return None

    def changes(self, request: Request) -> bool:
        """Is this a request that changes something when it succeeds? Some POSTs only ask."""
        return request.method in WRITES

    # -- routes --------------------------------------------------------------------------------------------

    def route(self, method: str, path: str, handler: Handler) -> None:
        """Serve ``method path`` (werkzeug rule syntax) by ``handler(request, **path_arguments)``."""
        endpoint = f"{method} {path}"
        self._rules.append(Rule(path, endpoint=endpoint, methods=[method]))
        self._handlers[endpoint] = handler
        self._map = None

    def coverage(self) -> list[str]:
        """``METHOD /path`` of every vendor route served."""
        return sorted(name for name in self._handlers if "/_sandbox" not in name)

    # -- serving -------------------------------------------------------------------------------------------

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        try:
            response = self._answer(request)
        except ClientDisconnected as error:
            # A client that died while it sent its request: nobody waits for an answer.
            raise Dropped from error
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        control = request.path.startswith("/_sandbox")
        fault = None if control else self._struck(request)
        if fault and fault.action == "drop-before":
            self._log(request, 0, effect=False)
            raise Dropped
        if fault and fault.action == "delay":
            time.sleep(fault.seconds)
        if fault and fault.action == "status":
            self._log(request, fault.status, effect=False)
            return json_response(fault.body, fault.status, fault.headers)
        who: Response | str = "" if control else self.authenticate(request)
        if isinstance(who, Response):
            self._log(request, who.status_code, effect=False)
            return who
        limited = None if control else self.limit(request, who)
        if limited is not None:
            self._log(request, limited.status_code, effect=False, who=who)
            return limited
        response = self._dispatch(request)
        if not control:
            self._log(request, response.status_code, effect=response.status_code < 400, who=who)
        if fault and fault.action == "drop-after":
            raise Dropped
        return response

    def _dispatch(self, request: Request) -> Response:
        try:
            endpoint, arguments = self._routes().bind_to_environ(request.environ).match()
        except HTTPException as error:
            return self.not_found(request) if error.code == 404 else Response(status=error.code)
        return self._handlers[endpoint](request, **arguments)

    def _routes(self) -> Map:
        """The routes, mapped once; two first requests at once must not both do it."""
        with self.lock:
            if self._map is None:
                rules = [rule.empty() for rule in self._rules]
                self._map = Map(rules, strict_slashes=False, merge_slashes=False)
            return self._map

    def _struck(self, request: Request) -> InjectedFault | None:
        with self.lock:
            path = f"{request.path}?{request.query_string.decode()}" if request.query_string else request.path
            return next((fault for fault in self.faults if fault.strikes(request.method, path)), None)

    def _log(self, request: Request, status: int, *, effect: bool, who: str = "") -> None:
        with self.lock:
            self.requests.append(
                {
                    "n": len(self.requests) + 1,
                    "method": request.method,
                    "path": request.path,
                    "query": request.query_string.decode(errors="replace"),
                    "status": status,
                    "effect": effect and self.changes(request),
                    "who": who,
                }
            )

    # -- control endpoints ---------------------------------------------------------------------------------

    def _clear_requests(self, _request: Request) -> Response:
        self.requests.clear()
        return json_response({})

    def _add_fault(self, request: Request) -> Response:
        self.faults.append(InjectedFault(**json.loads(request.get_data())))
        return json_response({"faults": len(self.faults)}, 201)

    def _clear_faults(self, _request: Request) -> Response:
        self.faults.clear()
        return json_response({})

    def _reset(self, _request: Request) -> Response:
        self.reset()
        return json_response({})

    # -- life ----------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT`` once started."""
        if self._server is None:
            raise RuntimeError(f"The {self.name} sandbox is not started.")
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self, port: int = 0) -> str:
        """Serve on loopback in a thread; answers the URL."""
        self._server = make_server("127.0.0.1", port, self, threaded=True, request_handler=_QuietHandler)
        self._server.daemon_threads = True  # type: ignore[attr-defined]
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.02},  # how long `stop` waits
            name=f"sandbox-{self.name}",
            daemon=True,
        )
        self._thread.start()
        return self.url

    def stop(self) -> None:
        """Stop serving; idempotent."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _QuietHandler(WSGIRequestHandler):
    """HTTP/1.1, no access log on the terminal, and a hard close when an answer is dropped."""

    protocol_version = "HTTP/1.1"

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The emulator's time, not the machine's."""
        application = self.server.app
        moment = application.date() if isinstance(application, Emulator) else None
        return super().date_time_string(moment if timestamp is None else timestamp)

    def log(self, type: str, message: str, *args: Any) -> None:
        """The request log of the emulator is the only log."""

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        self.close_connection = True
