"""The doctor as a step: each finding an annotation with its fix, and a table in the summary. Reads only."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfheal.actions import commands, kubeconfigs
from selfheal.redaction import markdown, terminal

if TYPE_CHECKING:
    from selfheal.actions.job import Job
    from selfheal.doctor import Check

#: The trust table, seen by the doctor: what reads and what writes is never looked at in one job.
AREAS = {"doctor": ("jira", "kubernetes", "model"), "doctor-pr": ("github", "signing key")}
_LEVELS: dict[str, Any] = {"warning": "warning", "missing": "error", "failed": "error"}
_MARKS = {"ok": "✅", "warning": "⚠️", "missing": "❌", "failed": "❌"}


def examined(job: Job) -> int:
    """The exit code of the step: 3 when something that is needed is missing or fails, else 0."""
    from selfheal import doctor
    from selfheal.actions.job import written

    checks = []
    with commands.without_commands():
        for check in _checks(job):
            checks.append(check)
            sys.stdout.write(f"{check.result:<8} {check.area}: {terminal(check.what)}\n")
    for check in checks:
        if check.result in _LEVELS:
            told = f"{check.what}. {check.why} {check.fix}"
            commands.annotate(_LEVELS[check.result], f"selfheal doctor: {check.area}", told)
    code = doctor.exit_code(checks)
    commands.add_summary(_table(checks), job.runner)
    path = written(job, job.inputs.stage, doctor.document(checks))
    commands.set_outputs(
        {"status": "failed" if code else "ok", "result-path": str(path), "exit-code": str(code)}, job.runner
    )
    return code


def _checks(job: Job) -> Iterator[Check]:
    from selfheal.doctor import examine

    areas = AREAS[job.inputs.stage]
    found = kubeconfigs.read(job.inputs["kubeconfig"]) if job.inputs["kubeconfig"] else {}
    several = len(found) > 1
    if found:
        # The services' clusters are known to be several here; which one this is, is asked of one at a time below.
        _use(job, next(iter(found)), found)
    yield from examine(
        job.variables, job.clock, [area for area in areas if not several or area != "kubernetes"]
    )
    for name in found if several else ():
        _use(job, name, found)
        for check in examine(job.variables, job.clock, ["kubernetes"]):
            if check.area == "kubernetes":
                yield type(check)(f"kubernetes {name}", check.result, check.what, check.why, check.fix)


def _use(job: Job, cluster: str, found: dict[str, str]) -> None:
    path = kubeconfigs.keep(found[cluster], Path(job.runner["RUNNER_TEMP"] or "."))
    changed = {"SELFHEAL_KUBECONFIG": str(path)} | ({"SELFHEAL_CLUSTER": cluster} if cluster else {})
    job.variables |= changed
    os.environ.update(changed)


def _table(checks: list[Check]) -> str:
    lines = ["## selfheal doctor", "", "| | area | what | what to do |", "|---|---|---|---|"]
    for check in checks:
        cells = (
            markdown(" ".join(text.split())) for text in (check.area, check.what, f"{check.why} {check.fix}")
        )
        lines.append(f"| {_MARKS[check.result]} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])
