"""The record: what selfheal knows of one incident, kept as the entity property ``selfheal`` of the Jira issue.

Anyone who may edit the issue may edit the record, so it is a hint: proofs are recomputed or signed. Sections have
budgets in characters of compact JSON (a Jira entity property holds 32,768 characters). Each agent may write only
its own section. Times are aware UTC datetimes.
"""

from __future__ import annotations

import json
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from selfheal.incidents.errors import OverBudget, RecordInvalid
from selfheal.incidents.states import SERVED_BY, Stage, State

RECORD_VERSION: Final = 1

#: Characters of compact JSON a section may take.
BUDGETS = {"analysis": 8_192, "change": 6_144, "verification": 6_144}
HISTORY_KEPT = 20
FAILURES_KEPT = 10
SPENT_KEPT = 20
RECORD_BUDGET = 32_000


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ObjectRef(_Part):
    """A Kubernetes object by name. ``namespace`` is "" for cluster-scoped kinds."""

    kind: str
    namespace: str = ""
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class Target(_Part):
    """The workload an incident is about."""

    cluster: str = ""
    environment: str = ""
    namespace: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""


class Source(_Part):
    """What deploys the target. ``repository`` is owner/name, ``path`` the folder that is rendered, relative to it."""

    repository: str = ""
    branch: str = ""
    path: str = ""


class Evidence(_Part):
    """One checkable fact. ``field`` is a JSON Pointer into the object for ``source`` object; "" otherwise."""

    id: str
    source: Literal["object", "event", "log", "sync", "repository"]
    object: ObjectRef
    field: str = ""
    value: Any = None
    message: str = ""


class Explained(_Part):
    """A symptom that the root cause accounts for."""

    fault: str
    object: ObjectRef


class LastGood(_Part):
    """The value a field had when the workload was last healthy. ``field`` is a JSON Pointer into the workload."""

    field: str
    value: Any = None
    origin: str


class Companion(_Part):
    """An object with the fault (the blamed one, or another), and what its settings had when it was last healthy."""

    object: ObjectRef
    last_good: tuple[LastGood, ...] = ()


class Analysis(_Part):
    """Root cause, written by the Root Cause Analyzer."""

    verdict: Literal["fault", "healthy", "unknown"]
    fault: str = ""
    variant: str = ""
    object: ObjectRef | None = None
    container: str = ""
    confidence: float = 0.0
    summary: str = ""
    evidence: tuple[Evidence, ...] = ()
    explains: tuple[Explained, ...] = ()
    incomplete: tuple[str, ...] = ()
    last_good: tuple[LastGood, ...] = ()
    #: What one edit may mend as well, where files are shared.
    companions: tuple[Companion, ...] = ()
    #: Parameters of the finding that the remedy needs (names, sizes, ports), as the fault's file defines them.
    facts: dict[str, Any] = Field(default_factory=dict)
    fingerprint: str = ""
    snapshot_digest: str = ""
    taken_at: datetime | None = None
    #: Of Kubernetes, as the nodes told; "" when they did not. What charts are rendered for.
    kube_version: str = ""
    mitigation: str = ""
    #: What the target was like: what follows a merge is compared with it. As ``Verification.baseline``.
    baseline: dict[str, Any] = Field(default_factory=dict)
    decided_by: str = "builtin"


class RenderedChange(_Part):
    """One field of one rendered object, before and after the change."""

    object: ObjectRef
    field: str
    before: Any = None
    after: Any = None
    origin: str = ""


class PolicyVerdict(_Part):
    """What one policy rule says of the change."""

    rule: str
    passed: bool
    detail: str = ""


class PatchPointer(_Part):
    """Where the patch bytes are: ``chunks`` properties ``selfheal.patch.<digest>.<n>``, zlib + base64, in order."""

    digest: str
    chunks: int
    size: int


class Deployed(_Part):
    """What the change was proven on, and is rendered from again: a chart with its values files, or a kustomization.

    ``path`` and ``values`` are relative to the repository; ``unit`` is the whole of it in words.
    """

    kind: Literal["kustomize", "helm"]
    path: str = ""
    values: tuple[str, ...] = ()
    release: str = ""
    unit: str = ""


class Change(_Part):
    """The change set as an envelope, written by the Code Fix Generator, signed by the gate."""

    decision: Literal["propose", "escalate", "none"]
    reason: str = ""
    title: str = ""
    base_sha: str = ""
    paths: tuple[str, ...] = ()
    patch: PatchPointer | None = None
    rendered: tuple[RenderedChange, ...] = ()
    policy: tuple[PolicyVerdict, ...] = ()
    requires_recreate: bool = False
    #: What it was proven on, as the gate found it; None for plain manifests.
    deployed: Deployed | None = None
    #: Other environments that it reaches, as the gate found them.
    reaches: tuple[str, ...] = ()
    #: Edited freely by an agent, not made from a remedy: only people merge it.
    free: bool = False
    attempt: int = 1
    signature: str = ""
    decided_by: str = "builtin"


class PullRequest(_Part):
    """A pull request of ours. ``role`` fix or revert."""

    role: Literal["fix", "revert"] = "fix"
    number: int
    url: str = ""
    branch: str = ""
    base_sha: str = ""
    head_sha: str = ""
    tree_sha: str = ""
    attempt: int = 1
    state: Literal["open", "merged", "closed"] = "open"
    merge_sha: str = ""
    merged_by: str = ""
    approved_by: tuple[str, ...] = ()
    review_ids: tuple[int, ...] = ()
    merged_at: datetime | None = None
    #: False when what was merged differs from what the gate signed (a person pushed to the branch).
    content_ours: bool = True


