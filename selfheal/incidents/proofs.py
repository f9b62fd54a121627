"""Proofs: what a verifier learned by asking the source, as values.

No function here turns metadata into a proof. A verifier is injected into the State Manager by whoever may ask the
source (GitHub, the cluster, the gate's key); the State Manager calls it itself at the transition, so that a caller,
a model or an editor of the issue has no way to hand one in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from selfheal.incidents.record import Change, PullRequest, Record, Verification
from selfheal.incidents.states import Stage, State


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Base: every proof is about one incident in one attempt."""

    incident: str
    attempt: int


@dataclass(frozen=True, kw_only=True)
class ClaimLive(Proof):
    """The record in Jira, read just now, carries our claim for this stage and it has not run out."""

    stage: Stage
    nonce: str
    epoch: int


@dataclass(frozen=True, kw_only=True)
class EvidenceResolved(Proof):
    """Each cited evidence id was found in the snapshot taken, and the blamed object exists there."""

    snapshot_digest: str
    evidence_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class GateSigned(Proof):
    """The gate proved the patch against its base and signed it; ``change`` carries the signature."""

    change: Change


@dataclass(frozen=True, kw_only=True)
class PullRequestOpen(Proof):
    """GitHub shows the pull request open, ours, with the head as we wrote it."""

    pull_request: PullRequest


@dataclass(frozen=True, kw_only=True)
class PullRequestMerged(Proof):
    """GitHub shows the pull request merged: merge SHA, who approved by which review on which head, and when."""

    pull_request: PullRequest


@dataclass(frozen=True, kw_only=True)
class RecoveryMeasured(Proof):
    """The verification ended successful: what was merged runs, and the fault's signal is gone for the soak.

    Where nothing was merged: all of the target looked well for the soak. ``closes_healthy`` is whether the settings let
    that close an incident that follows no other.
    """

    verification: Verification
    closes_healthy: bool = False


@dataclass(frozen=True, kw_only=True)
class FixIneffective(Proof):
    """What was merged runs, and the fault is still there: another attempt is due."""

    verification: Verification


@dataclass(frozen=True, kw_only=True)
class HandoverReason(Proof):
    """Why a person has to go on. Anyone may hand over; the reason must be said."""

    code: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class DefectSeen(Proof):
    """The crew itself failed here, repeatedly: ``count`` recorded defects."""

    error: str
    count: int


@dataclass(frozen=True, kw_only=True)
class PersonActed(Proof):
    """Jira or GitHub shows what a person did: took it, closed it, stopped it, asked for a retry."""

    who: str
    action: str
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Reworked(Proof):
    """GitHub shows why the change must be made again: requested changes, red checks, a stale base."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Follows(Proof):
    """Jira shows ``parent`` in flight, with the same cause, and analysed before this incident was."""

    parent: str


class Verifier(Protocol):
    """Asks the source whether ``record`` may enter a state.

    Raises ProofRefused when the source says no, and the house's Outage when it cannot be asked now.
    """

    def verify(self, key: str, record: Record) -> Proof: ...


#: What the State Manager is given: for a step into a state, whom to ask.
Verifiers = Mapping[State, Verifier]
