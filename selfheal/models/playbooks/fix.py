"""Code Fix Generator: takes the remedy the catalogue knows, stores it for the gate, or hands over what speaks against it."""

from __future__ import annotations

from selfheal.models.playbook import Facts, Steps, call, ended, stuck


def playbook(facts: Facts) -> Steps:
    """ANALYSIS_COMPLETE or FIX_IN_PROGRESS to a stored change, or to a person."""
    key = str(facts["incident"])
    if facts["state"] == "ANALYSIS_COMPLETE":
        begun = yield call("jsm_state_transition", incident_key=key, new_state="FIX_IN_PROGRESS", metadata={})
        if not begun.get("ok"):
            return stuck(begun)
    remedy = yield call("remedy_suggest")
    if not remedy.get("ok"):
        return stuck(remedy)
    if remedy["decision"] == "propose":
        stored = yield call("jsm_metadata_updater", incident_key=key, metadata={"change": {"use": "remedy"}})
        return ended(f"{remedy['title']}: stored for the gate.") if stored.get("ok") else stuck(stored)
    code = "nothing-to-change" if remedy["decision"] == "none" else "escalated"
    reason = str(remedy["reason"]) or "There is no safe change to propose."
    done = yield call(
        "jsm_state_transition",
        incident_key=key,
        new_state="INCIDENT_REQUIRES_HUMAN",
        metadata={"code": code, "reason": reason[:1000]},
    )
    return ended(reason) if done.get("ok") else stuck(done)
