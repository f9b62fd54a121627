"""How the images of a recording behave, by one rule: whatever a container was seen to do, its image does."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from selfheal.sandbox.kubernetes.behaviour import Answer, Crash, ImageBehaviour, Port
from selfheal.sandbox.kubernetes.fidelity.recording import Recording
from selfheal.sandbox.kubernetes.objects import Object, dig, entries
from selfheal.sandbox.kubernetes.quantity import amount
from selfheal.sandbox.kubernetes.timeline import moment

_PULLS = ("ErrImagePull", "ImagePullBackOff")
_STATUS = re.compile(r"HTTP probe failed with statuscode: (\d+)")
#: Longer than any probe of a recording waits.
_LONG = 90.0


@dataclass(frozen=True)
class Seen:
    """One container as it was recorded."""

    pod: Object
    spec: Object
    status: Object
    events: tuple[Object, ...]
    log: tuple[str, ...]

    @property
    def ended(self) -> Object:
        """Its last end, empty when it never ended."""
        ended: Object = dig(self.status, "state", "terminated") or dig(
            self.status, "lastState", "terminated", default={}
        )
        return ended

    @property
    def waits_for(self) -> str:
        return str(dig(self.status, "state", "waiting", "reason", default=""))

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(
            str(word) for word in (*(self.spec.get("command") or ()), *(self.spec.get("args") or ()))
        )

    def told(self, text: str) -> bool:
        """Whether an event about it says so."""
        return any(text in str(event.get("message")) for event in self.events)

    def seconds(self) -> float:
        """How long its last run took."""
        begun, end = moment(self.ended.get("startedAt")), moment(self.ended.get("finishedAt"))
        return end - begun if begun and end and end > begun else 1.0


def seen(recording: Recording) -> list[Seen]:
    """All containers of all pods that got as far as a node."""
    events = list(recording.all("events"))
    found = []
    for pod in recording.all("pods"):
        own = [event for event in events if dig(event, "involvedObject", "uid") == pod["metadata"]["uid"]]
        for word, statuses in (
            ("initContainers", "initContainerStatuses"),
            ("containers", "containerStatuses"),
        ):
            status = {str(item["name"]): item for item in entries(pod, "status", statuses)}
            for spec in entries(pod, "spec", word):
                name = str(spec["name"])
                about = tuple(
                    event
                    for event in own
                    if f"{{{name}}}" in str(dig(event, "involvedObject", "fieldPath", default=f"{{{name}}}"))
                )
                if name in status:
                    log = tuple(recording.log(pod, name))
                    found.append(Seen(pod, spec, status[name], about, log))
    return found


def behaviours(recording: Recording, before: Recording | None = None) -> dict[str, ImageBehaviour]:
    """By image; images that could not be found are left out. What no pod shows is taken from ``before``."""
    by_image: dict[str, list[Seen]] = {}
    for item in seen(recording):
        by_image.setdefault(str(item.spec["image"]), []).append(item)
    for obj in _templates(recording):
        for word in ("initContainers", "containers"):
            for spec in entries(obj, "spec", word):
                by_image.setdefault(str(spec["image"]), [])
    earlier: dict[str, list[Seen]] = {}
    for item in seen(before) if before is not None else ():
        earlier.setdefault(str(item.spec["image"]), []).append(item)
    table = {}
    for image, held in by_image.items():
        items = held or earlier.get(image, [])
        if any(
            "not found" in str(dig(item.status, "state", "waiting")) and item.waits_for in _PULLS
            for item in items
        ):
            continue
        table[image] = _behaviour(items)
    for image, cpu in _measured(recording).items():
        if image in table:
            table[image] = replace(table[image], cpu=cpu)
    return table


def _measured(recording: Recording) -> dict[str, str]:
    """CPU by image, of workloads whose autoscaler reported it."""
    found = {}
    for scaler in recording.all("horizontalpodautoscalers"):
        value = next(
            (
                dig(item, "resource", "current", "averageValue")
                for item in entries(scaler, "status", "currentMetrics")
            ),
            None,
        )
        target = dig(scaler, "spec", "scaleTargetRef", "name")
        for obj in recording.items("deployments", str(scaler["metadata"]["namespace"])):
            containers = entries(obj, "spec", "template", "spec", "containers")
            if value and obj["metadata"]["name"] == target and len(containers) == 1:
                found[str(containers[0]["image"])] = str(value)
    return found


def _templates(recording: Recording) -> Iterable[Object]:
    for name in ("deployments", "statefulsets", "daemonsets", "jobs", "replicasets"):
        for obj in recording.all(name):
            yield dig(obj, "spec", "template", default={})
    for obj in recording.all("cronjobs"):
        yield dig(obj, "spec", "jobTemplate", "spec", "template", default={})


def _behaviour(items: list[Seen]) -> ImageBehaviour:
    """One behaviour for all containers of an image; where command and arguments differ, a variant for each."""
    groups: dict[tuple[str, ...], list[Seen]] = {}
    for item in items:
        groups.setdefault(item.words, []).append(item)
    if len(groups) < 2:
        return _of_group(items)
    common = set.intersection(*(set(words) for words in groups))
    variants = {
        next((word for word in reversed(words) if word not in common), ""): _of_group(held)
        for words, held in groups.items()
    }
    return replace(_of_group(items), variants={word: held for word, held in variants.items() if word})


def _of_group(items: list[Seen]) -> ImageBehaviour:
    refused = any(item.told("connection refused") and item.status.get("ready") for item in items)
    made = ImageBehaviour(user="1000", cpu="1m", startup_seconds=1.0 if refused else 0.1)
    for item in items:
        made = _serving(made, item)
    for item in items:
        made = _ending(made, item, items)
    root = any("will run as root" in str(dig(item.status, "state", "waiting")) for item in items)
    broken = {item.words[0] for item in items if item.words and item.ended.get("reason") == "StartError"}
    commands = {item.words[0] for item in items if item.words} - broken
    for item in items:
        command = dig(item.spec, "readinessProbe", "exec", "command", default=[])
        if command and item.status.get("ready"):
            commands.add(str(command[0]))
    return replace(made, user="0" if root else "1000", commands=frozenset(commands))


def _serving(made: ImageBehaviour, item: Seen) -> ImageBehaviour:
    """Ports and paths: declared ports, and what probes were told."""
    ports = {port.number: port for port in made.ports}
    paths = dict(made.paths)
    for port in entries(item.spec, "ports"):
        protocol = "udp" if port.get("protocol") == "UDP" else "http"
        ports.setdefault(int(port["containerPort"]), Port(int(port["containerPort"]), protocol=protocol))
    ready = bool(item.status.get("ready"))
    for word in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = item.spec.get(word)
        if not isinstance(probe, dict):
            continue
        failed = [
            str(event["message"])
            for event in item.events
            if str(event.get("message")).startswith(word[:4].capitalize())
        ]
        number = _number(item.spec, probe)
        get = probe.get("httpGet")
        killed = item.told(f"failed {word.removesuffix('Probe')} probe")
        if ready and not killed and number:
            protocol = "https" if dig(get, "scheme") == "HTTPS" else ("http" if get else "tcp")
            ports[number] = Port(
                number, protocol="http" if protocol == "tcp" and number in ports else protocol
            )
        if get:
            codes = [match.group(1) for text in failed if (match := _STATUS.search(text))]
            paths[str(get.get("path"))] = Answer(int(codes[-1])) if codes else Answer(200)
        # Refused all along: that port is nobody's.
        running = "running" in item.status.get("state", {})
        if (
            running
            and not ready
            and word == "readinessProbe"
            and failed
            and all("refused" in text for text in failed)
        ):
            ports.pop(number or 0, None)
    return replace(made, ports=tuple(ports.values()), paths=paths)


def _number(spec: Object, probe: Object) -> int | None:
    port = next((probe[name].get("port") for name in ("httpGet", "tcpSocket", "grpc") if name in probe), None)
    if isinstance(port, int):
        return port
    return next(
        (int(item["containerPort"]) for item in entries(spec, "ports") if item.get("name") == port), None
    )


def _ending(made: ImageBehaviour, item: Seen, items: list[Seen]) -> ImageBehaviour:
    ended, seconds = item.ended, max(item.seconds(), 0.5)
    if not ended or ended.get("reason") == "StartError":
        return made
    code = int(ended.get("exitCode", 0))
    if ended.get("reason") == "OOMKilled":
        limit = amount(dig(item.spec, "resources", "limits", "memory", default="64Mi"))
        return replace(made, memory=str(int(limit * 3 / 2)), oom_after=seconds)
    if item.told("probe, will be restarted"):
        refused = (
            item.told("Liveness probe failed") and item.told("refused") and not _STATUS.search(_texts(item))
        )
        return replace(made, term_code=code, startup_seconds=_LONG if refused else made.startup_seconds)
    if (dig(item.pod, "spec", "restartPolicy") != "Always" and code == 0) or (
        item.spec in entries(item.pod, "spec", "initContainers") and code == 0
    ):
        return replace(made, run_seconds=seconds)
    if code == 0 and not item.status.get("restartCount"):
        return made
    variable, value = _difference(item, items)
    # Refused until it ended: it never came to listen.
    listens = _LONG if item.told("connection refused") else made.startup_seconds
    return replace(made, startup_seconds=listens, crash=Crash(item.log, code, seconds, variable, value))


def _texts(item: Seen) -> str:
    return "\n".join(str(event.get("message")) for event in item.events if event.get("reason") == "Unhealthy")


def _difference(item: Seen, items: list[Seen]) -> tuple[str, str]:
    """The variable that a container which crashed has and one of the same image which did not has not."""
    own = {str(entry.get("name")): str(entry.get("value", "")) for entry in entries(item.spec, "env")}
    for other in items:
        if other.ended or not other.status.get("ready"):
            continue
        theirs = {str(entry.get("name")): str(entry.get("value", "")) for entry in entries(other.spec, "env")}
        for name in sorted({*own, *theirs}):
            if theirs.get(name, "") != own.get(name, ""):
                return name, own.get(name, "")
    return "", ""
