"""Steps: each needs its proof, is written with what mirrors it, and survives a request lost at any place."""

from __future__ import annotations

import pytest

from selfheal.errors import Conflict, Outage, Refused, SelfhealError
from selfheal.incidents.errors import OverBudget, TransitionRefused
from selfheal.incidents.proofs import RecoveryMeasured
from selfheal.incidents.record import Analysis, Outcome, Source, Target, Verification
from selfheal.incidents.states import ENDED, TRANSITIONS, Stage, State
from selfheal.jsm import labels
from tests.jsm.support import analysis, change, inject
from tests.jsm.test_whole_life import heal

FORGERIES = [
    {"signature": "s" * 64}, {"merge_sha": "a" * 40}, {"proof": {"outcome": "successful"}}, {"approved_by": ["maria"]},
    {"state": "INCIDENT_RESOLVED"}, {"verification": {"outcome": "successful"}},
]  # fmt: skip


@pytest.fixture
def key(jira, manager) -> str:
    key = jira.file_incident(summary="cart is down")
    manager.adopt(key)
    return key


def put(manager, key: str, state: State) -> None:
    if manager.load(key).record.state is not state:
        manager.force(key, state, "for the test")


# -- proofs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(State))
def test_no_metadata_is_a_proof_for_any_step(state, key, connect) -> None:
    manager = connect()
    manager.verifiers.clear()
    put(manager, key, state)
    stage = manager.load(key).record.served_by or Stage.COORDINATE
    lease = manager.claim(key, stage)
    for to in State:
        for forged in FORGERIES:
            with pytest.raises(Refused, match="refused"):
                manager.transition(key, to, forged, lease=lease)
        if to is State.INCIDENT_REQUIRES_HUMAN and to in TRANSITIONS[state]:
            continue
        claims_suffice = to in (
            State.ANALYSIS_IN_PROGRESS,
            State.FIX_IN_PROGRESS,
            State.VERIFICATION_IN_PROGRESS,
        )
        if claims_suffice and to in TRANSITIONS[state]:
            continue
        with pytest.raises(TransitionRefused):
            manager.transition(key, to, {"note": "trust me", "reason": ""}, lease=lease)
    assert manager.load(key).record.state is state


def test_a_claim_for_another_stage_enters_nothing(key, manager) -> None:
    with manager.claim(key, Stage.DEPLOY) as lease, pytest.raises(TransitionRefused, match="stage"):
        manager.transition(key, State.ANALYSIS_IN_PROGRESS, lease=lease)


def test_handing_over_needs_a_reason(key, manager) -> None:
    with pytest.raises(TransitionRefused, match="reason"):
        manager.transition(key, State.INCIDENT_REQUIRES_HUMAN)


def test_the_verifier_is_asked_by_the_manager_itself(key, manager) -> None:
    with manager.claim(key, Stage.ANALYZE) as lease:
        manager.transition(key, State.ANALYSIS_IN_PROGRESS, lease=lease)
        with pytest.raises(TransitionRefused, match="no analysis"):
            manager.transition(key, State.ANALYSIS_COMPLETE, lease=lease)
        manager.update(key, "analysis", analysis(), lease=lease)
        manager.transition(key, State.ANALYSIS_COMPLETE, lease=lease)
    assert manager.verifiers[State.ANALYSIS_COMPLETE].asked == 2


def test_an_ineffective_fix_begins_the_next_attempt_under_the_same_claim(key, manager) -> None:
    put(manager, key, State.VERIFICATION_IN_PROGRESS)
    with manager.claim(key, Stage.DEPLOY) as lease:
        manager.transition(key, State.ANALYSIS_IN_PROGRESS, lease=lease)
    record = manager.load(key).record
    assert (record.attempt, record.tried[0].learned) == (2, "still killed")


