"""Finding incidents: the endpoint that lives, our own pager, names resolved, every result looked at again."""

from __future__ import annotations

import json
import re

import pytest
import responses

from selfheal.errors import ConfigurationProblem, NotFound, UsageProblem
from selfheal.incidents.states import Stage, State
from selfheal.jsm import labels
from selfheal.jsm.manager import JSMStateManager
from selfheal.jsm.site import MAX_PAGES, JiraSite, Unreadable
from selfheal.jsm.transport import Transport
from tests.jsm.support import FakeClock, settings_for
from tests.jsm.test_whole_life import heal

URL = "https://api.atlassian.com/ex/jira/cloud-1"
SEARCH = f"{URL}/rest/api/3/search/jql"


@pytest.fixture
def site():
    return JiraSite(Transport(settings_for(URL, "token-of-the-bot"), FakeClock()))


def page(*keys: str, token: str = "", **more) -> dict:
    return {"issues": [{"key": key} for key in keys], **({"nextPageToken": token} if token else {}), **more}


# -- the pager -------------------------------------------------------------------------------------------------


def test_pages_follow_each_other_until_there_is_no_token(site) -> None:
    with responses.RequestsMock() as http:
        http.post(SEARCH, json=page("A-1", "A-2", token="t1"))
        http.post(SEARCH, json=page("A-2", "A-3"))
        assert [issue["key"] for issue in site.search("x", limit=10)] == ["A-1", "A-2", "A-3"]
        second = json.loads(http.calls[1].request.body)
    assert second["nextPageToken"] == "t1"
    # Without fields the site answers ids only; the record comes along.
    assert "status" in second["fields"]
    assert second["properties"] == ["selfheal"]


def test_a_repeated_token_ends_the_search(site) -> None:
    with responses.RequestsMock() as http:
        http.post(SEARCH, json=page("A-1", token="same"))
        assert len(site.search("x", limit=1000)) == 1
        assert len(http.calls) == 2


@pytest.mark.parametrize("value", ["[" * 5_000 + "]" * 5_000, "9" * 5_000])
def test_a_record_that_cannot_be_read_hides_no_other_incident(site, value) -> None:
    """Anyone who may edit one issue may store anything on it, and a search answers all records at once."""
    poisoned = f'{{"issues": [{{"key": "A-1"}}, {{"key": "A-2", "properties": {{"selfheal": {value}}}}}]}}'
    with responses.RequestsMock() as http:
        http.post(SEARCH, body=poisoned)
        http.post(SEARCH, json=page("A-1", "A-2"))
        assert [issue["key"] for issue in site.search("x", limit=10)] == ["A-1", "A-2"]
        assert json.loads(http.calls[1].request.body)["properties"] == []


def test_an_incident_that_cannot_be_read_is_passed_over(jira, manager, monkeypatch) -> None:
    first, second = jira.file_incident(summary="poisoned"), jira.file_incident(summary="fine")
    asked = JiraSite.issue

    def issue(self, key):
        if key == first:
            raise Unreadable("nested beyond all bounds")
        return asked(self, key)

    monkeypatch.setattr(JiraSite, "issue", issue)
    assert [incident.key for incident in manager.fetch()] == [second]


@pytest.mark.parametrize("ask", ["fetch", "search"])
def test_an_incident_that_was_moved_is_passed_over_with_a_word(
    jira, manager, monkeypatch, caplog, ask
) -> None:
    """The index shows the old key for a while; Jira answers it with the issue under its new one."""
    moved, stays = jira.file_incident(summary="moved"), jira.file_incident(summary="stays")
    if ask == "search":
        for key in (moved, stays):
            manager.adopt(key)
    asked = JiraSite.issue
    monkeypatch.setattr(
        JiraSite,
        "issue",
        lambda self, key: {**asked(self, key), **({"key": "SEC-9"} if key == moved else {})},
    )
    assert [incident.key for incident in getattr(manager, ask)()] == [stays]
    assert moved in caplog.text and "SEC-9" in caplog.text
    with pytest.raises(NotFound, match="SEC-9"):
        manager.load(moved)


def test_endless_new_tokens_end_at_the_cap(site) -> None:
    with responses.RequestsMock() as http:
        count = iter(range(10_000))

        def answer(_request):
            number = next(count)
            return (200, {}, json.dumps(page(f"A-{number}", token=f"t{number}")))

        http.add_callback("POST", SEARCH, callback=answer)
        assert len(site.search("x", limit=100_000)) == MAX_PAGES


