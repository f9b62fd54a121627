"""Sits the exam: each case in a process forked from the settled application, asked in several ways, marked."""

from __future__ import annotations

import random
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfheal.cluster.dump import load_dump
from selfheal.diagnosis.engine import diagnose
from selfheal.incidents.record import Target
from tests.exam.scene import Case, Scene, settled
from tests.support.forked import forked

WAYS = ("nothing", "namespace", "target", "text", "caller", "front")


@dataclass(frozen=True)
class Mark:
    """How a case was answered when asked in one way: by the clock, and in milliseconds of one processor."""

    case: str
    fault: str
    way: str
    hit: bool
    said: str
    wanted: str
    milliseconds: int
    processor: int = 0
    folder: str = ""


def question(case: Case, scene: Scene, way: str) -> dict[str, Any]:
    """The arguments of the diagnosis for a way of asking."""
    namespace = scene.app.namespace
    if way == "nothing":
        return {}
    if way == "namespace":
        return {"target": Target(namespace=namespace), "incident_text": case.text or told(case, case.victim)}
    if way == "target":
        return {"target": Target(namespace=namespace, name=case.victim), "incident_text": case.text}
    if way == "caller":
        caller = caller_of(scene, case.victim)
        return {"target": Target(namespace=namespace, name=caller), "incident_text": told(case, caller)}
    if way == "front":
        front = front_of(scene, case.victim)
        return {"target": Target(namespace=namespace, name=front), "incident_text": told(case, front)}
    return {"incident_text": case.text or told(case, case.victim)}


def caller_of(scene: Scene, part: str) -> str:
    """Who calls a part, itself where nobody does."""
    return next((name for name, held in scene.app.parts.items() if part in held.calls), part)


def front_of(scene: Scene, part: str) -> str:
    """Where users meet a part: the last of those who call it, and who are called."""
    seen = [part]
    while (above := caller_of(scene, seen[-1])) not in seen:
        seen.append(above)
    return seen[-1]


def told(case: Case, name: str) -> str:
    """The incident as somebody on call would write it."""
    texts = (
        f"{name} is not working properly in {case.app}. Users report errors since about ten minutes.",
        f"Alert: error rate of {name} above 5 %.\nNobody is aware of a change. Please look at it.",
        f"{case.app}: requests that go through {name} fail or hang. Dashboards show 5xx.",
        "Customers report that pages do not load. Started this morning, several teams see errors.",
    )
    return texts[zlib.crc32(case.id.encode()) % len(texts)]


def sit(
    cases: Sequence[Case],
    ways: Sequence[str] = WAYS,
    *,
    noise: bool = True,
    keep: bool = False,
    in_turn: bool = False,
) -> Iterator[Mark]:
    """Marks of all cases. ``keep`` leaves the dumps of what was missed in place; ``in_turn`` asks each in one way only."""
    for app in dict.fromkeys(case.app for case in cases):
        scene = settled(app)
        for number, case in enumerate(cases):
            if case.app == app:
                asked = (ways[number % len(ways)],) if in_turn else ways
                yield from _apart(case, scene, asked, noise=noise, keep=keep)


def _apart(case: Case, scene: Scene, ways: Sequence[str], *, noise: bool, keep: bool) -> list[Mark]:
    """One case in a forked process: what it does to the cluster is gone afterwards."""
    try:
        return list(forked(lambda: _marked(case, scene, ways, noise=noise, keep=keep)))
    except RuntimeError as error:
        raise RuntimeError(f"{case.id}: {error}") from None


def _marked(case: Case, scene: Scene, ways: Sequence[str], *, noise: bool, keep: bool) -> list[Mark]:
    from tests.exam.noise import add_noise
    from tests.exam.versions import as_of

    chance = random.Random(zlib.crc32(case.id.encode()))
    case.stage(scene)
    dump = scene.dump()
    if noise:
        add_noise(dump, chance, {name for _kind, name in case.answers} | {case.victim})
        as_of(dump, chance)
    folder = Path(tempfile.mkdtemp(prefix="exam-"))
    dump.write(folder)
    marks = [marked(case, scene, folder, way) for way in ways]
    if not keep or all(mark.hit for mark in marks):
        import shutil

        shutil.rmtree(folder)
    return marks


def marked(case: Case, scene: Scene, folder: Path, way: str) -> Mark:
    """The mark of one way of asking."""
    snapshot, began = load_dump(folder), time.process_time()
    found = diagnose(snapshot, **question(case, scene, way))
    spent = round((time.process_time() - began) * 1000)
    wanted = " or ".join(f"{kind}/{name}" for kind, name in case.answers)
    if case.fault == "healthy":
        hit = found.verdict == "healthy"
        said = (
            found.verdict
            if hit
            else f"{found.verdict}: " + (_named(found.findings[:1]) or "; ".join(found.reasons[:2]))
        )
    else:
        root = found.root
        hit = (
            root is not None
            and root.fault in (case.fault, *case.also)
            and (root.object.kind, root.object.name) in case.answers
        )
        said = (
            _named([root] if root else [])
            or f"{found.verdict}: {_named(found.findings[:1])} {'; '.join(found.reasons[:2])}"
        )
    return Mark(case.id, case.fault, way, hit, said, wanted, found.elapsed_ms, spent, str(folder))


def _named(findings: Iterable[Any]) -> str:
    return ", ".join(
        f"{item.fault} {item.object.kind}/{item.object.name} {item.confidence} {item.summary[:110]}"
        for item in findings
    )


def table(marks: Sequence[Mark]) -> str:
    """Hits by fault, as text."""
    lines = []
    for fault in sorted({mark.fault for mark in marks}):
        held = [mark for mark in marks if mark.fault == fault]
        by_way = " ".join(
            f"{way}={sum(m.hit for m in held if m.way == way)}/{sum(m.way == way for m in held)}"
            for way in dict.fromkeys(m.way for m in held)
        )
        lines.append(f"{fault:32} {sum(m.hit for m in held):4}/{len(held):<4} {by_way}")
    good = sum(mark.hit for mark in marks)
    lines.append(f"{'all':32} {good:4}/{len(marks):<4} {100 * good / max(len(marks), 1):.1f} %")
    return "\n".join(lines)
