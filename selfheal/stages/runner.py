"""Runs one stage of one incident: people first, then the claim, then the work, then what became of it.

The order is the same for every stage, so it stands here once. What differs is in `analyze`, `fix`, `gate`, `pr` and
`deploy`: each has ``serve(work) -> None``, which moves the record on or raises.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from selfheal import config, progress
from selfheal.clock import Clock, SystemClock
from selfheal.config import Settings
from selfheal.errors import (
    Conflict,
    CredentialProblem,
    NeedsPerson,
    NotFound,
    Outage,
    Refused,
    SelfhealError,
)
from selfheal.incidents.errors import IncidentError
from selfheal.incidents.states import ENDED, Stage, State
from selfheal.jsm.manager import Incident, JSMStateManager
from selfheal.redaction import redactor, register
from selfheal.stages import following
from selfheal.stages.report import Outcome, StageReport
from selfheal.stages.work import Waiting, Work

LOGGER = logging.getLogger(__name__)


def settings_of(environ: Mapping[str, str]) -> Settings:
    """Settings for a stage: the checked-out repository's file (at its committed state) below the environment."""
    directory = environ.get("SELFHEAL_REPOSITORY_DIR", "")
    text = ""
    if directory:
        from selfheal.repository.worktree import WorkTree

        stored = WorkTree(Path(directory)).show("HEAD", config.CONFIG_FILE)
        text = stored.decode("utf-8", errors="replace") if stored is not None else ""
    settings = config.load(file_text=text, environ=environ)
    central = environ.get("SELFHEAL_CENTRAL_CONFIG", "")
    return _under(central, settings, environ) if central else settings


def _under(central: str, settings: Settings, environ: Mapping[str, str]) -> Settings:
    """A service repository's settings, which may only tighten those of the operations repository."""
    from selfheal.config.tighten import under

    result = under(central, settings, environ)
    if result.refused:
        progress.emit("note", text=f"Not loosened here: {', '.join(result.refused)}.")
    return result.settings


def keep_secrets(settings: Settings) -> None:
    """Tells redaction our own credentials, so that they never leave in any form."""
    endpoints = settings.endpoints
    held = (endpoints.jira_token, endpoints.github_token, endpoints.model_key, endpoints.signing_key)
    register(*(secret.get_secret_value() for secret in held if secret.get_secret_value()))
    if settings.redaction.emails:
        redactor().hide_emails()


class Defect(SelfhealError):
    """Something happened in a stage that nobody thought of. The traceback is for the log, the sentence for people."""

    code = "defect"


def serve(
    stage: Stage, key: str, environ: Mapping[str, str], *, overlay: dict[str, Any] | None = None
) -> StageReport:
    """`run_stage` with the settings of ``environ``; settings that cannot be read are a report as well."""
    try:
        settings = settings_of(environ)
    except SelfhealError as error:
        return _failed(stage, key, None, None, error)
    return run_stage(stage, key, settings, overlay=overlay)


def run_stage(
    stage: Stage,
    key: str,
    settings: Settings,
    *,
    clock: Clock | None = None,
    run_id: str = "",
    overlay: dict[str, Any] | None = None,
) -> StageReport:
    """Serves ``key`` as ``stage``. Whatever happens is a report: an exception that nobody thought of is a `Defect`.

    ``overlay`` is what the stage before would have written, in a dry run, or its last look at the incident.
    """
    clock = clock or SystemClock()
    keep_secrets(settings)
    started = clock.monotonic()
    manager: JSMStateManager | None = None
    work: Work | None = None
    try:
        manager = JSMStateManager.connect(
            settings, clock=clock, run_id=run_id or os.environ.get("SELFHEAL_RUN_ID", ""), overlay=overlay
        )
        work = Work(stage=stage, key=key, settings=settings, clock=clock, manager=manager)
        report = _obedient(work)
    except (SelfhealError, IncidentError) as error:
        report = _failed(stage, key, manager, work, error)
    except (
        Exception
    ) as error:  # whatever a library may raise: the incident is told, the log has the traceback
        LOGGER.exception("%s of %s met a defect", stage, key)
        report = _failed(stage, key, manager, work, _defect(stage, error))
    report.seconds = round(clock.monotonic() - started, 3)
    if manager is not None:
        report.requests["jira"], report.writes["jira"] = manager.requests, manager.writes
        report.would_write.extend(manager.described())
        if settings.dry_run:
            report.overlay = manager.overlay()
        elif report.outcome is Outcome.PROGRESS:
            report.overlay = manager.handed(key)
    if work is not None:
        work.count(report)
    return report


def _defect(stage: Stage, error: Exception) -> Defect:
    return Defect(
        f"The {stage} stage met a defect of selfheal ({type(error).__name__}).",
        hint="The traceback is in logs/selfheal.log. Nothing that was not finished counts; the next run tries again.",
    )


def _obedient(work: Work) -> StageReport:
    """Serves; when a person acts meanwhile, what that made of the incident is what counts."""
    try:
        return _served(work)
    except Conflict as error:
        if error.code != "person-acted":
            raise
        return _served(work)