class Outcome(StrEnum):
    """How a verification ended (facts: Argo Rollouts and Flagger). Inconclusive goes to a person."""

    SUCCESSFUL = "successful"
    INEFFECTIVE = "ineffective"
    REGRESSED = "regressed"
    INCONCLUSIVE = "inconclusive"


class Verification(_Part):
    """What the Deployment Monitor measured."""

    outcome: Outcome | None = None
    pull_request: int = 0
    merge_sha: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    deadline: datetime | None = None
    samples: int = 0
    good_samples: int = 0
    reasons: tuple[str, ...] = ()
    #: Taken before the deployment: {"unavailable": int, "restarts": int, "warnings": int, ...}
    baseline: dict[str, Any] = Field(default_factory=dict)
    observed: dict[str, Any] = Field(default_factory=dict)


class Claim(_Part):
    """A lease on the incident. ``epoch`` grows with every taker."""

    owner: str
    nonce: str
    epoch: int
    stage: Stage
    expires: datetime


class Failure(_Part):
    """Something that went wrong while serving the incident. Only defects count towards INCIDENT_FAILED."""

    stage: Stage
    at: datetime
    kind: Literal["outage", "defect"]
    code: str
    message: str


class Step(_Part):
    """One line of history."""

    at: datetime
    from_state: State
    to_state: State
    stage: str = ""
    run: str = ""
    note: str = ""


class Spent(_Part):
    """What a stage used of a provider's model, for the budgets of a day."""

    stage: Stage
    at: datetime
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0


class Tried(_Part):
    """A fix that was merged and did not help: its fault and values are excluded from the next attempt."""

    attempt: int
    fault: str
    object: ObjectRef | None = None
    rendered: tuple[RenderedChange, ...] = ()
    outcome: Outcome
    learned: str = ""


class Record(_Part):
    """Everything selfheal keeps of one incident."""

    version: Literal[1] = RECORD_VERSION
    state: State = State.INCIDENT_DETECTED
    attempt: int = Field(default=1, ge=1, le=20)
    claim: Claim | None = None
    #: Highest epoch ever given out; survives the claim, so a late holder is always recognised.
    epoch: int = 0
    entered: datetime
    not_before: datetime | None = None
    target: Target | None = None
    source: Source | None = None
    analysis: Analysis | None = None
    change: Change | None = None
    pull_requests: tuple[PullRequest, ...] = ()
    verification: Verification | None = None
    tried: tuple[Tried, ...] = ()
    failures: tuple[Failure, ...] = ()
    history: tuple[Step, ...] = ()
    spent: tuple[Spent, ...] = ()
    parent: str | None = None
    #: Names of comments already written, so that a second run does not repeat one.
    told: tuple[str, ...] = ()
    #: Status and assignee as our own last write left them, to recognise what a person changed since.
    mirror: dict[str, str] = Field(default_factory=dict)

    @property
    def pull_request(self) -> PullRequest | None:
        """The pull request that counts now: the last one."""
        return self.pull_requests[-1] if self.pull_requests else None

    @property
    def change_waits_for_gate(self) -> bool:
        """Whether the fix stage left a change that the gate has not judged yet."""
        change = self.change
        return (
            self.state is State.FIX_IN_PROGRESS
            and change is not None
            and change.attempt == self.attempt
            and change.patch is not None
            and not change.signature
        )

    @property
    def revert_due(self) -> bool:
        """Whether the verification saw a regression whose revert is not proposed yet."""
        return (
            self.state is State.VERIFICATION_IN_PROGRESS
            and self.verification is not None
            and self.verification.outcome is Outcome.REGRESSED
            and (self.pull_request is None or self.pull_request.role == "fix")
        )

    @property
    def served_by(self) -> Stage | None:
        """The stage that goes on from here, or None when only a person can."""
        if self.change_waits_for_gate:
            return Stage.GATE
        if self.revert_due:
            return Stage.PR
        return SERVED_BY.get(self.state)


def compact(value: Any) -> str:
    """Canonical compact JSON: sorted keys, no spaces, so that equal records are equal strings."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def dump(record: Record) -> dict[str, Any]:
    """The JSON document stored in Jira. Defaults are left out to save room.

    Raises OverBudget naming the section that is too large.
    """
    kept = record.model_copy(
        update={"history": record.history[-HISTORY_KEPT:], "failures": record.failures[-FAILURES_KEPT:]}
    )
    document = kept.model_dump(mode="json", exclude_defaults=True)
    document["version"] = RECORD_VERSION
    document["state"] = record.state.value
    for section, budget in BUDGETS.items():
        size = len(compact(document.get(section, {})))
        if size > budget:
            raise OverBudget(f"The record's {section} takes {size} characters; {budget} are allowed.")
    total = len(compact(document))
    if total > RECORD_BUDGET:
        raise OverBudget(f"The record takes {total} characters; {RECORD_BUDGET} are allowed.")
    return document


def load(document: Any) -> Record:
    """Reads a stored document. Raises RecordInvalid for anything that is not a record of this version."""
    if not isinstance(document, dict):
        raise RecordInvalid("The stored record is not a JSON object.", hint=_REPAIR)
    if document.get("version") != RECORD_VERSION:
        raise RecordInvalid(
            f"The stored record has version {document.get('version')!r}; this program reads {RECORD_VERSION}.",
            hint=_REPAIR,
        )
    try:
        return Record.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = "/".join(str(part) for part in first["loc"])
        raise RecordInvalid(
            f"The stored record is invalid at {where}: {first['msg']}.", hint=_REPAIR
        ) from error


_REPAIR = "Set a valid state with `selfheal state set KEY STATE --force --reason ...`, or add the label selfheal-retry."
