"""Typing errors in the repositories of the recordings: every scalar that shows in what is rendered may be one.

``python -m tests.exam_repair.recorded [application,…] [questions an application] [seed] [ran|new,git]`` needs the recordings.
Nobody wrote these defects with a remedy in mind. The healthy half of a recording says what the images do; a scalar of a file
is misspelt in place; the application runs well, then with the error; and whatever the repair proposes must render as before
the error. What shows no fault is counted as quiet, since much can be misspelt without harm.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from selfheal.cluster.dump import load_dump
from selfheal.config import Settings
from selfheal.diagnosis.engine import diagnose
from selfheal.incidents.record import Target
from selfheal.repair.plan import plan
from selfheal.repair.sources import render
from selfheal.repository.foldertree import FolderTree, open_tree
from tests.conftest import SHARED
from tests.exam_repair.exam import _commit, _write, differences
from tests.exam_repair.play import changed, dump
from tests.exam_repair.replayed import cluster

Object = dict[str, Any]
Files = dict[str, bytes]
#: Renamed by whoever renames them, without an effect of its own.
_SKIPPED_KEYS = frozenset(
    {
        "apiVersion",
        "kind",
        "namespace",
        "description",
        "version",
        "appVersion",
        "timezone",
        "timeZone",
        "helm.sh/chart",
    }
)


@dataclass(frozen=True)
class Source:
    """A healthy repository of a recording and how it is rendered."""

    name: str
    folder: Path
    files: Files
    path: str
    values: tuple[str, ...]
    release: str
    namespace: str

    def render(self, files: Files) -> list[Object]:
        with tempfile.TemporaryDirectory() as name:
            _write(Path(name), files)
            found = render(
                FolderTree(Path(name)),
                self.path,
                values=self.values,
                release=self.release,
                namespace=self.namespace,
            )
        return list(found)


@dataclass(frozen=True)
class Slip:
    """One misspelt scalar."""

    file: str
    where: str
    before: str
    after: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line + 1} {self.where}: {self.before} -> {self.after}"

    def made(self, files: Files) -> Files:
        lines = files[self.file].decode().splitlines(keepends=True)
        text = lines[self.line]
        assert text[self.column :].startswith(self.before), (self, text)
        lines[self.line] = text[: self.column] + self.after + text[self.column + len(self.before) :]
        return {**files, self.file: "".join(lines).encode()}


def sources() -> Iterator[Source]:
    """One for each application, from the first recording of it."""
    assert SHARED is not None, "the recordings are not here"
    seen: set[str] = set()
    for told in sorted((SHARED / "recordings").glob("*/case.json")):
        folder, case = told.parent, json.loads(told.read_text())
        name = folder.name.partition("-")[0]
        if name in seen:
            continue
        seen.add(name)
        files = {
            str(path.relative_to(folder / "repo")): path.read_bytes() for path in _regular(folder / "repo")
        }
        files |= {
            str(path.relative_to(folder / "fixed")): path.read_bytes() for path in _regular(folder / "fixed")
        }
        files.pop(".gitkeep", None)
        words = case["render"].split()
        values = tuple(words[at + 1] for at, word in enumerate(words) if word == "-f")
        release = words[words.index("(release") + 1].rstrip(",") if "(release" in words else ""
        path = "" if words[1] == "." else words[1]
        yield Source(name, folder, files, path, values, release, case["namespace"])


def slips(source: Source, rng: random.Random) -> Iterator[Slip]:
    """All scalars of the files that may deploy it, each misspelt once, in random order."""
    found: list[Slip] = []
    for file, data in source.files.items():
        if not file.endswith((".yaml", ".yml")) or "/templates/" in file or file.startswith("argocd/"):
            continue
        if source.values and file not in source.values and not file.endswith("values.yaml"):
            continue
        lines = data.decode().splitlines()
        try:
            documents = list(YAML().load_all(data.decode()))
        except YAMLError:
            continue
        for document in documents:
            for where, value, line, column in _leaves(document, ()):
                if where[-1] in _SKIPPED_KEYS or "annotations" in where:
                    continue
                written = _token(lines[line], column)
                wrong = _misspelt(where, value, written, rng)
                if written and wrong and wrong != written:
                    found.append(Slip(file, "/".join(map(str, where)), written, wrong, line, column))
    rng.shuffle(found)
    yield from found


def _leaves(node: Any, where: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any, int, int]]:
    items = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        if isinstance(value, (Mapping, list)):
            yield from _leaves(value, (*where, key))
        elif isinstance(value, (str, int, float, bool)):
            line, column = node.lc.value(key) if isinstance(node, Mapping) else node.lc.item(key)
            yield (*where, key), value, line, column


def _token(line: str, column: int) -> str:
    """The scalar as it is written there; "" for one of several lines."""
    text = line[column:]
    if text[:1] in "'\"":
        match = re.match(r"'(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\"", text)
        return match.group() if match else ""
    if text[:1] in "|>&*!":
        return ""
    return re.split(r"\s#|,\s|[\]}]|,$", text)[0].rstrip()


def _misspelt(where: tuple[Any, ...], value: Any, written: str, rng: random.Random) -> str:
    key = str(where[-1])
    if isinstance(value, bool):
        return "false" if value else "true"
    if isinstance(value, int):
        if "port" in key.lower() or key in ("number",) or "ports" in where:
            return str(value + rng.choice((1, 10, -1)))
        return "0" if key == "replicas" else ""
    if not isinstance(value, str) or len(value) < 3:
        return ""
    text = written.strip("'\"")
    quote = written[0] if written[0] in "'\"" else ""
    if key == "memory" or key.endswith("Memory"):
        wrong = "6Mi" if "limits" in where else "900Gi"
    elif key == "cpu":
        wrong = "64" if "requests" in where else ""
    elif key == "schedule":
        wrong = "61 * * * *"
    elif re.fullmatch(r"\d{2,5}", text):
        wrong = str(int(text) + 1)
    else:
        letters = [at for at, sign in enumerate(text) if sign.isalnum()]
        at = rng.choice(letters[len(letters) // 3 :] or [0])
        sign = rng.choice(("", text[at] * 2, "x"))
        wrong = text[:at] + sign + text[at + 1 :]
    return f"{quote}{wrong}{quote}" if wrong else ""


def _regular(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]


# -- a question ----------------------------------------------------------------------------------------------------


@dataclass
class Answer:
    mark: str
    why: str = ""
    root: str = ""
    diffs: tuple[str, ...] = ()


def ask(source: Source, slip: Slip, healthy: list[Object], how: set[str], folder: Path) -> Answer | None:
    """None: the slip changes nothing that is rendered, or cannot be rendered."""
    bad = slip.made(source.files)
    try:
        broken = source.render(bad)
    except Exception:  # noqa: BLE001 - what cannot be rendered was never deployed
        return None
    if not differences(healthy, broken):
        return None
    emulator = cluster(source.folder / "healthy", healthy)
    if "new" not in how:
        emulator.apply(healthy, namespace=source.namespace)
        emulator.advance(240)
        broken = changed(healthy, broken)
    emulator.apply(broken, namespace=source.namespace)
    emulator.advance(420)
    dump(emulator, folder / "snapshot")
    repo = folder / "repo"
    if "git" in how:
        _write(repo, source.files)
        _commit(repo, "Deploy", "2026-11-20T10:00:00Z")
    _write(repo, bad)
    if "git" in how:
        _commit(repo, "Tidy up", "2026-11-23T09:00:00Z")
    snapshot = load_dump(folder / "snapshot")
    found = diagnose(snapshot, target=Target(namespace=source.namespace))
    root = f"{found.root.fault}/{found.root.variant} {found.root.object}" if found.root else found.verdict
    if found.verdict == "healthy":
        return Answer("quiet", root=root)
    result = plan(
        open_tree(repo), found.to_analysis(snapshot), settings=Settings(), path=source.path, snapshot=snapshot,
        target=found.target,
    )  # fmt: skip
    if result.decision != "propose":
        return Answer("escalated", f"{result.decision}: {result.reason}", root)
    repaired = dict(bad)
    for item in result.changes:
        assert item.after is not None
        repaired[item.path] = item.after
    left = differences(healthy, source.render(repaired))
    told = "; ".join(f"{where}: {got!r} ({wanted!r} is right)" for where, wanted, got in left[:4])
    return Answer("WRONG" if left else "restored", told, root, tuple(item.diff for item in result.changes))


def unharmed(source: Source, healthy: list[Object]) -> str:
    """What is said of the application without any slip: everything below means something only where that is healthy."""
    emulator = cluster(source.folder / "healthy", healthy)
    emulator.apply(healthy, namespace=source.namespace)
    emulator.advance(240)
    with tempfile.TemporaryDirectory() as name:
        dump(emulator, Path(name))
        found = diagnose(load_dump(Path(name)), target=Target(namespace=source.namespace))
    return (
        found.verdict
        if found.root is None
        else f"{found.root.fault} {found.root.object} {found.root.summary}"
    )


def main() -> None:
    names, count, seed, words = (*sys.argv[1:], "", "", "", "")[:4] if len(sys.argv) < 5 else sys.argv[1:5]
    how = set(filter(None, words.split(",")))
    counts: Counter[str] = Counter()
    for source in sources():
        if names and source.name not in names.split(","):
            continue
        rng = random.Random(f"{source.name}{seed}")
        healthy = source.render(source.files)
        print(f"{source.name}: {unharmed(source, healthy)}", flush=True)
        asked = 0
        for slip in slips(source, rng):
            if asked >= int(count or 20):
                break
            folder, began = Path(tempfile.mkdtemp(prefix="recorded-")), time.monotonic()
            try:
                answer = ask(source, slip, healthy, how, folder)
            except Exception:  # noqa: BLE001 - whatever it is, it is a finding
                answer = Answer("CRASH", traceback.format_exc()[-700:])
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            if answer is None:
                continue
            asked += 1
            counts[answer.mark] += 1
            print(
                f"{answer.mark:10}{source.name} {slip}  [{answer.root}] {time.monotonic() - began:.1f}s",
                flush=True,
            )
            if answer.mark not in ("restored", "quiet"):
                print(f"          {answer.why[-600:]}")
            if answer.mark == "WRONG":
                for diff in answer.diffs:
                    print("          " + diff.replace("\n", "\n          "))
    print(dict(counts))


if __name__ == "__main__":
    main()
