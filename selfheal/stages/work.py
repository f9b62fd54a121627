"""What a stage works with: the incident, the claim, and the sources it may ask, each made when first needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfheal import progress
from selfheal.clock import Clock
from selfheal.config import Settings
from selfheal.errors import ConfigurationProblem, SelfhealError
from selfheal.incidents.proofs import Verifier
from selfheal.incidents.record import Record
from selfheal.incidents.states import Stage, State
from selfheal.jsm.manager import Incident, JSMStateManager, Lease
from selfheal.stages.report import StageReport

if TYPE_CHECKING:
    from selfheal.cluster.live import LiveCluster
    from selfheal.crew import StageResult
    from selfheal.pulls.manager import PullRequests
    from selfheal.repository.worktree import WorkTree
    from selfheal.tools.context import StageContext


class Waiting(SelfhealError):
    """Nothing can be done now; people, checks or another incident come first. Not an error for a person."""

    code = "waiting"
    exit_code = 0


@dataclass
class Work:
    """One stage at work on one incident."""

    stage: Stage
    key: str
    settings: Settings
    clock: Clock
    manager: JSMStateManager
    incident: Incident | None = None
    lease: Lease | None = None
    summary: str = ""
    model: str = ""
    fell_back: bool = False
    tokens: dict[str, int] = field(default_factory=dict)
    would_write: list[str] = field(default_factory=list)
    _held: ExitStack = field(default_factory=ExitStack)

    # -- the incident --------------------------------------------------------------------------------------

    @property
    def record(self) -> Record:
        """The record as last read."""
        if self.incident is None or self.incident.record is None:
            raise SelfhealError(f"{self.key} has no record yet.", code="no-record")
        record: Record = self.incident.record
        return record

    def reload(self) -> Record:
        """Reads the incident again."""
        self.incident = self.manager.load(self.key)
        return self.record

    @contextmanager
    def claimed(self, enter: State | None = None) -> Iterator[Lease]:
        """Holds the claim for the stage; it is let go whatever happens. ``enter``: see `claim`.

        What waits for the end of the claim is written at the end of the work, with the errors of any write.
        """
        with ExitStack() as held:
            self._held = held
            try:
                yield self.claim(enter)
                if self.lease is not None:
                    self.incident = self.manager.release(self.lease) or self.incident
            finally:
                self.lease = None

    def claim(self, enter: State | None = None) -> Lease:
        """Takes the claim (again), and enters a work state with it. Raises Conflict when another holds it."""
        self.lease = self._held.enter_context(self.manager.claim(self.key, self.stage, enter=enter))
        self.incident = self.manager.seen(self.key)
        return self.lease

    @property
    def holding(self) -> Lease | None:
        """The claim; None once it was let go with a step that ends the work under it. A lost one is still answered."""
        return None if self.lease is None or self.lease.done else self.lease

    def let_go(self) -> None:
        """Frees the claim while people are waited for."""
        self.lease = None
        self._held.close()

    def keep_claim(self) -> None:
        """Prolongs the claim during a long measurement. Raises Conflict when it is lost."""
        if self.lease is not None:
            self.manager.renew(self.lease)

    def step(self, to: State, metadata: Mapping[str, Any] | None = None, *, last: bool = False) -> Record:
        """A transition under our claim; the State Manager asks the verifier for the proof. ``last`` lets it go."""
        self.incident = self.manager.transition(self.key, to, metadata, lease=self.holding, last=last)
        return self.record

    def hand_over(self, code: str, reason: str, hint: str = "") -> Incident:
        """To a person, with everything found so far."""
        # A diff or other lines stay lines of their own.
        text = ("\n" if "\n" in hint else " ").join((reason, hint)).strip()
        self.incident = self.manager.transition(
            self.key, State.INCIDENT_REQUIRES_HUMAN, {"code": code, "reason": text}, lease=self.holding
        )
        self.summary = reason
        return self.incident

    def verifies(self, state: State, verifier: Verifier) -> None:
        """Injects whom to ask for the proof of ``state``."""
        self.manager.verifiers[state] = verifier

    # -- sources -------------------------------------------------------------------------------------------

    @cached_property
    def cluster(self) -> LiveCluster:
        """The cluster, read only. Raises ConfigurationProblem where no kubeconfig is set."""
        from selfheal.cluster.live import LiveCluster

        endpoints = self.settings.endpoints
        return LiveCluster(endpoints.kubeconfig, endpoints.kube_context)

    @cached_property
    def tree(self) -> WorkTree:
        """The checked-out repository. Raises ConfigurationProblem where there is none."""
        from selfheal.repository.worktree import WorkTree

        directory = self.settings.repository_dir
        if not directory:
            raise ConfigurationProblem(
                f"The {self.stage} stage needs the checked-out repository.",
                hint="Set SELFHEAL_REPOSITORY_DIR to the clone of the repository that deploys the service.",
            )
        return WorkTree(Path(directory))

    @cached_property
    def pulls(self) -> PullRequests:
        """GitHub, through PyGithub."""
        from selfheal.pulls.manager import PullRequests

        return PullRequests.connect(self.settings, self.clock)

    # -- the crew ------------------------------------------------------------------------------------------

    def crew(self, context: StageContext, agent: str) -> StageResult:
        """Lets the stage's agent work, keeps what it used, and reads the incident again."""
        from selfheal.crew import run_stage

        result = run_stage(context, agent_name=agent)
        self.model, self.fell_back = result.model, self.fell_back or result.fell_back
        used = {"input": result.input_tokens, "output": result.output_tokens, "calls": result.calls}
        self.tokens = {name: self.tokens.get(name, 0) + count for name, count in used.items()}
        self.summary = result.summary
        # The steps that the agent took answered with the record as read back from Jira.
        self.incident = context.incident
        if result.fell_back:
            progress.emit(
                "note", text=f"{agent} went on with the built-in playbook, without the configured model."
            )
        return result

    # -- the report ----------------------------------------------------------------------------------------

    def count(self, report: StageReport) -> None:
        """Adds what was used to the report."""
        report.model, report.fell_back, report.tokens = self.model, self.fell_back, self.tokens
        report.would_write.extend(self.would_write)
        if "pulls" in self.__dict__:
            report.requests["github"], report.writes["github"] = self.pulls.requests, self.pulls.writes
            report.would_write.extend(self.pulls.described())

    def facts(self, incident: Incident) -> dict[str, Any]:
        """What a summary shows of the incident."""
        record = incident.record
        found: dict[str, Any] = {"summary": incident.summary, "url": incident.url}
        if record is None:
            return found
        found["attempt"] = record.attempt
        if record.analysis is not None:
            analysis = record.analysis
            found |= {
                "fault": analysis.fault or analysis.verdict,
                "object": str(analysis.object or ""),
                "cause": analysis.summary,
            }
        if record.change is not None:
            found |= {"fix": record.change.title, "paths": list(record.change.paths)}
        if record.pull_request is not None:
            found |= {"pull_request": record.pull_request.url, "merge_sha": record.pull_request.merge_sha}
        if record.verification is not None and record.verification.outcome is not None:
            found["verification"] = record.verification.outcome.value
        return found
