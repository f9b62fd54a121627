"""Keys of ConfigMaps and Secrets that no reference names, and that a program says it misses: a file of a volume that is
mounted whole, a variable of an object that is taken whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.workloads import (
    Container,
    Workload,
    declared,
    earlier,
    mapping,
    mappings,
    number,
    statuses,
)
from selfheal.faults.complaints import complaints
from selfheal.faults.evidence import of_log
from selfheal.faults.nearness import nearest
from selfheal.faults.references import keys_of
from selfheal.incidents.record import Evidence

#: Lines of a log that are looked at from its end, and characters of each.
TAIL = 120
WIDTH = 2000
_NO_FILE = re.compile(
    r"no such file|ENOENT|FileNotFound|NoSuchFile|(?:could not|cannot|can't|unable to|failed to) (?:find|open|read|load|stat|access)"
    r"|does not exist|not found|missing (?:config|configuration|file)|Errno 2\b",
    re.IGNORECASE,
)
_PATH = re.compile(r"/[A-Za-z0-9._@+/-]+")
_ENV_FROM = (("configMapRef", "ConfigMap"), ("secretRef", "Secret"))


@dataclass(frozen=True)
class Asked:
    """A key that a program misses. ``near`` is the key plainly meant, "" where only the past knows it; ``where`` points
    into the pod spec at what brings the object; ``through`` says how, in words.
    """

    holder: Object
    key: str
    near: str
    container: str
    where: str
    through: str
    evidence: Evidence


def asked_keys(snapshot: Snapshot, workload: Workload) -> Iterator[Asked]:
    """What containers of a workload that are not well miss of objects that they take whole, one a container."""
    for container in workload.containers:
        for pod in workload.pods:
            status = statuses(pod).get(container.name, {})
            if status.get("ready") is True:
                continue
            found = next(
                _of_container(snapshot, workload, container, pod, number(status.get("restartCount"))), None
            )
            if found is not None:
                yield found
                break


def _of_container(
    snapshot: Snapshot, workload: Workload, container: Container, pod: Object, restarts: int
) -> Iterator[Asked]:
    for previous in (True, False) if restarts else (False,):
        text = snapshot.logs(workload.namespace, ref_of(pod).name, container.name, previous=previous) or ""
        for line in (full[:WIDTH] for full in reversed(text.splitlines()[-TAIL:])):
            if _NO_FILE.search(line):
                quote = of_log(pod, container.name, line, previous=previous)
                yield from _files(snapshot, workload, container, line, quote)
        for complaint in complaints(text):
            if complaint.missing and complaint.name:
                quote = of_log(pod, container.name, complaint.line, previous=previous)
                yield from _variable(snapshot, workload, container, complaint.name, quote)


def _files(
    snapshot: Snapshot, workload: Workload, container: Container, line: str, quote: Evidence
) -> Iterator[Asked]:
    """Files that should come from a volume of which every key is a file."""
    paths = [found.rstrip("./") for found in _PATH.findall(line)]
    volumes = {str(item.get("name")): item for item in mappings(workload.spec.get("volumes"))}
    for mount in mappings(container.spec.get("volumeMounts")):
        volume = volumes.get(str(mount.get("name")), {})
        base = str(mount.get("mountPath", "")).rstrip("/") + "/"
        if mount.get("subPath") or mount.get("subPathExpr"):
            continue
        for word, kind, field in (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName")):
            source = mapping(volume.get(word))
            holder = snapshot.get(kind, workload.namespace, str(source.get(field, "")))
            if holder is None or source.get("items"):
                continue
            where = pointer.join("volumes", f"name={volume.get('name')}", word, field)
            for path in paths:
                key = path.removeprefix(base)
                if path.startswith(base) and "/" not in key:
                    through = f"{container.name} as the file {path}"
                    yield from _asked(holder, key, container, where, through, quote)


def _variable(
    snapshot: Snapshot, workload: Workload, container: Container, name: str, quote: Evidence
) -> Iterator[Asked]:
    """A variable that should come from an object all of whose keys are variables."""
    entries = mappings(container.spec.get("env"))
    if any(entry.get("name") == name for entry in entries):
        return
    before = container.pointer + pointer.join("env", f"name={name}")
    if any(pointer.exists(older.spec, before) for older in earlier(snapshot, workload.object)):
        # The template itself set it, so the template lost it.
        return
    for index, entry in enumerate(mappings(container.spec.get("envFrom"))):
        prefix = str(entry.get("prefix") or "")
        for word, kind in _ENV_FROM:
            holder = snapshot.get(kind, workload.namespace, str(mapping(entry.get(word)).get("name", "")))
            if holder is None or not name.startswith(prefix):
                continue
            where = container.pointer + pointer.join("envFrom", index, word, "name")
            through = f"{container.name} as the variable {name}"
            yield from _asked(holder, name.removeprefix(prefix), container, where, through, quote)


def _asked(
    holder: Object, key: str, container: Container, where: str, through: str, quote: Evidence
) -> Iterator[Asked]:
    """Counts only with a key that is plainly meant, or where the last applied manifest had the very key: a file or
    variable that nothing knows may be anybody's.
    """
    keys = keys_of(holder)
    if keys is None or key in keys:
        return
    near = nearest(key, keys) or ""
    if near or key in mapping(declared(holder).get("data")):
        yield Asked(holder, key, near, container.name, where, through, quote)
