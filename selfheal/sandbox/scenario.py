"""A scenario is a folder: an incident, the application it hits, and what changed when.

``scenarios/<name>/scenario.yaml`` names its application, the incident as a person filed it, and the edits of the
repository that caused it. ``scenarios/applications/<name>/`` holds the application: its repository while all was well,
and how its images behave. Several scenarios of one application can be staged together: their changes become commits of
one repository, oldest first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

FOLDER = Path(__file__).parent / "scenarios"
#: How long ago the application's repository began, in hours: all was well then.
BEGAN = 6 * 24.0
FOUNDER = "Priya Raman <priya@acme.example>"


class UnknownScenario(LookupError):
    """There is no such scenario; the message names those there are."""


@dataclass(frozen=True)
class Edit:
    """``replace`` stands exactly once in the file at ``path`` and becomes ``by``."""

    path: str
    replace: str
    by: str


@dataclass(frozen=True)
class Application:
    """What runs. ``images`` and ``cluster`` are read by the Kubernetes emulator; ``files`` by path in the repository.

    ``path`` is a folder of manifests, a kustomization, or a chart; ``values`` are the values files of a chart that count,
    as paths in the repository, and ``release`` the name it is installed under (the application's own by default).
    """

    name: str
    repository: str
    path: str
    namespace: str
    images: dict[str, dict[str, Any]]
    cluster: tuple[dict[str, Any], ...]
    files: dict[str, bytes]
    values: tuple[str, ...] = ()
    release: str = ""


@dataclass(frozen=True)
class Scenario:
    """One incident and its cause. ``hours_ago`` is when the cause was committed."""

    name: str
    application: str
    incident: dict[str, Any]
    message: str
    author: str
    hours_ago: float
    edits: tuple[Edit, ...] = ()
    #: What the cluster holds that the repository does not, applied by hand: the cause of drift.
    by_hand: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Commit:
    """One commit of the repository: the files it writes, by path."""

    message: str
    author: str
    at: datetime
    files: dict[str, bytes] = field(default_factory=dict)


def names() -> tuple[str, ...]:
    """All scenarios, by name."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/scenario.yaml")))


def load(name: str, folder: Path = FOLDER) -> Scenario:
    """One scenario. Raises UnknownScenario."""
    path = folder / name / "scenario.yaml"
    if not name or "/" in name or not path.is_file():
        raise UnknownScenario(f"There is no scenario {name!r}; there are: {', '.join(names())}.")
    document = _read(path)
    change = document.get("change") or {}
    return Scenario(
        name=name,
        application=document["application"],
        incident=dict(document["incident"]),
        message=change.get("message", ""),
        author=change.get("author", FOUNDER),
        hours_ago=float(change.get("hours_ago", 1)),
        edits=tuple(Edit(**edit) for edit in change.get("edits", ())),
        by_hand=tuple(document.get("by_hand", ())),
    )


def application(name: str, folder: Path = FOLDER) -> Application:
    """The application that scenarios name."""
    base = folder / "applications" / name
    document = _read(base / "application.yaml")
    root = base / "repo"
    files = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
    return Application(
        name=name,
        repository=document["repository"],
        path=document["path"],
        namespace=document["namespace"],
        images=dict(document.get("images", {})),
        cluster=tuple(document.get("cluster", ())),
        files=files,
        values=tuple(document.get("values", ())),
        release=str(document.get("release") or name),
    )


def history(app: Application, scenarios: list[Scenario], now: datetime) -> list[Commit]:
    """The application's repository from the beginning: all well, then each scenario's change, oldest first.

    Raises ValueError for an edit whose text is not in its file exactly once.
    """
    commits = [Commit(f"{app.name}: as it runs", FOUNDER, now - timedelta(hours=BEGAN), dict(app.files))]
    files = dict(app.files)
    for scenario in sorted(scenarios, key=lambda item: -item.hours_ago):
        written: dict[str, bytes] = {}
        for edit in scenario.edits:
            before = files[edit.path].decode()
            if before.count(edit.replace) != 1:
                raise ValueError(
                    f"scenario {scenario.name}: {edit.replace!r} stands {before.count(edit.replace)} times in {edit.path}"
                )
            written[edit.path] = files[edit.path] = before.replace(edit.replace, edit.by).encode()
        if written:
            at = now - timedelta(hours=scenario.hours_ago)
            commits.append(Commit(scenario.message, scenario.author, at, written))
    return commits


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    return document
