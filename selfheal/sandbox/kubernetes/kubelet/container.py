"""One container of a pod: from pulling its image to its end, again and again, with back-off and log."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from selfheal.sandbox.kubernetes.behaviour import Call, ImageBehaviour, Permission
from selfheal.sandbox.kubernetes.kubelet import environment, program, pulling
from selfheal.sandbox.kubernetes.kubelet.probes import Probe
from selfheal.sandbox.kubernetes.objects import Object, dig
from selfheal.sandbox.kubernetes.timeline import Action, Timer, stamp

if TYPE_CHECKING:
    from selfheal.sandbox.kubernetes.cluster import Cluster
    from selfheal.sandbox.kubernetes.kubelet.pod import PodWorker

#: Seconds of the first and the longest back-off; a run of twice the longest starts over.
BACK_OFF, MAX_BACK_OFF = 10.0, 300.0
#: How often a pod in trouble is synced.
RESYNC = 12.0
LOG_LINES = 2000


class ContainerRunner:
    """State and plans of one container. ``state`` and ``last`` are the parts of its ``containerStatus``."""

    def __init__(self, worker: PodWorker, spec: Object, *, init: bool) -> None:
        self.worker, self.spec, self.init = worker, spec, init
        self.name = str(spec["name"])
        self.sidecar = init and spec.get("restartPolicy") == "Always"
        reason = "PodInitializing" if worker.has_init and not init else "ContainerCreating"
        if init:
            reason = "PodInitializing"
        self.state: Object = {"waiting": {"reason": reason}}
        self.last: Object = {}
        self.ready = self.started = False
        self.restarts = 0
        self.image_id = self.container_id = ""
        self.log: deque[str] = deque(maxlen=LOG_LINES)
        self.previous: deque[str] | None = None
        self.has_log = False
        self.env: dict[str, str] = {}
        self.behaviour = ImageBehaviour()
        self.works = self.listening = False
        self.began = 0.0
        self._crashes = 0
        self._pull_delay = BACK_OFF
        self._timers: list[Timer] = []
        self.probes: list[Probe] = []

    # Facts

    @property
    def cluster(self) -> Cluster:
        return self.worker.kubelet.cluster

    @property
    def running(self) -> bool:
        return "running" in self.state

    @property
    def ended(self) -> bool:
        """Ended for good."""
        return "terminated" in self.state and not self._restarts_after(
            int(self.state["terminated"]["exitCode"])
        )

    def succeeded(self) -> bool:
        return self.ended and self.state["terminated"]["exitCode"] == 0

    def status(self) -> Object:
        """Its ``containerStatus``."""
        status: Object = {
            "name": self.name,
            "state": self.state,
            "lastState": self.last,
            "ready": self.ready,
            "restartCount": self.restarts,
            "image": self.spec.get("image", ""),
            "imageID": self.image_id,
        }
        if self.container_id:
            status["containerID"] = self.container_id
        status["started"] = self.started
        return status

    # Steps

    def start(self) -> None:
        """Pull, configure, create, run."""
        image, policy = str(self.spec.get("image", "")), self.spec.get("imagePullPolicy")
        node_images = self.worker.kubelet.node_images(self.worker.node)
        if pulling.malformed(image):
            text = f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": invalid reference format'
            self._event("Warning", "InspectFailed", text)
            self._event("Warning", "Failed", "Error: InvalidImageName")
            self._wait("InvalidImageName", text)
            self._later(RESYNC, self.start)
        elif image in node_images and policy != "Always":
            self._event(
                "Normal",
                "Pulled",
                f'Container image "{image}" already present on machine and can be accessed by the pod',
            )
            self._configure()
        elif policy == "Never":
            text = f'Container image "{image}" is not present with pull policy of Never'
            self._event("Warning", "ErrImageNeverPull", text)
            self._event("Warning", "Failed", "Error: ErrImageNeverPull")
            self._wait("ErrImageNeverPull", text)
            self._later(RESYNC, self.start)
        else:
            self._event("Normal", "Pulling", f'Pulling image "{image}"')
            behaviour = self.cluster.images.table.get(image)
            self._later(behaviour.pull_seconds if behaviour else 0.7, self._pulled)

    def _pulled(self) -> None:
        image = str(self.spec["image"])
        refusal = pulling.refusal(self.cluster, self.worker.pod, image)
        if refusal:
            self._event("Warning", "Failed", f'Failed to pull image "{image}": {refusal}')
            self._event("Warning", "Failed", "Error: ErrImagePull")
            self._wait("ErrImagePull", refusal)
            self._later(1.5, lambda: self._back_off_pull(refusal))
            return
        self._pull_delay = BACK_OFF
        self.worker.kubelet.node_images(self.worker.node).add(image)
        behaviour = self.cluster.images.table[image]
        took = int(behaviour.pull_seconds * 1000)
        self._event(
            "Normal",
            "Pulled",
            f'Successfully pulled image "{image}" in {took}ms ({took}ms including waiting). Image size: '
            f"{behaviour.size_bytes} bytes.",
        )
        self._configure()

    def _back_off_pull(self, refusal: str) -> None:
        image = str(self.spec["image"])
        self._event("Normal", "BackOff", f'Back-off pulling image "{image}"')
        self._event("Warning", "Failed", "Error: ImagePullBackOff")
        self._wait("ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {refusal}')
        delay, self._pull_delay = self._pull_delay, min(self._pull_delay * 2, MAX_BACK_OFF)
        self._later(delay, self.start)

    def _configure(self) -> None:
        image, pod = str(self.spec["image"]), self.worker.pod
        self.image_id = self.image_id or ""
        self.behaviour = program.effective(self.cluster.images.table[image], self.spec)
        try:
            self.env = environment.variables(self.cluster, pod, self.spec)
            files = environment.mounted_files(self.cluster, pod, self.spec)
            environment.check_user(pod, self.spec, self.behaviour.user)
        except (environment.ConfigError, environment.MountError) as error:
            self._event("Warning", "Failed", f"Error: {error}")
            self._wait("CreateContainerConfigError", str(error))
            self._later(RESYNC, self.start)
            return
        self._create(program.Start(pod, self.spec, self.behaviour, self.env, files))

    def _create(self, start: program.Start) -> None:
        now = self.cluster.now
        self.image_id = pulling.image_id(str(self.spec["image"]))
        self.container_id = f"containerd://{self.cluster.random.getrandbits(256):064x}"
        self._event("Normal", "Created", "Container created")
        error, code = program.start_error(start)
        if error:
            self._event("Warning", "Failed", f"Error: {error}")
            ended = {
                "exitCode": code, "reason": "StartError", "message": error, "startedAt": "1970-01-01T00:00:00Z",
                "finishedAt": stamp(now), "containerID": self.container_id,
            }  # fmt: skip
            self._wait("RunContainerError", error, last={"terminated": ended})
            self._later(1.0, lambda: self._after_end({"terminated": ended}, code))
            return
        self._event("Normal", "Started", "Container started")
        self.state = {"running": {"startedAt": stamp(now)}}
        self.began = now
        if self.has_log:
            self.previous = self.log
        self.log, self.has_log = deque(maxlen=LOG_LINES), True
        self.started = "startupProbe" not in self.spec
        plan = program.begin(self.worker.kubelet, start)
        self.works, self.listening = plan.works, False
        for after, line in plan.lines:
            self._later(after, partial(self.say, line))
        self._later(plan.listens_after, self._listen)
        if plan.end is not None:
            end = plan.end
            self._later(end.after, lambda: self.end(end.code, end.reason))
        self._steady(start)
        self.probes = [
            Probe(self, kind) for kind in ("startup", "liveness", "readiness") if f"{kind}Probe" in self.spec
        ]
        for probe in self.probes:
            probe.begin()
        self._settle_ready()
        self.worker.changed(self)

    def _listen(self) -> None:
        self.listening = self.works

    def _steady(self, start: program.Start) -> None:
        behaviour = self.behaviour
        if behaviour.steady_log:
            self._every(behaviour.steady_every, self._say_steady)
        for call in behaviour.calls:
            self._every(call.every, partial(self._call, call), first=behaviour.startup_seconds + 2)
        for permission in behaviour.permissions:
            self._every(permission.every, partial(self._ask, permission))
        self._later(20.0, lambda: self.worker.check_disk(self))

    def _say_steady(self) -> None:
        if self.listening:
            self.say(self.behaviour.steady_log)

    def _call(self, call: Call) -> None:
        error = self.worker.kubelet.call(self.worker.pod, self.env, call)
        if error:
            self.say(program.failed_text(call, self.env, error))
        elif call.succeeded:
            self.say(program.fill(call.succeeded, target=program.target_text(call, self.env)))

    def _ask(self, permission: Permission) -> None:
        error = self.worker.kubelet.denied(self.worker.pod, permission)
        if error:
            self.say(program.fill(permission.denied, error=error))

    def say(self, text: str) -> None:
        """One line, or several, on its standard output."""
        moment = stamp(self.cluster.now).removesuffix("Z") + f".{int(self.cluster.now * 1000) % 1000:03d}Z"
        for line in text.splitlines() or [""]:
            self.log.append(f"{moment} {line.replace('{time}', moment)}")

    # Ends

    def end(self, code: int, reason: str) -> None:
        """The process is gone."""
        if not self.running:
            return
        began = self.state["running"]["startedAt"]
        ended = {
            "exitCode": code, "reason": reason, "startedAt": began, "finishedAt": stamp(self.cluster.now),
            "containerID": self.container_id,
        }  # fmt: skip
        if self.cluster.now - self.began >= 2 * MAX_BACK_OFF:
            self._crashes = 0
        self._cancel()
        self.listening = self.ready = self.started = False
        self.state = {"terminated": ended}
        if self.init and code == 0 and not self.sidecar:
            self.ready = True
        self.worker.changed(self)
        self._later(1.0, lambda: self._after_end({"terminated": ended}, code))

    def _restarts_after(self, code: int) -> bool:
        policy = dig(self.worker.pod, "spec", "restartPolicy", default="Always")
        if self.worker.stopping:
            return False
        if self.sidecar:
            return not self.worker.finishing
        if self.init:
            return code != 0 and policy != "Never"
        return policy == "Always" or (policy == "OnFailure" and code != 0)

    def _after_end(self, ended: Object, code: int) -> None:
        if not self._restarts_after(code):
            return
        self._crashes += 1
        if self._crashes == 1:
            self._restart(ended)
            return
        delay = min(BACK_OFF * 2 ** (self._crashes - 2), MAX_BACK_OFF)
        meta = self.worker.pod["metadata"]
        place = f"{meta['name']}_{meta['namespace']}({meta['uid']})"
        text = f"back-off {_go_duration(delay)} restarting failed container={self.name} pod={place}"
        self._wait("CrashLoopBackOff", text, last=ended)
        told = f"Back-off restarting failed container {self.name} in pod {place}"
        self._event("Warning", "BackOff", told)
        for step in range(1, int((delay - 1) // RESYNC) + 1):
            self._later(step * RESYNC, lambda: self._event("Warning", "BackOff", told))
        self._later(max(delay - 1, 0.5), lambda: self._restart(ended))

    def _restart(self, ended: Object) -> None:
        self.last = ended
        self.restarts += 1
        self.start()

    def kill(self, why: str, *, grace: float | None = None) -> None:
        """Ask it to end and, when it takes longer than its grace, kill it. It ends, and what follows follows."""
        if not self.running:
            return
        self._event("Normal", "Killing", why)
        for probe in self.probes:
            probe.stop()
        seconds = float(
            grace
            if grace is not None
            else dig(self.worker.pod, "spec", "terminationGracePeriodSeconds", default=30)
        )
        if self.behaviour.stop_seconds > seconds:
            self._later(seconds, lambda: self.end(137, "Error"))
        else:
            code = self.behaviour.term_code
            self._later(self.behaviour.stop_seconds, lambda: self.end(code, "Error" if code else "Completed"))

    def finish(self, code: int) -> None:
        """End at once and for good, without a report of its own."""
        began = self.state["running"]["startedAt"]
        self._cancel()
        self.listening = self.ready = self.started = False
        self.state = {
            "terminated": {
                "exitCode": code, "reason": "Error", "startedAt": began, "finishedAt": stamp(self.cluster.now),
                "containerID": self.container_id,
            }
        }  # fmt: skip

    def abandon(self) -> None:
        """Forget all plans; the pod is gone."""
        self._cancel()

    # Readiness

    def probed(self) -> None:
        """A probe changed its mind."""
        before = (self.ready, self.started)
        self.started = self.running and all(probe.good for probe in self.probes if probe.kind == "startup")
        self._settle_ready()
        if before != (self.ready, self.started):
            self.worker.changed(self)

    def _settle_ready(self) -> None:
        self.ready = (
            self.running
            and self.started
            and all(probe.good for probe in self.probes if probe.kind == "readiness")
        )

    # Helpers

    def _wait(self, reason: str, message: str = "", *, last: Object | None = None) -> None:
        self.state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}
        self.ready = self.started = False
        if last is not None:
            self.last = last
        self.worker.changed(self)

    def _event(self, kind: str, reason: str, message: str) -> None:
        word = "initContainers" if self.init else "containers"
        self.worker.event(kind, reason, message, field_path=f"spec.{word}{{{self.name}}}")

    def event(self, kind: str, reason: str, message: str) -> None:
        """An event about this container."""
        self._event(kind, reason, message)

    def _later(self, seconds: float, action: Action) -> None:
        self._timers = [timer for timer in self._timers if timer.action is not None]
        self._timers.append(self.cluster.after(seconds, action))

    def later(self, seconds: float, action: Action) -> None:
        """Plan for this run of the container only."""
        self._later(seconds, action)

    def _every(self, seconds: float, action: Action, *, first: float | None = None) -> None:
        def again() -> None:
            action()
            self._later(seconds, again)

        self._later(seconds if first is None else first, again)

    def _cancel(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers = []
        for probe in self.probes:
            probe.stop()
        self.probes = []


def _go_duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
