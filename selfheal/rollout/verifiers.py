"""Proofs of recovery and of its absence: only what this very process measured, for this very incident, just now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfheal.incidents.errors import ProofRefused
from selfheal.incidents.proofs import FixIneffective, Proof, RecoveryMeasured
from selfheal.incidents.record import Outcome, Record, Verification

if TYPE_CHECKING:
    from selfheal.rollout.verification import RolloutVerification

#: Seconds a measurement proves something. The stage steps right after it; what is older is measured again.
FRESH = 300.0


class RecoveryVerifier:
    """INCIDENT_RESOLVED: the watch ended successful."""

    def __init__(self, watch: RolloutVerification) -> None:
        self._watch = watch

    def verify(self, key: str, record: Record) -> Proof:
        """Raises ProofRefused for anything but a fresh success measured here."""
        found = _measured(self._watch, key, record, Outcome.SUCCESSFUL)
        return RecoveryMeasured(
            incident=key,
            attempt=record.attempt,
            verification=found,
            closes_healthy=self._watch.closes_healthy,
        )


class IneffectiveVerifier:
    """ANALYSIS_IN_PROGRESS again: what was merged runs, and the fault is still there."""

    def __init__(self, watch: RolloutVerification) -> None:
        self._watch = watch

    def verify(self, key: str, record: Record) -> Proof:
        """Raises ProofRefused for anything but a fresh failure measured here."""
        found = _measured(self._watch, key, record, Outcome.INEFFECTIVE)
        return FixIneffective(incident=key, attempt=record.attempt, verification=found)


def _measured(watch: RolloutVerification, key: str, record: Record, wanted: Outcome) -> Verification:
    held = watch.measured
    if held is None:
        raise ProofRefused(
            f"Nothing was measured for {key} in this process.",
            hint="A stored verification proves nothing; the deployment is watched again.",
        )
    number = record.pull_request.number if record.pull_request is not None else 0
    if (held.key, held.attempt, held.pull_request) != (key, record.attempt, number):
        raise ProofRefused(
            f"What was measured is about {held.key} attempt {held.attempt}, pull request #{held.pull_request}."
        )
    if watch.age(held) > FRESH:
        raise ProofRefused(
            f"What was measured for {key} is {watch.age(held):.0f} s old.", hint="Watch it again."
        )
    if held.verification.outcome is not wanted:
        raise ProofRefused(f"The verification of {key} is {held.verification.outcome}, not {wanted}.")
    return held.verification