def _served(work: Work) -> StageReport:
    incident = work.manager.heed(work.key)
    if incident.record is None:
        incident = work.manager.begin(work.key)
    elif work.stage is Stage.COORDINATE and incident.record.state is State.INCIDENT_DETECTED:
        # Affected services are part of what coordinate reads.
        incident = work.manager.show(work.key)
    record = incident.record
    assert record is not None  # noqa: S101 - begin answers an incident with a record or raises
    work.incident = incident
    if record.state in ENDED:
        if record.state is State.INCIDENT_RELEASED and work.stage is Stage.PR:
            from selfheal.stages import pr

            pr.let_go(work)
        return _report(work, incident, "Nothing to do: the incident has ended.")
    begins = work.stage is Stage.COORDINATE and record.state is State.INCIDENT_DETECTED
    if not begins and record.served_by is not work.stage:
        return _report(
            work, incident, f"The incident is served by {record.served_by} now, not by {work.stage}."
        )
    if record.not_before is not None and record.not_before > work.clock.now():
        why = f"An outage put it off until {record.not_before:%H:%M:%S} UTC."
        progress.emit("wait", reason=why)
        return StageReport(work.stage, work.key, Outcome.POSTPONED, record.state, why)
    if work.manager.overdue(incident):
        incident = work.hand_over("overdue", f"The incident stayed in {record.state} past its deadline.")
        return _report(work, incident, "Overdue.")
    waits = following.waits_for(work, record)
    if waits:
        raise Waiting(waits)
    with work.claimed(_entered(work.stage, record.state)):
        body(work.stage)(work)
    # Every step and section was read back from Jira after it was written; that is what the report is made of.
    return _report(work, work.incident, work.summary)


#: The work state that a stage enters with its claim.
_ENTERS = {
    (Stage.ANALYZE, State.INCIDENT_DETECTED): State.ANALYSIS_IN_PROGRESS,
    (Stage.FIX, State.ANALYSIS_COMPLETE): State.FIX_IN_PROGRESS,
    (Stage.DEPLOY, State.PR_MERGED): State.VERIFICATION_IN_PROGRESS,
}


def _entered(stage: Stage, state: State) -> State | None:
    return _ENTERS.get((stage, state))


def body(stage: Stage) -> Callable[[Work], None]:
    """The work of a stage. Imported late: most stages need CrewAI, the gate does not."""
    serve: Callable[[Work], None] = importlib.import_module(f"selfheal.stages.{stage}").serve
    return serve


def _report(work: Work, incident: Incident, summary: str) -> StageReport:
    """Success is what the record says, read again; never what an agent answered."""
    record = incident.record
    state = record.state if record else State.INCIDENT_DETECTED
    following = record.served_by if record else None
    if state is State.INCIDENT_REQUIRES_HUMAN:
        outcome, code = Outcome.PERSON, 4
    elif state is State.INCIDENT_FAILED:
        outcome, code = Outcome.FAILED, 1
    elif state in ENDED:
        outcome, code = Outcome.ENDED, 0
    elif following is work.stage:
        outcome, code = Outcome.WAITING, 0
    else:
        outcome, code = Outcome.PROGRESS, 0
    return StageReport(
        work.stage,
        work.key,
        outcome,
        state,
        summary or (record.history[-1].note if record and record.history else ""),
        exit_code=code,
        next_stage=following or "",
        facts=work.facts(incident),
    )


def _failed(
    stage: Stage,
    key: str,
    manager: JSMStateManager | None,
    work: Work | None,
    error: SelfhealError | IncidentError,
) -> StageReport:
    """What an error means for the incident. Outages and configuration use no attempt; defects are counted."""
    if isinstance(error, Waiting):
        progress.emit("wait", reason=error.message)
    else:
        progress.emit("error", stage=stage, message=error.message, hint=error.hint, code=error.code)
    report = StageReport(
        stage,
        key,
        Outcome.FAILED,
        summary=error.message,
        hint=error.hint,
        exit_code=getattr(error, "exit_code", 1),
    )
    try:
        match error:
            case Waiting():
                report.outcome, report.exit_code = Outcome.WAITING, 0
            case Outage() if manager is not None:
                report.outcome = Outcome.POSTPONED
                manager.postpone(key, error.retry_after or 60.0, error.message)
            case Conflict():
                report.outcome, report.exit_code = Outcome.BUSY, 0
            case NotFound(code="issue-moved"):
                # A person took it elsewhere: a command, no failure. There is nobody left to tell.
                report.outcome, report.exit_code = Outcome.ENDED, 0
                return report
            case CredentialProblem():
                pass
            case NeedsPerson() | Refused() | IncidentError() if (
                work is not None and work.incident is not None
            ):
                work.hand_over(error.code, error.message, error.hint)
                report.outcome, report.exit_code = Outcome.PERSON, 4
            case SelfhealError() if manager is not None and work is not None and work.incident is not None:
                if report.exit_code == 1:
                    manager.note_failure(key, stage, error)
        if manager is not None and work is not None and work.incident is not None:
            record = manager.load(key).record
            report.state = record.state if record else ""
            report.facts = work.facts(manager.load(key)) if record else {}
    except (SelfhealError, IncidentError) as second:
        # The incident could not even be told; the first error stays the report's, the second is said with it.
        report.hint = f"{report.hint} The incident could not be told either: {second.message}".strip()
    except Exception as second:  # the first error stays the report's, whatever the second is
        LOGGER.exception("%s: the incident could not be told", key)
        report.hint = (
            f"{report.hint} The incident could not be told either ({type(second).__name__}).".strip()
        )
    return report
