"""One stage as a step of a job: inputs in; the stage; outputs, annotations and a summary out."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfheal.actions import commands, environment, kubeconfigs, patched, summary
from selfheal.actions.check import EXIT_INPUTS
from selfheal.actions.handing import hand_over
from selfheal.actions.inputs import DOCTORS, Inputs, read
from selfheal.clock import Clock, SystemClock
from selfheal.errors import Refused, SelfhealError
from selfheal.incidents.errors import IncidentError
from selfheal.incidents.states import Stage, State
from selfheal.jsm.manager import Incident, JSMStateManager
from selfheal.redaction import register
from selfheal.stages.eligible import why_not
from selfheal.stages.report import Outcome, StageReport

#: A person being needed is no failure of the job: it is said in an annotation instead.
EXIT_PERSON = 4
#: Stages whose summary shows the proposed change.
_SHOWS_DIFF = frozenset({"fix", "gate", "pr"})
_LEVELS: dict[Outcome, Any] = {
    Outcome.PERSON: "warning", Outcome.FAILED: "error", Outcome.POSTPONED: "warning", Outcome.BUSY: "notice",
}  # fmt: skip


@dataclass
class Job:
    """What a stage's step has at hand. ``runner`` is the job's own environment, for the files the runner reads."""

    inputs: Inputs
    runner: Mapping[str, str]
    folder: Path
    clock: Clock
    variables: dict[str, str]


def main(environ: Mapping[str, str], clock: Clock | None = None) -> int:
    """The exit code of the step. Replaces the process's environment by the stage's own."""
    inputs, problems = read(environ)
    for problem in problems:
        commands.annotate("error", f"selfheal: {problem.name}", f"{problem.what} {problem.fix}")
    if problems:
        return EXIT_INPUTS
    secrets = [inputs[name] for name in environment.SECRET_INPUTS if inputs[name]]
    commands.mask(*secrets)
    register(*secrets)
    folder = Path(environ.get("RUNNER_TEMP") or ".").resolve() / "selfheal"
    folder.mkdir(parents=True, exist_ok=True)
    runner = {name: environ.get(name, "") for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "RUNNER_TEMP")}
    job = Job(inputs, runner, folder, clock or SystemClock(), environment.variables(inputs, environ, folder))
    os.environ.clear()
    os.environ.update(job.variables)
    # Logs and results are written beside the checkout, never into it.
    os.chdir(folder)
    try:
        _check_policy(inputs)
        return _serve(job)
    except (SelfhealError, IncidentError) as error:
        text = f"{error.message} {error.hint}".strip()
        commands.annotate("error", f"selfheal: {' '.join(inputs.keys) or inputs.stage}", text)
        commands.set_outputs({"status": "failed", "exit-code": str(getattr(error, "exit_code", 1))}, runner)
        return getattr(error, "exit_code", 1)


def _check_policy(inputs: Inputs) -> None:
    """The operations repository's settings travel as an artifact, which other jobs of the run might replace."""
    if not inputs["config"] or not inputs["config-digest"]:
        return
    path = Path(os.environ["SELFHEAL_CENTRAL_CONFIG"])
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != inputs["config-digest"]:
        raise Refused(
            "The operations repository's settings are not the ones that were fetched at the beginning of this run.",
            hint="Look at what the test job of this run does; the next run fetches them again.", code="policy-changed",
        )  # fmt: skip


def _serve(job: Job) -> int:
    from selfheal.actions.examining import examined
    from selfheal.redaction.logfilter import configure_logging

    configure_logging(Path("logs/selfheal.log"), job.inputs["log-level"] or "INFO")
    if job.inputs.stage == "coordinate":
        return _coordinate(job)
    if job.inputs.stage == "hand-over":
        from selfheal import config

        return _finish(
            job, hand_over(job.inputs.keys[0], config.load(environ=job.variables), job.clock), None, ()
        )
    if job.inputs.stage in DOCTORS:
        return examined(job)
    return _stage(job)


# -- coordinate --------------------------------------------------------------------------------------------------


def _coordinate(job: Job) -> int:
    from selfheal.stages.listing import listing

    _use_kubeconfigs(job, "")
    dispatcher = _dispatcher(job)
    with commands.without_commands():
        found = listing(
            dispatcher, keys=job.inputs.keys, priority=job.inputs["priority"], adopts=not job.inputs["config"]
        )
    for key, reason in found.refused.items():
        commands.annotate("warning", f"selfheal: {key} is not served", reason)
    for report in found.reports:
        _annotate(report)
    document = found.document()
    path = written(job, dispatcher.run_id, document)
    commands.set_outputs(
        {
            "status": "ok" if found.items else "nothing-to-do",
            "incidents": json.dumps(document["incidents"]),
            "elsewhere": json.dumps(document["elsewhere"]),
            "result-path": str(path),
            "exit-code": "0",
        },
        job.runner,
    )
    commands.add_summary(summary.of_listing(found), job.runner)
    failed = [report.exit_code for report in found.reports if report.exit_code not in (0, EXIT_PERSON)]
    # One incident that cannot be coordinated keeps no other one waiting.
    return failed[0] if failed and not found.items and not found.elsewhere else 0