# -- sections --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "section", "value", "word"),
    [
        (Stage.PR, "analysis", analysis(), "may not write"),
        (Stage.GATE, "change", change(), "may not write"),
        (Stage.FIX, "change", change(signature="s" * 64), "signed by the gate"),
        (Stage.ANALYZE, "state", "INCIDENT_RESOLVED", "no section"),
        (Stage.ANALYZE, "pull_requests", (), "no section"),
        (Stage.ANALYZE, "analysis", {"verdict": "fault"}, "must be"),
        (Stage.DEPLOY, "verification", analysis(), "must be"),
    ],
)
def test_each_stage_writes_its_own_sections_and_no_proof(stage, section, value, word, key, manager) -> None:
    with manager.claim(key, stage) as lease, pytest.raises(Refused, match=word):
        manager.update(key, section, value, lease=lease)


def test_an_analysis_too_large_is_cut_to_its_budget(key, manager) -> None:
    item = analysis().evidence[0]
    many = tuple(item.model_copy(update={"id": f"e{n}", "message": "x" * 900}) for n in range(60))
    with manager.claim(key, Stage.ANALYZE) as lease:
        stored = manager.update(key, "analysis", analysis(evidence=many), lease=lease).record.analysis
    assert 0 < len(stored.evidence) < 60
    assert stored.evidence[0].id == "e0"
    assert stored.fault == "oom-killed"


def test_a_change_over_its_budget_is_refused_by_name(key, manager) -> None:
    with manager.claim(key, Stage.FIX) as lease, pytest.raises(OverBudget, match="change"):
        manager.update(key, "change", change(reason="x" * 7_000), lease=lease)


def test_no_secret_gets_into_the_record(key, manager, jira) -> None:
    secret = "ghp_" + "a1B2" * 9
    with manager.claim(key, Stage.ANALYZE) as lease:
        manager.update(key, "analysis", analysis(summary=f"env has token {secret}"), lease=lease)
    assert secret not in str(jira.store.issues[key].properties)


def test_without_a_claim_nothing_is_written(key, manager) -> None:
    with pytest.raises(Refused, match="not claimed"):
        manager.update(key, "target", Target(name="x"))
    with pytest.raises(Refused, match="not claimed"):
        manager.put_patch(key, b"x")


def test_a_claim_on_one_incident_is_none_on_another(jira, key, manager) -> None:
    other = jira.file_incident(summary="other")
    manager.adopt(other)
    with manager.claim(key, Stage.ANALYZE) as lease, pytest.raises(Refused, match=f"not on {other}"):
        manager.transition(other, State.ANALYSIS_IN_PROGRESS, lease=lease)


# -- what mirrors the record -----------------------------------------------------------------------------------


def test_a_step_is_one_edit_of_record_and_labels(jira, key, manager) -> None:
    with manager.claim(key, Stage.COORDINATE) as lease:
        manager.update(key, "target", Target(name="cart"), lease=lease)
        before = manager.writes
        manager.update(key, "source", Source(path="deploy"), lease=lease)
        assert manager.writes == before + 1
    put(manager, key, State.FIX_GENERATED)
    with manager.claim(key, Stage.PR) as lease:
        before = manager.writes
        manager.transition(key, State.PR_CREATED, lease=lease)
        # The forced state left the status open, so this step moves it as well.
        assert manager.writes == before + 2
        before = manager.writes
        manager.transition(key, State.PR_MERGED, lease=lease)
        assert manager.writes == before + 1
    assert labels.of(State.PR_MERGED) in manager.load(key).labels
    assert labels.of(State.PR_CREATED) not in manager.load(key).labels


def test_a_site_whose_edits_carry_no_properties_is_written_in_two_steps(key, manager, monkeypatch) -> None:
    site = manager._site
    edit = site.edit
    monkeypatch.setattr(
        site,
        "edit",
        lambda key, *, properties=None, **more: (
            edit(key, **more) if any(more.get(name) for name in ("fields", "labels")) else None
        ),
    )
    with manager.claim(key, Stage.ANALYZE) as lease:
        manager.transition(key, State.ANALYSIS_IN_PROGRESS, lease=lease)
        manager.update(key, "analysis", analysis(), lease=lease)
    record = manager.load(key).record
    assert record.analysis is not None
    assert record.claim is None


def test_other_labels_are_left_alone(jira, manager) -> None:
    key = jira.file_incident(summary="x", labels=["team-a", "selfheal-something"])
    heal(manager, key)
    assert {"team-a", "selfheal-something"} < set(manager.load(key).labels)


