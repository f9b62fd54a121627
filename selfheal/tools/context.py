"""What all tools of one stage share: the incident they are bound to, the sources, and what was learned so far."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from selfheal.clock import Clock
from selfheal.config import Settings
from selfheal.diagnosis.engine import Diagnosis, diagnose
from selfheal.errors import ConfigurationProblem, Refused, SelfhealError
from selfheal.incidents.record import Evidence, Record, Spent, Verification
from selfheal.incidents.states import Stage, State
from selfheal.models.daily import with_entry

if TYPE_CHECKING:
    from selfheal.cluster.live import LiveCluster
    from selfheal.cluster.snapshot import Snapshot
    from selfheal.jsm.adf import Block
    from selfheal.jsm.manager import Incident, JSMStateManager, Lease
    from selfheal.pulls.manager import PullRequests
    from selfheal.repair.plan import RepairResult
    from selfheal.repository.tree import Tree

P = ParamSpec("P")
T = TypeVar("T")
#: Name and blocks of an internal comment.
Comment = tuple[str, "Sequence[Block]"]
#: Characters of incident text that are read.
TEXT = 8_000


class Measures(Protocol):
    """A measurement of a deployment that is ready to run."""

    def run(self) -> Verification:
        """The verification, its outcome None when time ran out before there was one."""


@dataclass
class StageContext:
    """One stage of one incident, as its tools see it.

    ``steps`` are the states its agent may ask for, ``goal`` says of a record whether the agent has done its part, and
    ``facts`` are what a playbook (and a prompt) starts from. Sources are functions: each is asked for when first
    needed, and one that is not there raises ConfigurationProblem.
    """

    stage: Stage
    key: str
    settings: Settings
    clock: Clock
    manager: JSMStateManager
    incident: Incident
    steps: frozenset[State]
    goal: Callable[[Record], bool]
    facts: Mapping[str, Any]
    #: Steps that end the work under the claim: they let it go.
    last: frozenset[State] = frozenset()
    #: What people read of the record after a step, written with it.
    tells: Callable[[State, Record], Comment | None] = lambda _to, _record: None
    lease: Callable[[], Lease | None] = lambda: None
    #: Called between the samples of a long measurement, so that the claim does not run out meanwhile.
    keep_claim: Callable[[], None] = lambda: None
    cluster_source: Callable[[], LiveCluster] | None = None
    tree_source: Callable[[], Tree] | None = None
    pulls_source: Callable[[], PullRequests] | None = None
    #: Makes the measurement of a deployment, given what to call after each sample.
    verification_source: Callable[[Callable[..., None]], Measures] | None = None
    model: str = "builtin"
    missing: list[str] = field(default_factory=list)
    #: Set when nothing more may be done in this stage: the claim is lost, Jira is down, a credential is refused.
    stopped: SelfhealError | None = None
    last_error: SelfhealError | None = None
    plan: RepairResult | None = None
    #: Files as edited by the agent, not yet a change: path -> text.
    edits: dict[str, bytes | None] = field(default_factory=dict)
    #: What the last search for incidents found: each of them costs a request, so the stage does not search again.
    found: tuple[Incident, ...] = ()
    evidence: dict[str, Evidence] = field(default_factory=dict)
    #: Tools may be called from several threads at once; they work one after the other, so nothing else here locks.
    lock: threading.Lock = field(default_factory=threading.Lock)
    #: What the stage's model used so far, None where it is the playbook.
    spending: Callable[[], Spent | None] = lambda: None
    _spent: Spent | None = None
    _snapshot: Snapshot | None = None
    _diagnosis: Diagnosis | None = None

    # -- the incident --------------------------------------------------------------------------------------

    @property
    def record(self) -> Record:
        """The record as last read or written."""
        record: Record | None = self.incident.record
        if record is None:
            raise SelfhealError(f"{self.key} has no record yet.", code="no-record")
        return record

    @property
    def done(self) -> bool:
        """Whether the record, as last read, says that the agent's part is done."""
        return self.incident.record is not None and self.goal(self.record)

    def bound(self, key: str) -> None:
        """Raises Refused when a tool is called for another incident than the one the stage serves."""
        if key != self.key:
            raise Refused(
                f"This stage serves {self.key}; another incident is none of its business.",
                hint=f"Call the tool with incident_key {self.key}.",
                code="other-incident",
            )

    def read(self) -> Incident:
        """Reads the incident again."""
        self.incident = self.manager.load(self.key)
        return self.incident

    def step(self, to: State, metadata: Mapping[str, Any]) -> Record:
        """A transition under the stage's claim. The State Manager asks the verifier for the proof."""
        self._note_spending()
        self.incident = self.manager.transition(
            self.key,
            to,
            dict(metadata) or None,
            lease=self.lease(),
            last=to in self.last,
            tells=lambda record: self.tells(to, record),
        )
        return self.record

    def store(self, section: str, value: object, *, later: bool = False) -> Record:
        """Writes one section of the record under the stage's claim; ``later`` with the next write, or at its end."""
        self._note_spending()
        self.incident = self.manager.update(self.key, section, value, lease=self.lease(), later=later)
        return self.record

    def _note_spending(self) -> None:
        """What the model used goes along with the next write, and costs none of its own."""
        spent = self.spending()
        if spent is None or spent == self._spent:
            return
        entries = with_entry(self.record.spent, spent, self._spent)
        self.incident = self.manager.update(self.key, "spent", entries, lease=self.lease(), later=True)
        self._spent = spent

    def text(self) -> str:
        """What was reported: a hint, never an instruction."""
        return f"{self.incident.summary}\n{self.incident.description}"[:TEXT]

    # -- sources -------------------------------------------------------------------------------------------

    def cluster(self) -> LiveCluster:
        """The cluster, read only."""
        return _there(self.cluster_source, self.stage, "the cluster")()

    def tree(self) -> Tree:
        """The checked-out repository at its base."""
        return _there(self.tree_source, self.stage, "the repository")()

    def pulls(self) -> PullRequests:
        """GitHub."""
        return _there(self.pulls_source, self.stage, "GitHub")()

    def verification(self, on_sample: Callable[..., None]) -> Measures:
        """The measurement of the deployment."""
        return _there(self.verification_source, self.stage, "the deployment")(on_sample)

    def snapshot(self) -> Snapshot:
        """The one snapshot of this stage: what is cited must be found in it."""
        if self._snapshot is None:
            target = self.record.target
            scope = [target.namespace] if target is not None and target.namespace else None
            self._snapshot = self.cluster().snapshot(scope)
        return self._snapshot

    def diagnosis(self) -> Diagnosis:
        """The catalogue's answer for that snapshot; what was tried before is known to it."""
        if self._diagnosis is None:
            self._diagnosis = diagnose(
                self.snapshot(),
                target=self.record.target,
                incident_text=self.text(),
                excluded=self.record.tried,
                clock=self.clock,
            )
        return self._diagnosis

    def lacks(self, what: str) -> None:
        """Notes that something was not available, for the record and the comment."""
        if what not in self.missing:
            self.missing.append(what)

    def again(self, model: str) -> None:
        """Starts over from the record with another model; what was read of the cluster stays as it is."""
        self.read()
        self.model, self.plan, self.last_error = model, None, None
        self.edits.clear()


def _there(source: Callable[P, T] | None, stage: Stage, what: str) -> Callable[P, T]:
    if source is None:
        raise ConfigurationProblem(
            f"The {stage} stage has no access to {what}.",
            hint="That is on purpose: each stage gets only what it needs. Go on with what there is.",
            code="unavailable",
        )
    return source


def target_text(record: Record) -> str:
    """A target as one word that can be compared: cluster/environment/namespace/name."""
    target = record.target
    if target is None or not target.name:
        return ""
    return "/".join((target.cluster, target.environment, target.namespace, target.name))
