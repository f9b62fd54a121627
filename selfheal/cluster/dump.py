"""A snapshot from a directory in the layout of ``kubectl cluster-info dump --output-directory``.

Any further ``kubectl get -o json`` List file in it counts too. Secrets' values are dropped while loading. A
file that cannot be read is named in ``incomplete`` and its kind stays unknown.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from selfheal.cluster.collector import settled, uncollected
from selfheal.cluster.kinds import BY_KIND, BY_RESOURCE
from selfheal.cluster.snapshot import Object, Snapshot
from selfheal.cluster.times import event_time, parse
from selfheal.errors import ConfigurationProblem

#: Bytes of one file that are read at most.
MAX_JSON = 512 * 1024 * 1024
MAX_LOG = 4 * 1024 * 1024
_START = re.compile(r"^==== START logs for container (\S+) of pod (\S+)/(\S+) ====\r?$", re.MULTILINE)
_END = re.compile(r"^==== END logs for container .*====\r?$", re.MULTILINE)
#: RFC 3339 in UTC, as most programs write it.
_STAMP = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z")
#: Bytes of a log's end that are looked at for its last time.
_TAIL = 2048
#: How long nothing may happen to any object for a log's time to be believed.
_OBJECTS_REST = timedelta(hours=1)
_NOT_A_LOG = ("Request log error:", "Failed to get logs")


def load_dump(directory: Path) -> Snapshot:
    """Reads ``directory``.

    Raises ConfigurationProblem when there is no such directory or nothing of a dump is in it.
    """
    if not directory.is_dir():
        raise ConfigurationProblem(
            f"There is no directory {directory}.",
            hint="Give the directory that `kubectl cluster-info dump --output-directory=DIR` wrote.",
        )
    reader = _Reader(directory)
    with uncollected():
        reader.read()
        settled(len(reader.objects))
    if not reader.coverage and not reader.incomplete:
        raise ConfigurationProblem(
            f"{directory} holds no Kubernetes objects.",
            hint="Expected: files such as <namespace>/pods.json, as `kubectl cluster-info dump` writes.",
        )
    return Snapshot(
        reader.objects,
        coverage={
            kind: None
            if "" in found and BY_KIND.get(kind) is not None and BY_KIND[kind].namespaced
            else frozenset(found)
            for kind, found in reader.coverage.items()
        },
        taken_at=_taken(_newest(reader.objects), directory),
        incomplete=reader.incomplete,
        logs=_Logs(directory).read,
        sync=_text(directory / "sync.txt", MAX_LOG) or "",
    )


def blank_secret(secret: Object) -> Object:
    """The Secret with its keys and without its values."""
    kept = {key: value for key, value in secret.items() if key not in ("data", "stringData")}
    keys: set[str] = set()
    found = False
    for section in ("data", "stringData"):
        if section in secret:
            found = True
            if isinstance(secret[section], dict):
                keys.update(secret[section])
    if found:
        kept["data"] = dict.fromkeys(sorted(keys), "")
    meta = kept.get("metadata")
    if isinstance(meta, dict) and isinstance(meta.get("annotations"), dict):
        annotations = {
            key: value
            for key, value in meta["annotations"].items()
            if not key.endswith("last-applied-configuration")
        }
        kept["metadata"] = {**meta, "annotations": annotations}
    return kept


class _Reader:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.objects: list[Object] = []
        self.coverage: dict[str, set[str]] = {}
        self.incomplete: list[str] = []

    def read(self) -> None:
        for path in sorted(self.directory.rglob("*.json")):
            relative = path.relative_to(self.directory)
            if len(relative.parts) > 2 or path.is_symlink() or not path.is_file():
                continue
            namespace = relative.parts[0] if len(relative.parts) == 2 else ""
            try:
                if path.stat().st_size > MAX_JSON:
                    self.incomplete.append(f"{relative} is larger than {MAX_JSON} bytes and was left out")
                    continue
                document = json.loads(path.read_bytes())
            except (OSError, ValueError, RecursionError) as error:
                self.incomplete.append(
                    f"{relative} cannot be read ({type(error).__name__}: {str(error)[:120]})"
                )
                continue
            self._take(document, path.stem, namespace, str(relative))

    def _take(self, document: Any, stem: str, namespace: str, where: str) -> None:
        entry = BY_RESOURCE.get(stem.replace("-", "").lower())
        if not isinstance(document, dict):
            self.incomplete.append(f"{where} is not a Kubernetes object or list")
            return
        kind = str(document.get("kind", ""))
        items = document.get("items")
        if kind.endswith("List") or isinstance(items, list):
            listed = kind.removesuffix("List") or (entry.kind if entry else "")
            if items is None and kind.endswith("List"):
                items = []
            if not isinstance(items, list):
                self.incomplete.append(f"{where} has no list of items")
                return
            # A List file may hold any kinds; only a file of one kind proves that this kind was read
            # completely.
            if listed:
                self.coverage.setdefault(listed, set()).add(namespace)
        elif kind:
            items, listed = [document], kind
        else:
            return
        for item in items:
            if not isinstance(item, dict) or not isinstance(item.get("metadata"), dict):
                self.incomplete.append(f"{where} holds an item that is no object")
                continue
            self._add(item, listed, namespace)

    def _add(self, item: Object, listed: str, namespace: str) -> None:
        kind = item.get("kind")
        if not isinstance(kind, str) or not kind:
            if not listed:
                return
            item = {**item, "kind": listed}
            kind = listed
        known = BY_KIND.get(kind)
        if namespace and not item["metadata"].get("namespace") and known is not None and known.namespaced:
            item = {**item, "metadata": {**item["metadata"], "namespace": namespace}}
        self.coverage.setdefault(kind, set()).add(str(item["metadata"].get("namespace") or namespace))
        self.objects.append(blank_secret(item) if kind == "Secret" else item)


class _Logs:
    """Reads ``<namespace>/<pod>/logs.txt`` when asked, once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[tuple[str, str, bool], dict[str, str] | None] = {}
        self._folders: dict[str, frozenset[str]] = {}

    def read(self, namespace: str, pod: str, container: str, previous: bool) -> str | None:
        key = (namespace, pod, previous)
        if key not in self._files:
            self._files[key] = self._load(*key)
        found = self._files[key]
        if found is None:
            return None
        # Real dumps name containers in their separators; a file without any is the only container's log.
        return found.get(container, found.get(""))

    def _load(self, namespace: str, pod: str, previous: bool) -> dict[str, str] | None:
        if not _plain(namespace) or not _plain(pod) or pod not in self._pods(namespace):
            return None
        text = _text(
            self._directory / namespace / pod / ("logs.previous.txt" if previous else "logs.txt"), MAX_LOG
        )
        if text is None:
            return None
        starts = list(_START.finditer(text))
        if not starts:
            return {"": text}
        found: dict[str, str] = {}
        for number, start in enumerate(starts):
            end = starts[number + 1].start() if number + 1 < len(starts) else len(text)
            body = _END.sub("", text[start.end() : end]).strip("\n")
            if not body.startswith(_NOT_A_LOG):
                found[start.group(1)] = body
        return found

    def _pods(self, namespace: str) -> frozenset[str]:
        """Names in a namespace's folder, listed once: most pods of a large dump have no log in it."""
        if namespace not in self._folders:
            try:
                names = frozenset(path.name for path in (self._directory / namespace).iterdir())
            except OSError:
                names = frozenset()
            self._folders[namespace] = names
        return self._folders[namespace]


