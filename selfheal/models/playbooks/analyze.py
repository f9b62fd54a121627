"""Root Cause Analyzer: asks the catalogue, stores what it found with its evidence, completes or hands over."""

from __future__ import annotations

from selfheal.models.playbook import Facts, Steps, call, ended, stuck


def playbook(facts: Facts) -> Steps:
    """INCIDENT_DETECTED or ANALYSIS_IN_PROGRESS to ANALYSIS_COMPLETE, or to a person for healthy and unknown.

    Where a healthy verdict is measured next, it is stored and left there.
    """
    key = str(facts["incident"])
    if facts["state"] == "INCIDENT_DETECTED":
        begun = yield call(
            "jsm_state_transition", incident_key=key, new_state="ANALYSIS_IN_PROGRESS", metadata={}
        )
        if not begun.get("ok"):
            return stuck(begun)
    found = yield call("k8s_diagnose")
    if not found.get("ok"):
        return stuck(found)
    fault = found["verdict"] == "fault"
    analysis = {"finding": found["findings"][0]["id"]} if fault else {"verdict": found["verdict"]}
    stored = yield call("jsm_metadata_updater", incident_key=key, metadata={"analysis": analysis})
    if not stored.get("ok"):
        return stuck(stored)
    if found["verdict"] == "healthy" and facts.get("healthy_is_measured"):
        return ended("Everything looked at is healthy; whether it stays so is measured next.")
    if fault:
        done = yield call(
            "jsm_state_transition", incident_key=key, new_state="ANALYSIS_COMPLETE", metadata={}
        )
    else:
        reason = _reason(str(found["verdict"]), str(facts.get("parent") or ""))
        metadata = {"code": found["verdict"], "reason": reason}
        done = yield call(
            "jsm_state_transition",
            incident_key=key,
            new_state="INCIDENT_REQUIRES_HUMAN",
            metadata=metadata,
        )
    if not done.get("ok"):
        return stuck(done)
    return ended(str(stored.get("summary") or "The analysis is stored."))


def _reason(verdict: str, parent: str) -> str:
    if verdict == "healthy" and parent:
        return (
            f"Everything looked at is healthy now; it was about the same as {parent} and recovered with it."
        )
    if verdict == "healthy":
        return "Everything looked at is healthy now; there is nothing to repair."
    return "No cause could be named with certainty."