def test_handing_over_reassigns_to_the_escalation_account_and_says_why(jira, connect) -> None:
    manager = connect(jira={"escalation": "Maria Okafor"})
    key = jira.file_incident(summary="x")
    manager.adopt(key)
    with manager.claim(key, Stage.ANALYZE) as lease:
        manager.transition(key, State.ANALYSIS_IN_PROGRESS, lease=lease)
        manager.update(key, "analysis", analysis(), lease=lease)
        incident = manager.transition(
            key,
            State.INCIDENT_REQUIRES_HUMAN,
            {"code": "unsure", "reason": "two causes fit\n--- a\n+++ b"},
            lease=lease,
        )
    assert incident.assignee.name == "Maria Okafor"
    assert incident.record.claim is None
    comment = jira.store.issues[key].comments[-1]
    assert comment.internal
    assert "two causes fit" in str(comment.body) and "cart is killed" in str(comment.body)
    assert connect().heed(key).record.state is State.INCIDENT_REQUIRES_HUMAN


def test_a_group_is_asked_through_one_of_its_members(jira, connect) -> None:
    manager = connect(jira={"escalation": "on-call"})
    names = set()
    for number in range(8):
        key = jira.file_incident(summary=f"n{number}")
        manager.adopt(key)
        incident = manager.transition(key, State.INCIDENT_REQUIRES_HUMAN, {"reason": "x"})
        names.add(incident.assignee.name)
    assert names == {"Maria Okafor", "Jonas Weber"}


def test_nobody_configured_leaves_it_unassigned(key, manager) -> None:
    assert manager.transition(key, State.INCIDENT_REQUIRES_HUMAN, {"reason": "x"}).assignee is None


def test_an_escalation_that_cannot_be_assigned_does_not_stop_the_handing_over(jira, connect) -> None:
    jira.site.add_account("maria", lacks=frozenset({"ASSIGNABLE_USER"}))
    manager = connect(jira={"escalation": "Maria Okafor"})
    key = jira.file_incident(summary="x")
    manager.adopt(key)
    incident = manager.transition(key, State.INCIDENT_REQUIRES_HUMAN, {"reason": "x"})
    assert incident.record.state is State.INCIDENT_REQUIRES_HUMAN


# -- the workflow ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("on_screen", [True, False])
def test_the_resolution_is_named_only_where_its_screen_has_it(on_screen, jira, manager) -> None:
    jira.behaviour.resolution_on_screen = on_screen
    key = jira.file_incident(summary="x")
    heal(manager, key)
    assert manager.load(key).status == "Completed"


def test_final_metadata_is_written_before_the_issue_is_closed(jira, connect) -> None:
    """Closed is terminal and cannot be edited on the recorded site."""
    manager = connect()
    key = jira.file_incident(summary="x")
    jira.requests.clear()
    heal(manager, key)
    writes = [entry for entry in jira.requests if entry["method"] in ("PUT", "POST")]
    assert writes[-1]["path"].endswith("/transitions")
    jira.as_person("maria").transition(key, "Close")
    assert manager.heed(key).record.state is State.INCIDENT_RESOLVED


def test_a_person_closing_an_uneditable_issue_is_seen_all_the_same(jira, manager) -> None:
    key = jira.file_incident(summary="x")
    manager.adopt(key)
    jira.as_person("maria").transition(key, "Canceled")
    jira.as_person("maria").transition(key, "Close")
    assert manager.heed(key).record.state is State.INCIDENT_RELEASED
    assert manager.load(key).status == "Closed"


@pytest.mark.parametrize("status", [409, 400])
def test_a_workflow_step_lost_to_somebody_else_is_not_repeated(status, jira, key, manager) -> None:
    jira.requests.clear()
    inject(
        jira, "/transitions", "status", "POST", status=status, body={"errorMessages": ["not valid"]}, times=0
    )
    with manager.claim(key, Stage.ANALYZE) as lease:
        manager.transition(key, State.ANALYSIS_IN_PROGRESS, lease=lease)
    posts = [entry for entry in jira.requests if entry["method"] == "POST" and "transitions" in entry["path"]]
    # Once for the step, once to mend it after a look at the issue.
    assert len(posts) == 2
    assert manager.load(key).record.state is State.ANALYSIS_IN_PROGRESS


