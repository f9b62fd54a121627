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
    status = yield call("github_pr_status", incident_key=key)
    if not status.get("ok"):
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
    if status["state"] == "closed":
        moved = yield call(
            "jsm_state_transition", incident_key=key, new_state="INCIDENT_RELEASED", metadata={}
        )
        return _so(moved, f"A person closed pull request #{status['number']} unmerged.")
    if status["refused"]:
        metadata = {"code": status["refused"], "reason": str(status["reason"])[:1000]}
        moved = yield call(
            "jsm_state_transition", incident_key=key, new_state="INCIDENT_REQUIRES_HUMAN", metadata=metadata
        )
        return _so(moved, str(status["reason"]))
    return ended(str(status["reason"]) or "The pull request waits for people.")


def _so(answer: Answer, summary: str) -> Result:
    return ended(summary) if answer.get("ok") else stuck(answer)
