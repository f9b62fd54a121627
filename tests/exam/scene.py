"""A stage for one case: the settled application, what is done to it, and what is edited in the dump afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from selfheal.sandbox.kubernetes import nodes
from selfheal.sandbox.kubernetes.app import KubernetesEmulator
from selfheal.sandbox.kubernetes.behaviour import Registry
from selfheal.sandbox.kubernetes.objects import Key
from tests.exam.clinic import clinic
from tests.exam.depot import depot
from tests.exam.dump import Dump
from tests.exam.market import market
from tests.exam.parts import Application, Object

APPLICATIONS: dict[str, Callable[[], Application]] = {"market": market, "clinic": clinic, "depot": depot}
#: The settled application is that old, in seconds, when something is done to it.
AGE = 1500.0


@dataclass
class Scene:
    """``app`` is edited freely; :meth:`roll` applies it. ``after`` edits the dump."""

    app: Application
    emulator: KubernetesEmulator
    after: list[Callable[[Dump], None]] = field(default_factory=list)

    def apply(self) -> None:
        self.emulator.images.update(self.app.images)
        self.emulator.apply(self.app.objects.values())

    def roll(self, seconds: float = 420.0) -> None:
        """Apply the edited manifests and let time pass."""
        self.apply()
        self.emulator.advance(seconds)

    def wait(self, seconds: float) -> None:
        self.emulator.advance(seconds)

    def restart(self, name: str) -> None:
        """Delete the pods of a workload, as a restart or a drain does."""
        for pod in list(self.emulator.objects("Pod", self.app.namespace)):
            if pod["metadata"].get("labels", {}).get("app") == name:
                self.emulator.delete(Key("Pod", self.app.namespace, str(pod["metadata"]["name"])))

    def remove(self, kind: str, name: str) -> None:
        """Delete an object, manifest and all."""
        held = self.app.objects.pop((kind, name), None)
        space = held["metadata"].get("namespace", "") if held else self.app.namespace
        self.emulator.delete(Key(kind, space, name))

    def env(self, part: str, name: str, value: Any, index: int = 0) -> None:
        """Set (or with None remove) a variable of a workload's first container."""
        container = self.app.pod(part)["containers"][index]
        held = [item for item in container.get("env", []) if item["name"] != name]
        container["env"] = held if value is None else [*held, {"name": name, "value": value}]

    def old(self, part: str, name: str) -> str:
        return next(
            str(item.get("value")) for item in self.app.container(part)["env"] if item["name"] == name
        )

    def dump(self) -> Dump:
        made = Dump(self.emulator, self.app)
        for edit in self.after:
            edit(made)
        return made


def settled(name: str, *, seed: int = 3) -> Scene:
    """An application that runs well, in a cluster of four nodes."""
    app = APPLICATIONS[name]()
    workers = [
        nodes.node(f"node-{i}", cpu="4", memory="8Gi", zone=f"north-{'abc'[i % 3]}", index=i)
        for i in range(1, 5)
    ]
    emulator = KubernetesEmulator(time_factor=0, nodes=workers, seed=seed, start=1795600000.0)
    emulator.images.update(app.images)
    emulator.hosts.update(app.hosts)
    if app.registry.startswith("registry."):
        emulator.registries[app.registry.partition("/")[0]] = Registry(private=True)
    stores = [
        obj
        for (_kind, held), obj in app.objects.items()
        if (held in app.parts and app.parts[held].store)
        or obj["kind"] not in ("Deployment", "CronJob", "Job")
    ]
    emulator.apply(stores)
    emulator.advance(40)
    emulator.apply(app.objects.values())
    emulator.advance(AGE)
    return Scene(app.copied(), emulator)


@dataclass(frozen=True)
class Case:
    """One incident. ``answers`` are the objects that may be blamed, as (kind, name)."""

    app: str
    fault: str
    label: str
    answers: tuple[tuple[str, str], ...]
    stage: Callable[[Scene], None]
    victim: str = ""
    text: str = ""
    also: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.app}/{self.fault}/{self.label}"


def label_of(obj: Object) -> str:
    return f"{obj['kind']}/{obj['metadata']['name']}"
