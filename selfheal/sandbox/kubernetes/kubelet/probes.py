"""Startup, liveness and readiness probes, with the words of the kubelet's probers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfheal.sandbox.kubernetes.behaviour import Answer
from selfheal.sandbox.kubernetes.kubelet import program
from selfheal.sandbox.kubernetes.network import named_port
from selfheal.sandbox.kubernetes.objects import dig

if TYPE_CHECKING:
    from selfheal.sandbox.kubernetes.kubelet.container import ContainerRunner


class Probe:
    """One probe of one run of a container. ``good`` is what it holds for true."""

    def __init__(self, runner: ContainerRunner, kind: str) -> None:
        self.runner, self.kind = runner, kind
        self.spec = runner.spec[f"{kind}Probe"]
        self.good = kind == "liveness"
        self._row = 0
        self._last: bool | None = None
        self._stopped = False

    def begin(self) -> None:
        """The first probe comes after the initial delay, or with the first period when there is none."""
        delay = float(self.spec.get("initialDelaySeconds") or 0)
        self.runner.later(delay or 0.3, self._run)

    def stop(self) -> None:
        self._stopped = True

    def _run(self) -> None:
        if self._stopped or not self.runner.running or (self.kind == "startup" and self.good):
            return
        self.runner.later(float(self.spec.get("periodSeconds") or 10), self._run)
        if self.kind != "startup" and not self.runner.started:
            return
        try:
            failure = self.ask()
        except LookupError as error:
            self._tell(
                f"{self.kind.capitalize()} probe errored and resulted in unknown state: {error.args[0]}"
            )
            return
        passed = not failure
        if failure:
            self._tell(f"{self.kind.capitalize()} probe failed: {failure}")
        self._row = self._row + 1 if passed is self._last else 1
        self._last = passed
        needed = int(
            self.spec.get("successThreshold" if passed else "failureThreshold") or (1 if passed else 3)
        )
        if self._row >= needed and (self.good is not passed or not passed):
            self._decide(passed=passed)

    def _decide(self, *, passed: bool) -> None:
        self.good = passed
        if not passed and self.kind != "readiness":
            self._row = 0
            grace = self.spec.get("terminationGracePeriodSeconds")
            self.runner.kill(
                f"Container {self.runner.name} failed {self.kind} probe, will be restarted", grace=grace
            )
            return
        self.runner.probed()

    def _tell(self, message: str) -> None:
        self.runner.event("Warning", "Unhealthy", message)

    def ask(self) -> str:
        """What is wrong, "" for nothing. Raises LookupError when the probe itself cannot be made."""
        if "exec" in self.spec:
            return self._exec()
        handler = next(name for name in ("httpGet", "tcpSocket", "grpc") if name in self.spec)
        worker, spec = self.runner.worker, self.spec[handler]
        number = self._port(spec.get("port"))
        address = str(spec.get("host") or worker.ip)
        where = f"{address}:{number}"
        protocol = worker.listening().get(number)
        refused = f"dial tcp {where}: connect: connection refused"
        if handler == "tcpSocket":
            return "" if protocol not in (None, "udp") else refused
        timeout = float(spec.get("timeoutSeconds") or self.spec.get("timeoutSeconds") or 1)
        if handler == "grpc":
            if protocol == "grpc":
                return ""
            return (
                f'timeout: failed to connect service "{where}" within {timeout:g}s: context deadline exceeded'
            )
        scheme, path = str(spec.get("scheme", "HTTP")).lower(), str(spec.get("path") or "/")
        get = f'Get "{scheme}://{where}{path if path.startswith("/") else "/" + path}": '
        if protocol in (None, "udp"):
            return get + refused
        return self._http(get, scheme, protocol, path, number, timeout)

    def _port(self, port: object) -> int:
        if isinstance(port, int):
            return port
        text = str(port)
        if text.isdigit():
            return int(text)
        number = next(
            (
                int(item["containerPort"])
                for item in self.runner.spec.get("ports") or ()
                if item.get("name") == text
            ),
            None,
        )
        if number is None:
            raise LookupError(
                f'couldn\'t find port: "{text}"' if named_port(self.runner.worker.pod, text) is None else text
            )
        return number

    def _http(self, get: str, scheme: str, protocol: str, path: str, number: int, timeout: float) -> str:
        malformed = "net/http: HTTP/1.x transport connection broken: malformed HTTP response "
        if scheme == "https" and protocol != "https":
            if protocol == "http":
                return f"{get}http: server gave HTTP response to HTTPS client"
            return f"{get}tls: first record does not look like a TLS handshake"
        if protocol == "grpc":
            return rf'{get}{malformed}"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00@\x00"'
        if protocol == "tcp":
            return f'{get}{malformed}"-ERR unknown command"'
        if scheme == "http" and protocol == "https":
            return "HTTP probe failed with statuscode: 400"
        answer, slow = self._answer(path, number)
        if answer.seconds * slow > timeout:
            return f"{get}context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        return "" if 200 <= answer.status < 400 else f"HTTP probe failed with statuscode: {answer.status}"

    def _answer(self, path: str, number: int) -> tuple[Answer, float]:
        """What the path answers now, and how much slower for want of CPU."""
        runner = self.runner.worker.owner_of(number) or self.runner
        behaviour = runner.behaviour
        held = behaviour.paths.get(path.partition("?")[0], behaviour.other_paths)
        answer = held if isinstance(held, Answer) else Answer(held)
        for call in behaviour.calls:
            if call.target in answer.needs and runner.worker.kubelet.call(
                runner.worker.pod, runner.env, call
            ):
                answer = Answer(503, (), answer.seconds)
        return answer, program.slowness(behaviour, runner.spec)

    def _exec(self) -> str:
        command = [str(word) for word in dig(self.spec, "exec", "command", default=[])]
        behaviour = self.runner.behaviour
        name = command[0] if command else ""
        shells = ("sh", "/bin/sh", "bash", "/bin/bash")
        target = command[2].split()[0] if name in shells and len(command) > 2 and command[2].split() else name
        known = {behaviour.entrypoint, *behaviour.commands}
        names = {path.rpartition("/")[2] for path in known}
        if (
            target in known
            or ("/" not in target and target in names)
            or target in ("true", "test", "cat", "[")
        ):
            return "" if self.runner.listening or not behaviour.ports else f"{target}: not serving"
        text = f'exec: "{target}": ' + (
            f"stat {target}: no such file or directory"
            if target.startswith("/")
            else "executable file not found in $PATH"
        )
        return (
            "command error: rpc error: code = Unknown desc = failed to exec in container: failed to start exec: OCI "
            f"runtime exec failed: exec failed: unable to start container process: {text}"
        )
