"""People win: whatever a person does to the incident or its pull request, at every state, is a command."""

from __future__ import annotations

import pytest

from selfheal.incidents.states import State
from selfheal.sandbox.emulator import InjectedFault

S = State
REPOSITORY = "acme/shop"
#: States in which the incident stands between two stages, and those that a dead cluster leaves a stage in.
BETWEEN = (
    S.INCIDENT_DETECTED,
    S.ANALYSIS_COMPLETE,
    S.FIX_IN_PROGRESS,
    S.FIX_GENERATED,
    S.PR_CREATED,
    S.PR_MERGED,
)
WITHIN = (S.ANALYSIS_IN_PROGRESS, S.VERIFICATION_IN_PROGRESS)


def brought_to(crew, key, state):
    """The incident in ``state``, as a run left it."""
    if state in WITHIN:
        before = S.INCIDENT_DETECTED if state is S.ANALYSIS_IN_PROGRESS else S.PR_MERGED
        crew.heal_until(key, before)
        # The stage begins; then the cluster goes away.
        looks = 1 if state is S.ANALYSIS_IN_PROGRESS else 60
        crew.world.kubernetes.faults.append(InjectedFault("/api", "status", nth=looks, times=0, status=503))
        crew.serve(crew.next_stage(key), key)
        crew.world.kubernetes.faults.clear()
        crew.later()
    else:
        crew.heal_until(key, state)
    assert crew.state(key) is state


def stop(crew, key):
    crew.world.jira.as_person("maria").add_label(key, "selfheal-stop")


def take(crew, key):
    crew.world.jira.as_person("maria").reassign(key, "maria")


def leave(crew, key):
    crew.world.jira.as_person("maria").reassign(key, None)


def cancel(crew, key):
    crew.world.jira.as_person("maria").transition(key, "Cancel")


def close(crew, key):
    cancel(crew, key)
    crew.world.jira.as_person("maria").transition(key, "Close")


ACTS = {
    stop: "selfheal-stop",
    take: "Maria Okafor",
    leave: "Maria Okafor",
    cancel: "Maria Okafor",
    close: "Maria Okafor",
}


def as_left(crew, key):
    issue = crew.issue(key)
    return crew.status(key), issue.fields["assignee"], issue.fields["resolution"]


CASES = [(state, act) for state in BETWEEN for act in (stop, take, close)]
CASES += [(S.PR_CREATED, act) for act in (leave, cancel)]
CASES += [(state, act) for state in WITHIN for act in (stop, take)]


@pytest.mark.parametrize(("state", "act"), CASES, ids=lambda part: getattr(part, "__name__", str(part)))
def test_a_person_ends_it_at_any_state(stage, state, act):
    crew = stage("cart-image-tag", approve_after=None if state is S.PR_CREATED else 0.0)
    brought_to(crew, "INC-1", state)
    act(crew, "INC-1")
    left, merged = as_left(crew, "INC-1"), crew.commits()
    crew.world.jira.requests.clear()
    report = crew.serve(crew.next_stage("INC-1"), "INC-1")
    assert report.exit_code == 0, (report.summary, report.hint)
    assert report.state == S.INCIDENT_RELEASED
    assert as_left(crew, "INC-1") == left
    assert crew.commits() == merged
    if act is close:
        return  # Closed for good, Jira takes no more writes on it; what it says is the person's word.
    record = crew.record("INC-1")
    assert record.state is S.INCIDENT_RELEASED
    assert "Maria Okafor" in record.history[-1].note
    assert not [
        entry
        for entry in crew.world.jira.requests
        if entry["path"].endswith(("/transitions", "/assignee")) and entry["effect"]
    ]
    # The next run leaves it alone, and an open pull request is told so.
    crew.later()
    crew.world.jira.requests.clear()
    crew.heal("INC-1")
    assert not [entry for entry in crew.world.jira.requests if entry["effect"]]
    if state is S.PR_CREATED:
        (pull,) = crew.pulls()
        assert pull.state == "open"
        assert len([comment for comment in pull.comments if "INC-1" in comment.body]) == 1


def test_a_person_merges_before_the_crew_does(stage):
    crew = stage("cart-image-tag", approve_after=None, SELFHEAL_MODE="propose")
    crew.heal("INC-1")
    assert crew.state("INC-1") is S.PR_CREATED
    crew.world.github.approve(REPOSITORY, 1, "jonas")
    crew.world.github.merge_as("mara", REPOSITORY, 1)
    crew.later()
    crew.heal("INC-1")
    record = crew.record("INC-1")
    assert record.state is S.INCIDENT_RESOLVED
    assert record.pull_request.merged_by == "mara"
    assert len(crew.pulls()) == 1


