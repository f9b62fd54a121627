"""One pod on its node: volumes, init containers one by one, containers side by side, and the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfheal.sandbox.kubernetes.kubelet import environment
from selfheal.sandbox.kubernetes.kubelet.container import ContainerRunner
from selfheal.sandbox.kubernetes.kubelet.status import pod_status
from selfheal.sandbox.kubernetes.objects import Key, Object, dig, entries, finished, key_of
from selfheal.sandbox.kubernetes.quantity import amount
from selfheal.sandbox.kubernetes.timeline import Action, Timer

if TYPE_CHECKING:
    from selfheal.sandbox.kubernetes.kubelet.agent import Kubelet

#: The kubelet retries a mount after half a second, then ever later.
MOUNT_RETRY, MAX_MOUNT_RETRY = 0.5, 122.0


class PodWorker:
    """What a kubelet knows of one pod."""

    def __init__(self, kubelet: Kubelet, pod: Object, ip: str, host_ip: str) -> None:
        self.kubelet, self.pod, self.ip, self.host_ip = kubelet, pod, ip, host_ip
        self.key: Key = key_of(pod)
        self.uid = str(pod["metadata"]["uid"])
        self.node = str(pod["spec"]["nodeName"])
        self.start_time = kubelet.cluster.stamp()
        self.sandbox = self.stopping = self.finishing = False
        self.failed: tuple[str, str] | None = None
        self.has_init = bool(entries(pod, "spec", "initContainers"))
        self.inits = [
            ContainerRunner(self, spec, init=True) for spec in entries(pod, "spec", "initContainers")
        ]
        self.containers = [
            ContainerRunner(self, spec, init=False) for spec in entries(pod, "spec", "containers")
        ]
        self.initialised = not self.has_init
        self._current = -1
        self._mount_delay = MOUNT_RETRY
        self._timers: list[Timer] = []
        deadline = dig(pod, "spec", "activeDeadlineSeconds")
        if deadline is not None:
            self._later(float(deadline), self._too_late)

    @property
    def runners(self) -> list[ContainerRunner]:
        return [*self.inits, *self.containers]

    def _later(self, seconds: float, action: Action) -> None:
        self._timers.append(self.kubelet.cluster.after(seconds, action))

    # The way in

    def begin(self) -> None:
        """Mount, then start."""
        if self.stopping:
            return
        try:
            environment.check_volumes(self.kubelet.cluster, self.pod)
        except environment.MountError as error:
            self.event("Warning", "FailedMount", str(error))
            delay, self._mount_delay = self._mount_delay, min(self._mount_delay * 2, MAX_MOUNT_RETRY)
            self._later(delay, self.begin)
            self.report()
            return
        self.sandbox = True
        if self.has_init:
            self._next_init()
        else:
            self._start_containers()
        self.report()

    def _next_init(self) -> None:
        self._current += 1
        if self._current < len(self.inits):
            self.inits[self._current].start()
            return
        self.initialised = True
        self._start_containers()

    def _start_containers(self) -> None:
        for runner in self.containers:
            runner.start()

    def changed(self, runner: ContainerRunner) -> None:
        """A container came to another state."""
        if runner.init and not self.initialised and runner is self.inits[self._current]:
            done = runner.succeeded() if not runner.sidecar else runner.started
            if done:
                self._next_init()
        if self.initialised and not self.finishing and all(item.ended for item in self.containers):
            self.finishing = True
            for sidecar in (item for item in self.inits if item.sidecar):
                sidecar.kill(f"Stopping container {sidecar.name}")
        self.report()
        if self.stopping and not any(item.running for item in self.runners):
            self.kubelet.gone(self)

    def report(self) -> None:
        """Write the status."""
        cluster = self.kubelet.cluster
        held = cluster.store.at(self.key)
        if held is None or held["metadata"]["uid"] != self.uid or not self.kubelet.reports(self.node):
            return
        self.pod = held
        self.pod = cluster.set_status(held, pod_status(self, cluster.stamp()))

    # Facts

    def listening(self) -> dict[int, str]:
        """Ports that answer now, with their protocol."""
        found: dict[int, str] = {}
        for runner in self.runners:
            if runner.running and runner.listening:
                for port in runner.behaviour.ports:
                    text = runner.env.get(port.variable, "") if port.variable else ""
                    found[int(text) if text.isdigit() else port.number] = port.protocol
        return found

    def owner_of(self, number: int) -> ContainerRunner | None:
        """The container that listens on a port."""
        for runner in self.runners:
            for port in runner.behaviour.ports:
                text = runner.env.get(port.variable, "") if port.variable else ""
                if runner.running and (int(text) if text.isdigit() else port.number) == number:
                    return runner
        return None

    def event(self, kind: str, reason: str, message: str, *, field_path: str = "") -> None:
        self.kubelet.cluster.events.record(
            self.pod, kind, reason, message, by="kubelet", host=self.node, field_path=field_path
        )

    # The way out

    def stop(self) -> None:
        """The pod was deleted: end everything, then let it go."""
        if self.stopping:
            return
        self.stopping = True
        for timer in self._timers:
            timer.cancel()
        grace = float(dig(self.pod, "metadata", "deletionGracePeriodSeconds", default=30))
        running = [runner for runner in self.runners if runner.running]
        for runner in self.runners:
            if runner not in running:
                runner.abandon()
        for runner in running:
            runner.kill(f"Stopping container {runner.name}", grace=grace)
        if not running:
            self.kubelet.gone(self)

    def abandon(self) -> None:
        """The pod is gone from the API."""
        self.stopping = True
        for timer in self._timers:
            timer.cancel()
        for runner in self.runners:
            runner.abandon()

    def _too_late(self) -> None:
        if not finished(self.pod):
            self.fail("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")

    def fail(self, reason: str, message: str, *, event: str = "") -> None:
        """End the pod as failed: evicted, or past its deadline."""
        if event:
            self.event("Warning", event, message)
        self.failed = (reason, message)
        for runner in self.runners:
            if runner.running:
                runner.event("Normal", "Killing", f"Stopping container {runner.name}")
                runner.finish(137)
            else:
                runner.abandon()
        self.report()

    def check_disk(self, runner: ContainerRunner) -> None:
        """Evict when a container wrote more than its limit of ephemeral storage."""
        limit = dig(runner.spec, "resources", "limits", "ephemeral-storage")
        if limit is not None and amount(runner.behaviour.disk) > amount(limit):
            text = f'Container {runner.name} exceeded its local ephemeral storage limit "{limit}". '
            self.fail("Evicted", text, event="Evicted")
