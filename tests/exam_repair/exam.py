"""One question of the exam: a defect in a repository of some layout, what happened then, what was proposed, the mark."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfheal.cluster.dump import load_dump
from selfheal.config import Settings
from selfheal.diagnosis.engine import Diagnosis, diagnose
from selfheal.incidents.record import Target
from selfheal.repair.plan import RepairResult, plan
from selfheal.repair.tools import Tools
from selfheal.repository.foldertree import open_tree
from tests.exam_repair.application import THEMES, Object
from tests.exam_repair.defects import NOTHING, SPEC, TEMPLATE, Defect, spoiled
from tests.exam_repair.every import LAYOUTS
from tests.exam_repair.layouts import Files
from tests.exam_repair.play import changed, cluster, dump

#: Marks. The first four are right. SOUND: the right field, whose value nobody can know, with one that does and is bounded.
#: MISSED: a person was asked though the value could be known; SLOPPY: more lines than had to be.
EXACT, EQUAL, SOUND, ESCALATED = "exact", "equal", "sound", "escalated"
MISSED, WRONG, SLOPPY = "MISSED", "WRONG", "SLOPPY"
RIGHT = frozenset({EXACT, EQUAL, SOUND, ESCALATED})
#: What the API server fills in: to write it out is the same.
DEFAULTS = {
    "protocol": "TCP", "scheme": "HTTP", "dnsPolicy": "ClusterFirst", "suspend": False, "schedulerName": "default-scheduler"
}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """``before``: the application ran well before. ``git``: the history of the repository is there. ``told``: --path."""

    defect: Defect
    layout: str
    theme: str
    before: bool = True
    git: bool = False
    told: bool = True
    services: int = 13

    def __str__(self) -> str:
        words = [self.layout, self.theme, "ran" if self.before else "new"]
        words += ["git"] if self.git else []
        words += [] if self.told else ["no path"]
        return f"{self.defect.id:26} {' '.join(words)}"


@dataclass
class Mark:
    mark: str
    why: str
    result: RepairResult | None = None
    found: Diagnosis | None = None
    diffs: list[str] = field(default_factory=list)
    seconds: float = 0.0
    diagnosed: bool = False


def knowable(question: Question) -> bool:
    """Whether the good value stands somewhere."""
    if question.git or question.defect.known == SPEC:
        return True
    return question.defect.known == TEMPLATE and question.before and question.defect.known != NOTHING


def ask(question: Question, tools: Tools, folder: Path) -> Mark:
    """Plays the defect, runs the repair on what is left, and marks it."""
    layout = LAYOUTS[question.layout]
    app = layout.build(question.theme, question.services)
    ill = spoiled(app, question.defect)
    good, bad = layout.files(app), layout.files(ill)
    if good == bad:
        return Mark("-", "the defect does not show in this layout")
    healthy, broken = layout.render(good, app.namespace), layout.render(bad, ill.namespace)
    emulator = cluster(ill)
    if question.before and not question.defect.new:
        emulator.apply(healthy, namespace=app.namespace)
        emulator.advance(240)
        emulator.apply(changed(healthy, broken), namespace=app.namespace)
    else:
        emulator.apply(broken, namespace=app.namespace)
    emulator.advance(question.defect.wait)
    assert not emulator.errors, emulator.errors[0]
    dump(emulator, folder / "snapshot")
    repo = folder / "repo"
    _write(repo, good if question.git else bad)
    if question.git:
        _commit(repo, "Deploy", "2026-11-20T10:00:00Z")
        _write(repo, bad)
        _commit(repo, "Tidy up", "2026-11-23T09:00:00Z")
    began = time.process_time()
    snapshot = load_dump(folder / "snapshot")
    target = Target(namespace=app.namespace)
    found = diagnose(snapshot, target=target)
    result = plan(
        open_tree(repo), found.to_analysis(snapshot), settings=Settings(), path=layout.path if question.told else "",
        snapshot=snapshot, target=found.target, tools=tools,
    )  # fmt: skip
    seconds = time.process_time() - began
    mark, why, diffs = _judge(question, result, good, bad, healthy, app.namespace)
    root = found.root.fault if found.root is not None else found.verdict
    return Mark(mark, why, result, found, diffs, seconds, root in question.defect.faults)


def _judge(
    question: Question, result: RepairResult, good: Files, bad: Files, healthy: list[Object], namespace: str
) -> tuple[str, str, list[str]]:
    defect = question.defect
    if result.decision != "propose":
        if defect.id == "healthy":
            return (ESCALATED if result.decision == "none" else WRONG), result.reason, []
        excused = defect.never or not defect.must or not knowable(question)
        return (ESCALATED if excused else MISSED), result.reason, []
    diffs = [item.diff for item in result.changes]
    repaired = dict(bad)
    for item in result.changes:
        if item.before != bad.get(item.path):
            return WRONG, f"{item.path} is not what was read", diffs
        if item.after is None:
            repaired.pop(item.path)
        else:
            repaired[item.path] = item.after
    if repaired == good and not defect.never:
        return EXACT, "", diffs
    after = LAYOUTS[question.layout].render(repaired, namespace)
    differing = differences(healthy, after)
    left = [
        (where, value)
        for where, _, value in differing
        if not any(
            where.endswith(part) and (values(value) if callable(values) else value in values)
            for part, values in defect.equal
        )
    ]
    unsound = [
        where
        for where, value in left
        if not any(where.endswith(part) and does(value) for part, does in defect.sound)
    ]
    if left and not unsound and not knowable(question) and not defect.never:
        return SOUND, "; ".join(f"{where}: {value!r}" for where, value in left), diffs
    if left or defect.never:
        return (
            WRONG,
            "; ".join(f"{where}: {value!r} ({told!r} is right)" for where, told, value in differing[:3]),
            diffs,
        )
    lines = sum(
        line[:1] in "+-" and line[:3] not in ("+++", "---") for diff in diffs for line in diff.splitlines()
    )
    ideal = _changed_lines(good, bad)
    return (EQUAL if lines <= ideal + 2 else SLOPPY), f"{lines} lines instead of {ideal}", diffs


def _changed_lines(good: Files, bad: Files) -> int:
    import difflib

    count = 0
    for path in good.keys() | bad.keys():
        pair = [files.get(path, b"").decode().splitlines() for files in (bad, good)]
        count += sum(
            line[:1] in "+-" and line[:3] not in ("+++", "---")
            for line in difflib.unified_diff(*pair, lineterm="")
        )
    return count


def differences(wanted: list[Object], got: list[Object]) -> list[tuple[str, Any, Any]]:
    """Fields that differ between two renderings, as (where, wanted, got). The order of documents counts for nothing."""
    found: list[tuple[str, Any, Any]] = []
    old = {(obj["kind"], obj["metadata"]["name"]): obj for obj in wanted}
    new = {(obj["kind"], obj["metadata"]["name"]): obj for obj in got}
    for key in sorted(old.keys() | new.keys()):
        _compare("/".join(key), old.get(key), new.get(key), found)
    return found


def _compare(where: str, wanted: Any, got: Any, found: list[tuple[str, Any, Any]]) -> None:
    if isinstance(wanted, dict) and isinstance(got, dict):
        for key in sorted(wanted.keys() | got.keys()):
            _compare(f"{where}/{key}", wanted.get(key), got.get(key), found)
    elif (
        isinstance(wanted, list)
        and isinstance(got, list)
        and _named(wanted)
        and _named(got)
        and "/env" in where[-4:]
    ):
        one, two = ({item["name"]: item for item in items} for items in (wanted, got))
        for name in sorted(one.keys() | two.keys()):
            _compare(f"{where}/{name}", one.get(name), two.get(name), found)
        if len(wanted) != len(got):
            found.append((f"{where}", len(wanted), len(got)))
    elif isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for index, pair in enumerate(zip(wanted, got, strict=True)):
            _compare(f"{where}/{index}", *pair, found)
    elif wanted is None and got is not None and DEFAULTS.get(where.rpartition("/")[2]) == got:
        return
    elif wanted != got or type(wanted) is not type(got):
        found.append((where, wanted, got))


def _named(items: list[Any]) -> bool:
    return all(isinstance(item, dict) and "name" in item for item in items)


def _write(folder: Path, files: Files) -> None:
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def _commit(folder: Path, subject: str, at: str) -> None:
    environment = {
        "PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
           for what, value in (("NAME", "Ida"), ("EMAIL", "ida@example.org"), ("DATE", at))},
    }  # fmt: skip
    for words in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", subject)):
        subprocess.run(["git", *words], cwd=folder, env=environment, check=True, capture_output=True)


def run(question: Question, tools: Tools) -> Mark:
    """In a folder of its own that is removed."""
    folder = Path(tempfile.mkdtemp(prefix="exam-"))
    try:
        return ask(question, tools, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


__all__ = ["EQUAL", "ESCALATED", "EXACT", "MISSED", "RIGHT", "THEMES", "WRONG", "Mark", "Question", "run"]