def test_a_workflow_without_our_statuses_is_no_obstacle(jira, connect) -> None:
    manager = connect(jira={"working_status": "Doing", "resolved_status": "Fixed"})
    key = jira.file_incident(summary="x")
    heal(manager, key)
    incident = manager.load(key)
    assert (incident.record.state, incident.status) == (State.INCIDENT_RESOLVED, "Open")
    assert manager.heed(key).record.state is State.INCIDENT_RESOLVED


# -- when things go wrong --------------------------------------------------------------------------------------


def test_an_outage_puts_it_off_and_uses_no_attempt(key, manager, clock) -> None:
    manager.postpone(key, 120, "GitHub does not answer")
    record = manager.load(key).record
    assert (record.state, record.attempt, record.claim) == (State.INCIDENT_DETECTED, 1, None)
    assert 115 <= (record.not_before - clock.now()).total_seconds() <= 121
    assert record.failures[-1].kind == "outage"


def test_defects_end_in_failed_outages_do_not(key, manager) -> None:
    for _time in range(5):
        manager.postpone(key, 1, "down")
    for number in range(3):
        assert manager.load(key).record.state is State.INCIDENT_DETECTED, number
        manager.note_failure(key, Stage.ANALYZE, SelfhealError("it broke"))
    incident = manager.load(key)
    assert incident.record.state is State.INCIDENT_FAILED
    assert incident.record.claim is None


def test_failures_of_an_ended_incident_are_not_noted(key, manager) -> None:
    manager.transition(key, State.INCIDENT_REQUIRES_HUMAN, {"reason": "x"})
    before = manager.writes
    manager.note_failure(key, Stage.ANALYZE, SelfhealError("it broke"))
    manager.postpone(key, 5, "down")
    assert manager.writes == before


def test_a_deadline_goes_by_priority_and_state(jira, connect, clock) -> None:
    manager = connect()
    high, low = (jira.file_incident(summary="x", priority=name) for name in ("High", "Low"))
    for key in (high, low):
        manager.adopt(key)
    clock.pass_(9 * 3600)
    assert manager.overdue(manager.load(high))
    assert not manager.overdue(manager.load(low))
    manager.force(high, State.PR_CREATED, "x")
    assert not manager.overdue(manager.load(high))
    manager.force(low, State.INCIDENT_REQUIRES_HUMAN, "x")
    clock.pass_(9_000 * 3600)
    assert not manager.overdue(manager.load(low))


def test_a_forced_state_takes_the_claim_away(key, connect) -> None:
    holder, person = connect(run_id="holder"), connect(run_id="person")
    lease = holder.claim(key, Stage.ANALYZE)
    person.force(key, State.INCIDENT_REQUIRES_HUMAN, "mine now")
    with pytest.raises(Conflict):
        holder.update(key, "analysis", analysis(), lease=lease)
    assert "forced by" in person.load(key).record.history[-1].note


# -- a request lost anywhere -----------------------------------------------------------------------------------


LOST = [("PUT", nth, ("drop-before", "drop-after")[nth % 2]) for nth in range(1, 33)] + [
    ("POST", nth, action) for nth in range(1, 5) for action in ("drop-before", "drop-after")
]


@pytest.mark.parametrize(("method", "nth", "action"), LOST)
def test_a_write_lost_anywhere_costs_nothing_but_time(method, nth, action, jira, connect, clock) -> None:
    """The nth write is lost before or after its effect; whoever comes next finishes, and nothing is there twice."""
    key = jira.file_incident(summary="x")
    inject(jira, "/rest/api/3/issue/", action, method, nth=nth)
    for number in range(4):
        try:
            go_on(connect(run_id=f"run-{number}"), key)
            break
        except (Outage, Conflict):
            clock.pass_(700)
    incident = connect().load(key)
    assert incident.record.state is State.INCIDENT_RESOLVED
    assert incident.status == "Completed"
    names = [
        entry["value"]["name"]
        for comment in jira.store.issues[key].comments
        for entry in [
            {"value": value} for name, value in comment.properties.items() if name == "selfheal.comment"
        ]
    ]
    assert len(names) == len(set(names)) == 2
    assert [step.to_state for step in incident.record.history] == [
        State.ANALYSIS_IN_PROGRESS, State.ANALYSIS_COMPLETE, State.FIX_IN_PROGRESS, State.FIX_GENERATED, State.PR_CREATED,
        State.PR_MERGED, State.VERIFICATION_IN_PROGRESS, State.INCIDENT_RESOLVED,
    ]  # fmt: skip


