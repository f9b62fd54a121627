"""An incident's whole life through the State Manager, against the emulated site."""

from __future__ import annotations

from selfheal.incidents.record import ObjectRef, Source, Target
from selfheal.incidents.states import Stage, State
from selfheal.jsm import labels
from tests.jsm.support import analysis, change


def heal(manager, key: str) -> None:
    """All stages of the usual way, each under its own claim."""
    manager.heed(key)
    manager.adopt(key)
    with manager.claim(key, Stage.COORDINATE) as lease:
        manager.update(key, "target", Target(namespace="shop", kind="Deployment", name="cart"), lease=lease)
        manager.update(key, "source", Source(repository="o/r", path="deploy"), lease=lease)
    with manager.claim(key, Stage.ANALYZE) as lease:
        manager.transition(key, State.ANALYSIS_IN_PROGRESS, lease=lease)
        manager.update(key, "analysis", analysis(), lease=lease)
        manager.tell(key, "root-cause", ["cart is killed"], lease=lease)
        manager.transition(key, State.ANALYSIS_COMPLETE, lease=lease)
    with manager.claim(key, Stage.FIX) as lease:
        manager.transition(key, State.FIX_IN_PROGRESS, lease=lease)
        pointer = manager.put_patch(key, b"the patch", lease=lease)
        manager.update(key, "change", change(patch=pointer), lease=lease)
    with manager.claim(key, Stage.GATE) as lease:
        manager.transition(key, State.FIX_GENERATED, lease=lease)
    with manager.claim(key, Stage.PR) as lease:
        manager.transition(key, State.PR_CREATED, lease=lease)
        manager.tell(key, "pull-request", ["opened"], lease=lease)
        manager.transition(key, State.PR_MERGED, lease=lease)
    with manager.claim(key, Stage.DEPLOY) as lease:
        manager.transition(key, State.VERIFICATION_IN_PROGRESS, lease=lease)
        manager.tell(key, "outcome", ["recovered"], lease=lease)
        manager.transition(key, State.INCIDENT_RESOLVED, lease=lease)


def test_a_healed_incident_ends_completed_with_its_record_and_labels(jira, manager) -> None:
    key = jira.file_incident(summary="cart is down", services=["cart"])
    heal(manager, key)
    incident = manager.load(key)
    assert incident.record.state is State.INCIDENT_RESOLVED
    assert incident.record.claim is None
    assert incident.status == "Completed"
    assert set(incident.labels) == {labels.MARK, labels.of(State.INCIDENT_RESOLVED)}
    assert incident.record.analysis.object == ObjectRef(kind="Deployment", namespace="shop", name="cart")
    assert [step.to_state for step in incident.record.history][-1] is State.INCIDENT_RESOLVED
    assert manager.get_patch(key, incident.record.change.patch) == b"the patch"


def test_a_healed_incident_costs_at_most_forty_writes(jira, manager) -> None:
    key = jira.file_incident(summary="cart is down")
    heal(manager, key)
    print(manager.writes, manager.requests)
    assert manager.writes <= 40


def test_comments_are_internal_and_not_repeated(jira, manager) -> None:
    key = jira.file_incident(summary="cart is down")
    manager.adopt(key)
    with manager.claim(key, Stage.ANALYZE) as lease:
        manager.tell(key, "root-cause", ["cart is killed"], lease=lease)
        manager.tell(key, "root-cause", ["cart is killed"], lease=lease)
    comments = jira.store.issues[key].comments if key in jira.store.issues else jira.store.issue(key).comments
    assert [comment.internal for comment in comments] == [True]
