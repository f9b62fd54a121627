"""Watches a deployment until it is proven good, bad, or can be told neither way.

Stateless in between: what a job that died had found out is in the record, and another goes on from it. Good looks of
another process do not count, since nobody watched in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from selfheal.clock import Clock
from selfheal.cluster.snapshot import Snapshot
from selfheal.config import Settings
from selfheal.errors import NeedsPerson, Outage
from selfheal.incidents.proofs import Verifier
from selfheal.incidents.record import ObjectRef, Outcome, Record, Verification
from selfheal.incidents.states import State
from selfheal.redaction import redactor
from selfheal.rollout.measure import Measure, as_baseline, baseline
from selfheal.rollout.sample import Plan, Sample, arrival_of, judge, unread
from selfheal.rollout.verdict import Series

#: Looks in a row that may fail before the outage is the caller's.
LOST = 5
#: Share of the stage's time after which the watch stops by itself and leaves the rest to the next run.
SHARE = 0.75
REASONS = 8
REASON = 300


class Cluster(Protocol):
    """What is needed of a cluster."""

    def snapshot(self, namespaces: Sequence[str] | None = None) -> Snapshot:
        """Everything readable in some namespaces."""


class OnSample(Protocol):
    """Who is told of each look: the unfinished verification, to be stored, and words to be shown."""

    def __call__(self, verification: Verification, *, phase: str, text: str, reason: str) -> None:
        """``phase`` is "soak" or what is wrong: partial, not-arrived, progressing, unsettled, fault, worse …"""


@dataclass(frozen=True)
class Measured:
    """What one process found out itself, and what it was about."""

    key: str
    attempt: int
    pull_request: int
    verification: Verification
    at: float


class RolloutVerification:
    """One watch over the incident's merged pull request.

    ``expected`` are the manifests rendered from the merged commit (the target's and those of changed objects; others are
    ignored). ``on_sample`` is told of each look.
    """

    def __init__(
        self,
        cluster: Cluster,
        key: str,
        record: Record,
        expected: Sequence[Mapping[str, Any]],
        settings: Settings,
        clock: Clock,
        on_sample: OnSample | None = None,
    ) -> None:
        self.key = key
        self._cluster = cluster
        self._record = record
        self._settings = settings
        self._clock = clock
        self._on_sample = on_sample
        self._plan = plan_of(record, expected)
        self.measured: Measured | None = None

    @property
    def closes_healthy(self) -> bool:
        """Whether what is well without a merge may be closed, as the settings say."""
        return self._settings.jira.close_healthy

    def run(self) -> Verification:
        """Looks until there is an outcome, or until most of the stage's time is over (then ``outcome`` is None).

        Raises Outage when the cluster cannot be read several times in a row, CredentialProblem when it may not be.
        """
        began, now = self._clock.monotonic(), self._clock.now()
        state = self._begin(now)
        series = self._series(state, began, now)
        until = began + self._settings.limits.stage_timeout * SHARE
        before: Measure | None = None
        failed = 0
        while True:
            try:
                snapshot = self._cluster.snapshot([self._plan.target.namespace])
                failed = 0
            except Outage:
                failed += 1
                if failed >= LOST:
                    raise
                series.lost()
                snapshot = None
            at = self._clock.monotonic()
            if snapshot is not None:
                state = self._with_baseline(state, snapshot)
                sample = judge(
                    snapshot, self._plan, baseline=state.baseline, before=before, clock=self._clock
                )
                if sample.kind != "partial":
                    before = sample.counts
                series.add(sample, at)
                state = _seen(state, series, sample)
                self._tell(state, series, sample, at)
            decided = series.outcome(at)
            if decided is not None:
                return self._end(state, *decided)
            if at + self._settings.verification.interval > until:
                return state
            self._clock.sleep(self._settings.verification.interval)

    # -- proofs --------------------------------------------------------------------------------------------

    def verifiers(self) -> dict[State, Verifier]:
        """For INCIDENT_RESOLVED and the way back to ANALYSIS_IN_PROGRESS. They prove only what :meth:`run` measured."""
        from selfheal.rollout.verifiers import IneffectiveVerifier, RecoveryVerifier

        return {
            State.INCIDENT_RESOLVED: RecoveryVerifier(self),
            State.ANALYSIS_IN_PROGRESS: IneffectiveVerifier(self),
        }

    def age(self, measured: Measured) -> float:
        """Seconds since the last look of a measurement."""
        return self._clock.monotonic() - measured.at

    # -- begin and end -------------------------------------------------------------------------------------

    def _begin(self, now: datetime) -> Verification:
        """Goes on from what a job that died left behind, or starts anew with the baseline that is there."""
        pull = self._record.pull_request
        number, merge_sha = (pull.number, pull.merge_sha) if pull is not None else (0, "")
        stored = self._record.verification
        unfinished = stored is not None and stored.outcome is None and stored.started_at is not None
        if (
            stored is not None
            and unfinished
            and (stored.pull_request, stored.merge_sha) == (number, merge_sha)
        ):
            until = stored.deadline or self._deadline(stored.started_at or now)
            return stored.model_copy(update={"good_samples": 0, "reasons": (), "deadline": until})
        return Verification(
            pull_request=number,
            merge_sha=merge_sha,
            started_at=now,
            deadline=self._deadline(now),
            # A revert is compared with what was before the change that it undoes.
            baseline=dict(stored.baseline) if stored is not None else {},
        )

    def _deadline(self, started: datetime) -> datetime:
        """A soak that is broken twice still fits, a third time does not."""
        wanted = self._settings.verification
        longest = wanted.rollout_timeout + 3 * wanted.soak + wanted.samples * wanted.interval
        return started + timedelta(seconds=longest)

    def _series(self, state: Verification, began: float, now: datetime) -> Series:
        started = state.started_at or now
        rollout_by = started + timedelta(seconds=self._settings.verification.rollout_timeout)
        deadline = state.deadline or rollout_by
        return Series.begun(
            self._settings,
            began,
            rollout_by=began + (rollout_by - now).total_seconds(),
            until=began + (deadline - now).total_seconds(),
        )

    def _with_baseline(self, state: Verification, snapshot: Snapshot) -> Verification:
        """Takes the baseline at the first complete look when none was taken before the deployment."""
        if state.baseline or unread(snapshot, self._plan):
            return state
        sample = judge(snapshot, self._plan, baseline={}, clock=self._clock)
        return state.model_copy(update={"baseline": as_baseline(snapshot, sample.counts, sample.findings)})

    def _end(self, state: Verification, outcome: Outcome, reasons: Sequence[str]) -> Verification:
        done = state.model_copy(
            update={"outcome": outcome, "reasons": _bounded(reasons), "ended_at": self._clock.now()}
        )
        self.measured = Measured(
            self.key, self._record.attempt, done.pull_request, done, self._clock.monotonic()
        )
        return done

    def _tell(self, state: Verification, series: Series, sample: Sample, at: float) -> None:
        if self._on_sample is None:
            return
        counts = sample.counts
        self._on_sample(
            state,
            phase="soak" if sample.good else sample.kind,
            text=", ".join(
                part
                for part in (
                    f"{counts.available} of {counts.wanted} available",
                    series.soaked(at) if sample.good else "",
                )
                if part
            ),
            reason=" ".join(state.reasons[:2]),
        )


def baseline_of(record: Record, expected: Sequence[Mapping[str, Any]], snapshot: Snapshot) -> dict[str, Any]:
    """What the target was like before the merge: as it is in ``snapshot`` while the merge has certainly not arrived
    there, else as the analysis saw it.

    A GitOps loop may have deployed the merge before anybody watches, and what it broke would then count as usual. Raises
    NeedsPerson for a record without a target.
    """
    plan = plan_of(record, expected)
    seen = record.analysis.baseline if record.analysis is not None else {}
    if seen and arrival_of(snapshot, plan).arrived is not False:
        return dict(seen)
    return baseline(snapshot, plan.ref)


def plan_of(record: Record, expected: Sequence[Mapping[str, Any]]) -> Plan:
    """What has to be true for the incident's fix, or for its revert.

    Raises NeedsPerson for a record without a target.
    """
    target, analysis, change, pull = record.target, record.analysis, record.change, record.pull_request
    if target is None or not target.name or not target.kind:
        raise NeedsPerson(
            "The incident names no workload whose recovery could be measured.", code="no-target"
        )
    ref = ObjectRef(kind=target.kind, namespace=target.namespace, name=target.name)
    is_fix = pull is None or pull.role == "fix"
    # Where a person changed what was merged, the manifests alone say what has to run.
    # Of a free change the fields are listed for people, and cut; the manifests say what has to run there as well.
    ours = is_fix and change is not None and not change.free and (pull is None or pull.content_ours)
    return Plan(
        target=target,
        ref=ref,
        expected=tuple(expected),
        changes=change.rendered if ours and change is not None else (),
        fault=analysis if is_fix and analysis is not None and analysis.verdict == "fault" else None,
        healthy=pull is None and analysis is not None and analysis.verdict == "healthy",
    )


def _seen(state: Verification, series: Series, sample: Sample) -> Verification:
    return state.model_copy(
        update={
            "samples": state.samples + 1,
            "good_samples": series.good,
            "reasons": _bounded(sample.reasons),
            "observed": {
                "kind": sample.kind,
                "rollout": sample.rollout.phase,
                "wanted": sample.counts.wanted,
                "available": sample.counts.available,
                "unavailable": sample.counts.unavailable,
                "restarts": sum(sample.counts.restarts.values()),
                "warnings": len(sample.counts.warnings),
                "endpoints": dict(sample.counts.endpoints),
                "findings": list(sample.findings[:10]),
            },
        }
    )


def _bounded(reasons: Sequence[str]) -> tuple[str, ...]:
    clean = redactor()
    return tuple(clean.text(reason)[:REASON] for reason in reasons[:REASONS])