def _plain(name: str) -> bool:
    return (
        bool(name) and "/" not in name and "\\" not in name and name not in (".", "..") and "\0" not in name
    )


def _text(path: Path, limit: int) -> str | None:
    """The end of a text file, None when it is not there."""
    try:
        if path.is_symlink() or not path.is_file():
            return None
        with path.open("rb") as file:
            size = path.stat().st_size
            if size > limit:
                file.seek(size - limit)
            return file.read(limit).decode("utf-8", errors="replace")
    except OSError:
        return None


def _taken(newest: datetime, directory: Path) -> datetime:
    """When the dump was taken, as well as it can be known.

    Nothing happens to objects that are well, so their newest time may be long past while programs go on writing. One program's
    clock may be wrong: of two pods the later one is not believed.
    """
    written = sorted(filter(None, map(_last_time, directory.glob("*/*/logs.txt"))), reverse=True)
    if not written:
        return newest
    told = written[1] if len(written) > 1 else written[0]
    return told if newest < told <= newest + _OBJECTS_REST else newest


def _last_time(log: Path) -> datetime | None:
    """The last time in UTC at the end of a log."""
    stamps = _STAMP.findall(_text(log, _TAIL) or "")
    return parse(max(stamps)) if stamps else None


def _newest(objects: list[Object]) -> datetime:
    """When the dump was taken: the newest time anything in it mentions."""
    newest = datetime.fromtimestamp(0, UTC)
    for obj in objects:
        if obj.get("kind") == "Event":
            moment = event_time(obj)
            if moment is not None and moment > newest:
                newest = moment
            continue
        meta = obj["metadata"]
        status = obj.get("status")
        status = status if isinstance(status, dict) else {}
        texts = [meta.get("creationTimestamp")]
        conditions = status.get("conditions")
        if isinstance(conditions, list):
            for condition in conditions:
                if isinstance(condition, dict):
                    texts += [condition.get("lastHeartbeatTime"), condition.get("lastTransitionTime")]
        for container in status.get("containerStatuses") or ():
            if isinstance(container, dict):
                for section in ("state", "lastState"):
                    for state in (
                        (container.get(section) or {}).values()
                        if isinstance(container.get(section), dict)
                        else ()
                    ):
                        if isinstance(state, dict):
                            texts += [state.get("startedAt"), state.get("finishedAt")]
        # RFC 3339 in UTC sorts as text, so only the greatest has to be parsed.
        best = max((text for text in texts if isinstance(text, str)), default="")
        moment = parse(best)
        if moment is not None and moment > newest:
            newest = moment
    return newest
