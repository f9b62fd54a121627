"""The GitOps loop: what the deployed branch says is what the cluster gets, as Argo CD or Flux would see to it.

It reads a bare repository with git's plumbing, renders a folder of it, applies what changed, and prunes what it applied
before and is gone. Objects that somebody else changed meanwhile are brought back (self-heal) at the next revision, or at
every round with ``self_heal``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from selfheal.sandbox.kubernetes.app import Sync
from selfheal.sandbox.kubernetes.objects import Key

Object = dict[str, Any]
#: From a folder on disk (an export of the repository) and the path within it to rendered objects.
Renderer = Callable[[Path, str], list[Object]]
_SECONDS = 60
_FILES = 4000


class RenderError(Exception):
    """The folder cannot be rendered; the text is for the status."""


class Target(Protocol):
    """What the loop applies to."""

    def apply(self, objects: Iterable[Object], *, manager: str = ..., namespace: str = ...) -> Sync: ...

    def delete(self, key: Key) -> bool: ...


@dataclass(frozen=True)
class SyncStatus:
    """``status``: Unknown, Synced or OutOfSync; ``revision`` the commit looked at last; ``message`` why it failed."""

    status: str = "Unknown"
    revision: str = ""
    message: str = ""
    lines: tuple[str, ...] = ()
    applied: frozenset[Key] = field(default_factory=frozenset)


class GitOpsLoop:
    """Keeps ``path`` of ``branch`` applied. ``interval`` is real seconds between two looks at the branch.

    ``renderer`` replaces :func:`render`; ``namespace`` is for objects that name none.
    """

    def __init__(
        self,
        kubernetes: Target,
        bare: Path,
        branch: str = "main",
        path: str = "",
        interval: float = 1.0,
        *,
        namespace: str = "default",
        renderer: Renderer | None = None,
        self_heal: bool = False,
    ) -> None:
        self._kubernetes, self._bare, self._branch, self._path = (
            kubernetes,
            Path(bare),
            branch,
            path.strip("/"),
        )
        self.interval, self._namespace, self._self_heal = interval, namespace, self_heal
        self._renderer = renderer or render
        self.status = SyncStatus()
        self._rendered: dict[str, Object] = {}
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def revision(self, earlier: int = 0) -> str:
        """The commit the branch points at, or the one so many commits before it; "" while there is none."""
        name = f"refs/heads/{self._branch}~{earlier}^{{commit}}"
        done = _git(self._bare, "rev-parse", "--verify", "--quiet", name)
        return done.stdout.decode().strip() if done.returncode == 0 else ""

    def sync(self, earlier: int = 0) -> SyncStatus:
        """One round: look, and apply when there is something new (or always with ``self_heal``).

        ``earlier`` applies the commit that many before the branch's newest: where a story begins.
        """
        revision = self.revision(earlier)
        if not revision:
            self.status = SyncStatus(
                "Unknown", "", f"the branch {self._branch} does not exist", (), self.status.applied
            )
            return self.status
        if revision == self.status.revision and self.status.status == "Synced" and not self._self_heal:
            return self.status
        try:
            with tempfile.TemporaryDirectory(prefix="gitops-") as folder:
                export(self._bare, revision, Path(folder))
                objects = self._renderer(Path(folder), self._path)
        except RenderError as error:
            self.status = SyncStatus("Unknown", revision, str(error), (), self.status.applied)
            return self.status
        self.status = self._apply(revision, objects)
        return self.status

    def _apply(self, revision: str, objects: list[Object]) -> SyncStatus:
        wanted = {_identity(obj, self._namespace): obj for obj in objects}
        changed = [obj for name, obj in wanted.items() if self._self_heal or self._rendered.get(name) != obj]
        sync = self._kubernetes.apply(changed, manager="gitops", namespace=self._namespace)
        present = {_key(obj, self._namespace) for obj in objects}
        kept = {key for key in self.status.applied if _in(key, present)}
        for key in self.status.applied - kept:
            self._kubernetes.delete(key)
        self._rendered = wanted if not sync.failed else {}
        status = "OutOfSync" if sync.failed else "Synced"
        message = f"{sync.failed} of {len(changed)} objects could not be applied" if sync.failed else ""
        return SyncStatus(status, revision, message, sync.lines, frozenset(kept | set(sync.applied)))

    # Life

    def start(self) -> None:
        """Sync every ``interval`` seconds in a thread."""
        self._stopped.clear()
        self._thread = threading.Thread(target=self._run, name="sandbox-gitops", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Idempotent."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._stopped.is_set():
            self.sync()
            self._stopped.wait(self.interval)

    def __enter__(self) -> GitOpsLoop:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()


def _key(obj: Object, namespace: str) -> Key:
    meta = obj.get("metadata") or {}
    return Key(str(obj.get("kind")), str(meta.get("namespace") or namespace), str(meta.get("name")))


def _in(key: Key, present: set[Key]) -> bool:
    # A cluster-scoped object has no namespace in the cluster, whatever its manifest is taken to have.
    return key in present or (not key.namespace and any(key[::2] == other[::2] for other in present))


def _identity(obj: Object, namespace: str) -> str:
    return "/".join((str(obj.get("apiVersion")), *_key(obj, namespace)))


# Reading


def _git(bare: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {
        "PATH": os.environ.get("PATH", os.defpath), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C",
    }  # fmt: skip
    return subprocess.run(
        ["git", f"--git-dir={bare}", "-c", "safe.directory=*", *arguments],
        capture_output=True, timeout=_SECONDS, env=environment, check=False,
    )  # fmt: skip


def export(bare: Path, revision: str, folder: Path) -> None:
    """Write the regular files of a commit into ``folder``; links and submodules are left out. Raises RenderError."""
    listed = _git(bare, "ls-tree", "-r", "-z", "--full-tree", revision)
    if listed.returncode != 0:
        raise RenderError(
            f"the revision {revision} cannot be read: {listed.stderr.decode(errors='replace').strip()}"
        )
    entries = [entry for entry in listed.stdout.decode("utf-8", "surrogateescape").split("\0") if entry]
    if len(entries) > _FILES:
        raise RenderError(f"the repository has more than {_FILES} files")
    wanted = []
    for entry in entries:
        about, _, name = entry.partition("\t")
        mode, _kind, sha = about.split()
        if mode in ("100644", "100755") and ".." not in PurePosixPath(name).parts:
            wanted.append((sha, name))
    for sha, name in wanted:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_git(bare, "cat-file", "blob", sha).stdout)


# Rendering


def render(folder: Path, path: str) -> list[Object]:
    """Objects of ``path``: by Kustomize or Helm where the folder is one of theirs, else every YAML file below it.

    Raises RenderError, also where the program that is needed is not there.
    """
    place = folder / path if path else folder
    if not place.is_dir():
        raise RenderError(f"the path {path or '.'} does not exist in the repository")
    if any((place / name).is_file() for name in ("kustomization.yaml", "kustomization.yml", "Kustomization")):
        return documents(_run(("kubectl", "kustomize", str(place)), ("kustomize", "build", str(place))))
    if (place / "Chart.yaml").is_file():
        return documents(_run(("helm", "template", place.name, str(place))))
    objects: list[Object] = []
    for file in sorted(place.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(place).parts)
        if file.suffix in (".yaml", ".yml", ".json") and file.is_file() and not hidden:
            objects += documents(file.read_text(encoding="utf-8"), str(file.relative_to(folder)))
    return objects


def helm(release: str, namespace: str, values: Iterable[str] = ()) -> Renderer:
    """A renderer for a chart with values files; these are paths in the repository."""
    named = tuple(values)

    def renderer(folder: Path, path: str) -> list[Object]:
        chosen = [word for value in named for word in ("-f", str(folder / value))]
        return documents(_run(("helm", "template", release, str(folder / path), "-n", namespace, *chosen)))

    return renderer


def _run(*commands: tuple[str, ...]) -> str:
    """The output of the first command whose program is there."""
    command = next((command for command in commands if shutil.which(command[0])), None)
    if command is None:
        raise RenderError(f"none of {', '.join(sorted({command[0] for command in commands}))} is installed")
    with tempfile.TemporaryDirectory(prefix="gitops-home-") as home:
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": home, "LC_ALL": "C"}
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=_SECONDS, env=environment, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise RenderError(f"{command[0]} took more than {_SECONDS} s") from error
    if done.returncode != 0:
        raise RenderError(f"{' '.join(command[:2])}: {done.stderr.decode(errors='replace').strip()[-2000:]}")
    return done.stdout.decode("utf-8", "replace")


def documents(text: str, name: str = "the rendered manifests") -> list[Object]:
    """The objects of a YAML stream; Lists are taken apart, what is no object is left out. Raises RenderError."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    found: list[Object] = []
    try:
        for document in YAML(typ="safe", pure=True).load_all(text):
            # Dates become objects in YAML; manifests hold JSON values only.
            plain = json.loads(json.dumps(document, default=str))
            if isinstance(plain, dict) and plain.get("kind") and plain.get("apiVersion"):
                items = plain.get("items")
                found += items if plain["kind"] == "List" and isinstance(items, list) else [plain]
    except YAMLError as error:
        raise RenderError(f"{name} is not valid YAML: {error}") from error
    return found
