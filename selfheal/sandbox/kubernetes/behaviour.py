"""What an image states about itself. The kubelet derives every outcome from this and from the objects of the moment.

Texts may name ``{time}`` (RFC 3339 with milliseconds) and what their field documents; anything else is printed as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Memory:
    """``base`` bytes (a quantity), plus for each variable in ``per`` its number times that quantity."""

    base: str
    per: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Port:
    """A port it listens on: ``number``, or the value of ``variable`` where that is set.

    ``protocol`` is http, https, grpc, tcp or udp.
    """

    number: int = 0
    variable: str = ""
    protocol: str = "http"


@dataclass(frozen=True)
class Variable:
    """An environment variable it reads at start.

    ``kind``: text, int, port, bool, url, duration, json or enum (of ``choices``). Texts may name ``{name}``,
    ``{value}``, ``{choices}``; ``exit_code`` None means it complains and runs on, not ready.
    """

    name: str
    kind: str = "text"
    choices: tuple[str, ...] = ()
    required: bool = True
    missing: str = "{time} FATAL missing required environment variable {name}"
    invalid: str = '{time} FATAL invalid value for {name}: "{value}"'
    exit_code: int | None = 1


@dataclass(frozen=True)
class File:
    """A file it reads at start. ``form``: "", json, yaml, properties or pem; ``pattern`` is a regular expression.

    Texts may name ``{path}`` and ``{problem}``.
    """

    path: str
    form: str = ""
    pattern: str = ""
    missing: str = "{time} FATAL open {path}: no such file or directory"
    invalid: str = "{time} FATAL cannot parse {path}: {problem}"
    exit_code: int = 1


@dataclass(frozen=True)
class Call:
    """Something it talks to. ``target`` is ``host:port``, a URL, or ``$VARIABLE`` holding either.

    At start (``at_start``) it waits ``patience`` seconds and then ends with ``exit_code``; None: it runs on. While
    running it calls every ``every`` seconds. Texts may name ``{target}``, ``{error}``, ``{user}``. ``user`` and
    ``password`` name the variables that hold credentials, ``connections`` how many it keeps (a number or a variable).
    ``writes``: the peer must accept writes.
    """

    target: str
    at_start: bool = False
    every: float = 12.0
    patience: float = 5.0
    exit_code: int | None = 1
    failed: str = "{time} ERROR {target}: {error}"
    succeeded: str = ""
    user: str = ""
    password: str = ""
    connections: str = "1"
    writes: bool = False


@dataclass(frozen=True)
class Answer:
    """What a path answers. ``needs`` names calls (their ``target``) without which it answers 503."""

    status: int = 200
    needs: tuple[str, ...] = ()
    seconds: float = 0.01


@dataclass(frozen=True)
class Permission:
    """What it asks of the API server at start and every ``every`` seconds. ``denied`` may name ``{error}``."""

    verb: str
    resource: str
    group: str = ""
    every: float = 15.0
    denied: str = "{time} ERROR {error}"
    exit_code: int | None = None


@dataclass(frozen=True)
class Crash:
    """A defect of this version: it ends ``after`` seconds with ``exit_code``, having said ``log``.

    With ``variable`` only while that variable has ``value`` ("": or is not set).
    """

    log: tuple[str, ...]
    exit_code: int = 1
    after: float = 2.0
    variable: str = ""
    value: str = ""


@dataclass(frozen=True)
class ImageBehaviour:
    """One image. Everything has a default, so a table states only what matters.

    ``variants``: by a word of its command or arguments, the image as which it then behaves. ``known_flags``: options it
    understands; None understands all. ``user`` is the image's USER. ``writes``: paths it writes to at start.
    ``accounts``: users and passwords it accepts, none meaning everybody. ``run_seconds`` makes it end by itself with
    ``exit_code``. ``image_files``: files that are part of the image. ``disk`` is what it writes to its root file system.
    """

    memory: Memory | str = "64Mi"
    oom_after: float = 5.0
    cpu: str = "50m"
    ports: tuple[Port, ...] = ()
    variables: tuple[Variable, ...] = ()
    files: tuple[File, ...] = ()
    image_files: frozenset[str] = frozenset()
    paths: Mapping[str, Answer | int] = field(default_factory=dict)
    other_paths: int = 404
    startup_seconds: float = 1.0
    start_log: tuple[str, ...] = ("{time} started",)
    ready_log: tuple[str, ...] = ()
    steady_log: str = ""
    steady_every: float = 19.0
    user: str = "0"
    entrypoint: str = "/app"
    commands: frozenset[str] = frozenset()
    known_flags: tuple[str, ...] | None = None
    variants: Mapping[str, ImageBehaviour] = field(default_factory=dict)
    calls: tuple[Call, ...] = ()
    writes: tuple[str, ...] = ()
    accounts: Mapping[str, str] = field(default_factory=dict)
    max_connections: int | None = None
    read_only: bool = False
    permissions: tuple[Permission, ...] = ()
    crash: Crash | None = None
    run_seconds: float | None = None
    exit_code: int = 0
    term_code: int = 0
    stop_seconds: float = 1.0
    disk: str = "0"
    size_bytes: int = 18_000_000
    pull_seconds: float = 1.0


@dataclass(frozen=True)
class Registry:
    """A registry host. ``private``: it wants a pull secret that names the host."""

    private: bool = False
    reachable: bool = True


class Images:
    """What can be pulled: behaviours by image reference as written, registries by host.

    A host that some image of the table comes from is reachable and public unless ``registries`` says otherwise; any other
    host does not exist. ``hosts`` are names outside the cluster that answer, as ``host`` or ``host:port``.
    """

    def __init__(self) -> None:
        self.table: dict[str, ImageBehaviour] = {}
        self.registries: dict[str, Registry] = {"docker.io": Registry()}
        self.hosts: set[str] = set()

    def registry(self, host: str) -> Registry | None:
        """None for a host that does not resolve."""
        if host in self.registries:
            return self.registries[host]
        return Registry() if any(registry_host(image) == host for image in self.table) else None


def registry_host(image: str) -> str:
    """The host an image reference is pulled from."""
    first, slash, _rest = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else "docker.io"


def full_reference(image: str) -> str:
    """The reference as containerd spells it: with host, ``library/`` and tag."""
    host = registry_host(image)
    rest = image.removeprefix(f"{host}/")
    if host == "docker.io" and "/" not in rest:
        rest = f"library/{rest}"
    if "@" not in rest and ":" not in rest.rpartition("/")[2]:
        rest += ":latest"
    return f"{host}/{rest}"
