"""Deployment Monitor: measures what the merge did, and takes the step that the measurement allows."""

from __future__ import annotations

from selfheal.models.playbook import Facts, Steps, call, ended, stuck


def playbook(facts: Facts) -> Steps:
    """PR_MERGED or VERIFICATION_IN_PROGRESS to an outcome: resolved, another attempt, a revert due, a person."""
    key = str(facts["incident"])
    if facts["state"] == "PR_MERGED":
        begun = yield call(
            "jsm_state_transition", incident_key=key, new_state="VERIFICATION_IN_PROGRESS", metadata={}
        )
        if not begun.get("ok"):
            return stuck(begun)
    seen = yield call("rollout_verify", incident_key=key)
    if not seen.get("ok"):
        return stuck(seen)
    outcome = seen["outcome"]
    reasons = "; ".join(seen.get("reasons", ())) or "no reason was measured"
    if outcome == "unfinished":
        return ended(f"The deployment is not over yet: {reasons}")
    if facts["role"] == "revert":
        code, state = "reverted", "INCIDENT_REQUIRES_HUMAN"
        reason = (
            f"The fix made things worse and was reverted; the revert's verification: {outcome} ({reasons})."
        )
    elif outcome == "successful":
        code, state, reason = "", "INCIDENT_RESOLVED", ""
    elif outcome == "ineffective" and facts["attempts_left"]:
        code, state, reason = "", "ANALYSIS_IN_PROGRESS", ""
    elif outcome == "regressed":
        return ended(f"The fix made things worse; its revert is due: {reasons}")
    else:
        code = "out-of-attempts" if outcome == "ineffective" else str(outcome)
        state, reason = "INCIDENT_REQUIRES_HUMAN", f"The verification is {outcome}: {reasons}."
    metadata = {"code": code, "reason": reason[:1000]} if reason else {}
    moved = yield call("jsm_state_transition", incident_key=key, new_state=state, metadata=metadata)
    return ended(f"The verification is {outcome}: {reasons}") if moved.get("ok") else stuck(moved)
