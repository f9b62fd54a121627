"""Verification of a deployment: does what runs equal what was merged, and did the service recover by it.

Belongs here: rollout state, the comparison with manifests, the baseline, the soak, the four outcomes and their proofs.
Does not belong here: reading a cluster (cluster), finding causes (diagnosis), undoing anything (pulls). All but
``verification`` is pure functions over snapshots.
"""

from selfheal.rollout.measure import baseline
from selfheal.rollout.merged import Arrival, runs_what_was_merged
from selfheal.rollout.status import RolloutStatus, rollout_status
from selfheal.rollout.verification import RolloutVerification, baseline_of

__all__ = [
    "Arrival", "RolloutStatus", "RolloutVerification", "baseline", "baseline_of", "rollout_status", "runs_what_was_merged",
]  # fmt: skip
