"""Stages as child processes: each with only its credentials, started from a warm process that holds none.

Importing CrewAI costs seconds (facts/crewai). A fork server imports it once, in an environment scrubbed of every
credential, and forks a child for each stage; the child is then told its stage's environment through a pipe. So ten
incidents pay for one import, and ``/proc/PID/environ`` of a stage holds no secret at all.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Mapping
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from typing import Any

from selfheal.clock import Clock, SystemClock
from selfheal.incidents.states import Stage
from selfheal.redaction.logfilter import log_file
from selfheal.stages.credentials import HOLDS, environment_for
from selfheal.stages.report import Outcome, StageReport

LOGGER = logging.getLogger(__name__)
#: Imported once by the fork server: what every agent stage needs.
PRELOAD = ("selfheal.stages.preload",)

EventSink = Callable[[str, str, dict[str, Any]], None]


class StagePool:
    """Runs stages in children. One pool a process; safe to call from several threads."""

    def __init__(
        self, environ: Mapping[str, str], *, timeout: float, on_event: EventSink, clock: Clock | None = None
    ) -> None:
        self._environ = dict(environ)
        self._timeout = timeout
        self._on_event = on_event
        self._clock = clock or SystemClock()
        self._context = multiprocessing.get_context("forkserver")

    def warm_up(self) -> None:
        """Start the fork server now, without waiting for it. Call it before starting threads: it swaps the environment."""
        self._context.set_forkserver_preload(list(PRELOAD))
        # Python would look for modules in the working folder first, and that may be a foreign checkout: what lies there
        # would run in the process that all stages are forked from.
        harmless = environment_for((), self._environ) | {"PYTHONSAFEPATH": "1"}
        saved = dict(os.environ)
        try:
            os.environ.clear()
            os.environ.update(harmless)
            forkserver.ensure_running()
        finally:
            os.environ.clear()
            os.environ.update(saved)

    def run(
        self,
        stage: Stage,
        key: str,
        extra: Mapping[str, str] | None = None,
        overlay: dict[str, Any] | None = None,
    ) -> StageReport:
        """One stage of one incident, with ``extra`` variables. A child that dies or hangs is a report, no exception.

        ``overlay`` is the dry run's so far; it travels through the pipe, for an environment has no room for it.
        """
        from selfheal.stages.worker import work

        ours, theirs = self._context.Pipe(duplex=False)
        environ = environment_for(HOLDS[stage], self._environ) | dict(extra or {})
        child = self._context.Process(
            target=work, args=(theirs, stage.value, key, environ, overlay, str(log_file() or "")), daemon=True
        )
        started = self._clock.monotonic()
        child.start()
        theirs.close()
        begun = {"stage": stage.value, "pid": child.pid}
        LOGGER.info("stage", extra={"event": {"kind": "stage", "incident": key, **begun}})
        self._on_event(key, "stage", begun)
        report = self._listen(ours, stage, key, started + self._timeout)
        if report is None:
            report = self._buried(
                child, stage, key, timed_out=self._clock.monotonic() >= started + self._timeout
            )
            self._on_event(
                key, "error", {"stage": stage.value, "message": report.summary, "hint": report.hint}
            )
        child.join(5)
        if child.is_alive():
            child.kill()
            child.join()
        report.seconds = round(self._clock.monotonic() - started, 3)
        ended = {
            name: getattr(report, name) for name in ("key", "stage", "state", "summary", "hint", "seconds")
        }
        LOGGER.info("report", extra={"event": {"kind": "report", **ended, "outcome": report.outcome.value}})
        return report

    def _listen(self, pipe: Connection, stage: Stage, key: str, deadline: float) -> StageReport | None:
        """Passes the child's events on until its report. None: it died, or time ran out."""
        with pipe:
            while (left := deadline - self._clock.monotonic()) > 0:
                try:
                    if not pipe.poll(min(left, 5.0)):
                        continue
                    kind, data = pipe.recv()
                except (EOFError, OSError):
                    return None
                if kind == "report":
                    return StageReport.from_document(data)
                self._on_event(key, kind, data)
        return None

    def _buried(self, child: Any, stage: Stage, key: str, *, timed_out: bool) -> StageReport:
        if timed_out:
            child.kill()
        child.join(10)
        cause = (
            f"took longer than {self._timeout:.0f} s and was stopped"
            if timed_out
            else f"died ({_exit_text(child.exitcode)})"
        )
        return StageReport(
            stage.value,
            key,
            Outcome.POSTPONED,
            summary=f"The {stage} stage of {key} {cause}; nothing it had not finished counts.",
            hint="The next run takes the incident up from its record once the claim has run out.",
            exit_code=1,
        )


def _exit_text(code: int | None) -> str:
    if code is None:
        return "no exit status"
    return f"signal {-code}" if code < 0 else f"exit status {code}"
