"""A run: which incidents, in which stage, from which checkout, with which credentials.

The dispatcher holds every credential the run was given and hands each child its part. It reads no incident text beyond
keys and states, runs no model, and renders nothing.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfheal import config
from selfheal.clock import Clock, SystemClock
from selfheal.config import Settings
from selfheal.errors import NotFound, SelfhealError
from selfheal.incidents.errors import IncidentError
from selfheal.incidents.states import Stage
from selfheal.redaction.logfilter import log_context
from selfheal.stages import journey
from selfheal.stages.checkout import fetch
from selfheal.stages.pool import EventSink, StagePool
from selfheal.stages.report import Outcome, StageReport
from selfheal.stages.runner import keep_secrets, settings_of

if TYPE_CHECKING:
    from selfheal.jsm.manager import Incident, JSMStateManager

LOGGER = logging.getLogger(__name__)


def new_run_id(now: datetime) -> str:
    """A name for a run that sorts by time: ``20261124T031500Z-1f3a``."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


@dataclass
class Queue:
    """What there is to do: each key with the stage that serves it next."""

    items: list[tuple[str, Stage]] = field(default_factory=list)
    left_for_next_run: int = 0
    #: Incidents that were named and are not ours to serve, with the reason.
    refused: dict[str, str] = field(default_factory=dict)


class Dispatcher:
    """Prepares and drives one run. ``environ`` is the process's environment; ``flags`` are settings by name."""

    def __init__(
        self, environ: Mapping[str, str], flags: Mapping[str, Any], on_event: EventSink, *, own_key: bool = True,
        clock: Clock | None = None,
    ) -> None:  # fmt: skip
        self.clock = clock or SystemClock()
        self.run_id = new_run_id(self.clock.now())
        log_context(run=self.run_id)
        self.on_event = on_event
        self.environ = dict(environ) | {"SELFHEAL_RUN_ID": self.run_id} | _as_variables(flags)
        # Gate and pr share a key that outsiders do not know; a run without one of its own makes one for itself.
        if own_key:
            self.environ.setdefault("SELFHEAL_SIGNING_KEY", secrets.token_hex(32))
        #: By incident, in a dry run: what the stages so far would have written.
        self._overlays: dict[str, dict[str, Any]] = {}
        self.settings = self._settings()
        keep_secrets(self.settings)

    def _settings(self) -> Settings:
        """The configuration of the default branch, fetched first where no checkout was given."""
        bare = config.load(environ=self.environ)
        self._given = bool(bare.repository_dir)
        self._clones = (
            Path(bare.state_dir) / "repositories" / bare.endpoints.github_repository.replace("/", "__")
        )
        if not self._given and bare.endpoints.github_repository:
            fetch(self._clones / "main", self.environ)
            return settings_of(
                {**self.environ, "SELFHEAL_REPOSITORY_DIR": str((self._clones / "main").resolve())}
            )
        return settings_of(self.environ)

    def queue(self, *, keys: tuple[str, ...] = (), assignee: str = "", priority: str = "") -> Queue:
        """New incidents and those in flight, oldest state first, at most the configured number.

        Who names an incident decides nothing: one of another project, type, assignee or repository is refused. The label
        that asks for another try is heeded here, since no stage serves an incident that has ended.
        """
        from selfheal.jsm.manager import JSMStateManager
        from selfheal.stages.eligible import why_not
        from selfheal.stages.turns import LOOKED_AT, in_turn

        queue = Queue()
        manager = JSMStateManager.connect(self.settings, clock=self.clock, run_id=self.run_id)
        limit = self.settings.limits.max_incidents
        if keys:
            found = []
            for key in keys:
                reason = why_not(manager.show(key), self.settings, manager.me())
                if reason:
                    queue.refused[key] = reason
                else:
                    found.append(manager.heed(key))
        else:
            flying = _in_flight(manager, max(limit * 2, LOOKED_AT))
            # Only keys and states count here; what else coordinate needs it reads itself.
            new = manager.fetch(assignee=assignee, priority=priority, max_results=limit * 2, brief=True)
            known = {incident.key for incident in flying}
            found = flying + [incident for incident in new if incident.key not in known]
            found = in_turn(found, limit, self.clock.now())
        for incident in found:
            record = incident.record
            stage = Stage.COORDINATE if record is None else record.served_by
            if stage is not None:
                queue.items.append((incident.key, stage))
        queue.left_for_next_run = max(0, len(queue.items) - limit)
        del queue.items[limit:]
        return queue

    def heal(self, queue: Queue, *, parallel: int) -> dict[str, list[StageReport]]:
        """All stages of all incidents in the queue, each in a child of its own."""
        self._pool = self._open_pool()
        return journey.heal_all(queue.items, self.serve, parallel=parallel)

    def alone(self, stage: Stage, key: str) -> StageReport:
        """One stage of one incident, nothing before or after it."""
        self._pool = self._open_pool()
        return self.serve(stage, key)

    def serve(self, stage: Stage, key: str) -> StageReport:
        """One stage of one incident, the repository fetched before it where the stage reads it."""
        extra: dict[str, str] = {}
        if not self._given and self.settings.endpoints.github_repository:
            directory = self._clones / "main"
            if stage in journey.READS_REPOSITORY:
                directory = self._clones / key
                try:
                    fetch(directory, self.environ)
                except SelfhealError as error:
                    told = {"stage": stage.value, "message": error.message, "hint": error.hint}
                    self.on_event(key, "error", told)
                    return StageReport(
                        stage,
                        key,
                        Outcome.POSTPONED,
                        summary=error.message,
                        hint=error.hint,
                        exit_code=error.exit_code,
                    )
            # The others find their settings there and nothing else.
            extra["SELFHEAL_REPOSITORY_DIR"] = str(directory.resolve())
        report = self._pool.run(stage, key, extra, self._overlays.get(key))
        self._overlays[key] = report.overlay
        return report

    def _open_pool(self) -> StagePool:
        pool = StagePool(
            self.environ, timeout=self.settings.limits.stage_timeout, on_event=self.on_event, clock=self.clock
        )
        pool.warm_up()
        return pool


def _in_flight(manager: JSMStateManager, limit: int) -> list[Incident]:
    """Those that a stage serves, and those that people want tried again, with that carried out."""
    from selfheal.jsm import labels

    found = []
    for incident in manager.search(max_results=limit):
        try:
            found.append(manager.heed(incident.key) if labels.RETRY in incident.labels else incident)
        except (NotFound, IncidentError) as error:
            # Gone meanwhile, or its record cannot be read, of which people were told; the others go on.
            LOGGER.warning("%s is passed over: %s", incident.key, error.message)
    return found


def _as_variables(flags: Mapping[str, Any], prefix: str = "SELFHEAL") -> dict[str, str]:
    """Flags as the variables that the children read: ``{"mode": "heal"}`` becomes ``SELFHEAL_MODE=heal``."""
    found: dict[str, str] = {}
    for name, value in flags.items():
        variable = f"{prefix}_{name.upper()}"
        if isinstance(value, Mapping):
            found |= _as_variables(value, variable)
        elif value is not None:
            found[variable] = str(value)
    return found
