"""coordinate: makes an incident ours, finds out what it is about, and whether another one leads.

The Incident Coordinator proposes which incident leads; what it says is checked against that incident's record.
"""

from __future__ import annotations

from datetime import timedelta

from selfheal import progress
from selfheal.cluster.snapshot import Snapshot
from selfheal.errors import NeedsPerson, SelfhealError
from selfheal.incidents.states import ENDED, State
from selfheal.jsm.manager import Incident
from selfheal.models.playbooks.coordinate import IN_FLIGHT
from selfheal.stages import targets
from selfheal.stages.context import context_of
from selfheal.stages.work import Work
from selfheal.tools.context import target_text

STEPS = (State.INCIDENT_REQUIRES_HUMAN,)
#: How a storm's one escalation begins its reason, so that the next run finds it again.
STORM = "A storm:"
_STORM_LASTS = timedelta(hours=24)


def serve(work: Work) -> None:
    """INCIDENT_DETECTED with a target, a source and, where another incident leads, a parent."""
    if not settle(work):
        return
    if _storm(work):
        return
    group(work)


def settle(work: Work) -> bool:
    """Stores what the incident is about. False when that is for a person to say; then it was handed over."""
    assert work.incident is not None  # noqa: S101 - a stage's body runs only with an incident
    try:
        chosen = targets.choose(work.settings, work.incident)
    except NeedsPerson as error:
        work.hand_over(error.code, error.message, error.hint)
        return False
    target = targets.completed(chosen, work.incident, _snapshot(work, chosen.target.namespace))
    for section, value in (("target", target), ("source", chosen.source)):
        if getattr(work.record, section) != value:
            work.incident = work.manager.update(work.key, section, value, lease=work.lease)
    work.summary = f"It is about {target.kind} {target.namespace}/{target.name}.".replace("about  ", "about ")
    return True


def _snapshot(work: Work, namespace: str) -> Snapshot | None:
    """The namespace as it is, without logs. Without a cluster the analysis completes the target later."""
    try:
        found: Snapshot = work.cluster.snapshot(
            [namespace] if namespace else None, logs_for=lambda _pod: False
        )
    except SelfhealError as error:
        progress.emit("unavailable", what="cluster", text=error.message)
        return None
    return found


def group(work: Work) -> None:
    """Lets the Incident Coordinator look for a leader, and stores it when its record says the same."""
    context = context_of(
        work,
        steps=STEPS,
        goal=lambda _record: True,
        facts={"target": target_text(work.record)},
    )
    about = work.summary
    named = work.crew(context, "Incident Coordinator").parent
    if work.record.state in ENDED:
        return
    if named and _leads(work, named):
        work.incident = work.manager.update(work.key, "parent", named, lease=work.lease)
        progress.emit("note", text=f"follows {named}, which is about the same target")
        work.summary = f"{about} It follows {named}."
        return
    work.summary = about


def _leads(work: Work, key: str) -> bool:
    """Whether the named incident is in flight, about the same target, and follows nobody itself."""
    if key == work.key:
        return False
    leader = work.manager.load(key).record
    return (
        leader is not None
        and leader.state not in ENDED
        and not leader.parent
        and target_text(leader) == target_text(work.record)
    )


def _storm(work: Work) -> bool:
    """Above the configured number of incidents in flight nothing is changed: one escalation, the others follow it."""
    limit = work.settings.limits.storm
    states = (*(State(name) for name in IN_FLIGHT), State.INCIDENT_REQUIRES_HUMAN)
    found = work.manager.search(states=states, max_results=limit * 2)
    flying = [item for item in found if item.record is not None and item.record.state not in ENDED]
    if len(flying) <= limit:
        return False
    escalated = next((item.key for item in found if item.key != work.key and _is_storm(work, item)), "")
    if escalated:
        work.incident = work.manager.update(work.key, "parent", escalated, lease=work.lease)
        work.summary = f"More than {limit} incidents are in flight; it follows {escalated}."
        return True
    work.hand_over(
        "storm",
        f"{STORM} {len(flying)} incidents are in flight, more than the {limit} that selfheal works on at a time.",
        "Look for a common cause (a node, the network, a registry). selfheal changes nothing meanwhile.",
    )
    return True


def _is_storm(work: Work, incident: Incident) -> bool:
    record = incident.record
    if record is None or record.state is not State.INCIDENT_REQUIRES_HUMAN or not record.history:
        return False
    last = record.history[-1]
    return last.note.startswith(STORM) and work.clock.now() - last.at < _STORM_LASTS