def test_the_last_page_may_say_so_while_it_carries_a_token(site) -> None:
    with responses.RequestsMock() as http:
        http.post(SEARCH, json=page("A-1", token="t", isLast=True))
        assert len(site.search("x", limit=10)) == 1
        assert len(http.calls) == 1


def test_no_more_is_answered_than_asked_for(site) -> None:
    with responses.RequestsMock() as http:
        http.post(SEARCH, json=page("A-1", "A-2", "A-3", token="t"))
        assert len(site.search("x", limit=2)) == 2


def test_only_the_endpoint_that_lives_is_called(jira, manager) -> None:
    jira.file_incident(summary="x")
    manager.fetch()
    manager.search()
    paths = {entry["path"] for entry in jira.requests if "search" in entry["path"]}
    assert paths == {"/rest/api/3/search/jql"}


# -- new incidents ---------------------------------------------------------------------------------------------


def test_new_incidents_of_ours_oldest_first(jira, manager, clock) -> None:
    first = jira.file_incident(summary="first")
    clock.pass_(10)
    second = jira.file_incident(summary="second", services=["checkout"])
    jira.file_incident(summary="of another", assignee="maria")
    jira.file_incident(summary="of nobody", assignee=None)
    jira.file_incident(summary="a question", issue_type="[System] Service request")
    jira.file_incident(summary="kept away", labels=[labels.STOP])
    found = manager.fetch()
    assert [incident.key for incident in found] == [first, second]
    assert found[1].services == ("checkout",)
    assert manager.fetch(max_results=1)[0].key == first


def test_what_is_under_way_or_over_is_not_new(jira, manager) -> None:
    flying, done, claimed = (jira.file_incident(summary=name) for name in ("flying", "done", "claimed"))
    manager.force(flying, State.ANALYSIS_COMPLETE, "x")
    heal(manager, done)
    manager.adopt(claimed)
    manager.claim(claimed, Stage.COORDINATE)
    adopted = jira.file_incident(summary="adopted by a run that died")
    manager.adopt(adopted)
    assert [incident.key for incident in manager.fetch()] == [adopted]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("High", {"high"}),
        ("high, LOW", {"high", "low"}),
        ("Critical", {"top"}),
        ("Critical,High", {"top", "high"}),
    ],
)
def test_priorities_are_resolved_against_the_site(asked, expected, jira, manager) -> None:
    for name, priority in (("top", "Highest"), ("high", "High"), ("low", "Low")):
        jira.file_incident(summary=name, priority=priority)
    assert {incident.summary for incident in manager.fetch(priority=asked)} == expected


def test_unknown_names_are_errors_that_list_the_known_ones(manager) -> None:
    with pytest.raises(UsageProblem, match="Urgent") as refused:
        manager.fetch(priority="Urgent")
    assert "Highest" in refused.value.hint
    with pytest.raises(UsageProblem, match="Paused") as refused:
        manager.fetch(status="Paused")
    assert "Work in progress" in refused.value.hint
    with pytest.raises(UsageProblem, match="nobody"):
        manager.fetch(assignee="Zaphod")


def test_statuses_narrow_the_list(jira, manager) -> None:
    jira.file_incident(summary="open")
    pending = jira.file_incident(summary="pending")
    jira.as_person("maria").transition(pending, "Pending")
    assert [incident.key for incident in manager.fetch(status="pending")] == [pending]


@pytest.mark.parametrize("name", ["Maria Okafor", "maria@example.com", "maria okafor"])
def test_an_assignee_is_one_account_by_name_address_or_id(name, jira, manager) -> None:
    key = jira.file_incident(summary="x", assignee="maria")
    assert [incident.key for incident in manager.fetch(assignee=name)] == [key]
    account = manager.load(key).assignee.id
    assert [incident.key for incident in manager.fetch(assignee=account)] == [key]


def test_a_part_of_a_name_is_nobody(jira, manager) -> None:
    with pytest.raises(UsageProblem):
        manager.fetch(assignee="mar")


def test_a_search_is_always_bound_to_a_project(jira, connect) -> None:
    with pytest.raises(ConfigurationProblem, match="project"):
        connect(jira={"project": ""}).fetch()


@pytest.mark.parametrize("hostile", ['x" OR project = OTHER', "a\\", 'in")--'])
def test_nothing_that_is_passed_in_becomes_jql(hostile, jira, connect) -> None:
    manager = connect(jira={"issue_type": hostile})
    jira.file_incident(summary="x")
    try:
        found = manager.fetch()
    except Exception as error:  # noqa: BLE001 - the site may well refuse the unknown type
        assert not re.search("syntax|parse", str(error), re.IGNORECASE)
    else:
        assert found == []