# -- a stage of one incident -------------------------------------------------------------------------------------


def _stage(job: Job) -> int:
    from selfheal.stages.runner import settings_of

    key = job.inputs.keys[0]
    settings = settings_of(job.variables)
    manager = JSMStateManager.connect(settings, clock=job.clock, run_id="github actions")
    incident = manager.show(key)
    reason = why_not(incident, settings, manager.me(), adopts=not job.inputs["config"])
    if reason:
        commands.annotate("warning", f"selfheal: {key} is not served", reason)
        commands.set_outputs({"status": "refused", "exit-code": "0"}, job.runner)
        commands.add_summary(f"{key} is not served here.\n", job.runner)
        return 0
    if job.inputs.stage == "gate" and job.inputs["tests"] not in ("", "success"):
        return _untested(job, manager, incident)
    target = incident.record.target if incident.record is not None else None
    _use_kubeconfigs(job, target.cluster if target is not None else "")
    dispatcher = _dispatcher(job)
    with commands.without_commands():
        report = dispatcher.alone(Stage(job.inputs.stage), key)
    after = manager.load(key) if not settings.dry_run else incident
    patch = (
        patched.patch_of(manager, after)
        if job.inputs.stage in _SHOWS_DIFF and report.exit_code != 1
        else None
    )
    if patch is not None and job.inputs["patched-archive"] and report.next_stage == Stage.GATE:
        patched.write(
            patch, Path(job.variables["SELFHEAL_REPOSITORY_DIR"]), Path(job.inputs["patched-archive"])
        )
    return _finish(job, report, after, [file.diff for file in patch.files] if patch else ())


def _untested(job: Job, manager: JSMStateManager, incident: Incident) -> int:
    """The repository's own tests did not say yes to the change: the gate does not sign it. A no is for a person."""
    if job.inputs["tests"] == "skipped":
        raise SelfhealError(
            f"The tests of the change of {incident.key} did not run, so the gate does not sign it.",
            hint="The next run goes on from the fix.", code="not-tested",
        )  # fmt: skip
    reason = f"The repository's tests ended with {job.inputs['tests']} on the proposed change."
    after = manager.transition(
        incident.key, State.INCIDENT_REQUIRES_HUMAN,
        {"code": "tests-failed", "reason": f"{reason} The log is in the workflow run."},
    )  # fmt: skip
    report = StageReport(
        Stage.GATE, incident.key, Outcome.PERSON, State.INCIDENT_REQUIRES_HUMAN, reason,
        "Look at the job `test` of this run; the label selfheal-retry starts the incident again.", EXIT_PERSON,
    )  # fmt: skip
    return _finish(job, report, after, ())


def _finish(job: Job, report: StageReport, incident: Incident | None, diffs: Sequence[str]) -> int:
    """Annotation, outputs, summary, result file; the step's exit code."""
    _annotate(report)
    path = written(job, f"{report.key}-{job.inputs.stage}", {"schema_version": 1, **report.document()})
    record = incident.record if incident is not None else None
    pull = record.pull_request if record is not None else None
    commands.set_outputs(
        {
            "status": report.outcome.value,
            "state": report.state,
            "next": report.next_stage if report.outcome is Outcome.PROGRESS else "",
            "pull-request-url": pull.url if pull is not None else "",
            "result-path": str(path),
            "exit-code": str(report.exit_code),
        },
        job.runner,
    )
    commands.add_summary(summary.of_stage(report, incident, diffs), job.runner)
    return 0 if report.exit_code == EXIT_PERSON else report.exit_code


def _annotate(report: StageReport) -> None:
    level = _LEVELS.get(report.outcome)
    if level is not None:
        title = (
            f"{report.key} needs a person"
            if report.outcome is Outcome.PERSON
            else f"{report.key}: {report.outcome}"
        )
        commands.annotate(level, title, f"{report.summary} {report.hint}".strip())


def _dispatcher(job: Job) -> Any:
    from rich.console import Console

    from selfheal.cli.terminal import Presenter
    from selfheal.stages.dispatch import Dispatcher

    presenter = Presenter(Console(highlight=False, width=160), detail=True)
    return Dispatcher(job.variables, {}, presenter.event, own_key=False, clock=job.clock)


def _use_kubeconfigs(job: Job, cluster: str) -> None:
    """Writes those that fit and tells the stage of them; without any, the stage says what it misses."""
    for name, variable in environment.KUBECONFIGS.items():
        if not job.inputs[name]:
            continue
        found = kubeconfigs.read(job.inputs[name], name)
        chosen = kubeconfigs.choose(found, cluster, name)
        if not chosen:
            continue
        path = kubeconfigs.keep(chosen, Path(job.runner["RUNNER_TEMP"] or "."), name)
        job.variables[variable] = os.environ[variable] = str(path)
        if name == "kubeconfig" and cluster and "" not in found:
            job.variables["SELFHEAL_CLUSTER"] = os.environ["SELFHEAL_CLUSTER"] = cluster


def written(job: Job, name: str, document: dict[str, Any]) -> Path:
    """Where the result file now is, redacted."""
    from selfheal.redaction import redactor
    from selfheal.reports.result import write_result

    return write_result(job.folder / "results", {"run": name, **redactor().data(document)})
