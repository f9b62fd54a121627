"""PR Manager: opens the pull request for a signed change, and settles it once people and checks have spoken."""

from __future__ import annotations

from selfheal.models.playbook import Answer, Facts, Result, Steps, call, ended, stuck


def playbook(facts: Facts) -> Steps:
    """FIX_GENERATED (or a due revert) to PR_CREATED; PR_CREATED to PR_MERGED where that is allowed."""
    key = str(facts["incident"])
    if facts["state"] != "PR_CREATED":
        opened = yield call("github_pr_create", incident_key=key)
        if not opened.get("ok"):
            return stuck(opened)
        moved = yield call("jsm_state_transition", incident_key=key, new_state="PR_CREATED", metadata={})
        return _so(moved, f"Pull request #{opened['number']} is open.")
    status = facts.get("status") or (yield call("github_pr_status", incident_key=key))
    if not status.get("ok", True):
        return stuck(status)
    merged = status["state"] == "merged"
    if status["state"] == "open" and status["mergeable"] and facts["mode"] == "heal":
        done = yield call("github_pr_merge", incident_key=key)
        if not done.get("ok"):
            return stuck(done)
        merged = True
    if merged:
        moved = yield call("jsm_state_transition", incident_key=key, new_state="PR_MERGED", metadata={})
        return _so(moved, f"Pull request #{status['number']} is merged.")
    if status["state"] == "closed" and status["closed_by_person"]:
        moved = yield call(
            "jsm_state_transition", incident_key=key, new_state="INCIDENT_RELEASED", metadata={}
        )
        return _so(moved, f"A person closed pull request #{status['number']} unmerged.")
    if status["rework"] and facts["role"] == "fix":
        moved = yield call("jsm_state_transition", incident_key=key, new_state="FIX_IN_PROGRESS", metadata={})
        return _so(moved, f"The change is made again: {status['reason']}")
    if status["state"] == "closed" or status["rework"]:
        status = {**status, "refused": "closed" if status["state"] == "closed" else "stale-base"}
    if status["refused"]:
        reason = str(status["reason"]) or f"Pull request #{status['number']} is {status['state']}."
        metadata = {"code": status["refused"], "reason": reason[:1000]}
        moved = yield call(
            "jsm_state_transition", incident_key=key, new_state="INCIDENT_REQUIRES_HUMAN", metadata=metadata
        )
        return _so(moved, reason)
    return ended(str(status["reason"]) or "The pull request waits for people.")


def _so(answer: Answer, summary: str) -> Result:
    return ended(summary) if answer.get("ok") else stuck(answer)