# -- what the index says is not believed -----------------------------------------------------------------------


def test_results_that_lag_are_read_again(jira, connect) -> None:
    jira.behaviour.search_lag_seconds = 3_600.0
    fresh = connect()
    key = jira.file_incident(summary="x")
    jira.behaviour.search_lag_seconds = 0.0
    assert [incident.key for incident in fresh.fetch()] == [key]
    jira.behaviour.search_lag_seconds = 3_600.0
    jira.as_person("maria").reassign(key, "maria")
    assert connect().fetch() == []


def test_results_of_another_project_type_or_person_are_dropped(manager, monkeypatch, jira) -> None:
    """Whatever the site answers to our JQL."""
    wrong = [
        jira.file_incident(summary="of maria", assignee="maria"),
        jira.file_incident(summary="request", issue_type="[System] Service request"),
    ]
    right = jira.file_incident(summary="right")
    monkeypatch.setattr(
        manager._site, "search", lambda *a, **k: [{"key": key} for key in [*wrong, "INC-999", right]]
    )
    assert [incident.key for incident in manager.fetch()] == [right]


def test_another_project_is_not_served(jira, connect) -> None:
    from selfheal.errors import Refused

    key = jira.file_incident(summary="x")
    with pytest.raises(Refused, match="not a"):
        connect(jira={"project": "OPS"}).adopt(key)
    with pytest.raises(Refused, match="not a"):
        connect(jira={"issue_type": "Bug"}).adopt(key)


# -- in flight -------------------------------------------------------------------------------------------------


def test_flying_ones_are_found_by_label_whoever_has_them(jira, manager) -> None:
    keys = {}
    for state in (State.PR_CREATED, State.ANALYSIS_COMPLETE, State.INCIDENT_REQUIRES_HUMAN):
        keys[state] = jira.file_incident(summary=state.value)
        manager.force(keys[state], state, "x")
    jira.as_person("maria").reassign(keys[State.PR_CREATED], "maria")
    assert {incident.key for incident in manager.search()} == {
        keys[State.PR_CREATED],
        keys[State.ANALYSIS_COMPLETE],
    }
    assert [incident.key for incident in manager.search([State.PR_CREATED])] == [keys[State.PR_CREATED]]
    assert [incident.key for incident in manager.search([State.INCIDENT_REQUIRES_HUMAN])] == [
        keys[State.INCIDENT_REQUIRES_HUMAN]
    ]


def test_a_forged_state_label_deceives_nobody(jira, manager) -> None:
    key = jira.file_incident(summary="x")
    manager.force(key, State.PR_CREATED, "x")
    jira.as_person("maria").add_label(key, labels.of(State.INCIDENT_RESOLVED))
    assert manager.search([State.INCIDENT_RESOLVED]) == []
    stranger = jira.file_incident(summary="stranger", labels=[labels.MARK, labels.of(State.PR_CREATED)])
    assert stranger not in {incident.key for incident in manager.search([State.PR_CREATED])}


def test_what_changed_lately_is_counted_whatever_became_of_it(jira, manager) -> None:
    ours = [jira.file_incident(summary="one"), jira.file_incident(summary="two")]
    jira.file_incident(summary="nobody began it")
    jira.file_incident(summary="no record", labels=[labels.MARK])
    manager.force(ours[0], State.INCIDENT_REQUIRES_HUMAN, "x")
    manager.force(ours[1], State.PR_CREATED, "x")
    before = manager.requests
    assert {incident.key for incident in manager.recent(1, 50)} == set(ours)
    assert manager.requests == before + 1


# -- the site --------------------------------------------------------------------------------------------------


def test_everything_works_behind_the_gateway_and_under_its_limits(jira, clock) -> None:
    jira.behaviour.gateway_only = True
    jira.behaviour.per_issue_limit = True
    jira.behaviour.burst_limit = True
    settings = settings_for(f"{jira.url}/ex/jira/cloud-1", jira.token("bot"), email="bot@example.com")
    from tests.jsm.support import verifiers

    manager = JSMStateManager.connect(settings, clock=clock, verifiers=verifiers())
    assert manager.me().name == "Selfheal Bot"
    key = jira.file_incident(summary="x")
    heal(manager, key)
    assert manager.load(key).record.state is State.INCIDENT_RESOLVED
    assert not [entry for entry in jira.requests if entry["status"] == 429]


def test_the_address_for_people_is_the_sites_own(jira, manager) -> None:
    key = jira.file_incident(summary="x")
    assert manager.adopt(key).url.endswith(f"/browse/{key}")
