"""Incidents from stage to stage: the loop of `selfheal run`.

It believes no stage: after each one it goes where the report's state leads, at most a bounded number of stages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from selfheal.incidents.states import Stage
from selfheal.stages.report import Outcome, StageReport

#: More stages than the longest honest way: three attempts of five stages, and a revert.
MAX_STAGES = 20

#: Stages that read the repository, which is fetched anew before each.
READS_REPOSITORY = frozenset({Stage.ANALYZE, Stage.FIX, Stage.GATE, Stage.DEPLOY})

Serve = Callable[[Stage, str], StageReport]


def heal(key: str, first: Stage, serve: Serve) -> list[StageReport]:
    """Serves ``key`` until it waits, ends, needs a person, or cannot go on now."""
    reports: list[StageReport] = []
    stage: Stage | None = first
    while stage is not None and len(reports) < MAX_STAGES:
        report = serve(stage, key)
        reports.append(report)
        onward = report.outcome is Outcome.PROGRESS and report.next_stage
        stage = Stage(report.next_stage) if onward else None
    return reports


def heal_all(
    queue: Sequence[tuple[str, Stage]], serve: Serve, *, parallel: int
) -> dict[str, list[StageReport]]:
    """Serves all incidents, ``parallel`` at a time. Reports by key, in the order of the queue."""
    with ThreadPoolExecutor(max_workers=max(1, parallel), thread_name_prefix="incident") as threads:
        running = {key: threads.submit(heal, key, first, serve) for key, first in queue}
        return {key: future.result() for key, future in running.items()}
