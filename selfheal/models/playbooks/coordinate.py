"""Incident Coordinator: finds out whether somebody is already at work on the same thing."""

from __future__ import annotations

from selfheal.models.playbook import Facts, Steps, call, ended, stuck

#: States in which another incident about the same target is being worked on.
IN_FLIGHT = (
    "INCIDENT_DETECTED", "ANALYSIS_IN_PROGRESS", "ANALYSIS_COMPLETE", "FIX_IN_PROGRESS", "FIX_GENERATED", "PR_CREATED",
    "PR_MERGED", "VERIFICATION_IN_PROGRESS",
)  # fmt: skip


def playbook(facts: Facts) -> Steps:
    """Looks for the oldest incident about the same target; names it as the parent."""
    key = str(facts["incident"])
    found = yield call("jsm_incident_search", states=list(IN_FLIGHT), max_results=facts["max_results"])
    if not found.get("ok"):
        return stuck(found)
    same = [
        item for item in found["incidents"] if item["target"] == facts["target"] and not item.get("parent")
    ]
    # Same target: the oldest in flight leads. Keys of one project are numbered in order of creation.
    leaders = sorted((item["key"] for item in same if item["key"] != key), key=_number)
    if facts["target"] and leaders and _number(leaders[0]) < _number(key):
        return {**ended(f"{leaders[0]} is about the same target and came first."), "parent": leaders[0]}
    return ended("No other incident in flight is about the same target.")


def _number(key: str) -> tuple[str, int]:
    project, _, number = key.rpartition("-")
    return project, int(number) if number.isdecimal() else 0