def test_a_person_merges_something_else_on_the_branch(stage):
    crew = stage("cart-image-tag", approve_after=None)
    crew.heal("INC-1")
    path = "deploy/cart/deployment.yaml"
    text = crew.world.applications["shop"].files[path].decode().replace("replicas: 2", "replicas: 3")
    crew.world.github.push_as("mara", "selfheal/inc-1-1", {path: text}, repository=REPOSITORY)
    crew.world.github.approve(REPOSITORY, 1, "jonas")
    crew.world.github.merge_as("mara", REPOSITORY, 1)
    crew.later()
    crew.heal("INC-1")
    record = crew.record("INC-1")
    assert record.pull_request.content_ours is False
    assert record.state is S.INCIDENT_RESOLVED


def test_a_person_goes_on_from_our_branch(stage):
    """Approved or not: what a person put on top is theirs to merge, and is told so."""
    crew = stage("cart-image-tag", approve_after=None)
    crew.heal("INC-1")
    sha = crew.world.github.push_as("mara", "selfheal/inc-1-1", {"NOTES.md": "mine\n"}, repository=REPOSITORY)
    crew.world.github.set_checks(REPOSITORY, sha, "success")
    crew.world.github.approve(REPOSITORY, 1, "jonas")
    crew.later()
    crew.heal("INC-1")
    assert crew.state("INC-1") is S.INCIDENT_REQUIRES_HUMAN
    assert crew.pulls()[0].state == "open"
    assert any("There are commits of mara" in text for text in crew.comments("INC-1"))


def test_a_push_in_our_name_is_not_merged_however_it_is_approved(stage):
    """Whoever may edit the incident and push can make a commit look like ours everywhere but in what it holds."""
    crew = stage("cart-image-tag", approve_after=None)
    crew.heal("INC-1")
    path = "deploy/cart/deployment.yaml"
    text = crew.world.applications["shop"].files[path].decode().replace("replicas: 2", "replicas: 0")
    github = crew.world.github
    sha = github.push_as(github.bot, "selfheal/inc-1-1", {path: text}, repository=REPOSITORY)
    github.set_checks(REPOSITORY, sha, "success")
    github.approve(REPOSITORY, 1, "jonas")
    crew.issue("INC-1").properties["selfheal"]["pull_requests"][-1]["head_sha"] = sha
    crew.later()
    crew.heal("INC-1")
    assert crew.state("INC-1") is S.INCIDENT_REQUIRES_HUMAN
    assert crew.pulls()[0].state == "open"
    assert any("which is not what we would write" in text for text in crew.comments("INC-1"))


def test_the_key_of_the_run_that_signed_is_gone(stage):
    """The same change is signed anew and merged, with the pull request and the approval that it has."""
    crew = stage("cart-image-tag", approve_after=None)
    crew.heal("INC-1")
    crew.world.github.approve(REPOSITORY, 1, "jonas")
    crew.later()
    crew.environ["SELFHEAL_SIGNING_KEY"] = "fedcba9876543210" * 4
    crew.heal("INC-1")
    record = crew.record("INC-1")
    assert record.state is S.INCIDENT_RESOLVED
    assert record.pull_request.approved_by == ("jonas",)
    assert len(crew.pulls()) == 1


def test_a_person_closes_the_pull_request(stage):
    crew = stage("cart-image-tag", approve_after=None)
    crew.heal("INC-1")
    crew.world.github.close(REPOSITORY, 1, "mara")
    crew.later()
    (report,) = crew.heal("INC-1")
    assert report.exit_code == 0
    assert crew.state("INC-1") is S.INCIDENT_RELEASED
    assert "mara" in crew.record("INC-1").history[-1].note
    crew.later()
    crew.heal("INC-1")
    assert len(crew.pulls()) == 1
    assert crew.pulls()[0].state == "closed"


def test_requested_changes_go_to_a_person(stage):
    crew = stage("cart-image-tag", approve_after=None)
    crew.heal("INC-1")
    crew.world.github.request_changes(REPOSITORY, 1, "mara", "Use the tag of Tuesday.")
    crew.later()
    crew.heal("INC-1")
    assert crew.state("INC-1") is S.INCIDENT_REQUIRES_HUMAN
    assert crew.pulls()[0].state == "open"
    assert any("mara" in text for text in crew.comments("INC-1"))


def test_what_was_released_begins_again_when_a_person_asks(stage):
    crew = stage("cart-image-tag", approve_after=None)
    crew.heal("INC-1")
    take(crew, "INC-1")
    crew.later()
    crew.serve("pr", "INC-1")
    assert crew.state("INC-1") is S.INCIDENT_RELEASED
    person = crew.world.jira.as_person("maria")
    person.reassign("INC-1", "bot")
    person.add_label("INC-1", "selfheal-retry")
    crew.world.github.auto_approve("mara", 0)
    crew.later()
    crew.serve("coordinate", "INC-1")
    crew.heal("INC-1")
    assert crew.state("INC-1") is S.INCIDENT_RESOLVED
    assert "selfheal/inc-1-2" in crew.branches()