def go_on(manager, key: str) -> None:
    """What a run does, from wherever the record stands."""
    if manager.heed(key).record is None:
        manager.adopt(key)
    while (record := manager.load(key).record).state not in ENDED:
        with manager.claim(key, record.served_by) as lease:
            match record.state:
                case State.INCIDENT_DETECTED:
                    manager.transition(key, State.ANALYSIS_IN_PROGRESS, lease=lease)
                case State.ANALYSIS_IN_PROGRESS:
                    manager.update(key, "analysis", analysis(), lease=lease)
                    manager.tell(key, "root-cause", ["cart is killed"], lease=lease)
                    manager.transition(key, State.ANALYSIS_COMPLETE, lease=lease)
                case State.ANALYSIS_COMPLETE:
                    manager.transition(key, State.FIX_IN_PROGRESS, lease=lease)
                case State.FIX_IN_PROGRESS if record.change_waits_for_gate:
                    manager.transition(key, State.FIX_GENERATED, lease=lease)
                case State.FIX_IN_PROGRESS:
                    pointer = manager.put_patch(key, b"patch", lease=lease)
                    manager.update(key, "change", change(patch=pointer), lease=lease)
                case State.FIX_GENERATED:
                    manager.transition(key, State.PR_CREATED, lease=lease)
                case State.PR_CREATED:
                    manager.transition(key, State.PR_MERGED, lease=lease)
                case State.PR_MERGED:
                    manager.transition(key, State.VERIFICATION_IN_PROGRESS, lease=lease)
                case State.VERIFICATION_IN_PROGRESS:
                    manager.update(key, "verification", Verification(pull_request=7), lease=lease)
                    manager.tell(key, "outcome", ["recovered"], lease=lease)
                    manager.transition(key, State.INCIDENT_RESOLVED, lease=lease)


# -- recovered without a change --------------------------------------------------------------------------------


class Well:
    """A watch over the target that ended well, as a process has measured it."""

    def verify(self, key, record):
        seen = Verification(outcome=Outcome.SUCCESSFUL, samples=5, good_samples=5)
        return RecoveryMeasured(incident=key, attempt=record.attempt, verification=seen)


def test_a_follower_that_recovered_is_completed_and_another_is_not(jira, manager) -> None:
    leader, follower, other = (jira.file_incident(summary=text) for text in ("first", "second", "third"))
    manager.verifiers[State.INCIDENT_RESOLVED] = Well()
    for key in (follower, other):
        manager.adopt(key)
        with manager.claim(key, Stage.COORDINATE) as lease:
            if key == follower:
                for _again in range(2):
                    manager.link(key, leader, lease=lease)
                manager.update(key, "parent", leader, lease=lease)
        with manager.claim(key, Stage.ANALYZE) as lease:
            manager.transition(key, State.ANALYSIS_IN_PROGRESS, lease=lease)
            with pytest.raises(TransitionRefused, match="healthy"):
                manager.transition(key, State.INCIDENT_RESOLVED, lease=lease)
            manager.update(key, "analysis", Analysis(verdict="healthy"), lease=lease)
            if key == other:
                with pytest.raises(TransitionRefused, match="follows no other"):
                    manager.transition(key, State.INCIDENT_RESOLVED, lease=lease)
                continue
            incident = manager.transition(key, State.INCIDENT_RESOLVED, lease=lease)
    assert (incident.record.state, incident.status) == (State.INCIDENT_RESOLVED, "Completed")
    assert incident.record.verification.good_samples == 5
    links = [(link.inward, link.outward) for link in jira.store.links]
    assert links == [(follower, leader)]


def test_without_a_claim_nothing_is_linked(jira, manager, key) -> None:
    with pytest.raises(Refused, match="not claimed"):
        manager.link(key, jira.file_incident(summary="first"))
