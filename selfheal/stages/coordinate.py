"""coordinate: makes an incident ours, finds out what it is about, and whether another one leads.

The Incident Coordinator proposes which incident leads; what it says is checked against that incident's record.
"""

from __future__ import annotations

from selfheal import progress
from selfheal.cluster.snapshot import Snapshot
from selfheal.errors import NeedsPerson, NotFound, SelfhealError
from selfheal.incidents.states import ENDED, State
from selfheal.stages import storms, targets
from selfheal.stages.context import context_of
from selfheal.stages.work import Work
from selfheal.tools.context import target_text

STEPS = (State.INCIDENT_REQUIRES_HUMAN,)


def serve(work: Work) -> None:
    """INCIDENT_DETECTED with a target, a source and, where another incident leads, a parent."""
    if not settle(work):
        return
    about, limit = work.summary, work.settings.limits.storm
    context = context_of(
        work,
        steps=STEPS,
        goal=lambda _record: True,
        facts={"target": target_text(work.record), "max_results": min(limit + 1, 100)},
    )
    named = work.crew(context, "Incident Coordinator").parent
    if work.record.state in ENDED:
        return
    work.summary = about
    flying = [item for item in context.found if item.record is not None and item.record.state not in ENDED]
    if len(flying) > limit:
        storms.escalate(
            work, f"{len(flying)} incidents or more are in flight; selfheal works on {limit} at a time"
        )
    elif named and _leads(work, named):
        storms.follow(work, named, f"{about} It follows {named}, which is about the same target.")


def settle(work: Work) -> bool:
    """Stores what the incident is about. False when that is for a person to say; then it was handed over."""
    assert work.incident is not None  # noqa: S101 - a stage's body runs only with an incident
    try:
        chosen = targets.choose(work.settings, work.incident)
    except NeedsPerson as error:
        work.hand_over(error.code, error.message, error.hint)
        return False
    target = targets.completed(chosen, work.incident, _snapshot(work, chosen.target.namespace))
    # Both in one write, and stored before anybody else is looked for: of two about the same, one sees the other.
    if work.record.target != target:
        later = work.record.source != chosen.source
        work.incident = work.manager.update(work.key, "target", target, lease=work.lease, later=later)
    if work.record.source != chosen.source:
        work.incident = work.manager.update(work.key, "source", chosen.source, lease=work.lease)
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


def _leads(work: Work, key: str) -> bool:
    """Whether the named incident is in flight, about the same target, and follows nobody itself."""
    if key == work.key:
        return False
    try:
        leader = work.manager.load(key).record
    except NotFound:
        return False
    return (
        leader is not None
        and leader.state not in ENDED
        and not leader.parent
        and target_text(leader) == target_text(work.record)
    )
