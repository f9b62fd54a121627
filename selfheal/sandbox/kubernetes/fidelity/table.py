"""The table of docs/sandbox.md."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from selfheal.sandbox.kubernetes.fidelity.compare import Difference, differences
from selfheal.sandbox.kubernetes.fidelity.recording import Recording
from selfheal.sandbox.kubernetes.fidelity.replay import replay

#: A recording shows one moment. It is compared with the nearest of so many, so many seconds apart.
MOMENTS, EVERY = 10, 6.0
BEGIN, END = "<!-- fidelity: begin -->", "<!-- fidelity: end -->"


def measure(recordings: Path) -> tuple[list[str], list[Difference]]:
    """The cases, and where their faulty halves differ from the embedded cluster."""
    cases = sorted(path.name for path in recordings.iterdir() if (path / "faulty").is_dir())
    found: list[Difference] = []
    for case in cases:
        recording, healthy = Recording(recordings / case / "faulty"), Recording(recordings / case / "healthy")
        emulator = replay(recording, healthy)
        best = differences(case, recording, emulator)
        for _moment in range(MOMENTS):
            if not best:
                break
            emulator.advance(EVERY)
            best = min(best, differences(case, recording, emulator), key=len)
        found += best
    return cases, found


def table(cases: Iterable[str], found: list[Difference]) -> str:
    """Markdown."""
    names = list(cases)
    differing = {item.case for item in found}
    lines = [
        BEGIN,
        "",
        f"{len(names)} recordings replayed, {len(names) - len(differing)} without any difference, {len(found)} differences:",
        "",
        "| recording | object | compared | only recorded | only here |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {item.case} | {item.about} | {item.what} | {', '.join(item.recorded) or '–'} | {', '.join(item.here) or '–'} |"
        for item in sorted(found)
    ]
    return "\n".join([*lines, "", END])


def write(document: Path, text: str) -> None:
    """Put the table between its marks. Raises ValueError when they are missing."""
    held = document.read_text(encoding="utf-8")
    if BEGIN not in held or END not in held:
        raise ValueError(f"{document} has no marks for the table")
    head, tail = held.partition(BEGIN)[0], held.partition(END)[2]
    document.write_text(head + text + tail, encoding="utf-8")
